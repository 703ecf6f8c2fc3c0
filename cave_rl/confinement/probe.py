"""Run in a short-lived interpreter of its own by `doctor`: tries what cannot be tried without doing it.

Prints one line for each rung: its name, then "ok" or the reason it is missing.
"""

from __future__ import annotations

import ctypes
import os
import sys

NEWNS, NEWUSER, NEWPID = 0x00020000, 0x10000000, 0x20000000
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_PR_SET_NO_NEW_PRIVS, _SET_MODE_FILTER, _NEW_LISTENER = 38, 1, 8


def main() -> None:
    """Try each and say how it went."""
    libc = ctypes.CDLL(None, use_errno=True)

    def say(name: str, result: int) -> None:
        sys.stdout.write(f"{name} {'ok' if result >= 0 else os.strerror(ctypes.get_errno())}\n")

    # One instruction that allows everything, as bytes: this file runs alone and imports nothing of ours.
    allow = (ctypes.c_uint64 * 1)(0x7FFF0000_00000006)

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    program = Program(1, ctypes.addressof(allow))
    say("userns", libc.unshare(NEWUSER) if os.geteuid() else libc.unshare(NEWNS))
    say("pidns", libc.unshare(NEWPID))
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    number = _SECCOMP.get(os.uname().machine)
    if number is not None:
        say("listener", libc.syscall(number, _SET_MODE_FILTER, _NEW_LISTENER, ctypes.byref(program)))


if __name__ == "__main__":
    main()
