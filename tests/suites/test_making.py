"""Turns made from goals refuse what could not be judged rightly, and say which verdict must catch a near-miss."""

from __future__ import annotations

import random

import pytest

from cave_rl.rewards.assertions import close
from cave_rl.suites.making import Families, collect, fails, single, spoils, turn, where
from cave_rl.tasks.suite import Suite, SuiteError
from cave_rl.tasks.task import Task, TaskError


def test_a_near_miss_that_is_text_must_fail_the_first_goal() -> None:
    made = turn(
        "Set a and b.", {"a": 1, "b": 2, "c": 3}, {"a": 5, "b": close("b", 6.0)}, "...", ["x", spoils("y", "c")]
    )
    assert [miss.fails for miss in made.near_misses] == ["a equals", "c unchanged"]
    assert [name for each in made.assertions for name in each.names] == ["a equals", "b close"]
    assert made.changes == {"a", "b"}
    assert fails("z", "b close").fails == "b close"


def test_what_is_made_new_is_not_declared_as_changed() -> None:
    assert turn("Set d to 4.", {"a": 1}, {"d": 4}, "d = 4").changes == frozenset()


@pytest.mark.parametrize("goal", [{"a": 1}, {"a": 2, "b": 2}], ids=["all of it", "part of it"])
def test_a_goal_that_holds_already_is_refused(goal: dict[str, int]) -> None:
    with pytest.raises(TaskError, match="holds before it begins"):
        turn("Set a and b.", {"a": 1, "b": 2}, goal, "...")


def test_a_query_that_does_not_name_its_goal_is_refused() -> None:
    with pytest.raises(TaskError, match="does not name 'total'"):
        turn("Add everything up.", {"a": 1}, {"total": 5}, "...")


def test_families_keep_their_order_and_their_names() -> None:
    first, second = Families(), Families()

    @second(tags=("b",), held_out=True)
    def beta(rng: random.Random) -> Task:
        return single("Set n to 5.", {"n": rng.random()}, {"n": 5}, "n = 5")

    @first()
    def alpha(rng: random.Random) -> Task:
        return single("Set n to 4.", {"n": rng.random()}, {"n": 4}, "n = 4")

    suite = Suite("Two-v0")
    collect(suite, first, second)
    assert list(suite.families) == ["alpha", "beta"]
    assert suite.names("heldout") == ["beta"]
    assert suite.families["beta"].tags == ("b",)
    with pytest.raises(SuiteError, match="already"):
        collect(suite, first)


def test_where_draws_until_it_fits() -> None:
    found = iter([1, 2, 3, 4])
    assert where(lambda: next(found), lambda n: n > 2) == 3
