"""Tables of a connection: by rows, by a condition, and never by what only looks like a table."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from cave_rl.rewards import Evidence, State, table_contains, table_equals, unchanged
from cave_rl.rewards.assertions import Assertion
from cave_rl.runtime.codec import decode, encode, encode_or_digest
from cave_rl.tasks import Task, Turn
from tests.conftest import Play, python

MAKE = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT, price REAL, paid INTEGER);
INSERT INTO orders VALUES (1, 'pear', 1.5, 0), (2, 'fig', 2.0, 1), (3, 'pear', 1.5, 1);
CREATE TABLE log (line TEXT);
"""
ROWS = [(1, "pear", 1.5, 0), (2, "fig", 2.0, 1), (3, "pear", 1.5, 1)]


def database(script: str = "") -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.executescript(MAKE + script)
    return connection


def message(assertion: Assertion, value: Any) -> str:
    (verdict,) = assertion.check(Evidence(State({"db": decode(encode(value))})))
    assert verdict.passed is not bool(verdict.message)
    return str(verdict.message)


def passes(assertion: Assertion, script: str = "") -> bool:
    return not message(assertion, database(script))


def test_a_table_equals_its_rows_in_any_order_unless_the_order_counts() -> None:
    assert passes(table_equals("db", "orders", ROWS))
    assert passes(table_equals("db", "orders", ROWS[::-1]))
    assert not passes(table_equals("db", "orders", ROWS[::-1], check_order=True))
    assert passes(table_equals("db", "orders", ROWS, check_order=True))


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("DELETE FROM orders WHERE id = 1", "expected 3 rows in orders, got 2"),
        ("INSERT INTO orders VALUES (4, 'kiwi', 1, 1)", "expected 3 rows in orders, got 4"),
        ("UPDATE orders SET price = 9 WHERE id = 2", "no row of orders like tuple (2, 'fig', 2.0, 1)"),
        ("UPDATE orders SET paid = '1x' WHERE id = 2", "no row of orders like tuple (2, 'fig', 2.0, 1)"),
        ("DROP TABLE orders", "it has no table 'orders' (it has list ['log'])"),
        ("ALTER TABLE orders ADD COLUMN note", "expected rows of 4 values in orders, got 5 columns"),
    ],
)
def test_what_is_wrong_with_a_table_is_told(script: str, told: str) -> None:
    assert message(table_equals("db", "orders", ROWS), database(script)) == f"db: {told}"


def test_only_some_columns_may_be_looked_at() -> None:
    by_dict = [{"item": "pear", "paid": 0}, {"paid": 1, "item": "fig"}, {"item": "pear", "paid": 1}]
    wanted = [("pear", 0), ("fig", 1), ("pear", 1)]
    for assertion in (
        table_equals("db", "orders", by_dict),
        table_equals("db", "orders", wanted, columns=["item", "paid"]),
    ):
        assert passes(assertion)
        assert passes(assertion, "UPDATE orders SET price = 7")
        assert not passes(assertion, "UPDATE orders SET paid = 1")
    assert passes(table_equals("db", "ORDERS", by_dict))
    assert "it has no column 'itm'; did you mean 'item'" in message(
        table_equals("db", "orders", [{"itm": 1}] * 3), database()
    )


def test_an_empty_table_is_empty() -> None:
    assert passes(table_equals("db", "log", []))
    assert not passes(table_equals("db", "log", []), "INSERT INTO log VALUES ('x')")
    assert not passes(table_equals("db", "logs", []))


def test_reals_have_a_tolerance_and_types_do_not() -> None:
    assert passes(table_equals("db", "orders", [(1, "pear", 1.5 + 1e-12, 0), *ROWS[1:]]))
    assert not passes(table_equals("db", "orders", [(1, "pear", 1.5, 0.0), *ROWS[1:]]))
    assert not passes(table_equals("db", "orders", [(1, "pear", 1.5, False), *ROWS[1:]]))


def test_a_table_contains_rows_each_as_often_as_it_is_named() -> None:
    pear = {"item": "pear", "price": 1.5}
    assert passes(table_contains("db", "orders", [pear, pear, ROWS[1]]))
    assert message(table_contains("db", "orders", [pear] * 3), database()) == (
        "db: no row of orders like dict {'item': 'pear', 'price': 1.5}"
    )
    assert not passes(table_contains("db", "orders", [(2, "fig")]))


