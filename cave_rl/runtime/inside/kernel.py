"""The service of a runtime: executes cells, claims values, takes injections, forks snapshots.

It shares its process with the code it runs, which may patch any of it. Nothing here is secret and nothing it answers is
believed: a forged answer has just the power of assigning the variable.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterable, Iterator
from types import FrameType, ModuleType
from typing import Any

from cave_rl.runtime.inside import clock, frames, payload, proxies, seeding, zygote
from cave_rl.runtime.inside.branching import Branching, take_files
from cave_rl.runtime.inside.cells import Cells
from cave_rl.runtime.inside.diff import Differ
from cave_rl.runtime.inside.encode import encode_or_digest


class Kernel:
    """One namespace, the module `__main__`, and what the host may ask of it."""

    def __init__(self, brief: dict[str, Any]) -> None:
        if brief["clock"] is not None:
            clock.stand_still(*brief["clock"])
        main = ModuleType("__main__")
        sys.modules["__main__"] = main
        self._names = main.__dict__
        self._running = False
        self._branching = Branching()
        self._classes = {cls: name for name, cls in brief["types"]}
        self._link: proxies.Link | None = None
        if brief["hosted"]:
            self._link = proxies.Link(dict(brief["types"]))
            for spec in brief["hosted"]:
                self._names.update(proxies.build(spec, self._link))
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

    def adopt(self) -> None:
        """In a fresh fork: output, the interrupt handler."""
        take_files()
        signal.signal(signal.SIGINT, self._interrupt)
        if self._link is not None:
            self._link.adopt()

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
            return self._execute(request["code"], request["diff"], request.get("nonce"))
        if operation == frames.CLAIM:
            return self._claim(request["names"], request["most"])
        if operation == frames.NAMES:
            return self._public()
        if operation == frames.INJECT:
            self._names[request["name"]] = payload.unpack(fds[0], request["index"])
            os.close(fds[0])
            return None
        if operation == frames.FORK:
            reply = self._branching.fork(request, fds)
            if reply is zygote.NO_REPLY and self._link is not None:
                self._link.adopt()
            return reply
        if operation == frames.CALL:  # the answer to a call that was interrupted
            proxies.drop(fds)
            return zygote.NO_REPLY
        return None

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._running:
            raise KeyboardInterrupt

    def _execute(self, source: str, diff: bool, nonce: bytes | None) -> dict[str, Any]:
        self._running = True
        try:
            if self._link is not None and nonce is not None:
                self._link.open(nonce)
            ended = self._cells.run(source)
            kind, value, error = ended.kind, ended.value, ended.error
            if self._link is not None:
                self._link.close()
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
        except BaseException as late:  # an interrupt between the cell's end and here, or a stream that was replaced
            kind = "interrupted" if isinstance(late, KeyboardInterrupt) else "error"
            value, error = None, (type(late).__name__, "", type(late).__name__)
        finally:
            self._running = False
            if self._link is not None:
                self._link.open(None)
        return {
            "kind": kind,
            "value": value,
            "error": error,
            "peak_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            "diff": self._differ.step() if diff else None,
        }

    def _claim(self, names: list[str], most: int) -> dict[str, bytes]:
        return {name: encode_or_digest(self._names[name], self._classes, most) for name in names if name in self._names}

    def _public(self) -> list[str]:
        return sorted(name for name in self._names if type(name) is str and not name.startswith("_"))[:10_000]


def _refuse_answers() -> None:
    """Nothing that holds tasks or assertions may be in memory beside a rollout."""
    loaded = sys.modules.keys() - _CLEAN
    for name, attribute in _answers(sorted(loaded, key=lambda name: (name.startswith("cave_rl."), name))):
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
