"""A text space for any Unicode string, of any length.

`gymnasium.spaces.Text` checks every character against a charset and, in vector environments, copies fixed-size
buffers: neither fits code and what it prints.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from gymnasium.spaces import Space
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate


class AnyText(Space[str]):
    """All strings.

    >>> space = AnyText(seed=0)
    >>> "naïve ✓" in space, 3 in space
    (True, False)
    >>> "```python" in space.sample()
    True
    """

    def __init__(self, seed: int | np.random.Generator | None = None) -> None:
        super().__init__(shape=None, dtype=None, seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        """Text of any length has no fixed size."""
        return False

    def sample(self, mask: Any | None = None, probability: Any | None = None) -> str:
        """A message with a small code block: random characters would never be an action."""
        return f"```python\nprint({int(self.np_random.integers(1000))})\n```"

    def contains(self, x: Any) -> bool:
        """Whether it is a string."""
        return isinstance(x, str)

    def to_jsonable(self, sample_n: Iterable[str]) -> list[str]:  # type: ignore[override]
        return list(sample_n)

    def from_jsonable(self, sample_n: Iterable[str]) -> list[str]:  # type: ignore[override]
        return list(sample_n)

    def __repr__(self) -> str:
        return "AnyText()"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AnyText)

    def __hash__(self) -> int:
        return hash(AnyText)


class AnyTexts(Space[tuple[str, ...]]):
    """A tuple of `n` strings: what a vector environment observes and takes."""

    def __init__(self, n: int, seed: int | np.random.Generator | None = None) -> None:
        super().__init__(shape=None, dtype=None, seed=seed)
        self.n = n

    @property
    def is_np_flattenable(self) -> bool:
        """Text of any length has no fixed size."""
        return False

    def sample(self, mask: Any | None = None, probability: Any | None = None) -> tuple[str, ...]:
        """One message for each environment."""
        single = AnyText(self.np_random)
        return tuple(single.sample() for _ in range(self.n))

    def contains(self, x: Any) -> bool:
        """Whether it is a tuple or list of `n` strings."""
        return isinstance(x, (tuple, list)) and len(x) == self.n and all(isinstance(each, str) for each in x)

    def __repr__(self) -> str:
        return f"AnyTexts({self.n})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AnyTexts) and other.n == self.n

    def __hash__(self) -> int:
        return hash((AnyTexts, self.n))


@batch_space.register(AnyText)
def _batch(space: AnyText, n: int = 1) -> AnyTexts:
    return AnyTexts(n)


@concatenate.register(AnyText)
def _concatenate(space: AnyText, items: Iterable[str], out: object) -> tuple[str, ...]:
    return tuple(items)


@create_empty_array.register(AnyText)
def _empty(space: AnyText, n: int = 1, fn: object = None) -> tuple[str, ...]:
    return ("",) * n


@iterate.register(AnyTexts)
def _iterate(space: AnyTexts, items: Iterable[str]) -> Iterable[str]:  # type: ignore[misc]
    return iter(items)
