"""The service of a runtime: executes cells, claims values, takes injections, forks snapshots.

It shares its process with the code it runs, which may patch any of it. Nothing here is secret and nothing it answers is
believed: a forged answer has just the power of assigning the variable.
"""

from __future__ import annotations

import io
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from types import FrameType, ModuleType
from typing import Any

from cave_rl.confinement import scope_fork
from cave_rl.runtime.inside import frames, payload, seeding, zygote
from cave_rl.runtime.inside.cells import Cells
from cave_rl.runtime.inside.diff import Differ
from cave_rl.runtime.inside.encode import encode_or_digest


class Kernel:
    """One namespace, the module `__main__`, and what the host may ask of it."""

    def __init__(self, brief: dict[str, Any]) -> None:
        main = ModuleType("__main__")
        sys.modules["__main__"] = main
        self._names = main.__dict__
        self._running = False
        self._forks: list[int] = []
        self._classes = {cls: name for name, cls in brief["types"]}
        for name, value in (*brief["functions"], *brief["variables"], *brief["types"]):
            self._names[name] = value
        setup = brief["setup"]
        if isinstance(setup, str):
            exec(compile(setup, "<setup>", "exec", dont_inherit=True), self._names)
        elif setup is not None:
            self._names.update(setup() or {})
        _refuse_answers()
        _close_package()
        self._cells = Cells(self._names)
        self._differ = Differ(self._names, self._classes)

    def summary(self) -> dict[str, Any]:
        """The names after set-up."""
        return {"names": self._public()}

    def adopt(self, start: dict[str, Any]) -> None:
        """In a fresh fork: working directory, output, the interrupt handler."""
        if start["workdir"]:
            os.chdir(start["workdir"])
        self._take_files()
        signal.signal(signal.SIGINT, self._interrupt)

    def begin(self, seed: int) -> None:
        """Seeds."""
        seeding.seed_all(seed)

    def warm(self) -> None:
        """A first cell, in a namespace of its own: the pages that it writes to are then this process's own."""
        seeding.seed_all(0)
        Cells({}).run("0")
        self._differ.step()

    def handle(self, operation: bytes, request: Any, fds: list[int]) -> Any:
        """Answers one request."""
        if operation == frames.EXECUTE:
            return self._execute(request["code"], request["diff"])
        if operation == frames.CLAIM:
            return self._claim(request["names"], request["most"])
        if operation == frames.NAMES:
            return self._public()
        if operation == frames.INJECT:
            self._names[request["name"]] = payload.unpack(fds[0], request["index"])
            os.close(fds[0])
            return None
        if operation == frames.FORK:
            return self._fork(request, fds)
        return None

    def _take_files(self) -> None:
        sys.stdout = _text(1)
        sys.stderr = _text(2)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._running:
            raise KeyboardInterrupt

    def _execute(self, source: str, diff: bool) -> dict[str, Any]:
        used = time.process_time_ns()
        self._running = True
        try:
            ended = self._cells.run(source)
            kind, value, error = ended.kind, ended.value, ended.error
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
        except BaseException as late:  # an interrupt between the cell's end and here, or a stream that was replaced
            kind = "interrupted" if isinstance(late, KeyboardInterrupt) else "error"
            value, error = None, (type(late).__name__, "", type(late).__name__)
        finally:
            self._running = False
        used = time.process_time_ns() - used
        return {
            "kind": kind,
            "value": value,
            "error": error,
            "cpu_ns": used,
            "peak_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            "diff": self._differ.step() if diff else None,
        }

    def _claim(self, names: list[str], most: int) -> dict[str, bytes]:
        return {name: encode_or_digest(self._names[name], self._classes, most) for name in names if name in self._names}

    def _public(self) -> list[str]:
        return sorted(name for name in self._names if type(name) is str and not name.startswith("_"))[:10_000]

    def _fork(self, request: dict[str, Any], fds: list[int]) -> Any:
        self._forks = [pid for pid in self._forks if not _reaped(pid)]
        pid = seeding.keep(zygote.fork, fds)
        if pid > 0:
            self._forks.append(pid)
        if pid == 0:
            self._forks = []
            scope_fork()  # so that branches cannot signal each other
            self._take_files()
            if request["seed"] is not None:
                seeding.seed_all(request["seed"])
            control = socket.socket(fileno=zygote.SOCKET_FD)
            control.send(frames.pack(frames.HELLO, request["nonce"], None))
            control.detach()
            return zygote.NO_REPLY
        return {"pid": pid}


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


def _refuse_answers() -> None:
    """Nothing that holds tasks or assertions may be in memory beside a rollout."""
    for name, attribute in _answers(sys.modules.keys() - _CLEAN):
        raise zygote.SetupError(
            f"module {name} is loaded in the runtime and holds {attribute!r}, which belongs to tasks or assertions: a "
            "rollout could read the answers from it. Keep what the runtime needs (classes, functions, set-up) in a "
            "module of its own that does not import the tasks"
        )


def _answers(modules: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Modules that hold tasks or assertions, or their classes, and under what names."""
    for name in modules:
        module = sys.modules[name]
        for attribute, value in list(vars(module).items()) if isinstance(module, ModuleType) else ():
            owner = value if isinstance(value, type) else type(value)
            if getattr(owner, "__cave_host_only__", False) is True:
                yield name, attribute


def _close_package() -> None:
    """Makes what is not yet loaded of our package (tasks, suites, generators) no longer importable.

    The wall is the confinement, which lets none of its files be read; this only gives the plain error.
    """
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "cave_rl" and hasattr(module, "__path__"):
            module.__path__ = []


# What the Base had loaded when it imported this module: looked through once, not in every Template.
_CLEAN = frozenset(sys.modules.keys() - {name for name, _ in _answers(list(sys.modules))})
