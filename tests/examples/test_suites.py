"""The suites of the examples are what they teach: gold scores 1, idling 0, and what cheats fails where it should."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from cave_rl.rollouts import gold, noop, play_messages
from cave_rl.runtime import Pool
from cave_rl.semantic.parsing import fenced
from cave_rl.tasks import Episode, EpisodeConfig, Suite, Task


def suite_of(module: str) -> Suite:
    found = importlib.import_module(module).suite
    assert isinstance(found, Suite)
    return found


FAMILIES = [(module, name) for module in ("ledger", "orders.tasks") for name in suite_of(module).families]


def tasks(module: str, family: str, n: int = 4) -> list[Task]:
    suite = suite_of(module)
    split = "heldout" if suite.families[family].held_out else "train"
    return [suite.task(split, family, index) for index in range(n)]  # type: ignore[arg-type]


def played(pool: Pool, task: Task, *cells: str, turn: int = 0) -> tuple[float, set[str]]:
    """The score of a turn that is played by these cells (the others by gold), and the verdicts that failed in it."""

    def policy(episode: Episode) -> str:
        if episode.turn != turn:
            return gold(episode)
        left = cells[episode.turn_steps :]
        return fenced(left[0]) if left else "Done."

    (rollout,) = play_messages([Episode(task, pool=pool, config=EpisodeConfig())], policy)
    assert rollout.fault is None, rollout.fault
    failed = {each["name"] for each in rollout.verdicts if each["turn"] == turn and not each["passed"]}
    return rollout.episode.scores[turn], failed


@pytest.mark.parametrize(("module", "family"), FAMILIES)
def test_gold_scores_1_and_idling_0(pool: Pool, module: str, family: str) -> None:
    made = tasks(module, family)
    for policy, expected in ((gold, 1.0), (noop, 0.0)):
        rollouts = play_messages([Episode(task, pool=pool, config=EpisodeConfig()) for task in made], policy)
        assert [(rollout.reward, rollout.fault) for rollout in rollouts] == [(expected, None)] * len(made)


@pytest.mark.parametrize(("module", "family"), FAMILIES)
def test_near_misses_fail_where_they_say(pool: Pool, module: str, family: str) -> None:
    for task in tasks(module, family):
        for turn, spec in enumerate(task.turns):
            assert spec.near_misses
            for miss in spec.near_misses:
                score, failed = played(pool, task, *miss.cells, turn=turn)
                assert score < 1.0, miss
                assert miss.fails is None or miss.fails in failed, (miss, failed)


@pytest.mark.parametrize(
    ("module", "family"), [(module, name) for module, name in FAMILIES if name in suite_of(module).names("train")]
)
def test_tasks_differ_and_their_splits_share_none(module: str, family: str) -> None:
    suite = suite_of(module)
    contents = [{suite.task(split, family, i).content for i in range(15)} for split in ("train", "test")]  # type: ignore[arg-type]
    assert [len(each) for each in contents] == [15, 15]
    assert not contents[0] & contents[1]


# the ledger

UNCOMMITTED = "db.isolation_level = None\ndb.execute('BEGIN')\n"


def test_what_was_never_committed_is_gone_with_the_reset(pool: Pool) -> None:
    """The claim of a connection shows its open transaction, so only the second turn can tell."""
    (task,) = tasks("ledger", "book_batches", 1)
    caught = "    except sqlite3.IntegrityError:\n"
    cells = importlib.import_module("ledger").BOOK.replace("with db:", "if db.execute('SAVEPOINT s'):")
    savepoints = cells.replace(caught, f"{caught}        db.execute('ROLLBACK TO s')\n")

    def policy(episode: Episode) -> str:
        if episode.turn or episode.turn_steps:
            return gold(episode)
        return fenced(UNCOMMITTED + savepoints)

    (rollout,) = play_messages([Episode(task, pool=pool, config=EpisodeConfig())], policy)
    assert rollout.episode.scores[0] == 1.0
    assert rollout.episode.scores[1] < 1.0
    assert not rollout.episode.solved


@pytest.mark.parametrize(
    "cells",
    [
        "db = None",
        "db.close()",
        "class Fake:\n    connect = lambda self: self\n    execute = lambda self, sql: []\ndb = Fake()",
        "class Sub(sqlite3.Connection): pass\nold, db = db, Sub(':memory:')\nold.backup(db)",
        "db.executescript('PRAGMA writable_schema = ON; DELETE FROM sqlite_master')",
    ],
)
def test_a_connection_that_is_none_or_another_earns_nothing(pool: Pool, cells: str) -> None:
    (task,) = tasks("ledger", "merge_accounts", 1)
    score, failed = played(pool, task, *task.turns[0].gold, cells)
    assert (score, failed) == (0.0, {"accounts", "transfers"})


def test_a_view_that_never_ends_costs_the_rollout_and_not_the_judge(pool: Pool) -> None:
    (task,) = tasks("ledger", "merge_accounts", 1)
    endless = (
        "db.execute('PRAGMA foreign_keys = OFF')\n"
        "db.execute('DROP TABLE accounts')\n"
        "db.execute('CREATE VIEW accounts AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT i AS owner, i AS cents FROM n')\ndb.commit()"
    )
    assert played(pool, task, endless)[0] == 0.0


def test_another_way_to_the_same_tables_is_as_good(pool: Pool) -> None:
    (task,) = tasks("ledger", "largest_receiver", 1)
    counted = (
        "from collections import Counter\nreceived = Counter()\n"
        "for target, cents in db.execute('SELECT target, cents FROM transfers'):\n    received[target] += cents\n"
        "top = received.most_common(1)[0][0]"
    )
    assert played(pool, task, counted) == (1.0, set())


# the orders


def order_tasks(family: str) -> Any:
    return tasks("orders.tasks", family, 1)[0]


@pytest.mark.parametrize(
    "cells",
    [
        "import types\norder = types.SimpleNamespace(**order.model_dump())",
        "order = order.model_dump()",
        "Order.model_dump = lambda self, **_: {}",
        "order.__dict__['note'] = 'mine'",
        "order.lines[0].__dict__['pieces'] = str(order.lines[0].pieces)",
        "order.lines = tuple(order.lines) if False else order.lines\norder.__dict__['lines'] = tuple(order.lines)",
    ],
)
def test_what_is_no_valid_order_is_not_taken_for_one(pool: Pool, cells: str) -> None:
    task = order_tasks("add_and_pay")
    score, failed = played(pool, task, *task.turns[0].gold, cells)
    patched = "model_dump" in cells and "order = " not in cells
    assert (score, failed) == ((1.0, set()) if patched else (0.0, {"the order"}))


def test_the_lines_may_be_changed_by_hand_too(pool: Pool) -> None:
    task = order_tasks("add_and_pay")
    _, rest = task.turns[0].gold[0].split("(")
    product, more, _ = rest.rstrip(")").split(", ")
    by_hand = f"for line in order.lines:\n    if line.product == {product}:\n        line.pieces += {more}"
    assert played(pool, task, by_hand) == (1.0, set())


def test_an_order_that_was_paid_cannot_change_any_more() -> None:
    world = importlib.import_module("orders.world")
    order = world.Order(number=1)
    with pytest.raises(ValueError, match="nothing to pay"):
        order.pay()
    order.add("pens", 2, 100)
    assert order.pay() == 200
    for change in (lambda: order.add("cups", 1, 1), lambda: order.reduce(10), lambda: setattr(order, "discount", 10)):
        with pytest.raises(ValueError, match=r"is paid|what was paid"):
            change()
    order.lines.append(world.Line(product="pens", pieces=1, cents=1))
    with pytest.raises(ValueError, match="at most one line"):
        order.discount = 0
