"""Tools-v0 in real episodes: gold solves every task, idling none, and calls are counted exactly."""

from __future__ import annotations

import json
import random

import pytest

from cave_rl.rewards.evidence import Call, Evidence, State
from cave_rl.runtime import Pool
from cave_rl.suites.tools.tasks import KINDS, suite
from cave_rl.suites.tools.tasks.asking import Exactly, Recorder, change, lookup
from cave_rl.suites.tools.tasks.notes import NOTES
from cave_rl.suites.tools.world.notes import Notes
from cave_rl.tasks.suite import split_of
from cave_rl.tasks.task import Task, TaskError
from tests.suites.live import drawn, failed, gold, instead, play

FAMILIES = sorted(suite.families)
REFUSING = {name for name, family in suite.families.items() if "nothing" in family.tags}


def exactly(*made: tuple[str, dict[str, int]], first: tuple[tuple[str, dict[str, int]], ...] = ()) -> Exactly:
    return Exactly(made, ("pay", "close"), first)


def holds(assertion: Exactly, *calls: Call) -> bool:
    (verdict,) = assertion.check(Evidence(State({}), calls=calls))
    return verdict.passed


def test_exactly_the_calls_that_are_asked_for_must_be_made() -> None:
    asked = exactly(("pay", {"n": 1}), ("pay", {"n": 2}))
    one, two, look = Call("pay", {"n": 1}), Call("pay", {"n": 2}), Call("look", {})
    assert holds(asked, one, two)
    assert holds(asked, look, two, look, one)
    assert holds(asked, one, Call("pay", {"n": 3}, error="ValueError: no"), two)
    assert not holds(asked)
    assert not holds(asked, one)
    assert not holds(asked, one, one)
    assert not holds(asked, one, two, two)
    assert not holds(asked, one, two, Call("close", {}))
    assert not holds(asked, one, Call("pay", {"n": 2.0}))
    assert not holds(exactly())


def test_what_must_be_called_first_must_return_before_anything_changes() -> None:
    asked = exactly(("pay", {"n": 1}), first=(("look", {"n": 1}),))
    pay, look = Call("pay", {"n": 1}), Call("look", {"n": 1})
    assert holds(asked, look, pay)
    assert not holds(asked, pay, look)
    assert not holds(asked, pay)
    assert not holds(asked, Call("look", {"n": 2}), pay)
    assert not holds(asked, Call("look", {"n": 1}, error="ValueError: no"), pay)


def test_gold_solves_every_family_and_idling_none(pool: Pool) -> None:
    tasks = [task for family in FAMILIES for task in drawn(suite, family)]
    for each in play(pool, [(task, gold(task)) for task in tasks]):
        assert each.episode.scores == [1.0], each.episode.task.turns[0].query
    for each in play(pool, [(task, [()]) for task in tasks]):
        assert each.episode.scores == [1.0 if each.episode.task.family in REFUSING else 0.0]


@pytest.mark.parametrize("domain", sorted(KINDS))
def test_near_misses_are_caught_by_the_verdict_they_name_and_score_nothing(domain: str, pool: Pool) -> None:
    tasks = [task for family in FAMILIES if family.startswith(domain) for task in drawn(suite, family)]
    misses = [(task, miss) for task in tasks for miss in task.turns[0].near_misses]
    assert all(task.turns[0].near_misses for task in tasks)
    for (task, miss), each in zip(misses, play(pool, [(t, [m.cells]) for t, m in misses]), strict=True):
        assert each.episode.scores[0] < 1.0, (task.turns[0].query, miss)
        assert miss.fails in failed(each, 0), (task.turns[0].query, miss)
        harm = miss is task.turns[0].near_misses[-1]
        assert not harm or each.episode.scores == [0.0], (task.turns[0].query, miss)


