"""Run in a short-lived interpreter of its own by `doctor`: tries to have a seccomp listener, which stays for life.

Prints "ok", or the reason why there is none.
"""

from __future__ import annotations

import ctypes
import os
import sys

_SECCOMP = {"x86_64": 317, "aarch64": 277}
_PR_SET_NO_NEW_PRIVS, _SET_MODE_FILTER, _NEW_LISTENER = 38, 1, 8


def main() -> None:
    """Try, and say how it went."""
    libc = ctypes.CDLL(None, use_errno=True)

    # One instruction that allows everything, as bytes: this file runs alone and imports nothing of ours.
    allow = (ctypes.c_uint64 * 1)(0x7FFF0000_00000006)

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    program = Program(1, ctypes.addressof(allow))
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    number = _SECCOMP.get(os.uname().machine)
    if number is None:
        sys.stdout.write(f"no system call number known for {os.uname().machine}")
        return
    listener = libc.syscall(number, _SET_MODE_FILTER, _NEW_LISTENER, ctypes.byref(program))
    sys.stdout.write("ok" if listener >= 0 else os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    main()
