"""An assertion for numpy and pandas: the same labels and items, whatever they are stored as.

`equals` would tell an int32 from an int64, and a series that was named from one that was not, which no query asks for.

>>> import numpy as np
>>> from cave_rl.rewards.evidence import Evidence, State
>>> said = [
...     same_table("grid", np.array([[1, 2], [3, 4]])).check(Evidence(State({"grid": made})))[0].message
...     for made in (np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1, 2], [3, 5]]), [[1, 2], [3, 4]])
... ]
>>> said[0], said[1], said[2]
('', 'grid: item 3 is 5, not 4', 'grid: expected a ndarray, got list [[1, 2], [3, 4]]')
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from cave_rl.rewards.evidence import Evidence, show
from cave_rl.rewards.verdict import Verdict


@dataclass(frozen=True, slots=True)
class SameTable:
    """The variable is an array, a series or a frame with these labels and items, in this order.

    Compared are the type (array, series or frame), the shape, the labels of rows and columns, and the items. Numbers
    are compared by value within a tolerance, so 3 is 3.0, but True is not 1 and "3" is not 3; what is missing is the
    same as what is missing, be it None or nan. Not compared are widths of dtypes and the names of series and indexes.
    """

    __cave_host_only__: ClassVar[bool] = True

    variable: str
    expected: Any
    relative: float = 1e-9
    weight: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        """The one verdict."""
        return (f"{self.variable} table",)

    @property
    def reads(self) -> frozenset[str]:
        """The one variable."""
        return frozenset({self.variable})

    def check(self, evidence: Evidence) -> list[Verdict]:
        """Judges the evidence."""
        why = self._difference(evidence.state[self.variable])
        return [Verdict(self.names[0], not why, self.weight, why and f"{self.variable}: {why}")]

    def _difference(self, actual: Any) -> str:
        """The first difference, in words; nothing if there is none."""
        if type(actual) is not type(self.expected):
            return f"expected a {type(self.expected).__name__}, got {show(actual)}"
        if actual.shape != self.expected.shape:
            return f"expected the shape {self.expected.shape}, got {actual.shape}"
        for (what, one), (_, other) in zip(_parts(actual), _parts(self.expected), strict=True):
            for position, (item, wanted) in enumerate(zip(one, other, strict=True)):
                if not self._alike(item, wanted):
                    return f"{what} {position} is {item!r}, not {wanted!r}"
        return ""

    def _alike(self, one: Any, other: Any) -> bool:
        if type(one) in (int, float) and type(other) in (int, float):
            close = math.isclose(one, other, rel_tol=self.relative, abs_tol=1e-12)
            return close or (one != one and other != other)
        if _missing(one) or _missing(other):
            return _missing(one) and _missing(other)
        if type(one) is tuple and type(other) is tuple:
            return len(one) == len(other) and all(map(self._alike, one, other))
        return type(one) is type(other) and bool(one == other)


def same_table(variable: str, expected: Any, *, relative: float = 1e-9, weight: float = 1.0) -> SameTable:
    """The variable is an array, a series or a frame with these labels and items. See `SameTable`."""
    return SameTable(variable, expected, relative, weight)


def _parts(table: Any) -> Iterator[tuple[str, list[Any]]]:
    """What is compared, as plain lists, each with what one of its elements is called."""
    if not hasattr(table, "index"):
        yield "item", table.reshape(-1).tolist()
        return
    yield "row label", table.index.tolist()
    if not hasattr(table, "columns"):
        yield "item", table.tolist()
        return
    yield "column", table.columns.tolist()
    for position, label in enumerate(table.columns):
        yield f"{label!r} of row", table.iloc[:, position].tolist()


def _missing(item: Any) -> bool:
    return item is None or type(item).__name__ in ("NAType", "NaTType") or (type(item) is float and item != item)
