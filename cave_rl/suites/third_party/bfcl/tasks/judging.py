"""What a turn is judged by: the live state of the simulators and what their calls returned, against the answers.

A turn passes if something was called, the public state of every simulator is that of a twin on which the answers were
run, and what the answers' calls return is among what all calls so far have returned. Where there is no answer, because
nothing can be done, upstream lets anything pass; strictly read, nothing may be called. A turn before the last that its
step limit ends fails: there upstream ends the dialogue.

Upstream never sees the simulators that a model acts on: it runs the calls again on others. Here the live ones are
judged, and the calls are run again for what only they can tell: whether the turns before passed, whether the state
follows from the calls, and, when the dialogue ends, what upstream's own checker says of them.
"""

from __future__ import annotations

import secrets
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from cave_rl.rewards.evidence import Call, Evidence
from cave_rl.rewards.verdict import Verdict
from cave_rl.suites.third_party.bfcl.tasks import simulators
from cave_rl.suites.third_party.bfcl.tasks.data import Dialogue
from cave_rl.suites.third_party.bfcl.tasks.writing import method_of, was_made, written

Checker = Callable[..., dict[str, Any]]
"""Upstream's `multi_turn_checker`, handed over as it is: so a judge has imported it before it is confined."""

_TOLD_CHARS = 40_000
"""How much of the calls is told in `info`; the trace has all of them."""


@dataclass(frozen=True, slots=True)
class Passes:
    """A turn of a dialogue passes.

    What it tells in `info["bfcl"]`:

    * `official`, `strict`: whether all turns so far pass, read as upstream does, and strictly;
    * `turns`: the same of each turn so far;
    * `replayed`: whether the calls, run again, lead to the live state;
    * `calls`: the calls as call strings, by turn and cell; those that are too many are left out;
    * `checker`: when the last turn ends, what upstream's checker says of the calls.

    Attributes:
        dialogue: whose.
        turn: its index.
        hosted: the names of the hosted simulators, in the order of the dialogue's classes.
        official: which reading scores.
        checker: upstream's.
    """

    __cave_host_only__: ClassVar[bool] = True

    dialogue: Dialogue
    turn: int
    hosted: tuple[str, ...]
    official: bool
    checker: Checker
    weight: float = 1.0
    reads: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads", frozenset(self.hosted))

    @property
    def names(self) -> tuple[str, ...]:
        return ("passes",)

    def check(self, evidence: Evidence) -> list[Verdict]:
        if len(evidence.earlier) < self.turn:  # asked of the state before the turn: nothing was called
            return [Verdict("passes", False, self.weight, "nothing was called")]
        turns = [*evidence.earlier, evidence.calls]
        live = {name: evidence.state[at] for name, at in zip(self.dialogue.classes, self.hosted, strict=True)}
        quits = [each and at + 1 < len(self.dialogue.gold) for at, each in enumerate(evidence.limited)]
        wrong, replayed = self._wrong(turns, live)
        free = [not gold for gold in self.dialogue.gold[: self.turn + 1]]  # upstream lets anything pass
        for at, quit_there in enumerate(quits):
            if quit_there:
                wrong[at], free[at] = "it was ended by its step limit", False
        official = [each or not why for each, why in zip(free, wrong, strict=True)]
        strict = [not each for each in wrong]
        told: dict[str, Any] = {
            "official": all(official),
            "strict": all(strict),
            "turns": {"official": official, "strict": strict},
            "replayed": replayed,
            "calls": _bounded([written(each) for each in turns]),
        }
        if self.turn + 1 == len(self.dialogue.gold):
            told["checker"] = checked(self.checker, self.dialogue, [written(each) for each in turns], quits=any(quits))
        passed = (official if self.official else strict)[-1]
        return [Verdict("passes", passed, self.weight, "" if passed else wrong[-1], told={"bfcl": told})]

    def _wrong(self, turns: Sequence[Sequence[Call]], live: simulators.Simulators) -> tuple[list[str], bool]:
        """What is wrong with each turn, strictly read ("" for nothing); whether the calls lead to the live state."""
        twin, replay = simulators.make(self.dialogue), simulators.make(self.dialogue)
        said: Counter[str] = Counter()
        found = []
        for index, calls in enumerate(turns):
            wanted = [simulators.run(twin, text) for text in self.dialogue.gold[index]]
            for each in calls:
                said[_said(each)] += 1
                if was_made(each):
                    simulators.call(replay, method_of(each), each.arguments)
            found.append(_why(calls, wanted, live if index == self.turn else replay, twin, said))
        return found, not any(simulators.differs(live[name], replay[name]) for name in live)


def checked(
    checker: Checker, dialogue: Dialogue, calls: list[list[list[str]]], *, quits: bool = False
) -> dict[str, Any]:
    """What upstream says of call strings, by turn and step.

    Args:
        checker: upstream's.
        dialogue: whose calls these are.
        calls: the calls.
        quits: whether a turn before the last was ended by its step limit: then upstream asks no checker.
    """
    if quits:
        return {"valid": False, "error_type": "multi_turn:force_terminated"}
    tag = f"t{secrets.token_hex(8)}"  # instances are kept by tag, and it becomes part of a name that is evaluated
    entry = {"id": dialogue.id, "initial_config": dialogue.config, "involved_classes": list(dialogue.classes)}
    gold = [list(turn) for turn in dialogue.gold]
    simulators.refresh(dialogue)
    try:
        found = checker(calls, gold, entry, dialogue.id.rpartition("_")[0], tag)
    finally:
        keeper = vars(sys.modules["bfcl_eval.eval_checker.multi_turn_eval.multi_turn_utils"])
        for name in [each for each in keeper if each.startswith(tag)]:
            del keeper[name]
    why = (key for key in ("error_type", "error_message") if key in found)
    return {"valid": found["valid"]} | {key: str(found[key])[:500] for key in why}


def _why(
    calls: Sequence[Call],
    wanted: Sequence[str],
    found: simulators.Simulators,
    twin: simulators.Simulators,
    said: Counter[str],
) -> str:
    if not wanted:
        return f"nothing can be done, and {calls[0].name} was called" if calls else ""
    if not calls:
        return "nothing was called"
    for name, each in twin.items():
        if differing := simulators.differs(found[name], each):
            return f"{name}: {', '.join(differing)} is not as it should be"
    if missing := Counter(wanted) - said:
        return f"nothing returned {next(iter(missing))[:200]}"
    return ""


def _said(call: Call) -> str:
    if call.error is None:
        return simulators.said(call.result)
    kind, _, message = call.error.partition(": ")
    return f"Error during execution: {message!r}" if kind == "KeyError" else f"Error during execution: {message}"


def _bounded(turns: list[list[list[str]]]) -> list[list[list[str]]]:
    left = _TOLD_CHARS
    kept: list[list[list[str]]] = []
    for steps in turns:
        kept.append([])
        for step in steps:
            left -= sum(map(len, step)) + 4 * len(step)
            if left < 0:
                return kept
            kept[-1].append(step)
    return kept
