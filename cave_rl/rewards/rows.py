"""Rows of cells, compared with a tolerance, in order or in any order. Frames and tables are judged by them.

>>> near(0.1 + 0.2, 0.3, 1e-9), near(1, 1.0, 1e-9), near(True, 1, 1e-9)
(True, True, False)
>>> unmatched([("b", 2.0), ("a", 1.0)], [("a", 1.0), ("b", 2.0)], 1e-9) is None
True
>>> unmatched([("b", 2.0), ("a", 1.5)], [("a", 1.0), ("b", 2.0)], 1e-9)
0
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from cave_rl.runtime.codec import encode, same

Row = Sequence[Any]


def near(actual: object, expected: object, tolerance: float) -> bool:
    """Whether two real numbers (no bools) differ by at most `tolerance * max(1, |expected|)`. nan is near nan alone."""
    if not (is_number(actual) and is_number(expected)):
        return False
    a, e = actual, expected
    if a == e or (a != a and e != e):
        return True
    finite = math.isfinite(a) and math.isfinite(e)  # type: ignore[arg-type]
    return finite and abs(a - e) <= tolerance * max(1.0, abs(e))  # type: ignore[operator, arg-type]


def is_number(cell: object) -> bool:
    """Whether a cell is an int or a float of Python, and no bool."""
    return type(cell) in (int, float)


def alike(actual: object, expected: object, tolerance: float) -> bool:
    """Whether two cells are the same: floats within the tolerance, all else by exact type and content."""
    if type(actual) is float and type(expected) is float:
        return near(actual, expected, tolerance)
    return same(actual, expected)


def differing(actual: Row, expected: Row, tolerance: float) -> list[int]:
    """The positions at which two rows (or columns) of equal length differ."""
    if same(list(actual), list(expected)):
        return []
    return [at for at, (a, e) in enumerate(zip(actual, expected, strict=True)) if not alike(a, e, tolerance)]


def unmatched(actual: Sequence[Row], expected: Sequence[Row], tolerance: float) -> int | None:
    """The first of the expected rows that no row answers to, each row answering once; None if all are answered.

    Rows whose floats lie closer to each other than the tolerance may be paired wrongly; what they are paired with is
    then within the tolerance all the same.
    """
    answers: dict[bytes, list[tuple[float, ...]]] = {}
    for row in actual:
        key, floats = _split(row)
        answers.setdefault(key, []).append(floats)
    for group in answers.values():
        group.sort()
    wanted = [_split(row) for row in expected]
    order = sorted(range(len(wanted)), key=lambda at: wanted[at][1])
    missing = [at for at in order if not _answered(*wanted[at], answers, tolerance)]
    return min(missing, default=None)


def _split(row: Row) -> tuple[bytes, tuple[float, ...]]:
    """What of a row must be met exactly, as bytes, and the floats that need only be near."""
    floats = tuple(cell for cell in row if type(cell) is float and cell == cell)
    exact = [... if type(cell) is float and cell == cell else cell for cell in row]
    return encode(exact), floats


def _answered(
    key: bytes, floats: tuple[float, ...], answers: dict[bytes, list[tuple[float, ...]]], tolerance: float
) -> bool:
    """Whether a row is left that answers; it is then taken."""
    left = answers.get(key)
    if not left:
        return False
    if not floats:
        left.pop()
        return True
    reach = tolerance * max(1.0, abs(floats[0])) if math.isfinite(floats[0]) else 0.0
    at = bisect_left(left, floats[0] - reach, key=lambda each: each[0])
    while at < len(left) and left[at][0] <= floats[0] + reach:
        if all(near(a, e, tolerance) for a, e in zip(left[at], floats, strict=True)):
            del left[at]
            return True
        at += 1
    return False
