"""What is hosted where a hosted call is measured."""

from __future__ import annotations


class Counter:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, n: int) -> int:
        """Adds a number; the total."""
        self.total += n
        return self.total
