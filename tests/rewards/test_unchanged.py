"""What stays as it was, part by part."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from cave_rl.rewards import Evidence, State, unchanged
from cave_rl.runtime.codec import decode, encode
from tests.runtime.world import Account

NAMES, CLASSES = {Account: "Account"}, {"Account": Account}


def message(before: Any, after: Any, *besides: str) -> str:
    states = [State({"x": decode(encode(value, NAMES), CLASSES)}) for value in (after, before)]
    (verdict,) = unchanged("x", besides=besides).check(Evidence(*states))
    assert verdict.passed is not bool(verdict.message)
    return str(verdict.message)


def database(script: str) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.executescript("CREATE TABLE a (x); INSERT INTO a VALUES (1); CREATE TABLE b (y);" + script)
    return connection


@pytest.mark.parametrize(
    ("before", "after", "passes"),
    [
        (1, 1, True),
        (1, 1.0, False),
        ([1, 2], [2, 1], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        (Account("A", 1, [1]), Account("A", 1, [1]), True),
        (Account("A", 1, [1]), Account("A", 2, [1, 1]), False),
        (print, print, False),  # opaque: nothing is known of it
    ],
)
def test_it_is_as_it_was_by_type_and_content(before: Any, after: Any, passes: bool) -> None:
    assert bool(message(before, after)) is not passes


def test_named_parts_may_change_and_no_other() -> None:
    before = {"a": 1, "b": 2, 3: 4}
    assert not message(before, {"a": 9, "b": 2, 3: 4}, "a")
    assert not message(before, {"b": 2, 3: 4}, "a")
    assert message(before, {"a": 9, "b": 9, 3: 4}, "a") == "x: it is not as it was: 'b' changed"
    assert message(before, {"a": 9, 3: 4}, "a") == "x: it is not as it was: 'b' is gone"
    assert "'3' changed" in message(before, {"a": 1, "b": 2, 3: 5}, "a")
    assert "'new' was added" in message(before, {**before, "new": 1}, "a")


def test_the_parts_of_an_instance_are_its_fields() -> None:
    assert not message(Account("A", 1, [1]), Account("A", 3, [1, 2]), "balance", "entries")
    assert "'owner' changed" in message(Account("A", 1, [1]), Account("B", 3, [1, 2]), "balance", "entries")


def test_the_parts_of_a_database_are_its_tables() -> None:
    before = database("")
    assert not message(before, database("INSERT INTO a VALUES (2); CREATE INDEX i ON a (x)"), "a")
    assert "'b' changed" in message(before, database("INSERT INTO b VALUES (2)"), "a")
    assert "'b' is gone" in message(before, database("DROP TABLE b"), "a")
    assert "'b' changed" in message(before, database("CREATE INDEX i ON b (y)"), "a")
    assert "'v' was added" in message(before, database("CREATE VIEW v AS SELECT 1"), "a")


def test_the_parts_of_a_frame_are_its_columns() -> None:
    pd = pytest.importorskip("pandas")
    before = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    assert not message(before, before.assign(a=[9, 9]), "a")
    assert not message(before, before.assign(c=1), "c")
    assert "'b' changed" in message(before, before.assign(b=[3.0, 4.0]), "a")
    assert "'(the index)' changed" in message(before, before.iloc[::-1].set_axis([1, 0]), "a", "b")
    doubled = pd.concat([before[["b"]] * 2, before], axis=1)
    assert "'b' changed" in message(before, doubled, "a")


def test_a_part_in_disguise_excuses_nothing() -> None:
    assert message({1: "kept"}, {1: "spoiled", "1": "kept"}, "z").startswith("x: it is not as it was")
    assert "'1' changed" in message({1: "kept", "z": 0}, {1: "spoiled", "1": "kept", "z": 0}, "z", "1")


def test_parts_that_cannot_be_are_told() -> None:
    assert "no part 'prise'; did you mean 'price'" in message({"price": 1}, {"price": 2}, "prise")
    assert "a list has no named parts" in message([1], [1], "a")
    assert "it was a dict, it is a list" in message({"a": 1}, [1], "a")


def test_what_is_not_there_fails() -> None:
    for state, before in (({}, {"x": 1}), ({"x": 1}, {}), ({}, {})):
        with pytest.raises(KeyError, match="'x' is not defined"):
            unchanged("x").check(Evidence(State(state), State(before)))


def test_its_verdict_is_not_named_as_the_gates_is() -> None:
    assert unchanged("x").names == ("x as before",)
    assert unchanged("x", besides=["b", "a"]).names == ("x as before but a, b",)
