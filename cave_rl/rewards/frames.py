"""Data frames and series, compared with what may differ: the order of rows, the index, dtypes, the last digits.

`equals` compares a frame exactly, down to the dtype of its index. Most queries ask for less than that, and an assertion
that wants more than the query says fails honest work: say here what does not matter.

>>> import pandas as pd
>>> from cave_rl.rewards.evidence import Evidence, State
>>> wanted = frame_equals("df", pd.DataFrame({"a": [1, 2]}), check_order=False, check_index=False)
>>> [verdict.message for verdict in wanted.check(Evidence(State({"df": pd.DataFrame({"a": [2, 1]})})))]
['']
>>> [verdict.message for verdict in wanted.check(Evidence(State({"df": pd.DataFrame({"a": [2, 3]})})))]
["df: no row like dict {'a': 1}"]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cave_rl.rewards.evidence import Evidence, show
from cave_rl.rewards.rows import differing, is_number, unmatched
from cave_rl.rewards.variable import OnVariable, one_verdict
from cave_rl.rewards.verdict import Verdict
from cave_rl.runtime.codec import Digest, digest, encode, same
from cave_rl.runtime.nearest import nearest


@dataclass(frozen=True, slots=True)
class FrameEquals(OnVariable):
    """The variable is a frame (or a series) that holds what `expected` does. See `frame_equals`."""

    expected: Any
    columns: tuple[Any, ...] | None = None
    check_order: bool = True
    check_index: bool = True
    check_names: bool = True
    check_dtype: bool = True
    tolerance: float = 1e-9
    weight: float = 1.0

    def __post_init__(self) -> None:
        kind = type(self.expected)
        if not kind.__module__.startswith("pandas") or kind.__name__ not in ("DataFrame", "Series"):
            raise TypeError(
                f"frame_equals expects a pandas DataFrame or Series, not {show(self.expected)}; for any other value "
                "there is equals"
            )
        if self.columns is not None and kind.__name__ == "Series":
            raise TypeError("a Series has no columns to choose from")
        labels = _labels(self.expected)
        known = {encode(label) for label in labels}
        if len(known) < len(labels):
            raise ValueError(f"the expected frame has a column twice: {show(labels)}")
        for label in self.columns or ():
            if encode(label) not in known:
                near = nearest(str(label), map(str, labels))
                raise ValueError(f"the expected frame has no column {label!r}{near}")

    @property
    def names(self) -> tuple[str, ...]:
        return (f"{self.variable} frame",)

    def check(self, evidence: Evidence) -> list[Verdict]:
        why = self._against(evidence.state[self.variable], evidence)
        return one_verdict(self.names[0], self.weight, why and f"{self.variable}: {why}")

    def _against(self, actual: Any, evidence: Evidence) -> str:
        """What speaks against the value; empty if nothing does."""
        if type(actual) is Digest:
            if actual.blake2b == digest(encode(self.expected, evidence.classes)):
                return ""
            return (
                f"{actual.nbytes} bytes, more than cross whole (Limits.claim_bytes), and it does not equal what was "
                "expected to the last bit"
            )
        if type(actual) is not type(self.expected):
            return f"expected a {type(self.expected).__name__}, got {show(actual)}"
        if len(actual) != len(self.expected):
            return f"expected {len(self.expected)} rows, got {len(actual)}"
        wanted = list(self.columns) if self.columns is not None else _labels(self.expected)
        if why := self._columns(_labels(actual), wanted):
            return why
        own, its = self._parts(self.expected, wanted), self._parts(actual, wanted)
        for part, its_part in zip(own, its, strict=True):
            if self.check_names and not same(its_part.name, part.name):
                return f"the {part.kind} is named {show(its_part.name)}, expected {show(part.name)}"
            if self.check_dtype and not _same_dtype(its_part.dtype, part.dtype):
                return f"{part} has dtype {its_part.dtype}, expected {part.dtype}"
        return self._cells(its, own)

    def _columns(self, labels: list[Any], wanted: list[Any]) -> str:
        ordered, its = [encode(label) for label in wanted], [encode(label) for label in labels]
        if self.columns is not None:
            missing = [label for label, code in zip(wanted, ordered, strict=True) if its.count(code) != 1]
            return f"expected one column {missing[0]!r}, got {show(labels)}" if missing else ""
        fits = ordered == its if self.check_order else sorted(ordered) == sorted(its)
        return "" if fits else f"expected the columns {show(wanted)}, got {show(labels)}"

    def _parts(self, frame: Any, wanted: list[Any]) -> list[_Part]:
        """What is compared: the columns in the expected order, or the series; then the levels of the index."""
        if type(frame).__name__ == "Series":
            parts = [_part("series", "series", frame, frame.name)]
        else:
            at = {encode(label): position for position, label in enumerate(_labels(frame))}
            parts = [_part("column", label, frame.iloc[:, at[encode(label)]], None) for label in wanted]
        if self.check_index:
            levels = [frame.index.get_level_values(level) for level in range(frame.index.nlevels)]
            parts += [_part("index", level, values, values.name) for level, values in enumerate(levels)]
        return parts if self.check_dtype else [part._replace(cells=list(map(_plain, part.cells))) for part in parts]

    def _cells(self, its: list[_Part], own: list[_Part]) -> str:
        if self.check_order:
            for part, its_part in zip(own, its, strict=True):
                if wrong := differing(its_part.cells, part.cells, self.tolerance):
                    at = wrong[0]
                    return (
                        f"{part}, row {at}: expected {show(part.cells[at])}, got {show(its_part.cells[at])} "
                        f"({len(wrong)} of {len(part.cells)} differ)"
                    )
            return ""
        rows, its_rows = (list(zip(*(part.cells for part in parts), strict=True)) for parts in (own, its))
        at_row = unmatched(its_rows, rows, self.tolerance)
        if at_row is None:
            return ""
        told = {part.label if part.kind == "column" else str(part): part.cells[at_row] for part in own}
        return f"no row like {show(told)}"


class _Part(NamedTuple):
    """One column, one level of an index, or the values of a series."""

    kind: str
    label: Any
    name: Any
    dtype: Any
    cells: list[Any]

    def __str__(self) -> str:
        if self.kind == "column":
            return f"column {self.label!r}"
        return f"{self.kind} level {self.label}" if self.label not in (0, "series") else self.kind


def _part(kind: str, label: Any, values: Any, name: Any) -> _Part:
    return _Part(kind, label, name, values.dtype, values.tolist())


def _labels(frame: Any) -> list[Any]:
    """The labels of a frame's columns; a series has none, only a name."""
    return [] if type(frame).__name__ == "Series" else list(frame.columns.tolist())


