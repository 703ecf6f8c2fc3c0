"""A verdict: what the Judge says of one statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """One named, weighted statement about state, judged.

    Verdicts go to `info` and to traces, never into observations: their messages hold expected values.

    Attributes:
        name: what was stated, unique within its turn.
        passed: whether it holds.
        weight: its share in the turn's score (a gate's weight is 0: it can only take credit away).
        message: why it failed, with actual values; empty when it passed.
        gate: whether failing it takes the whole turn's score.
        told: what else it tells, as plain data: it goes into `info` under its own keys, and scores nothing.
    """

    name: str
    passed: bool
    weight: float = 1.0
    message: str = ""
    gate: bool = False
    told: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for `info` and traces."""
        data: dict[str, Any] = {
            "name": self.name,
            "passed": self.passed,
            "weight": self.weight,
            "message": self.message,
            "gate": self.gate,
        }
        return data if self.told is None else {**data, "told": dict(self.told)}
