"""Comparing a claimed value with an expected one, as the queries of Market-v0 mean it.

What a query says counts: the kind of container, keys, the order of rows, numbers. What it does not say does not: dtypes
of the same kind, the unit of timestamps, names of series and indices.

>>> differs({"ABC": 1.5}, {"ABC": 1.5 + 1e-12}), differs(2.0, 2), differs(True, 1)
('', 'expected int 2, got float 2.0', 'expected int 1, got bool True')
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cave_rl.rewards.evidence import show

RELATIVE, ABSOLUTE = 1e-6, 1e-9


@dataclass(frozen=True, slots=True)
class Column:
    """A pandas Series: its index and its values, in order."""

    index: Any
    values: Any


@dataclass(frozen=True, slots=True)
class Table:
    """A pandas DataFrame: its columns by name (in any order), its rows in order, and its index where it counts."""

    columns: Mapping[str, Any]
    index: Any = None


def differs(actual: Any, expected: Any) -> str:
    """Why a value is not what was expected; empty if it is."""
    if type(expected) is Column:
        return _column(actual, expected)
    if type(expected) is Table:
        return _table(actual, expected)
    if type(expected) is dict:
        return _mapping(actual, expected)
    if type(expected) in (list, tuple):
        if type(actual) is not type(expected) or len(actual) != len(expected):
            return f"expected {show(expected)}, got {show(actual)}"
        each = (differs(a, e) and f"item {i}: {differs(a, e)}" for i, (a, e) in enumerate(zip(actual, expected)))  # noqa: B905
        return next(filter(None, each), "")
    return "" if _alike(actual, expected) else f"expected {show(expected)}, got {show(actual)}"


def _mapping(actual: Any, expected: dict[Any, Any]) -> str:
    if type(actual) is not dict:
        return f"expected a dict, got {show(actual)}"
    if actual.keys() != expected.keys():
        wrong = sorted(map(str, actual.keys() ^ expected.keys()))
        return f"expected {len(expected)} keys, got {len(actual)}; on one side only: {', '.join(wrong[:5])}"
    each = (
        differs(actual[key], value) and f"[{key!r}]: {differs(actual[key], value)}" for key, value in expected.items()
    )
    return next(filter(None, each), "")


def _alike(actual: Any, expected: Any) -> bool:
    """Whether a scalar is as expected."""
    kind = type(actual)
    if kind.__module__ == "numpy" and kind.__name__ not in ("ndarray", "datetime64"):
        actual = actual.item()
    if isinstance(expected, np.datetime64):
        return _day(actual) == expected
    if type(expected) is float:
        return type(actual) in (int, float) and (
            math.isclose(actual, expected, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
            or (actual != actual and expected != expected)
        )
    return type(actual) is type(expected) and bool(actual == expected)


def _day(value: Any) -> np.datetime64 | None:
    """A date, or a moment at midnight, as a day."""
    if isinstance(value, np.datetime64):
        moment = value
    elif isinstance(value, datetime.datetime):  # a Timestamp is one
        if value.tzinfo is not None:
            return None
        moment = np.datetime64(value.replace(tzinfo=None).isoformat())
    elif type(value) is datetime.date:
        return np.datetime64(value, "D")
    else:
        return None
    day = moment.astype("M8[D]")
    return day if day == moment else None


def _column(actual: Any, expected: Column) -> str:
    if type(actual).__name__ != "Series" or not type(actual).__module__.startswith("pandas"):
        return f"expected a Series, got {show(actual)}"
    return _vector("index", actual.index, expected.index) or _vector("values", actual.array, expected.values)


def _table(actual: Any, expected: Table) -> str:
    if type(actual).__name__ != "DataFrame" or not type(actual).__module__.startswith("pandas"):
        return f"expected a DataFrame, got {show(actual)}"
    its = actual.columns.tolist()
    if len(its) != len(expected.columns) or set(its) != set(expected.columns):
        return f"expected the columns {show(list(expected.columns))}, got {show(its)}"
    if expected.index is not None and (why := _vector("index", actual.index, expected.index)):
        return why
    each = (_vector(f"column {name!r}", actual[name].array, values) for name, values in expected.columns.items())
    return next(filter(None, each), "")


def _vector(what: str, actual: Any, expected: Any) -> str:
    """Why an array of pandas is not as expected; numbers, days and bools at once, all else item by item."""
    if len(actual) != len(expected):
        return f"{what}: expected {len(expected)}, got {len(actual)}"
    wanted = np.asarray(expected)
    kind = getattr(actual.dtype, "kind", "O")
    if (
        wanted.dtype.kind in "fiubM"
        and kind not in {"f": "fiu", "i": "iu", "u": "iu", "b": "b", "M": "M"}[wanted.dtype.kind]
    ):
        return f"{what}: expected {wanted.dtype}, got {actual.dtype}"
    if wanted.dtype.kind == "f":
        its = np.asarray(actual, dtype=float)
        wrong = ~np.isclose(its, wanted, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)
    elif wanted.dtype.kind in "iubM":
        its = np.asarray(actual)
        wrong = its != wanted
    else:
        its = np.array([*actual, None], dtype=object)[:-1]
        wrong = np.array([not _alike(a, e) for a, e in zip(its, expected, strict=True)], dtype=bool)
    if not wrong.any():
        return ""
    at = int(np.argmax(wrong))
    counted = f"{int(wrong.sum())} of {len(wanted)} differ"
    return f"{what}, row {at}: expected {show(wanted[at])}, got {show(its[at])} ({counted})"