def _same_dtype(actual: Any, expected: Any) -> bool:
    return type(actual) is type(expected) and bool(actual == expected)


def _plain(cell: Any) -> Any:
    """A cell of which the dtype does not matter: numbers as floats, where that loses nothing, and one missing value."""
    if type(cell).__module__ == "numpy" and getattr(cell, "shape", None) == ():
        cell = cell.item()
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return float("nan")
    if is_number(cell) and abs(cell) < 2**53:
        return float(cell)
    return cell


def frame_equals(
    variable: str,
    frame: Any,
    *,
    columns: Sequence[Any] | None = None,
    check_order: bool = True,
    check_index: bool = True,
    check_names: bool = True,
    check_dtype: bool = True,
    tolerance: float = 1e-9,
    weight: float = 1.0,
) -> FrameEquals:
    """The variable is a frame (or a series) that holds what `frame` does.

    Args:
        variable: its name.
        frame: what is expected, a DataFrame or a Series; the variable must be of the same of the two.
        columns: compare only these; the others may be there or not. All, and no other, if left out.
        check_order: rows must come in this order, and columns too. If not, in any order; each row as often as here.
        check_index: the index counts, by its labels (a RangeIndex is as good as the same numbers).
        check_names: the names of the index and of a series count.
        check_dtype: dtypes count. If not, 1 is 1.0 and every missing value is the same.
        tolerance: floats may differ by `tolerance * max(1, |expected|)`; nan is the same as nan.
        weight: of its verdict.
    """
    chosen = None if columns is None else (columns,) if isinstance(columns, str) else tuple(columns)
    return FrameEquals(variable, frame, chosen, check_order, check_index, check_names, check_dtype, tolerance, weight)
