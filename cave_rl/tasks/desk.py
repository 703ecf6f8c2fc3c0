"""Desk: where calls of tools are made, for protocols without live objects.

The live objects stay in the episode's runtime, where only cells of ours run: a call is one of them, and its text is all
that comes back. In the protocol `codeact` the model's code runs in a runtime of its own, which holds functions that ask
the desk and nothing else; what it does to them changes nothing here. Arguments are hostile, and are plain JSON.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cave_rl.runtime.base import KERNEL
from cave_rl.runtime.calls import Calls
from cave_rl.runtime.clock import moment_of
from cave_rl.runtime.codec import ClaimError, DecodeLimits, decode, encode
from cave_rl.runtime.deadline import Deadline
from cave_rl.runtime.drive import Steps
from cave_rl.runtime.nearest import nearest
from cave_rl.runtime.pool import Pool
from cave_rl.runtime.result import CellError, CellResult, Limits, Outcome
from cave_rl.runtime.runtime import Runtime
from cave_rl.runtime.setup import Setup
from cave_rl.runtime.template import Template
from cave_rl.runtime.world import World
from cave_rl.semantic.contract import MOST_DEPTH
from cave_rl.semantic.observation import clip, sanitize
from cave_rl.semantic.texts import Texts
from cave_rl.semantic.tools import Tool
from cave_rl.tasks.task import Task

MOST_ITEMS = 100_000
"""Items of the arguments of one call, all levels together."""

_ARGUMENTS = DecodeLimits(max_bytes=1 << 20, stand_ins=False)


@dataclass(slots=True)
class Desk:
    """Makes calls of tools in a runtime.

    Attributes:
        runtime: where the live objects are.
        tools: what may be called.
        limits: of a call, as of a cell.
        chars: how many characters of a result are told at most.
        texts: of the prompt's style.
    """

    runtime: Runtime
    tools: Mapping[str, Tool]
    limits: Limits
    chars: int
    texts: Texts

    def call_steps(self, name: str, arguments: Mapping[str, Any]) -> Steps[CellResult]:
        """Makes one call; its text is what the cell printed, what it raised stands as its error.

        A call that cannot be made (no such tool, arguments that do not fit) raises in the same way.

        Raises:
            RuntimeGone: the runtime had ended before.
        """
        if name not in self.tools:
            return _raised("NameError", f"there is no function {name[:80]!r}{nearest(name[:80], self.tools)}")
        try:
            code = self.tools[name].cell(arguments, self.chars)
        except (TypeError, ValueError) as error:
            return _raised(type(error).__name__, str(error)[:500])
        cell = yield from self.runtime.execute_steps(code, self.limits, diff=False)
        if cell.outcome is Outcome.BLOCKED:  # the cell is ours: only what it was given can make it too long
            return _raised("ValueError", f"the arguments of {name} are too long")
        return cell

    def text(self, cell: CellResult) -> str:
        """What a call returned, as text, cut to what may be told."""
        shown = sanitize(cell.stdout)
        return clip(shown, self.chars, lambda count: "\n" + self.texts.render("left_out", count=count) + "\n")[0]


class DeskWorld(World):
    """What stands for a World beside the runtime of a model's code: its calls go to a desk.

    Args:
        desk: where they go.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.exit_code = lambda: self.desk.runtime.exit_code()

    def call_steps(self, call: Mapping[str, Any], deadline: Deadline) -> Steps[dict[str, Any]]:
        """Makes a call at the desk, and tells it as a World tells it.

        Raises:
            RuntimeGone: the call ended the runtime where the live objects are.
        """
        told: dict[str, Any] = {"arguments": encode({}), "result": None, "error": None, "value": None}
        tool = self.desk.tools[call["target"]]
        try:
            positional = [decode(each, limits=_ARGUMENTS) for each in call["arguments"]]
            named = {name: decode(each, limits=_ARGUMENTS) for name, each in call["keywords"].items()}
            arguments = tool.named(positional, named)
            _check_plain(arguments)
            told["arguments"] = encode(arguments)
        except (ClaimError, TypeError, ValueError) as error:
            return {**told, "error": [["TypeError", "Exception"], f"{tool.name} takes JSON: {error}"[:500]]}
        cell = yield from self.desk.call_steps(tool.name, arguments)
        if cell.error is not None:
            return {**told, "error": [[cell.error.type, "Exception"], cell.error.message]}
        if not cell.outcome.alive:
            raise self.desk.runtime.gone or AssertionError(cell.outcome)
        if not cell.ok:
            return {**told, "interrupted": cell.outcome is Outcome.INTERRUPTED, **_stopped(cell)}
        text = self.desk.text(cell)
        return {**told, "result": encode(text), "value": pickle.dumps(text)}

    def cpu_s(self) -> float:
        """CPU seconds that calls have used."""
        return self.desk.runtime.cpu_s()

    def fork_steps(self, seed: int | None) -> Steps[World]:
        """The same desk's; whoever forks an episode gives the fork another."""
        yield from ()
        return DeskWorld(self.desk)


def session_steps(task: Task, pool: Pool, desk: Desk, seed: int) -> Steps[Runtime]:
    """A runtime for code of a model's, in which there are the desk's functions and nothing else.

    Raises:
        Fault: it could not be started.
    """
    proxies = [tool.proxy() for tool in desk.tools.values()]
    moment = None if task.clock is None else moment_of(task.clock)
    hosted = [{"name": "desk", "class": None, "doc": None, "methods": proxies}] if proxies else []
    brief = {"variables": [], "functions": [], "types": [], "hosted": hosted, "setup": None, "clock": moment}

    def make() -> Steps[Template[Runtime]]:
        return (yield from pool.base(task.imported).serve_steps(brief, KERNEL, _runtime(frozenset(desk.tools))))

    template = yield from pool.template_steps(("desk", task.imported, json.dumps(proxies), moment), make)
    runtime: Runtime = yield from template.start_steps(seed)
    runtime.companion = DeskWorld(desk)
    return runtime


def _runtime(names: frozenset[str]) -> Callable[[], Runtime]:
    return lambda: Runtime(Setup(), Calls(names))


def _raised(kind: str, message: str) -> CellResult:
    return CellResult(Outcome.ERROR, error=CellError(kind, message, f"{kind}: {message}"))


def _stopped(cell: CellResult) -> dict[str, Any]:
    """A call that was stopped, as an error."""
    kind = "MemoryError" if cell.outcome is Outcome.OUT_OF_MEMORY else "RuntimeError"
    return {"error": [[kind, "Exception"], f"the call was stopped: {cell.outcome.value}"]}


def _check_plain(arguments: dict[str, Any]) -> None:
    """Raises TypeError if arguments are not JSON's own, or too many.

    One list may stand in many places, and in itself: what is counted is what its JSON would hold.
    """
    level: list[Any] = [arguments]
    count = 0
    for _ in range(MOST_DEPTH):
        below: list[Any] = []
        for each in level:
            if type(each) is dict:
                if wrong := [key for key in each if type(key) is not str]:
                    raise TypeError(f"the keys of an object are text, not {type(wrong[0]).__name__}")
                below.extend(each.values())
            elif type(each) is list:
                below.extend(each)
            elif type(each) not in (str, int, float, bool, type(None)):
                raise TypeError(f"a {type(each).__name__} is not JSON")
            if count + len(below) > MOST_ITEMS:
                raise TypeError(f"it holds more than {MOST_ITEMS} items")
        if not below:
            return
        level, count = below, count + len(below)
    raise TypeError(f"it is nested deeper than {MOST_DEPTH} levels")
