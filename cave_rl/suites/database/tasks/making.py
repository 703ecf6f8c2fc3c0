"""The suite, and what all families make their tasks with."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cave_rl.rewards.assertions import Assertion, equals
from cave_rl.runtime.primitives import Variable
from cave_rl.suites.database.tasks.data import Rows
from cave_rl.suites.database.tasks.dumping import tokens
from cave_rl.suites.database.tasks.judging import Holds
from cave_rl.suites.database.world import SCHEMAS
from cave_rl.tasks.suite import Suite
from cave_rl.tasks.task import NearMiss, Task, Turn

suite = Suite(
    "Database-v0", description="a live sqlite3 connection: queries, transactions, constraints, schema changes"
)

Make = Callable[[random.Random], Task]


class Redraw(Exception):
    """What was drawn does not tell right from wrong: draw again."""


def family(*, held_out: bool = False, tags: tuple[str, ...] = ()) -> Callable[[Make], Make]:
    """Registers a generator `rng -> Task`, which may raise `Redraw`."""

    def register(make: Make) -> Make:
        def drawn(rng: random.Random) -> Task:
            while True:
                try:
                    return make(rng)
                except Redraw:
                    continue

        suite.family(name=make.__name__, held_out=held_out, tags=tags)(drawn)
        return make

    return register


def tell_apart(right: Any, *wrong: Any) -> None:
    """Draws again if a wrong answer is the right one as well."""
    if right in wrong:
        raise Redraw


def but(rows: Rows, **changed: list[Any]) -> Rows:
    """The rows with those of some tables replaced."""
    return {**rows, **changed}


def ask(
    schema: str,
    rows: Rows,
    query: str,
    gold: str,
    misses: Sequence[str | tuple[str, str]],
    *,
    after: Rows | None = None,
    goals: Mapping[str, Any] | None = None,
    parts: Sequence[str] = (),
    then: str = "",
    trial: str = "",
    updates: Sequence[str] = (),
    event: str | None = None,
    refusal: bool = False,
    weight: float = 1.0,
) -> Turn:
    """A turn on the connection `db`.

    Args:
        schema: which.
        rows: of each table before the turn.
        query: what is asked.
        gold: a cell that does it.
        misses: wrong cells; with each, where it is not the first verdict that it must fail, the one that it must.
        after: the rows of each table after the turn; None where `db` is only read.
        goals: what variables must equal.
        parts: what else than rows changes: `table products`, `index by_day`, `view sales`.
        then: changes of the schema, as statements.
        trial: a statement that tells a view from a copy of what it shows.
        updates: variables that the turn may change.
        event: what the host does first.
        refusal: whether doing nothing is right.
        weight: of the turn.
    """
    assertions: list[Assertion] = []
    if after is not None:
        tables = [f"table {name}" for name in after if sorted(after[name]) != sorted(rows[name])]
        changed = tuple(dict.fromkeys([*tables, *parts]))
        assertions.append(Holds("db", schema, _plain(rows), _plain(after), changed, then, trial, goals or {}))
    else:
        assertions += [equals(name, value) for name, value in (goals or {}).items()]
    first = assertions[0].names[0]
    split = [(each, first) if isinstance(each, str) else each for each in misses]
    return Turn(
        query,
        assertions,
        changes=[*["db"] * (after is not None and not refusal), *updates],
        gold=gold,
        near_misses=[NearMiss(cells, fails) for cells, fails in split],
        event=event,
        refusal=refusal,
        weight=weight,
    )


def task(
    schema: str,
    rows: Rows,
    *turns: Turn,
    variables: Mapping[str, tuple[Any, str]] | None = None,
    pending: str = "",
    checked: bool = True,
    difficulty: float = 1.0,
) -> Task:
    """A task on the connection `db`, which the set-up makes.

    Args:
        schema: which.
        rows: of each table.
        turns: its turns.
        variables: what else is injected: value and description by name.
        pending: statements that have been executed and not committed.
        checked: whether the rows obey the foreign keys.
        difficulty: of the task.
    """
    more = f", {pending!r}" * bool(pending) + ", checked=False" * (not checked)
    source = (
        "from cave_rl.suites.database.world import opened as _opened\n"
        f"db = _opened({schema!r}, {_plain(rows)!r}{more})\ndel _opened\n"
    )
    injected = [Variable("db", None, _told(schema), made=sqlite3.Connection)]
    injected += [Variable(name, value, told) for name, (value, told) in (variables or {}).items()]
    return Task(turns=turns, variables=tuple(injected), setup=source, modules=("sqlite3",), difficulty=difficulty)


def _plain(rows: Rows) -> dict[str, list[tuple[Any, ...]]]:
    """The rows as tuples without names, as sqlite gives them."""
    return {name: list(map(tuple, its)) for name, its in rows.items()}


def _told(schema: str) -> str:
    """What the model is told of `db`: tables and columns, not rows."""
    tables = []
    for statement in filter(str.strip, SCHEMAS[schema].split(";")):
        name = tokens(statement)[2]
        columns = [line.split()[0] for line in statement.strip().splitlines()[1:-1]]
        tables.append(f"{name} ({', '.join(each for each in columns if each.islower())})")
    amounts = " Amounts are whole cents." if schema in ("shop", "clinic", "bank") else ""
    return (
        "An open connection to a database in memory; foreign keys are enforced. What is not committed does not count. "
        f"Tables: {', '.join(tables)}.{amounts}"
    )
