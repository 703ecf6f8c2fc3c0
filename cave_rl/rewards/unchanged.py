"""A variable is as it was before the turn, or all of it but some parts.

The gate already holds what a turn does not declare in `changes`. This is for what the turn does declare, of which only
a part may change (a database of which one table, a frame of which one column), and for turns in which leaving alone is
what is asked for.

>>> from cave_rl.rewards.evidence import Evidence, State
>>> before, after = State({"stock": {"pear": 1, "fig": 2}}), State({"stock": {"pear": 5, "fig": 2}})
>>> [verdict.passed for verdict in unchanged("stock", besides=["pear"]).check(Evidence(after, before))]
[True]
>>> [verdict.message for verdict in unchanged("stock").check(Evidence(after, before))]
["stock: it is not as it was: 'pear' changed"]
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from cave_rl.rewards.evidence import Evidence
from cave_rl.rewards.tables import quoted
from cave_rl.rewards.variable import OnVariable, one_verdict
from cave_rl.rewards.verdict import Verdict
from cave_rl.runtime.codec import SqliteClaim, encode, same
from cave_rl.runtime.nearest import nearest


@dataclass(frozen=True, slots=True)
class Unchanged(OnVariable):
    """The variable is as it was before the turn, besides the parts that are named. See `unchanged`."""

    besides: frozenset[str] = frozenset()
    weight: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        but = f" but {', '.join(sorted(self.besides))}" if self.besides else ""
        return (f"{self.variable} as before{but}",)

    def check(self, evidence: Evidence) -> list[Verdict]:
        before, after = evidence.before[self.variable], evidence.state[self.variable]
        why = "" if not self.besides and same(before, after) else self._against(before, after)
        return one_verdict(self.names[0], self.weight, why and f"{self.variable}: it is not as it was: {why}")

    def _against(self, before: Any, after: Any) -> str:
        if type(before) is not type(after):
            return f"it was a {type(before).__name__}, it is a {type(after).__name__}"
        own, its = _parts(before), _parts(after)
        if own is None or its is None:
            return f"a {type(after).__name__} has no named parts" if self.besides else "it changed"
        excused = {encode(name): name for name in self.besides}
        for key, name in excused.items():
            if key not in own and key not in its:
                return (
                    f"it has no part {name!r}{nearest(name, (each.shown for each in [*own.values(), *its.values()]))}"
                )
        wrong = [
            f"{(its.get(key) or own[key]).shown!r} {_how(own.get(key), its.get(key))}"
            for key in [*own, *(its.keys() - own.keys())]
            if key not in excused and not (key in own and key in its and same(own[key].value, its[key].value))
        ]
        if not wrong and not self.besides:
            return "it changed"
        return ", ".join(sorted(wrong)[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")


class _Part(NamedTuple):
    """A part of a value: what it is called in messages, and what it holds."""

    shown: str
    value: Any


def _how(before: _Part | None, after: _Part | None) -> str:
    return "was added" if before is None else "is gone" if after is None else "changed"


def _parts(value: Any) -> dict[bytes, _Part] | None:
    """The named parts of a value by the bytes of their names: keys, columns, tables, fields; None if it has none."""
    if type(value) is SqliteClaim:
        named = _tables(value)
    elif isinstance(value, Mapping):
        named = value  # type: ignore[assignment]
    elif type(value).__module__.startswith("pandas") and type(value).__name__ == "DataFrame":
        return _columns(value)
    elif type(value).__module__ != "builtins" and hasattr(value, "__dict__"):
        named = vars(value)
    else:
        return None
    return {encode(key): _Part(key if type(key) is str else repr(key)[:60], each) for key, each in named.items()}


def _columns(frame: Any) -> dict[bytes, _Part]:
    """The columns of a frame, those of one label together; and its index, under a name that no column has."""
    found: dict[bytes, _Part] = {b"index": _Part("(the index)", [list(frame.index.names), frame.index.tolist()])}
    for at, label in enumerate(frame.columns):
        column = frame.iloc[:, at]
        part = found.setdefault(encode(label), _Part(str(label)[:60], []))
        part.value.append([str(column.dtype), column.tolist()])
    return found


def _tables(claim: SqliteClaim) -> dict[str, Any]:
    """Each table with its schema, its indices and triggers, and its rows; views likewise."""
    connection = claim.connect()
    try:
        schema = connection.execute("SELECT tbl_name, type, name, sql FROM sqlite_master").fetchall()
        found: dict[str, Any] = {}
        for table, kind, name, sql in schema:
            found.setdefault(table, []).append((kind, name, sql))
            if kind == "table":
                found[table].append(connection.execute(f"SELECT * FROM {quoted(name)}").fetchall())
        return {table: sorted(parts, key=repr) for table, parts in found.items()}
    except sqlite3.Error as error:
        raise ValueError(f"the database cannot be read: {error}") from error
    finally:
        connection.close()


def unchanged(variable: str, *, besides: Iterable[str] = (), weight: float = 1.0) -> Unchanged:
    """The variable is as it was before the turn.

    Args:
        variable: its name. What is opaque is never seen to be unchanged.
        besides: parts that may change, be added or go: keys of a dict, columns of a frame, tables of a database,
            fields of an instance.
        weight: of its verdict.
    """
    return Unchanged(variable, frozenset([besides] if isinstance(besides, str) else besides), weight)
