"""A database is compared whole: what is missing costs its verdict, damage costs all of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from cave_rl.rewards.evidence import Evidence, State
from cave_rl.runtime.codec import SqliteClaim, decode, encode
from cave_rl.suites.database.tasks.dumping import dump, tokens
from cave_rl.suites.database.tasks.judging import Holds
from cave_rl.suites.database.world import SCHEMAS, opened

BEFORE = {
    "accounts": ((1, "Ada", 50), (2, "Ben", 70), (3, "Cleo", 10)),
    "entries": ((1, 1, 50, "2024-01-01"), (2, 2, 70, "2024-01-01"), (3, 3, 10, "2024-01-01")),
}
AFTER = {
    "accounts": ((1, "Ada", 40), (2, "Ben", 80), (3, "Cleo", 10)),
    "entries": (*BEFORE["entries"], (4, 1, -10, "2024-01-02"), (5, 2, 10, "2024-01-02")),
}
HOLDS = Holds("db", "bank", BEFORE, AFTER, ("table accounts", "table entries"))

MOVE = (
    "UPDATE accounts SET balance = balance - 10 WHERE id = 1; UPDATE accounts SET balance = balance + 10 WHERE id = 2;"
)
BOOK = "INSERT INTO entries VALUES (4, 1, -10, '2024-01-02'), (5, 2, 10, '2024-01-02');"


def judged(holds: Holds, work: str | Callable[[sqlite3.Connection], Any], schema: str = "bank") -> dict[str, str]:
    """What each verdict says against a database that some work was done on; empty where it holds."""
    db = opened(schema, holds.before)
    if callable(work):
        work(db)
    else:
        db.executescript(work)
    verdicts = holds.check(Evidence(State({"db": decode(encode(db))})))
    assert all(verdict.passed is not bool(verdict.message) for verdict in verdicts)
    return {verdict.name: verdict.message for verdict in verdicts}


def scores(holds: Holds, work: str | Callable[[sqlite3.Connection], Any], schema: str = "bank") -> list[bool]:
    return [not message for message in judged(holds, work, schema).values()]


def test_the_whole_work_holds_in_whatever_order_it_was_done() -> None:
    assert scores(HOLDS, MOVE + BOOK) == [True, True]
    assert scores(HOLDS, BOOK + MOVE + "VACUUM") == [True, True]


def test_what_is_missing_costs_the_verdict_of_its_table() -> None:
    assert scores(HOLDS, "") == [False, False]
    assert scores(HOLDS, MOVE) == [True, False]
    assert scores(HOLDS, BOOK) == [False, True]
    assert scores(HOLDS, MOVE + BOOK.partition(", (5")[0]) == [True, False]


@pytest.mark.parametrize(
    "damage",
    [
        "INSERT INTO entries VALUES (9, 1, 5, '2024-01-02')",
        "DELETE FROM entries WHERE id = 1",
        "UPDATE accounts SET owner = 'Eve' WHERE id = 3",
        "UPDATE entries SET amount = 10.5 WHERE id = 5",
        "CREATE TABLE notes (x)",
        "CREATE INDEX fast ON entries (day)",
        "CREATE VIEW seen AS SELECT 1",
        "CREATE TRIGGER spy AFTER DELETE ON entries BEGIN DELETE FROM accounts; END",
        "ALTER TABLE entries ADD COLUMN note TEXT",
        "ALTER TABLE entries RENAME TO bookings",
        "PRAGMA foreign_keys = OFF; UPDATE entries SET account_id = 99 WHERE id = 4",
        "PRAGMA foreign_keys = OFF; CREATE TABLE new AS SELECT * FROM entries; DROP TABLE entries; "
        "ALTER TABLE new RENAME TO entries",
        "ANALYZE",
    ],
)
def test_damage_costs_all_verdicts(damage: str) -> None:
    said = judged(HOLDS, f"{MOVE}{BOOK}{damage}")
    assert all(said.values()), said
    assert len(set(said.values())) == 1


def test_an_open_transaction_costs_all_verdicts_and_a_committed_one_none() -> None:
    def pending(db: sqlite3.Connection) -> None:
        db.executescript(MOVE + BOOK)
        db.execute("UPDATE accounts SET balance = 10 WHERE id = 3")

    assert set(judged(HOLDS, pending).values()) == {"db: a transaction is open: what is not committed does not count"}
    assert scores(HOLDS, lambda db: [pending(db), db.commit()]) == [True, True]
    assert scores(HOLDS, lambda db: [pending(db), db.rollback()]) == [True, True]


def test_a_table_that_was_rebuilt_with_all_it_demands_is_as_good() -> None:
    rebuilt = """
    PRAGMA foreign_keys = OFF;
    create table [new] ("id" integer primary key, account_id integer not null references accounts (id),
        amount integer not null check (amount <> 0), day text not null);
    INSERT INTO new SELECT * FROM entries; DROP TABLE entries; ALTER TABLE new RENAME TO entries;
    """
    assert scores(HOLDS, MOVE + BOOK + rebuilt) == [True, True]
    assert scores(HOLDS, MOVE + BOOK + rebuilt.replace("check (amount <> 0)", "")) == [False, False]


def test_values_count_by_type() -> None:
    holds = Holds("db", "library", {"authors": ((1, "7"),)}, {"authors": ((1, "8"),)}, ("table authors",))
    assert scores(holds, "UPDATE authors SET name = 8", "library") == [True], "the column has affinity TEXT"
    assert scores(holds, "UPDATE authors SET name = X'38'", "library") == [False]


def test_a_view_must_show_what_is_there_when_the_rows_change() -> None:
    holds = Holds(
        "db",
        "bank",
        BEFORE,
        BEFORE,
        ("view rich",),
        then="CREATE VIEW rich AS SELECT owner FROM accounts WHERE balance > 40",
        trial="UPDATE accounts SET balance = 90 WHERE id = 3",
    )
    assert scores(holds, "CREATE VIEW rich AS SELECT owner FROM accounts WHERE balance >= 41") == [True]
    assert scores(holds, "CREATE VIEW rich (owner) AS VALUES ('Ada'), ('Ben')") == [False]
    assert scores(holds, "CREATE TABLE rich AS SELECT owner FROM accounts WHERE balance > 40") == [False]
    assert scores(holds, "CREATE VIEW rich AS SELECT owner AS name FROM accounts WHERE balance > 40") == [False]


def test_an_index_is_what_it_covers() -> None:
    made = "CREATE UNIQUE INDEX once ON entries (account_id, day)"
    holds = Holds("db", "bank", BEFORE, BEFORE, ("index once",), then=made)
    assert scores(holds, 'create unique index "once" on [entries](account_id , day)') == [True]
    for wrong in (
        made.replace("UNIQUE ", ""),
        made.replace("account_id, day", "day, account_id"),
        made.replace("day)", "day DESC)"),
        made + " WHERE amount > 0",
        made.replace("once", "only"),
    ):
        assert scores(holds, wrong) == [False], wrong


def test_nothing_but_the_content_of_a_real_connection_is_believed() -> None:
    for value in (None, {}, "db", SqliteClaim(b""), SqliteClaim(b"SQLite format 3\0" + b"\xff" * 4096)):
        verdicts = HOLDS.check(Evidence(State({"db": value})))
        assert [verdict.passed for verdict in verdicts] == [False, False]
    assert scores(HOLDS, lambda db: db.close()) == [False, False]


def test_where_nothing_is_to_change_there_is_one_verdict_on_all() -> None:
    holds = Holds("db", "bank", BEFORE, BEFORE)
    assert judged(holds, "") == {"db as expected": ""}
    assert scores(holds, MOVE) == [False]
    assert scores(holds, lambda db: db.execute("BEGIN")) == [False]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_dump_tells_all_of_a_schema(schema: str) -> None:
    found = dump(opened(schema, {}))
    assert len(found) == SCHEMAS[schema].count("CREATE TABLE") + 1
    demands = repr([part.shape for part in found.values()])
    assert demands.count("'NO ACTION', 'NO ACTION'") == SCHEMAS[schema].count("REFERENCES")


def test_statements_are_compared_by_their_words() -> None:
    assert tokens('CHECK ("Price" > 0) -- always\n/* x */') == tokens("check([price]>0)")
    assert tokens("x = 'A b'") != tokens("x = 'a b'")
