"""Tables of a sqlite3 connection that lives in the runtime.

The connection crosses as the pages of its main database, written or not yet committed. They are hostile: they are
opened in the judge alone, in memory, with an untrusted schema. What answers to the table's name must be a table: a view
or a virtual table computes what it shows.

>>> import sqlite3
>>> from cave_rl.rewards.evidence import Evidence, State
>>> from cave_rl.runtime.codec import decode, encode
>>> connection = sqlite3.connect(":memory:")
>>> _ = connection.executescript("CREATE TABLE t (item, price); INSERT INTO t VALUES ('pear', 1.5), ('fig', 2.0)")
>>> evidence = Evidence(State({"db": decode(encode(connection))}))
>>> [verdict.passed for verdict in table_equals("db", "t", [("fig", 2.0), ("pear", 1.5)]).check(evidence)]
[True]
>>> [verdict.message for verdict in table_contains("db", "t", where={"item": "kiwi"}).check(evidence)]
["db: no row of t with dict {'item': 'kiwi'}"]
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cave_rl.rewards.evidence import Evidence, show
from cave_rl.rewards.rows import alike, differing, unmatched
from cave_rl.rewards.variable import OnVariable, one_verdict
from cave_rl.rewards.verdict import Verdict
from cave_rl.runtime.codec import Digest, SqliteClaim
from cave_rl.runtime.nearest import nearest

Row = Mapping[str, Any] | Sequence[Any]


class _Wrong(Exception):
    """What speaks against a table before its rows are looked at."""


@dataclass(frozen=True, slots=True)
class TableEquals(OnVariable):
    """A table holds exactly these rows. See `table_equals`."""

    table: str
    rows: tuple[tuple[Any, ...], ...]
    columns: tuple[str, ...] | None = None
    check_order: bool = False
    tolerance: float = 1e-9
    weight: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        return (f"{self.variable} table {self.table}",)

    def check(self, evidence: Evidence) -> list[Verdict]:
        try:
            columns, rows = _read(evidence.state[self.variable], self.table)
            why = self._against(_project(columns, rows, self.columns or columns))
        except _Wrong as wrong:
            why = str(wrong)
        return one_verdict(self.names[0], self.weight, why and f"{self.variable}: {why}")

    def _against(self, rows: list[tuple[Any, ...]]) -> str:
        if len(rows) != len(self.rows):
            return f"expected {len(self.rows)} rows in {self.table}, got {len(rows)}"
        width = len(rows[0]) if rows else 0
        if any(len(row) != width for row in self.rows):
            return f"expected rows of {len(self.rows[0])} values in {self.table}, got {width} columns"
        if not self.check_order:
            at = unmatched(rows, self.rows, self.tolerance)
            return "" if at is None else f"no row of {self.table} like {show(self._told(self.rows[at]))}"
        for at, (row, wanted) in enumerate(zip(rows, self.rows, strict=True)):
            if differing(row, wanted, self.tolerance):
                return f"{self.table}, row {at}: expected {show(self._told(wanted))}, got {show(self._told(row))}"
        return ""

    def _told(self, row: tuple[Any, ...]) -> object:
        return dict(zip(self.columns, row, strict=True)) if self.columns else row


@dataclass(frozen=True, slots=True)
class TableContains(OnVariable):
    """A table holds some rows. See `table_contains`."""

    table: str
    rows: tuple[tuple[tuple[str, ...] | None, tuple[Any, ...]], ...] = ()
    where: tuple[tuple[str, Any], ...] | None = None
    count: int | None = None
    tolerance: float = 1e-9
    weight: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        return (f"{self.variable} table {self.table} contains",)

    def check(self, evidence: Evidence) -> list[Verdict]:
        try:
            columns, rows = _read(evidence.state[self.variable], self.table)
            why = self._rows(columns, rows) if self.rows else self._where(columns, rows)
        except _Wrong as wrong:
            why = str(wrong)
        return one_verdict(self.names[0], self.weight, why and f"{self.variable}: {why}")

    def _rows(self, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
        groups: dict[tuple[str, ...] | None, list[tuple[Any, ...]]] = {}
        for chosen, row in self.rows:
            groups.setdefault(chosen, []).append(row)
        for chosen, wanted in groups.items():
            if any(len(row) != len(chosen or columns) for row in wanted):
                return f"{self.table} has {len(columns)} columns, not {len(wanted[0])}: {', '.join(columns)}"
            at = unmatched(_project(columns, rows, chosen or columns), wanted, self.tolerance)
            if at is not None:
                told = dict(zip(chosen, wanted[at], strict=True)) if chosen else wanted[at]
                return f"no row of {self.table} like {show(told)}"
        return ""

    def _where(self, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
        where = dict(self.where or ())
        found = sum(
            all(alike(cell, wanted, self.tolerance) for cell, wanted in zip(row, where.values(), strict=True))
            for row in _project(columns, rows, tuple(where))
        )
        if found == self.count or (self.count is None and found):
            return ""
        told = f" with {show(where)}" if where else ""
        return (
            f"no row of {self.table}{told}" if self.count is None
            else f"expected {self.count} rows of {self.table}{told}, got {found}"
        )  # fmt: skip


def _read(value: Any, table: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """The columns and the rows of a table of a claimed connection."""
    if type(value) is Digest:
        raise _Wrong(f"{value.nbytes} bytes, more than cross whole (Limits.claim_bytes)")
    if type(value) is not SqliteClaim:
        raise _Wrong(f"expected a sqlite3 connection, got {show(value)}")
    connection = value.connect()
    try:
        # What has no page of its own in the file computes what it shows.
        tables = [name for (name,) in connection.execute(_TABLES)]
        known = {name.casefold(): name for name in tables}
        if table.casefold() not in known:
            raise _Wrong(f"it has no table {table!r}{nearest(table, tables)} (it has {show(tables)})")
        cursor = connection.execute(f"SELECT * FROM {quoted(known[table.casefold()])}")
        return tuple(column[0] for column in cursor.description), cursor.fetchall()
    except sqlite3.Error as error:
        raise _Wrong(f"the database cannot be read: {error}") from error
    finally:
        connection.close()


_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0"


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def _project(columns: tuple[str, ...], rows: list[tuple[Any, ...]], chosen: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """The rows with the chosen columns alone, in their order. Names of columns know no case, as in SQL."""
    at = {name.casefold(): position for position, name in enumerate(columns)}
    for name in chosen:
        if name.casefold() not in at:
            raise _Wrong(f"it has no column {name!r}{nearest(name, columns)} (it has {show(list(columns))})")
    places = [at[name.casefold()] for name in chosen]
    return [tuple(row[place] for place in places) for row in rows]


def _split(row: Row) -> tuple[tuple[str, ...] | None, tuple[Any, ...]]:
    return (tuple(row), tuple(row.values())) if isinstance(row, Mapping) else (None, tuple(row))


def table_equals(
    variable: str,
    table: str,
    rows: Sequence[Row],
    *,
    columns: Sequence[str] | None = None,
    check_order: bool = False,
    tolerance: float = 1e-9,
    weight: float = 1.0,
) -> TableEquals:
    """The table of a connection holds these rows, each as often as here, and no other.

    Args:
        variable: the connection's name.
        table: the table's.
        rows: sequences in the order of the columns, or dicts that all have the same keys: then only those columns are
            looked at. Values count by type and content: 1 is not 1.0, '1' is not 1.
        columns: which columns the sequences are of; all of the table if left out.
        check_order: rows must come in this order (of their ids).
        tolerance: floats may differ by `tolerance * max(1, |expected|)`.
        weight: of its verdict.

    Raises:
        ValueError: dicts with different keys, or together with `columns`.
    """
    split = [_split(row) for row in rows]
    kinds = {names if names is None else frozenset(names) for names, _ in split}
    if len(kinds) > 1 or (columns is not None and kinds - {None}):
        raise ValueError("rows of table_equals are sequences, or dicts that all have the same keys and no `columns`")
    chosen = tuple(columns) if columns is not None else split[0][0] if split else None
    if kinds - {None}:
        split = [(chosen, tuple(row[name] for name in chosen or ())) for row in rows]  # type: ignore[call-overload]
    return TableEquals(variable, table, tuple(row for _, row in split), chosen, check_order, tolerance, weight)


def table_contains(
    variable: str,
    table: str,
    rows: Sequence[Row] = (),
    *,
    where: Mapping[str, Any] | None = None,
    count: int | None = None,
    tolerance: float = 1e-9,
    weight: float = 1.0,
) -> TableContains:
    """The table of a connection holds these rows, among others; or so many rows that have some values.

    Args:
        variable: the connection's name.
        table: the table's.
        rows: each must be there, as often as here; a dict looks at its columns only.
        where: values by column, in place of `rows`.
        count: how many rows have the values of `where` (of all rows, if it is left out); None is at least one.
        tolerance: floats may differ by `tolerance * max(1, |expected|)`.
        weight: of its verdict.

    Raises:
        ValueError: rows together with `where` or `count`, or none of the three.
    """
    if bool(rows) == (where is not None or count is not None):
        raise ValueError("table_contains takes rows, or where and count")
    pairs = None if where is None else tuple(where.items())
    return TableContains(variable, table, tuple(map(_split, rows)), pairs, count, tolerance, weight)
