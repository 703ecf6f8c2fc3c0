"""A PID namespace for a family of processes: it sees no process but its own, and dies with its first one.

The first process of a namespace is its init: when it ends, the kernel kills all the others, `setsid` or not. A fresh
/proc comes with it, since the old one names other processes by the numbers that the new ones have. Root may have one,
and anybody where user namespaces are allowed; `available` tries it in a short-lived interpreter before anything rests
on it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from functools import cache
from pathlib import Path

_NEWNS, _NEWUSER, _NEWPID = 0x00020000, 0x10000000, 0x20000000
_NOSUID, _NODEV, _NOEXEC, _REC, _PRIVATE = 2, 4, 8, 0x4000, 0x40000

_inside = False


@cache
def available() -> str | None:
    """Why there is none; None if there is (some 20 ms, once a process)."""
    import subprocess  # not at the top: a Template imports this package and has no use for it

    if not sys.executable:
        return "there is no interpreter to try it in"
    command = [sys.executable, "-I", "-S", str(Path(__file__))]
    try:
        tried = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it could not be tried: {error}"
    return None if tried.returncode == 0 else tried.stderr.strip().rpartition("\n")[2] or "it failed without a word"


def inside() -> bool:
    """Whether this process, or one that it was forked from, has entered a namespace."""
    return _inside


def enter() -> None:
    """Goes on as the first process of a new PID namespace, in which all its descendants will be.

    Call it single-threaded, and first of all: the calling process stays behind, only to wait and to end as its child
    does. It returns in that child.

    Raises:
        OSError: it is not permitted. If `available` said otherwise, let the process go: it may be half inside.
    """
    global _inside
    libc = ctypes.CDLL(None, use_errno=True)

    def call(name: str, *args: object) -> None:
        if getattr(libc, name)(*args) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{name}: {os.strerror(number)}")

    uid, gid = os.geteuid(), os.getegid()
    call("unshare", _NEWPID | _NEWNS | (_NEWUSER if uid else 0))
    if uid:  # a mapping of oneself is all that one may write
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")
    call("mount", b"none", b"/", None, ctypes.c_ulong(_REC | _PRIVATE), None)
    first = os.fork()
    if first:
        _stay_behind(first)
    call("prctl", 1, signal.SIGKILL, 0, 0, 0)  # die with the one that stays behind
    call("mount", b"proc", b"/proc", b"proc", ctypes.c_ulong(_NOSUID | _NODEV | _NOEXEC), None)
    _inside = True


def _stay_behind(first: int) -> None:
    """Holds nothing, so that whoever waits for the first process's descriptors sees them close; ends as it ends."""
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    code = os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
    os._exit(code if code >= 0 else 128 - code)


def _try() -> None:
    enter()
    if os.getpid() != 1 or os.readlink("/proc/self") != "1":
        raise OSError("the new /proc does not show the new namespace")
    pid = os.fork()  # what stands in the namespace's way may show only now
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


if __name__ == "__main__":  # run alone, by `available`: it imports nothing of ours
    try:
        _try()
    except OSError as error:
        sys.exit(str(error))
