"""Plays other people's tasks in this process: by what runs in a World and in a judge, without their processes.

It takes a few milliseconds a dialogue, where an episode takes processes.
"""

from __future__ import annotations

import contextlib
import copy
import pickle
from collections.abc import Callable, Sequence
from typing import Any

from cave_rl.rewards.evidence import Call, Evidence, State
from cave_rl.runtime.codec import decode
from cave_rl.runtime.hosting import Hosting
from cave_rl.runtime.inside import frames
from cave_rl.runtime.inside.encode import encode
from cave_rl.runtime.result import Limits
from cave_rl.tasks.task import Task

MOST = Limits().claim_bytes


class Here:
    """One task being played."""

    def __init__(self, task: Task) -> None:
        self.task = task
        brief = task.preparation.world_brief() | {"clock": None}
        self._hosting = Hosting(copy.deepcopy(brief))
        self._classes = {cls.__name__: cls for cls in task.preparation.classes.values()}
        self._turns: list[list[Call]] = []
        self.scope: dict[str, Any] = {target: self._function(target) for target in brief["targets"]}

    def turn(self, cell: str, answer: str = "") -> dict[str, Any]:
        """Runs a cell as a turn, with what is answered after it, and tells what is told of it."""
        index = len(self._turns)
        self._turns.append([])
        withheld = self.task.withheld(index)
        scope = {name: each for name, each in self.scope.items() if name not in withheld}
        with contextlib.suppress(Exception):  # what raises has done what it did until then
            exec(cell, scope)
        (assertion,) = self.task.turns[index].assertions
        claims = self._hosting.handle(frames.CLAIM, {"names": sorted(assertion.reads), "most": MOST}, [])
        state = State(claims, lambda claim: decode(claim, self._classes))
        *earlier, calls = self._turns
        (verdict,) = assertion.check(Evidence(state, answer=answer, calls=calls, earlier=earlier))
        (told,) = (verdict.told or {}).values()
        return {"passed": verdict.passed, **told}

    def _function(self, target: str) -> Callable[..., Any]:
        def called(*arguments: Any, **keywords: Any) -> Any:
            given = [encode(each) for each in arguments], {name: encode(each) for name, each in keywords.items()}
            told = self._hosting._call(target, *given, MOST)
            error = told["error"]
            said = None if error is None else f"{error[0][0]}: {error[1]}"
            result = None if error is not None else decode(told["result"])
            self._turns[-1].append(
                Call(target, decode(told["arguments"], self._classes), result, said, len(self._turns))
            )
            if error is not None:
                raise RuntimeError(said)
            return pickle.loads(told["value"])

        return called


def play(task: Task, turns: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """Plays call strings, those of a turn as one cell; what is told of each turn."""
    here = Here(task)
    return [here.turn("\n".join(calls)) for calls in turns]
