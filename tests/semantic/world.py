"""What tests of tools inject: classes and functions in a module of their own, as a suite's `world` has them."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass
class Point:
    """A point."""

    x: int
    y: int


class Shelf:
    """Numbers in boxes."""

    def __init__(self, boxes: dict[str, int]) -> None:
        self.boxes = boxes

    def look(self, box: str) -> int:
        """The number in a box."""
        return self.boxes[box]


def keyed(a: int, /, b: str = "x", *rest: int, c: float, **more: int) -> list[int]:
    """Takes all there is."""
    return [a, *rest]


async def later(x: int) -> int:
    """The next number."""
    return x + 1


def pick(account: Any) -> int:
    """Takes a live object."""
    return int(account.balance)
