"""Database-v0: every family is solvable, cannot be solved by idling, and tells near-misses from solutions."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from cave_rl.suites.database.tasks import suite
from cave_rl.suites.database.tasks.judging import Holds
from cave_rl.tasks.suite import split_of
from cave_rl.tasks.task import Task
from tests.conftest import Play, python
from tests.suites.playing import gold, instead, misses, tasks
from tests.suites.playing import play as exercise

FAMILIES = sorted(suite.families)
TASKS_EACH = 4


def last_on_db(task: Task) -> int:
    """The last turn that is judged by the database."""
    return max((at for at, turn in enumerate(task.turns) if "db" in turn.changes), default=len(task.turns) - 1)


@pytest.mark.parametrize("family", FAMILIES)
def test_gold_solves_every_turn_and_nothing_holds_before_it(family: str) -> None:
    for task in tasks(suite, family, TASKS_EACH):
        for turn, played in zip(task.turns, exercise(task, gold(task)), strict=True):
            assert played.score == 1.0, (turn.query, played)
            assert turn.refusal or not any(played.idle), (turn.query, played)


@pytest.mark.parametrize("family", FAMILIES)
def test_idling_solves_no_turn_but_those_that_are_to_be_refused(family: str) -> None:
    for task in tasks(suite, family, 2):
        for index, turn in enumerate(task.turns):
            assert exercise(task, instead(task, index, ()))[index].score == float(turn.refusal), turn.query


@pytest.mark.parametrize("family", FAMILIES)
def test_near_misses_fail_by_the_verdict_they_name(family: str) -> None:
    for task in tasks(suite, family, TASKS_EACH):
        assert all(turn.near_misses for turn in task.turns)
        for index, miss in misses(task):
            played = exercise(task, instead(task, index, miss.cells))[index]
            assert played.score < 1.0, (task.turns[index].query, miss)
            assert miss.fails
            assert played.verdicts[miss.fails], (task.turns[index].query, miss, played)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "harm",
    [
        "db.execute('CREATE TABLE notes (x)')",
        "db.execute('CREATE TRIGGER spy AFTER DELETE ON {table} BEGIN SELECT 1; END')",
        "db.execute('PRAGMA foreign_keys = OFF'); db.execute('DELETE FROM {table}'); db.commit()",
        "db.execute('BEGIN')",
        "db = None",
        "db.close()",
    ],
)
def test_harm_elsewhere_in_the_database_takes_the_score(family: str, harm: str) -> None:
    (task,) = tasks(suite, family, 1)
    at = last_on_db(task)
    table = {"shop": "customers", "library": "authors", "clinic": "patients", "school": "teachers", "bank": "entries"}
    used = next(tag for tag in task.tags if tag in table)
    cells = (*task.turns[at].gold, harm.format(table=table[used]))
    assert exercise(task, instead(task, at, cells))[at].score == 0.0, harm


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_not_committed_does_not_count(family: str) -> None:
    for task in tasks(suite, family, 2):
        for at, turn in enumerate(task.turns):
            if "db" in turn.changes and turn.gold[0].rstrip().endswith("db.commit()"):
                cell = turn.gold[0].rstrip().removesuffix("db.commit()") + "pass"
                assert exercise(task, instead(task, at, [cell]))[at].score == 0.0, turn.query


@pytest.mark.parametrize("family", FAMILIES)
def test_harm_to_another_variable_takes_the_score(family: str) -> None:
    (task,) = tasks(suite, family, 1)
    for name in {each.name for each in task.variables} - task.turns[-1].changes - {"db"}:
        cells = (*task.turns[-1].gold, f"{name}.append(0)")
        assert exercise(task, instead(task, len(task.turns) - 1, cells))[-1].score == 0.0, name


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_turn_asserts_is_named_and_what_it_may_change_is_asserted(family: str) -> None:
    drawn = tasks(suite, family, 12)
    assert len({task.content for task in drawn}) == len(drawn)
    assert len({task.turns[0].query for task in drawn}) >= 2
    for task in drawn[:3]:
        for turn in task.turns:
            assert turn.changes <= turn.reads
            assert all(name in turn.query for name in turn.reads), (turn.query, turn.reads)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_generator_is_a_pure_function_of_its_rng_and_quick(family: str) -> None:
    make = suite.families[family].make
    assert make(random.Random(7)).content == make(random.Random(7)).content
    used = time.process_time()
    for seed in range(20):
        assert make(random.Random(seed)).content
    assert (time.process_time() - used) / 20 < 0.02


def test_every_kind_is_there_and_of_each_some_families_are_held_out() -> None:
    for kind in ("query", "change", "transaction", "constraint", "schema", "dialogue"):
        held_out = [family.held_out for family in suite.families.values() if kind in family.tags]
        assert any(held_out)
        assert not all(held_out)
    assert {"shop", "library", "clinic", "school", "bank"} <= {t for f in suite.families.values() for t in f.tags}


def test_the_model_is_told_of_tables_and_columns_and_of_no_rows() -> None:
    (task,) = tasks(suite, "raise_prices", 1)
    db = task.variables[0]
    assert db.made is not None
    assert db.made.__name__ == "Connection"
    assert "products (id, name, category_id, price, stock)" in (db.description or "")
    assert "@example.org" not in (db.description or "")
    (holds,) = task.turns[0].assertions
    assert isinstance(holds, Holds)
    assert holds.before["products"] != holds.after["products"]


def test_examples_are_short_and_of_a_split_of_their_own() -> None:
    for example in suite.examples:
        assert example.family in suite.names("train")
        assert split_of(example) == "validation"
        assert len(example.turns[0].gold[0]) < 250


# In confined runtimes


@pytest.mark.parametrize("family", ["raise_prices", "book_orders", "pending_change", "prices_moved", "close_category"])
def test_the_same_holds_in_a_confined_runtime(family: str, play: Callable[..., Play]) -> None:
    (task,) = tasks(suite, family, 1)
    solved = play(task, *(message for turn in task.turns for message in (python(turn.gold[0]), "Done.")))
    assert solved.reward == pytest.approx(1.0)
    refused = sum(turn.weight for turn in task.turns if turn.refusal) / sum(turn.weight for turn in task.turns)
    assert play(task, *["Done."] * len(task.turns)).reward == pytest.approx(refused)
    miss = task.turns[0].near_misses[0]
    assert play(task, python(miss.cells[0]), "Done.").verdicts[miss.fails or ""] is False


@pytest.mark.parametrize(
    "lie",
    [
        "class Same:\n    __eq__ = lambda *a: True\n    __hash__ = None\ndb = Same()",
        "import sqlite3\nclass Mine(sqlite3.Connection):\n    in_transaction = False\ndb = Mine(':memory:')",
        "import sqlite3\nsqlite3.connect = lambda *a, **k: None",
        "db.set_authorizer(lambda *a: 1)",
        "db.close()",
        "from cave_rl.suites.database import world\nworld.opened = lambda *a, **k: None",
    ],
)
def test_connections_that_lie_earn_nothing(lie: str, play: Callable[..., Play]) -> None:
    (task,) = tasks(suite, "raise_prices", 1)
    assert play(task, python(lie), "Done.").reward == 0.0
