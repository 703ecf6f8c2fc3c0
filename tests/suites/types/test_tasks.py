"""Types-v0: every family is solvable, cannot be solved by idling, and tells near-misses from solutions."""

from __future__ import annotations

import hashlib
import random

import pytest

from cave_rl.runtime.codec import same
from cave_rl.suites.types.tasks import suite
from cave_rl.tasks.suite import SPLITS, split_of
from tests.suites.conftest import drawn, gold, instead, play_cells

pytest.importorskip("pandas")

FAMILIES = sorted(suite.families)


@pytest.mark.parametrize("family", FAMILIES)
def test_gold_solves_every_turn(family: str) -> None:
    for task in drawn(suite, family, 6):
        assert [each.score for each in play_cells(task, gold(task))] == [1.0] * len(task.turns), task


@pytest.mark.parametrize("family", FAMILIES)
def test_idling_earns_exactly_nothing_in_any_turn(family: str) -> None:
    for task in drawn(suite, family, 4):
        for index in range(len(task.turns)):
            judged = play_cells(task, instead(task, index, ()))[index]
            assert judged.score == 0.0
            statements = [passed for name, passed in judged.verdicts.items() if not name.endswith(" unchanged")]
            assert not any(statements), "nothing that is asked for holds before"


@pytest.mark.parametrize("family", FAMILIES)
def test_near_misses_are_caught_by_the_verdict_that_is_meant_to(family: str) -> None:
    for task in drawn(suite, family, 4):
        for index, turn in enumerate(task.turns):
            assert len(turn.near_misses) >= (2 if len(task.turns) == 1 else 1)
            for miss in turn.near_misses:
                judged = play_cells(task, instead(task, index, miss.cells))[index]
                assert miss.fails is not None
                assert judged.score < 1.0, (turn.query, miss, task.variables)
                assert judged.verdicts[miss.fails] is False, (turn.query, miss, judged.verdicts)


@pytest.mark.parametrize("family", FAMILIES)
def test_harm_to_another_variable_takes_the_whole_turn(family: str) -> None:
    for task in drawn(suite, family, 2):
        for other in {each.name for each in task.variables} - task.turns[-1].changes:
            harmful = (*task.turns[-1].gold, f"{other} = 'spoiled'")
            judged = play_cells(task, instead(task, len(task.turns) - 1, harmful))[-1]
            assert (judged.score, judged.verdicts[f"{other} unchanged"]) == (0.0, False)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_answer_fits_many_tasks(family: str) -> None:
    goals = [[each.expected for each in task.turns[-1].assertions] for task in drawn(suite, family, 20)]  # type: ignore[attr-defined]
    for goal in goals[:10]:
        assert sum(same(goal, other) for other in goals) <= len(goals) / 8, goal


@pytest.mark.parametrize("family", FAMILIES)
def test_names_wording_and_values_vary(family: str) -> None:
    tasks = drawn(suite, family, 12)
    assert len({task.id for task in tasks}) == len(tasks)
    assert len({task.turns[0].query for task in tasks}) >= 2


@pytest.mark.parametrize("family", FAMILIES)
def test_the_query_names_what_is_judged_and_hides_every_value(family: str) -> None:
    for task in drawn(suite, family, 4):
        for turn in task.turns:
            assert all(name in turn.query for name in turn.reads | turn.changes), turn.query
        for each in task.variables:
            if isinstance(each.value, (int, str)):
                assert str(each.value) not in task.turns[0].query.split(), (task.turns[0].query, each)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_turn_declares_to_change_what_it_is_judged_by_and_no_more(family: str) -> None:
    for task in drawn(suite, family, 2):
        known = {each.name for each in task.variables}
        for turn in task.turns:
            assert turn.changes == turn.reads & known
            known |= turn.reads


@pytest.mark.parametrize("family", FAMILIES)
def test_a_generator_is_a_pure_function_of_its_rng(family: str) -> None:
    make = suite.families[family].make
    assert make(random.Random(7)).content == make(random.Random(7)).content


def test_core_families_take_one_short_turn_without_imports() -> None:
    core = [name for name, family in suite.families.items() if "core" in family.tags]
    for family in core:
        for task in drawn(suite, family, 2):
            assert len(task.turns) == 1
            assert not task.modules
            assert len(task.turns[0].gold[0]) <= 60


def test_the_core_families_are_those_that_the_published_results_stand_on() -> None:
    chosen = {split: suite.select(split, tags=["core"]) for split in SPLITS}
    assert (len(chosen["train"]), len(chosen["heldout"])) == (11, 8)
    ids = [suite.task(split, family, index).id for split in SPLITS for family in chosen[split] for index in range(5)]
    assert hashlib.blake2b("\n".join(ids).encode(), digest_size=8).hexdigest() == "531561c6384840ce"


def test_every_kind_of_type_is_trained_and_held_out() -> None:
    kinds = {"number", "decimal", "text", "bytes", "time", "list", "dict", "set", "tuple", "nested", "object"}
    kinds |= {"array", "series", "frame", "join", "dialogue"}
    for split in ("train", "heldout"):
        assert kinds <= {tag for name in suite.names(split) for tag in suite.families[name].tags}  # type: ignore[arg-type]
    assert {"float", "bool", "none", "frozenset", "pivot", "group"} <= {
        tag for name in suite.names("train") for tag in suite.families[name].tags
    }


def test_dialogues_have_two_to_four_turns_and_difficulty_grows_with_them() -> None:
    steps = {len(task.turns): task.difficulty for task in drawn(suite, "list_steps", 20)}
    assert sorted(steps) == [2, 3, 4] == sorted(steps.values())  # type: ignore[type-var]
    turns = {name: {len(task.turns) for task in drawn(suite, name, 3)} for name in FAMILIES}
    dialogues = {name for name in FAMILIES if "dialogue" in suite.families[name].tags}
    assert {name for name, found in turns.items() if found != {1}} == dialogues
    assert max(max(found) for found in turns.values()) <= 4


def test_examples_are_simple_and_no_prompt_shows_a_task_that_is_trained_or_tested_on() -> None:
    assert len(suite.examples) == 3
    for example in suite.examples:
        assert example.family in suite.names("train"), "heldout families stay unseen"
        assert split_of(example) == "validation", "a split is a function of content: no other split can hold it"
        assert "core" in example.tags
        met = {task.content for task in drawn(suite, example.family, 100)}
        assert example.content not in met
