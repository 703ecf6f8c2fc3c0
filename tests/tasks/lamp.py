"""Something to host. It stands apart from the tests: a module that holds tasks cannot be imported beside a rollout."""

from __future__ import annotations


class Lamp:
    """A lamp."""

    def __init__(self, level: int = 0) -> None:
        self.level = level

    def dim(self, level: int) -> int:
        """Sets the level."""
        self.level = level
        return level

    def wash(self) -> None:
        """Makes it clean."""
