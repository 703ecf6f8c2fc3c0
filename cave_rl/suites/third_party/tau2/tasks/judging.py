"""What a task is judged by: upstream's evaluation, on the live desk.

Upstream runs the recorded calls again on fresh databases, and compares their hash with that of databases on which the
answers were run; it asks functions of the toolkits whether all is well; it looks for what had to be communicated in
what was said, and for the answers' calls among those made. The reward is 1 if all that the task's basis names holds,
else 0. Here the desk tells what has changed and what the functions say: the same, without running anything again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from cave_rl.rewards.evidence import Call, Evidence
from cave_rl.rewards.verdict import Verdict
from cave_rl.suites.third_party.tau2.tasks.data import Action, Scenario

_TOLD_CHARS = 40_000
"""How much of the calls is told in `info`; the trace has all of them."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A task of upstream's is solved.

    What it tells in `info["tau2"]`:

    * `task`: upstream's id;
    * `parts`: each part of the task's basis, and whether it holds;
    * `reward`: their product, as upstream has it;
    * `not_judged`: the parts that upstream leaves to a model, where none was asked (see `assertions`);
    * `calls`: name and arguments of each call; those that are too many are left out, and then `calls_left_out` counts
      them.

    Attributes:
        scenario: the task.
        hosted: the name of the hosted desk.
        changed: what the answers change.
    """

    __cave_host_only__: ClassVar[bool] = True

    scenario: Scenario
    hosted: str
    changed: Mapping[str, str]
    weight: float = 1.0
    reads: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads", frozenset({self.hosted}))

    @property
    def names(self) -> tuple[str, ...]:
        return ("resolved",)

    @property
    def gold_answer(self) -> str:
        """What is to be communicated."""
        return "; ".join(self.scenario.communicated)

    def check(self, evidence: Evidence) -> list[Verdict]:
        desk = evidence.state[self.hosted]
        wrong = {
            "DB": _different(self.changed, desk.changed),
            "ENV_ASSERTION": _unmet(self.scenario.asserted, desk.answers),
            "COMMUNICATE": _untold(self.scenario.communicated, [*evidence.said, evidence.answer]),
            "ACTION": _undone(self.scenario.actions, evidence.calls),
        }
        parts = {part: not wrong[part] for part in sorted(self.scenario.basis)}
        why = next((f"{part}: {wrong[part]}" for part, holds in parts.items() if not holds), "")
        if any(evidence.limited):
            why = why or "it was ended by a limit"
        if desk.unsettled:
            why = why or "a call was broken off, and left the desk as nobody knows"
        calls = _bounded(evidence.calls)
        told: dict[str, Any] = {
            "task": self.scenario.id,
            "parts": parts,
            "reward": float(not why),
            "not_judged": list(self.scenario.not_judged),
            "calls": calls,
        }
        if left := len(evidence.calls) - len(calls):
            told["calls_left_out"] = left
        return [Verdict("resolved", not why, self.weight, why, told={"tau2": told})]


def _different(wanted: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Which entries are not as they should be."""
    names = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if not names:
        return ""
    name, more = names[0], f" and {len(names) - 1} more" if len(names) > 1 else ""
    if name not in found:
        return f"{name} did not change{more}"
    return f"{name} {'is not as it should be' if name in wanted else 'should not have changed'}{more}"


def _unmet(asserted: Sequence[Mapping[str, Any]], answers: Sequence[Any]) -> str:
    for each, answer in zip(asserted, answers, strict=True):
        if answer != each["assert_value"]:
            return f"{each['func_name']}({_keywords(each['arguments'])}) is {answer}"
    return ""


def _untold(communicated: Sequence[str], texts: Sequence[str]) -> str:
    said = [each.lower().replace(",", "") for each in texts]
    missing = (each for each in communicated if not any(each.lower() in text for text in said))
    return next((f"{each!r} was not said" for each in missing), "")


def _undone(actions: Sequence[Action], calls: Sequence[Call]) -> str:
    for action in actions:
        if not any(_is(action, call) for call in calls):
            return f"{action.name}({_keywords(action.arguments)}) was not called"
    return ""


def _is(action: Action, call: Call) -> bool:
    if call.name != action.name:
        return False
    given = call.arguments if isinstance(call.arguments, Mapping) else {}
    compared = given.keys() if action.compared is None else action.compared
    return {key: given[key] for key in compared if key in given} == {
        key: action.arguments[key] for key in compared if key in action.arguments
    }


def _keywords(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def _bounded(calls: Sequence[Call]) -> list[tuple[str, Any]]:
    left = _TOLD_CHARS
    kept: list[tuple[str, Any]] = []
    for call in calls:
        try:
            given = json.loads(json.dumps(call.arguments, allow_nan=False))
        except (TypeError, ValueError):
            given = None  # no call of upstream's could have these
        left -= len(call.name) + len(json.dumps(given))
        if left < 0:
            break
        kept.append((call.name, given))
    return kept
