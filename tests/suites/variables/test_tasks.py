"""Variables-v0: every variable counts after every turn, whether the turn was to change it or not."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from cave_rl.rewards.assertions import Deleted
from cave_rl.runtime.codec import same
from cave_rl.suites.variables.kinds import KINDS, kind_of
from cave_rl.suites.variables.scene import NAMES, TIERS
from cave_rl.suites.variables.tasks import suite
from cave_rl.tasks.suite import split_of
from tests.suites.conftest import drawn, gold, instead, play_cells

FAMILIES = sorted(suite.families)


@pytest.mark.parametrize("family", FAMILIES)
def test_gold_solves_every_turn(family: str) -> None:
    for task in drawn(suite, family, 15):
        assert [each.score for each in play_cells(task, gold(task))] == [1.0] * len(task.turns), task


@pytest.mark.parametrize("family", FAMILIES)
def test_idling_earns_exactly_nothing_in_any_turn(family: str) -> None:
    for task in drawn(suite, family, 8):
        for index in range(len(task.turns)):
            judged = play_cells(task, instead(task, index, ()))[index]
            assert judged.score == 0.0
            statements = [passed for name, passed in judged.verdicts.items() if not name.endswith(" unchanged")]
            assert not any(statements), "nothing that is asked for holds before"


@pytest.mark.parametrize("family", FAMILIES)
def test_near_misses_are_caught_by_the_verdict_that_is_meant_to(family: str) -> None:
    for task in drawn(suite, family, 8):
        for index, turn in enumerate(task.turns):
            assert turn.near_misses
            for miss in turn.near_misses:
                judged = play_cells(task, instead(task, index, miss.cells))[index]
                assert miss.fails is not None
                assert judged.score < 1.0, (turn.query, miss, task.variables)
                assert judged.verdicts[miss.fails] is False, (turn.query, miss, judged.verdicts)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_variable_is_judged_after_each_turn(family: str) -> None:
    for task in drawn(suite, family, 4):
        names = {each.name for each in task.variables}
        gone: set[str] = set()
        for turn, judged in zip(task.turns, play_cells(task, gold(task)), strict=True):
            deleted = {each.variable for each in turn.assertions if isinstance(each, Deleted)}
            asserted = turn.reads
            kept = {name.removesuffix(" unchanged") for name in judged.verdicts if name.endswith(" unchanged")}
            assert asserted | (kept & names) >= names - gone
            assert not asserted & kept
            gone |= deleted
            names |= asserted


@pytest.mark.parametrize("family", FAMILIES)
def test_harm_to_any_other_variable_takes_the_whole_turn(family: str) -> None:
    rng = random.Random(family)
    for task in drawn(suite, family, 4):
        turn = task.turns[0]
        others = sorted({each.name for each in task.variables} - turn.changes)
        for other in rng.sample(others, min(5, len(others))):
            for harm in (f"{other} = 'spoiled'", f"del {other}"):
                judged = play_cells(task, instead(task, 0, (*turn.gold, harm)))[0]
                assert (judged.score, judged.verdicts[f"{other} unchanged"]) == (0.0, False)


def test_a_second_name_is_not_a_copy() -> None:
    told = Counter[str]()
    for task in drawn(suite, "copy_then_change", 30):
        aliased = tuple(cell.replace("copy.deepcopy(", "(") for cell in task.turns[0].gold)
        first, second, *_ = play_cells(task, instead(task, 0, aliased))
        assert first.score == 1.0, "two names for one object look like two equal objects"
        for name, passed in second.verdicts.items():
            told[name.rpartition(" ")[2]] += not passed
        assert second.score < 1.0, "until one of them changes"
    assert told["unchanged"] > 0


def test_what_was_saved_by_reference_follows_the_changes_and_fails() -> None:
    seen = 0
    for task in drawn(suite, "save_and_restore", 40):
        inside = [each.value for each in task.variables if f"'{each.name}'" in task.turns[0].gold[0]]
        if any(type(value) in (list, dict, set) for value in inside):
            aliased = tuple(cell.replace("copy.deepcopy(", "(") for cell in task.turns[0].gold)
            judged = play_cells(task, instead(task, 0, aliased))
            seen += judged[1].score == 0.0
    assert seen > 10


def test_there_are_one_to_fifty_variables_of_all_kinds() -> None:
    tasks = [task for family in FAMILIES for task in drawn(suite, family, 30)]
    sizes = {len(task.variables) for task in tasks}
    assert (min(sizes), max(sizes)) == (1, 50)
    assert {kind_of(each.value) for task in tasks for each in task.variables} == set(KINDS)
    tiers = Counter(tag for task in tasks for tag in task.tags if tag.endswith("variables"))
    assert set(tiers) == {f"{low}-{high} variables" for low, high in TIERS}
    assert min(tiers.values()) > len(tasks) / 10
    assert {len(task.turns) for task in tasks} == {1, 2, 3, 4, 5}


def test_difficulty_grows_with_what_changes_and_with_what_stands_beside_it() -> None:
    for family in FAMILIES:
        tasks = drawn(suite, family, 10)
        assert len({task.difficulty for task in tasks}) > len(tasks) / 3
        for task in tasks:
            changed = sum(len(turn.reads) for turn in task.turns)
            assert task.difficulty == changed + len(task.variables) / 10


def test_no_single_bool_is_asked_for_which_could_be_guessed() -> None:
    for family in FAMILIES:
        for task in drawn(suite, family, 15):
            for turn in task.turns:
                values = [getattr(each, "expected", None) for each in turn.assertions]
                assert family == "rename" or not any(type(value) is bool for value in values)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_answer_fits_many_tasks(family: str) -> None:
    goals = [
        [each.expected for each in task.turns[-1].assertions if not isinstance(each, Deleted)]  # type: ignore[attr-defined]
        for task in drawn(suite, family, 20)
    ]
    for goal in goals[:10]:
        assert sum(same(goal, other) for other in goals) <= len(goals) / 8, goal


@pytest.mark.parametrize("family", FAMILIES)
def test_the_query_names_what_is_judged_and_what_is_declared(family: str) -> None:
    for task in drawn(suite, family, 6):
        known = {each.name for each in task.variables}
        for turn in task.turns:
            words = set(turn.query.replace(",", " ").replace(".", " ").replace(";", " ").replace(":", " ").split())
            assert turn.reads <= words, turn.query
            assert turn.changes == turn.reads & known
            known |= turn.reads


@pytest.mark.parametrize("family", FAMILIES)
def test_tasks_differ_and_a_generator_is_a_pure_function_of_its_rng(family: str) -> None:
    tasks = drawn(suite, family, 12)
    assert len({task.id for task in tasks}) == len(tasks)
    make = suite.families[family].make
    assert make(random.Random(7)).content == make(random.Random(7)).content


def test_names_are_distinct_and_tell_nothing() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 60
    assert all(name.isidentifier() for name in NAMES)


def test_families_are_trained_and_held_out() -> None:
    assert len(suite.names("train")) >= 8
    assert len(suite.names("heldout")) >= 2


def test_examples_stay_out_of_training_and_test() -> None:
    for example in suite.examples:
        assert example.family in suite.names("train")
        assert split_of(example) == "validation"
