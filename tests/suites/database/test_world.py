"""The databases keep their constraints, and what has been executed last is not committed."""

from __future__ import annotations

import random
import sqlite3

import pytest

from cave_rl.suites.database.tasks import data
from cave_rl.suites.database.world import SCHEMAS, opened


@pytest.mark.parametrize("schema", SCHEMAS)
def test_drawn_rows_obey_the_constraints_and_come_back_as_they_were(schema: str) -> None:
    for seed in range(20):
        rows = getattr(data, schema)(random.Random(seed))
        db = opened(schema, rows)
        assert not db.in_transaction
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        for table, its in rows.items():
            assert sorted(db.execute(f"SELECT * FROM {table}"), key=repr) == sorted(map(tuple, its), key=repr)


@pytest.mark.parametrize(
    ("schema", "statement"),
    [
        ("shop", "UPDATE products SET stock = -1"),
        ("shop", "UPDATE products SET category_id = 999"),
        ("shop", "DELETE FROM customers"),
        ("shop", "UPDATE customers SET email = 'same'"),
        ("library", "UPDATE loans SET returned = '2000-01-01'"),
        ("clinic", "UPDATE visits SET hour = 20"),
        ("school", "UPDATE enrolments SET grade = 11"),
        ("bank", "UPDATE accounts SET balance = -1"),
        ("bank", "INSERT INTO entries (account_id, amount, day) VALUES (999, 1, '2024-01-01')"),
    ],
)
def test_what_the_schema_forbids_is_refused(schema: str, statement: str) -> None:
    db = opened(schema, getattr(data, schema)(random.Random(1)))
    with pytest.raises(sqlite3.IntegrityError):
        db.execute(statement)


def test_the_last_statements_are_pending() -> None:
    rows = {"accounts": [(1, "Ada", 50)]}
    db = opened("bank", rows, "UPDATE accounts SET balance = 60")
    assert db.in_transaction
    db.rollback()
    assert db.execute("SELECT balance FROM accounts").fetchall() == [(50,)]


def test_unchecked_rows_may_break_foreign_keys_which_are_enforced_from_then_on() -> None:
    db = opened("bank", {"entries": [(1, 7, 5, "2024-01-01")]}, checked=False)
    assert db.execute("PRAGMA foreign_key_check").fetchall()
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("INSERT INTO entries VALUES (2, 8, 5, '2024-01-01')")
