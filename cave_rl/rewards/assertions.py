"""Assertions: what a turn must have made true, as data or as plain functions of `assert` statements.

An assertion is trusted code. It is written in a task's *tasks* home, travels only from host to Judge, and sees decoded
claims, never the process that made them. What it needs is read from `Evidence`:

>>> from cave_rl.rewards.evidence import Evidence, State
>>> evidence = Evidence(state=State({"total": 6}), before=State({"total": 0}))
>>> [verdict.passed for verdict in equals("total", 6).check(evidence)]
[True]
>>> [verdict.message for verdict in equals("total", 6.0).check(evidence)]
['total: expected float 6.0, got int 6']
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

from cave_rl.rewards.calls import CallCount, call_count, called, not_called
from cave_rl.rewards.charts import chart_shows
from cave_rl.rewards.evidence import Evidence, show
from cave_rl.rewards.frames import frame_equals
from cave_rl.rewards.statements import Statements
from cave_rl.rewards.tables import table_contains, table_equals
from cave_rl.rewards.unchanged import unchanged
from cave_rl.rewards.variable import OnVariable
from cave_rl.rewards.verdict import Verdict
from cave_rl.runtime.codec import Digest, digest, encode, same

__all__ = [
    "AnswerContains",
    "Assertion",
    "CallCount",
    "Close",
    "Contains",
    "Deleted",
    "Equals",
    "SaidContains",
    "Satisfies",
    "answer_contains",
    "as_assertions",
    "call_count",
    "called",
    "chart_shows",
    "close",
    "deleted",
    "equals",
    "frame_equals",
    "not_called",
    "said_contains",
    "satisfies",
    "table_contains",
    "table_equals",
    "unchanged",
]


@runtime_checkable
class Assertion(Protocol):
    """One or more named, weighted statements about state.

    `reads` names the variables that must be claimed for it; `check` returns one verdict a statement, in an order that
    does not depend on the evidence, and may raise: what it raises on a claim is a failed verdict.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each verdict that `check` gives, in order."""

    @property
    def weight(self) -> float:
        """The weight of each verdict."""

    @property
    def reads(self) -> frozenset[str]:
        """The variables that `check` looks at."""

    def check(self, evidence: Evidence) -> list[Verdict]:
        """Judges the evidence."""


@dataclass(frozen=True, slots=True)
class Equals(OnVariable):
    """The variable has exactly this value: type and content, all the way down (1 is neither 1.0 nor True).

    The order of a dict's keys does not matter, unless the value is so large that it crosses as its digest.
    """

    expected: Any
    weight: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        return (f"{self.variable} equals",)

    def check(self, evidence: Evidence) -> list[Verdict]:
        actual = evidence.state[self.variable]
        if type(actual) is Digest:  # too large to cross whole: compared by the digest of what it should be
            passed = actual.blake2b == digest(encode(self.expected, evidence.classes))
        else:
            passed = same(actual, self.expected)
        message = "" if passed else f"{self.variable}: expected {show(self.expected)}, got {show(actual)}"
        return [Verdict(self.names[0], passed, self.weight, message)]


@dataclass(frozen=True, slots=True)
class Close(OnVariable):
    """The variable is a real number (int or float, not bool) within a tolerance of `expected`; NaN is never close."""

    expected: float
    relative: float = 1e-6
    absolute: float = 1e-9
    weight: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        return (f"{self.variable} close",)

    def check(self, evidence: Evidence) -> list[Verdict]:
        actual = evidence.state[self.variable]
        scalar = type(actual).__module__ == "numpy" and getattr(actual, "shape", None) == ()
        number = actual.item() if scalar else actual
        passed = type(number) in (int, float) and math.isclose(
            number, self.expected, rel_tol=self.relative, abs_tol=self.absolute
        )
        message = "" if passed else f"{self.variable}: expected about {self.expected!r}, got {show(actual)}"
        return [Verdict(self.names[0], passed, self.weight, message)]


@dataclass(frozen=True, slots=True)
class Satisfies(OnVariable):
    """A predicate of the variable's value is true: a bool (numpy's too), not a value that merely looks true."""

    predicate: Callable[[Any], bool]
    description: str
    weight: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        return (f"{self.variable} {self.description}",)

    def check(self, evidence: Evidence) -> list[Verdict]:
        actual = evidence.state[self.variable]
        said = self.predicate(actual)
        passed = type(said).__name__ in ("bool", "bool_") and bool(said)
        looks = "" if passed or not said else f" (the predicate returned {type(said).__name__}, not bool)"
        message = "" if passed else f"{self.variable}: not {self.description}: {show(actual)}{looks}"
        return [Verdict(self.names[0], passed, self.weight, message)]


@dataclass(frozen=True, slots=True)
class Deleted(OnVariable):
    """The variable no longer exists."""

    weight: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        return (f"{self.variable} deleted",)

    def check(self, evidence: Evidence) -> list[Verdict]:
        passed = self.variable not in evidence.state
        message = "" if passed else f"{self.variable} still exists: {show(evidence.state[self.variable])}"
        return [Verdict(self.names[0], passed, self.weight, message)]


@dataclass(frozen=True, slots=True)
class Contains:
    """A text stands in what the model says, case ignored. What that is, its kinds know.

    Weak by nature: a model may list every possible answer. Prefer to ask for a variable.
    """

    __cave_host_only__: ClassVar[bool] = True

    text: str
    weight: float = 1.0
    reads: frozenset[str] = field(default=frozenset(), init=False)

    def _verdicts(self, name: str, said: Sequence[str], missing: str) -> list[Verdict]:
        passed = any(self.text.casefold() in each.casefold() for each in said)
        return [Verdict(name, passed, self.weight, "" if passed else missing)]


@dataclass(frozen=True, slots=True)
class AnswerContains(Contains):
    """The final answer of the turn contains a text."""

    @property
    def names(self) -> tuple[str, ...]:
        return (f"answer contains {self.text!r}",)

    def check(self, evidence: Evidence) -> list[Verdict]:
        missing = f"the answer does not contain {self.text!r}: {show(evidence.answer)}"
        return self._verdicts(self.names[0], [evidence.answer], missing)


@dataclass(frozen=True, slots=True)
class SaidContains(Contains):
    """One of the texts that were said in the turn contains a text: to its user, or as its answer."""

    @property
    def names(self) -> tuple[str, ...]:
        return (f"said {self.text!r}",)

    def check(self, evidence: Evidence) -> list[Verdict]:
        missing = f"{self.text!r} was not said; what was: {show(tuple(evidence.said))}"
        return self._verdicts(self.names[0], evidence.said, missing)


def equals(variable: str, expected: Any, *, weight: float = 1.0) -> Equals:
    """The variable has exactly this value and type. See `Equals`."""
    return Equals(variable, expected, weight)


def close(
    variable: str, expected: float, *, relative: float = 1e-6, absolute: float = 1e-9, weight: float = 1.0
) -> Close:
    """The variable is a number within a tolerance. See `Close`."""
    return Close(variable, expected, relative, absolute, weight)


def satisfies(variable: str, predicate: Callable[[Any], bool], description: str, *, weight: float = 1.0) -> Satisfies:
    """A predicate of the variable's value is true. See `Satisfies`."""
    return Satisfies(variable, predicate, description, weight)


def deleted(variable: str, *, weight: float = 1.0) -> Deleted:
    """The variable no longer exists. See `Deleted`."""
    return Deleted(variable, weight)


def answer_contains(text: str, *, weight: float = 1.0) -> AnswerContains:
    """The final answer contains a text. See `AnswerContains`."""
    return AnswerContains(text, weight)


def said_contains(text: str, *, weight: float = 1.0) -> SaidContains:
    """One of the texts that were said in the turn contains a text. See `SaidContains`."""
    return SaidContains(text, weight)


def as_assertions(given: Assertion | Callable[..., None] | list[Any] | tuple[Any, ...]) -> tuple[Assertion, ...]:
    """One or many assertions, data or plain functions, as a tuple of assertions.

    Raises:
        TypeError: something given is neither an assertion nor a function.
    """
    items = given if isinstance(given, (list, tuple)) else (given,)
    found: list[Assertion] = []
    for item in items:
        if isinstance(item, Assertion):
            found.append(item)
        elif callable(item) and hasattr(item, "__code__"):
            found.append(Statements.of(item))
        else:
            raise TypeError(
                f"an assertion is data such as equals('x', 1) or a function of assert statements, not {item!r}"
            )
    return tuple(found)
