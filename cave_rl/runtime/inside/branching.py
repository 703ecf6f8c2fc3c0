"""How a fork that has lived forks once more: for a snapshot, and for a branch of one."""

from __future__ import annotations

import io
import os
import shutil
import socket
import sys
from typing import Any

from cave_rl.confinement import scope_fork
from cave_rl.runtime.inside import frames, seeding, zygote


class Branching:
    """The forks of one process."""

    def __init__(self) -> None:
        self._forks: list[int] = []

    def fork(self, request: dict[str, Any], fds: list[int]) -> Any:
        """Forks; the reply in the parent, `NO_REPLY` in the fork, which has said hello."""
        self._forks = [pid for pid in self._forks if not _reaped(pid)]
        pid = seeding.keep(zygote.fork, fds)
        if pid > 0:
            self._forks.append(pid)
        if pid == 0:
            self._forks = []
            scope_fork()  # so that branches cannot signal each other
            take_files()
            _move(request["workdir"])
            if request["seed"] is not None:
                seeding.seed_all(request["seed"])
            control = socket.socket(fileno=zygote.SOCKET_FD)
            control.send(frames.pack(frames.HELLO, request["nonce"], None))
            control.detach()
            return zygote.NO_REPLY
        return {"pid": pid}


def _move(workdir: str) -> None:
    """Goes on in a working directory of its own, with a copy of all files. Open ones stay shared, as after any fork."""
    if os.listdir("."):
        shutil.copytree(".", workdir, symlinks=True)
    else:
        os.mkdir(workdir)
    os.chdir(workdir)


def take_files() -> None:
    """Makes the process's own output files its output."""
    sys.stdout = _text(1)
    sys.stderr = _text(2)


def _reaped(pid: int) -> bool:
    """Whether a fork of this process is no more; its exit status is then collected."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _text(fd: int) -> io.TextIOWrapper:
    """A stream on a descriptor, flushed after each cell; what cannot be encoded is escaped."""
    return io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(fd, "w", closefd=False)), encoding="utf-8", errors="backslashreplace"
    )
