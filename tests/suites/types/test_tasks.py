"""Types-v0: every family is solvable, cannot be solved by idling, and tells near-misses from solutions.

The cells run in this process, on copies of what the tasks inject. That the same holds in a confined rollout is the
business of suite validation.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from typing import Any

import pytest

from cave_rl.rewards.evidence import Evidence, State
from cave_rl.runtime.codec import same
from cave_rl.suites.types.tasks import suite
from cave_rl.tasks.suite import Split, split_of
from cave_rl.tasks.task import Task

pytest.importorskip("pandas")

FAMILIES = sorted(suite.families)
TASKS_EACH = 8


def tasks(family: str, n: int = TASKS_EACH) -> list[Task]:
    splits: tuple[Split, ...] = ("heldout",) if suite.families[family].held_out else ("train", "test")
    return [suite.task(split, family, index) for split in splits for index in range(n)]


def scores(task: Task, played: Sequence[Sequence[str]]) -> list[float]:
    """The score of each turn: the share of its assertions that pass, or 0 if something else changed."""
    scope: dict[str, Any] = {each.name: copy.deepcopy(each.value) for each in task.variables}
    scope |= {each.name: each.cls for each in task.types}
    names = [each.name for each in task.variables]
    found = []
    for turn, cells in zip(task.turns, played, strict=True):
        before = {name: copy.deepcopy(scope[name]) for name in names}
        for cell in cells:
            try:
                exec(compile(cell, "<cell>", "exec"), scope)
            except Exception:
                break  # a cell that raises has done what it did until then
        state = {name: value for name, value in scope.items() if not name.startswith("__") and is_possible(value)}
        verdicts = [v for each in turn.assertions for v in judge(each, Evidence(State(state), State(before)))]
        kept = all(name in turn.changes or same(state.get(name), before[name]) for name in names)
        found.append(sum(verdicts) / len(verdicts) if kept else 0.0)
    return found


def judge(assertion: Any, evidence: Evidence) -> list[bool]:
    try:
        return [verdict.passed for verdict in assertion.check(evidence)]
    except KeyError:  # it reads a variable that is not there
        return [False for _ in assertion.names]


def is_possible(value: object) -> bool:
    try:
        getattr(value, "__validate_claim__", lambda: None)()
    except (TypeError, ValueError):
        return False
    return True


def gold(task: Task) -> list[Sequence[str]]:
    return [turn.gold for turn in task.turns]


@pytest.mark.parametrize("family", FAMILIES)
def test_gold_solves_every_turn(family: str) -> None:
    for task in tasks(family):
        assert scores(task, gold(task)) == [1.0] * len(task.turns), (task.turns, task.variables)


@pytest.mark.parametrize("family", FAMILIES)
def test_idling_solves_no_turn(family: str) -> None:
    for task in tasks(family):
        for index in range(len(task.turns)):
            played = gold(task)
            played[index] = ()
            assert scores(task, played)[index] == 0.0, (task.turns[index].query, task.variables)


@pytest.mark.parametrize("family", FAMILIES)
def test_near_misses_do_not_solve_their_turn(family: str) -> None:
    for task in tasks(family):
        for index, turn in enumerate(task.turns):
            assert turn.near_misses
            for miss in turn.near_misses:
                played = gold(task)
                played[index] = miss.cells
                assert scores(task, played)[index] < 1.0, (turn.query, miss, task.variables)


@pytest.mark.parametrize("family", FAMILIES)
def test_harm_to_another_variable_fails_the_gate(family: str) -> None:
    for task in tasks(family, 2):
        others = {each.name for each in task.variables} - task.turns[-1].changes
        for other in others:
            played = gold(task)
            played[-1] = (*played[-1], f"{other} = 'spoiled'")
            assert scores(task, played)[-1] == 0.0, (task.turns[-1].query, other)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_answer_fits_many_tasks(family: str) -> None:
    goals = [
        [each.expected for each in turn.assertions]  # type: ignore[attr-defined]
        for task in tasks(family, 20)
        for turn in task.turns[-1:]
    ]
    for goal in goals[:10]:
        assert sum(same(goal, other) for other in goals) <= len(goals) / 8, goal


@pytest.mark.parametrize("family", FAMILIES)
def test_names_wording_and_values_vary(family: str) -> None:
    drawn = tasks(family, 12)
    assert len({task.id for task in drawn}) == len(drawn)
    assert len({task.turns[0].query for task in drawn}) >= 2


@pytest.mark.parametrize("family", FAMILIES)
def test_the_query_names_what_is_judged_and_hides_every_value(family: str) -> None:
    for task in tasks(family, 4):
        for turn in task.turns:
            assert all(name in turn.query for name in turn.reads), (turn.query, turn.reads)
        for each in task.variables:
            if isinstance(each.value, (int, str)):
                assert str(each.value) not in task.turns[0].query.split(), (task.turns[0].query, each)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_generator_is_a_pure_function_of_its_rng(family: str) -> None:
    make = suite.families[family].make
    assert make(random.Random(7)).content == make(random.Random(7)).content


def test_core_families_take_one_short_turn_without_imports() -> None:
    core = [name for name, family in suite.families.items() if "core" in family.tags]
    assert len(core) >= 16
    for family in core:
        for task in tasks(family, 2):
            assert len(task.turns) == 1
            assert not task.modules
            assert len(task.turns[0].gold[0]) <= 60


def test_enough_families_are_trained_and_enough_are_held_out() -> None:
    assert len(suite.names("train")) >= 24
    assert len(suite.names("heldout")) >= 8
    kinds = {"number", "text", "list", "dict", "set", "tuple", "object", "frame", "dialogue"}
    assert kinds <= {tag for family in suite.families.values() for tag in family.tags}


def test_examples_are_simple_and_no_prompt_shows_a_task_that_is_trained_or_tested_on() -> None:
    assert len(suite.examples) == 3
    for example in suite.examples:
        assert example.family in suite.names("train"), "heldout families stay unseen"
        assert split_of(example) == "validation", "a split is a function of content: no other split can hold it"
        assert "core" in example.tags
        met = {task.content for task in tasks(example.family, 100)}
        assert example.content not in met
