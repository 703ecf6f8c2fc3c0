"""Assertions on the calls of hosted objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from cave_rl.rewards.evidence import Call, Evidence, show
from cave_rl.rewards.verdict import Verdict
from cave_rl.runtime.codec import same


@dataclass(frozen=True, slots=True)
class CallCount:
    """How many calls of a hosted object in this turn returned, and had exactly these arguments.

    Calls that raised do not count. Arguments are compared by the names of their parameters, defaults included, as
    exactly as `Equals` does; those that are not named here may be anything.
    """

    __cave_host_only__: ClassVar[bool] = True

    target: str
    arguments: Mapping[str, Any]
    count: int | None
    weight: float = 1.0
    reads: frozenset[str] = field(default=frozenset(), init=False)

    @property
    def names(self) -> tuple[str, ...]:
        counts = {None: "called", 0: "not called", 1: "called once"}
        times = counts.get(self.count, f"called {self.count} times")
        told = ", ".join(f"{name}={show(value).partition(' ')[2] or value}" for name, value in self.arguments.items())
        return (f"{self.target} {times}" + (f" with {told}" if told else ""),)

    def check(self, evidence: Evidence) -> list[Verdict]:
        calls = [each for each in evidence.calls if each.name == self.target]
        found = sum(each.error is None and self._matches(each.arguments) for each in calls)
        passed = found > 0 if self.count is None else found == self.count
        told = "; ".join(_shown(each) for each in calls[:5]) or "none"
        message = "" if passed else f"{self.names[0]}: {found} calls are such; the calls of {self.target}: {told}"
        return [Verdict(self.names[0], passed, self.weight, message)]

    def _matches(self, actual: Any) -> bool:
        return type(actual) is dict and all(
            name in actual and same(actual[name], expected) for name, expected in self.arguments.items()
        )


def _shown(call: Call) -> str:
    outcome = f"raised {call.error}" if call.error is not None else "returned"
    return f"{show(call.arguments).partition(' ')[2]} {outcome}"


def called(target: str, /, *, weight: float = 1.0, **arguments: Any) -> CallCount:
    """A method of a hosted object was called with these arguments, and returned. See `CallCount`."""
    return CallCount(target, arguments, None, weight)


def not_called(target: str, /, *, weight: float = 1.0, **arguments: Any) -> CallCount:
    """No call with these arguments returned. See `CallCount`."""
    return CallCount(target, arguments, 0, weight)


def call_count(target: str, count: int, /, *, weight: float = 1.0, **arguments: Any) -> CallCount:
    """Exactly so many calls with these arguments returned. See `CallCount`."""
    return CallCount(target, arguments, count, weight)
