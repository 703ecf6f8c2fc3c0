"""What a single turn is judged by: the calls that its World recorded, handed to upstream's checker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from cave_rl.rewards.evidence import Call, Evidence
from cave_rl.rewards.verdict import Verdict
from cave_rl.suites.third_party.bfcl.stubs import Omitted
from cave_rl.suites.third_party.bfcl.tasks.single.data import Arguments, Entry
from cave_rl.suites.third_party.bfcl.tasks.writing import write

Checker = Callable[[Entry, Sequence[Mapping[str, Arguments]]], dict[str, Any]]
"""Upstream's, handed over as it is: so a judge has imported it before it is confined."""

UNFIT: Arguments = {"not an argument": None}
"""The arguments of a call that did not fit its function: no function has such a parameter."""

_TOLD_CALLS, _TOLD_CHARS = 50, 2000
"""How much of the calls is told in `info`; the trace has all of them."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The calls of a turn answer its question.

    What it tells in `info["bfcl"]`:

    * `official`: whether upstream's checker passes them;
    * `checker`: what it says: `valid`, and the `error_type` and `error_message` if they are not;
    * `calls`: the calls as call strings, by upstream's names; those that are too many or too long are cut.

    Attributes:
        entry: whose.
        official: upstream's names of the functions, by those in the runtime.
        checker: upstream's.
    """

    __cave_host_only__: ClassVar[bool] = True

    entry: Entry
    official: Mapping[str, str]
    checker: Checker
    weight: float = 1.0
    reads: frozenset[str] = field(init=False, default=frozenset())

    @property
    def names(self) -> tuple[str, ...]:
        return ("answers",)

    def check(self, evidence: Evidence) -> list[Verdict]:
        calls = [{self.official[each.name]: given(each)} for each in evidence.calls]
        found = self.checker(self.entry, calls)
        told = {"official": found["valid"], "checker": found, "calls": [_text(each) for each in calls[:_TOLD_CALLS]]}
        why = "" if found["valid"] else f"{found['error_type']} {found.get('error_message', '')}".rstrip()
        return [Verdict("answers", found["valid"], self.weight, why, told={"bfcl": told})]


def given(call: Call) -> Arguments:
    """The arguments that a call gave, by name; those of a call that its function did not take are `UNFIT`."""
    if call.error is not None or type(call.arguments) is not dict:
        return UNFIT
    return {name: each for name, each in call.arguments.items() if type(each) is not Omitted}


def _text(call: Mapping[str, Arguments]) -> str:
    ((name, arguments),) = call.items()
    return write(name, None if arguments is UNFIT else arguments)[:_TOLD_CHARS]