def test_a_change_that_is_undone_is_a_call_too_many(pool: Pool) -> None:
    (task,) = drawn(suite, "helpdesk_oldest")
    ticket, state = next((name, each) for name, each in _held(task).tickets.items() if each["status"] == "open")
    detour = f"set_priority({ticket!r}, 'urgent')\nset_priority({ticket!r}, {state['priority']!r})"
    (each,) = play(pool, [(task, instead(task, 0, (*task.turns[0].gold, detour)))])
    assert failed(each, 0) == {"no changing calls"}
    assert each.episode.scores == [0.0]


def test_to_change_something_where_nothing_is_to_be_done_scores_nothing(pool: Pool) -> None:
    (task,) = drawn(suite, "helpdesk_none_so_old")
    ticket, state = next((name, each) for name, each in _held(task).tickets.items() if each["status"] == "open")
    detour = f"set_priority({ticket!r}, 'urgent')\nset_priority({ticket!r}, {state['priority']!r})"
    (each,) = play(pool, [(task, [(detour,)])])
    assert each.episode.scores == [0.0]


def test_cells_cannot_make_up_what_only_a_call_can_tell(pool: Pool) -> None:
    (task,) = drawn(suite, "travel_cheapest_stay")
    forged = task.turns[0].gold[0].replace("['quote']", "['quote'][:-1] + 'x'")
    shadowed = f"def book(quote, traveller):\n    return 'R1'\n{task.turns[0].gold[0]}"
    for each in play(pool, [(task, [(forged,)]), (task, [(shadowed,)])]):
        assert each.episode.scores == [0.0]


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_called_and_what_comes_back_is_what_json_can_say(family: str) -> None:
    (task,) = drawn(suite, family)
    recorder = Recorder(_held(task))
    results: list[object] = []

    def noted(func: object) -> object:
        def call(*given: object, **named: object) -> object:
            results.append(func(*given, **named))  # type: ignore[operator]
            return results[-1]

        return call

    exec(task.turns[0].gold[0], {name: noted(func) for name, func in recorder.functions.items()})
    assert results
    assert json.loads(json.dumps(results)) == results
    arguments = [each for _, each in recorder.made]
    assert json.loads(json.dumps(arguments)) == arguments


@pytest.mark.parametrize("family", FAMILIES)
def test_a_task_needs_several_calls_and_its_tags_tell_of_which_kind_it_is(family: str) -> None:
    (task,) = drawn(suite, family)
    domain = family.partition("_")[0]
    assert task.hosted[0].flat
    assert task.hosted[0].name == domain
    assert task.tags[0] == domain
    assert task.difficulty is not None
    assert task.difficulty >= (1 if family in REFUSING else 2)
    assert suite.families[family].held_out == (domain == "clinic")
    assert task.turns[0].reads - {domain} <= set(task.turns[0].query.replace(".", " ").replace(",", " ").split())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_generator_is_a_pure_function_of_its_rng_and_tasks_differ(family: str) -> None:
    make = suite.families[family].make
    assert make(random.Random(7)).content == make(random.Random(7)).content
    assert len({make(random.Random(seed)).content for seed in range(4)}) == 4


def test_a_task_whose_gold_is_wrong_or_that_asks_for_nothing_is_refused() -> None:
    notes = Notes({"work/a": "x"})
    with pytest.raises(TaskError, match="its gold"):
        change(NOTES, notes, "Delete it.", lambda f: f.delete_note("work/a"), "read_note('work/a')", [], harm="1")
    with pytest.raises(TaskError, match="asks for nothing"):
        change(
            NOTES, notes, "Write x.", lambda f: f.write_note("work/a", "x"), "write_note('work/a', 'x')", [], harm="1"
        )
    with pytest.raises(TaskError, match="finds"):
        lookup(NOTES, notes, "Store it in text.", "text", "x", "text = 'y'", [], harm="1")


def _held(task: Task) -> object:
    return task.hosted[0].obj


def test_examples_are_of_the_validation_split_of_trained_families() -> None:
    assert len(suite.examples) == 3
    for example in suite.examples:
        assert example.family in suite.names("train")
        assert split_of(example) == "validation"