def test_a_table_contains_so_many_rows_with_some_values() -> None:
    assert passes(table_contains("db", "orders", where={"item": "pear"}))
    assert passes(table_contains("db", "orders", where={"item": "pear"}, count=2))
    assert passes(table_contains("db", "orders", where={"item": "kiwi"}, count=0))
    assert passes(table_contains("db", "orders", count=3))
    assert message(table_contains("db", "orders", where={"paid": 1}, count=1), database()) == (
        "db: expected 1 rows of orders with dict {'paid': 1}, got 2"
    )
    assert not passes(table_contains("db", "nowhere", where={"item": "kiwi"}, count=0))


@pytest.mark.parametrize(
    "value",
    [None, [ROWS], {"orders": ROWS}, "orders", sqlite3.connect(":memory:")],
    ids=lambda value: type(value).__name__,
)
def test_anything_but_a_connection_with_that_table_fails(value: Any) -> None:
    assert message(table_equals("db", "orders", ROWS), value)
    assert message(table_contains("db", "orders", count=0), value)


def test_a_database_too_large_to_cross_whole_fails() -> None:
    crossed = decode(encode_or_digest(database(), max_bytes=100))
    (verdict,) = table_equals("db", "orders", ROWS).check(Evidence(State({"db": crossed})))
    assert "more than cross whole" in verdict.message


def test_what_asserts_nothing_or_two_things_is_refused() -> None:
    for given in ({}, {"rows": ROWS, "count": 1}, {"rows": ROWS, "where": {"a": 1}}):
        with pytest.raises(ValueError, match="takes rows, or where and count"):
            table_contains("db", "orders", **given)
    with pytest.raises(ValueError, match="the same keys"):
        table_equals("db", "orders", [{"a": 1}, {"b": 1}])
    with pytest.raises(ValueError, match="no `columns`"):
        table_equals("db", "orders", [{"a": 1}], columns=["a"])


@pytest.mark.parametrize(
    "script",
    [
        "ALTER TABLE orders RENAME TO old; CREATE VIEW orders AS SELECT 1 id, 'pear' item, 1.5 price, 0 paid",
        "DROP TABLE orders; CREATE VIRTUAL TABLE orders USING fts5(id, item, price, paid)",
        "ALTER TABLE orders RENAME TO old; CREATE TEMP TABLE orders AS SELECT * FROM old",
    ],
)
def test_what_only_looks_like_the_table_is_none(script: str) -> None:
    try:
        changed = database(script)
    except sqlite3.OperationalError as error:  # a sqlite without fts5
        pytest.skip(str(error))
    assert "it has no table 'orders'" in message(table_contains("db", "orders", count=1), changed)
    assert "it has no table 'orders'" in message(table_equals("db", "orders", []), changed)


def test_broken_pages_are_a_failure() -> None:
    from cave_rl.runtime.codec import SqliteClaim

    for data in (b"SQLite format 3\0" + b"\xff" * 5000, b"nonsense" * 1000):
        (verdict,) = table_equals("db", "orders", ROWS).check(Evidence(State({"db": SqliteClaim(data)})))
        assert not verdict.passed
        assert "cannot be read" in verdict.message


# In the judge


def pay(play: Callable[..., Play], code: str) -> tuple[float, dict[str, bool]]:
    setup = f"import sqlite3\ndb = sqlite3.connect(':memory:')\ndb.executescript({MAKE!r})"
    paid = [table_contains("db", "orders", where={"paid": 1}, count=3), unchanged("db", besides=["orders"])]
    turn = Turn(
        "Mark every order in db as paid.", paid, changes=["db"], gold="db.execute('UPDATE orders SET paid = 1')"
    )
    played = play(Task([turn], setup=setup, modules=("sqlite3",)), python(code), "done")
    return played.reward, played.verdicts


@pytest.mark.parametrize("more", ["", "\ndb.commit()"])
def test_honest_work_is_rewarded_committed_or_not(play: Callable[..., Play], more: str) -> None:
    assert pay(play, "db.execute('UPDATE orders SET paid = 1')" + more)[0] == 1.0


@pytest.mark.parametrize(
    "code",
    [
        "pass",
        "db = [{'paid': 1}] * 3",
        "class C(sqlite3.Connection): pass\ndb = C(':memory:')",
        "db.execute('DELETE FROM orders WHERE paid = 0')",
        "db.executescript('ALTER TABLE orders RENAME TO o; CREATE VIEW orders AS SELECT id, 1 paid FROM o')",
        "db.execute('UPDATE orders SET paid = 1'); db.execute('DROP TABLE log')",
        "db.execute('UPDATE orders SET paid = 1'); db.execute(\"INSERT INTO log VALUES ('x')\")",
    ],
)
def test_shortcuts_and_side_effects_are_not(play: Callable[..., Play], code: str) -> None:
    assert pay(play, code)[0] < 1.0
