"""What all assertions on one variable share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cave_rl.rewards.verdict import Verdict


@dataclass(frozen=True, slots=True)
class OnVariable:
    """An assertion that looks at one variable."""

    __cave_host_only__: ClassVar[bool] = True

    variable: str

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({self.variable})


def one_verdict(name: str, weight: float, why: str) -> list[Verdict]:
    """The verdict of an assertion that states one thing: it holds unless there is something to say against it."""
    return [Verdict(name, not why, weight, why)]
