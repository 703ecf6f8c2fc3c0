"""A database as plain data: every table, index, view and trigger, so that two can be compared whole.

A table is what it holds and what it demands: columns, keys, foreign keys, unique columns, checks. How its statement
was written does not matter, so a table that was rebuilt in order to change it is as good as one that was altered. An
index is what it covers, a view is what it shows.
"""

from __future__ import annotations

import re
import sqlite3
from typing import Any, NamedTuple

from cave_rl.rewards.tables import quoted


class Part(NamedTuple):
    """One table, index, view or trigger: what it demands or covers, and the rows it shows."""

    shape: Any
    rows: list[tuple[Any, ...]]


Dump = dict[str, Part]
"""By kind and name: `table products`."""

_TOKEN = re.compile(r"""'(?:[^']|'')*'|"((?:[^"]|"")*)"|`([^`]*)`|\[([^\]]*)\]|\w+|[^\s\w]""")


def dump(connection: sqlite3.Connection) -> Dump:
    """All that a database holds.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    found: Dump = {}
    schema = connection.execute("SELECT type, name, tbl_name, sql, rootpage FROM sqlite_master").fetchall()
    for kind, name, table, sql, page in schema:
        part, words = f"{kind} {name.casefold()}", tokens(sql or "")
        if kind == "table":
            real = page > 0  # a virtual table computes its rows
            found[part] = Part((real, *_shape(connection, name, words)), _rows(connection, name, " NOT INDEXED"))
        elif kind == "view":
            found[part] = Part(_columns(connection, name), _rows(connection, name))
        elif kind == "index" and words:
            found[part] = Part(_index(connection, table, name, words), [])
        elif words:  # an index without a statement is part of its table
            found[part] = Part(words, [])
    broken = {(table, parent) for table, _, parent, _ in connection.execute("PRAGMA foreign_key_check")}
    found["foreign keys"] = Part(sorted(broken), [])
    return found


def tokens(sql: str) -> list[str]:
    """The words of a statement, without spaces, quotes and case; texts stay as they are."""
    found = []
    for match in _TOKEN.finditer(re.sub(r"--[^\n]*|/\*.*?\*/", " ", sql, flags=re.S)):
        name = next((group for group in match.groups() if group is not None), None)
        word = name if name is not None else match[0]
        found.append(word if word.startswith("'") else word.casefold())
    return found


def _columns(connection: sqlite3.Connection, name: str) -> list[str]:
    return [row[1].casefold() for row in connection.execute(f"PRAGMA table_xinfo({quoted(name)})")]


def _rows(connection: sqlite3.Connection, name: str, hint: str = "") -> list[tuple[Any, ...]]:
    """The rows in an order that their content sets: 1, 1.0 and '1' differ."""
    return sorted(connection.execute(f"SELECT * FROM {quoted(name)}{hint}").fetchall(), key=repr)


def _shape(connection: sqlite3.Connection, name: str, words: list[str]) -> tuple[Any, ...]:
    """What a table demands of its rows."""
    columns = [
        (
            column.casefold(),
            kind.upper(),
            notnull,
            default and tokens(default.strip("()")),
            key,
            hidden,
        )
        for _, column, kind, notnull, default, key, hidden in connection.execute(f"PRAGMA table_xinfo({quoted(name)})")
    ]
    keys = [
        (table.casefold(), own.casefold(), (its or "").casefold(), update, delete)
        for _, _, table, own, its, update, delete, _ in connection.execute(f"PRAGMA foreign_key_list({quoted(name)})")
    ]
    unique = [
        _covered(connection, index)
        for _, index, _, origin, _ in connection.execute(f"PRAGMA index_list({quoted(name)})")
        if origin != "c"
    ]
    options = words[len(words) - words[::-1].index(")") :]  # WITHOUT ROWID, STRICT
    return columns, sorted(keys), sorted(unique), _checks(words), options


def _covered(connection: sqlite3.Connection, index: str) -> list[tuple[str, int, str]]:
    rows = connection.execute(f"PRAGMA index_xinfo({quoted(index)})").fetchall()
    return [
        ((column or "").casefold(), descending, collation) for _, _, column, descending, collation, key in rows if key
    ]


def _checks(words: list[str]) -> list[list[str]]:
    """The conditions of CHECK in a statement."""
    found = []
    for at, word in enumerate(words):
        if word == "check" and words[at + 1 : at + 2] == ["("]:
            depth, end = 0, at + 1
            while end < len(words):
                depth += {"(": 1, ")": -1}.get(words[end], 0)
                end += 1
                if not depth:
                    break
            found.append(words[at + 2 : end - 1])
    return sorted(found)


def _index(connection: sqlite3.Connection, table: str, name: str, words: list[str]) -> tuple[Any, ...]:
    listed = connection.execute(f"PRAGMA index_list({quoted(table)})").fetchall()
    unique = next(row[2] for row in listed if row[1] == name)
    return (
        table.casefold(),
        unique,
        _covered(connection, name),
        words[words.index("where") :] if "where" in words else [],
    )
