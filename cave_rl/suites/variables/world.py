"""The class of Variables-v0: what a rollout meets, and what the Judge rebuilds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Gauge:
    """A level that stays between two limits."""

    low: int
    high: int
    level: int

    def turn_up(self, by: int) -> None:
        """Raises the level."""
        self._set(self.level + by)

    def turn_down(self, by: int) -> None:
        """Lowers the level."""
        self._set(self.level - by)

    def _set(self, level: int) -> None:
        if not self.low <= level <= self.high:
            raise ValueError(f"{level} is not between {self.low} and {self.high}")
        self.level = level

    def __validate_claim__(self) -> None:
        if not all(type(each) is int for each in (self.low, self.high, self.level)):
            raise ValueError("the limits and the level are whole numbers")
        if not self.low <= self.level <= self.high:
            raise ValueError("the level is between the limits")
