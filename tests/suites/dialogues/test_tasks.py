"""Dialogues-v0 in real episodes: gold solves every turn, idling none, and what is wrong is told from what is right."""

from __future__ import annotations

import random

import pytest

from cave_rl.runtime import Pool
from cave_rl.runtime.codec import same
from cave_rl.suites.dialogues.tasks import suite
from cave_rl.suites.dialogues.tasks.home import HOME
from cave_rl.suites.dialogues.tasks.talk import Event, Move, Talk
from cave_rl.suites.dialogues.world.home import Home
from cave_rl.tasks.suite import split_of
from cave_rl.tasks.task import TaskError
from tests.suites.live import drawn, failed, gold, instead, play

SUBJECTS = ("home", "bank", "shop", "calendar", "library")
LENGTHS = {"brief": 5, "medium": 10, "long": 20, "longest": 40}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_gold_solves_every_turn_and_idling_none(subject: str, pool: Pool) -> None:
    tasks = [*drawn(suite, f"{subject}_brief", 2), *drawn(suite, f"{subject}_medium")]
    solved = play(pool, [(task, gold(task)) for task in tasks])
    idle = play(pool, [(task, [()] * len(task.turns)) for task in tasks])
    for task, right, nothing in zip(tasks, solved, idle, strict=True):
        assert right.episode.scores == [1.0] * len(task.turns)
        assert nothing.episode.scores == [0.0] * len(task.turns)


def test_gold_solves_a_dialogue_of_forty_turns(pool: Pool) -> None:
    tasks = [drawn(suite, f"{subject}_longest")[0] for subject in ("bank", "calendar")]
    for each in play(pool, [(task, gold(task)) for task in tasks]):
        assert each.episode.scores == [1.0] * 40


@pytest.mark.parametrize("subject", SUBJECTS)
def test_to_idle_in_one_turn_of_a_dialogue_that_is_right_otherwise_scores_nothing(subject: str, pool: Pool) -> None:
    (task,) = drawn(suite, f"{subject}_brief")
    for index, each in enumerate(play(pool, [(task, instead(task, index, ())) for index in range(5)])):
        assert each.episode.scores[index] == 0.0


@pytest.mark.parametrize("subject", SUBJECTS)
def test_near_misses_are_caught_by_the_verdict_they_name(subject: str, pool: Pool) -> None:
    (task,) = drawn(suite, f"{subject}_medium")
    misses = [(index, miss) for index, turn in enumerate(task.turns) for miss in turn.near_misses]
    assert all(turn.near_misses for turn in task.turns)
    played = play(pool, [(task, instead(task, index, miss.cells)) for index, miss in misses])
    for (index, miss), each in zip(misses, played, strict=True):
        assert each.episode.scores[index] == 0.0, (task.turns[index].query, miss)
        assert miss.fails in failed(each, index), (task.turns[index].query, miss)


def test_what_was_stored_must_stay_as_it_is(pool: Pool) -> None:
    (task,) = drawn(suite, "bank_long")
    name, asked = next((n, at) for at, turn in enumerate(task.turns[:-1]) for n in turn.reads - {"bank"})
    later = (*task.turns[asked + 1].gold, f"{name} = None")
    (each,) = play(pool, [(task, instead(task, asked + 1, later))])
    assert each.episode.scores[asked + 1] == 0.0
    assert failed(each, asked + 1) == {f"{name} unchanged"}


def test_to_answer_an_event_by_what_was_known_before_it_is_a_near_miss() -> None:
    talk = Talk(random.Random(1), "home", Home({}, {"hall": 15}), ["warm"])
    talk.happen(Event("home._measure('hall', 21)", ""))
    move = Move(
        "Store the temperature of the hall in warm.", "warm = home.temperature('hall')", store="warm",
        value=lambda home: home.temperature("hall"),
    )  # fmt: skip
    talk.ask(move, "home._measure('hall', 0)", Event("home._measure('hall', 21)", ""), Home({}, {"hall": 15}))
    (turn,) = talk.task("").turns
    assert {(miss.cells, miss.fails) for miss in turn.near_misses} == {
        (("warm = 15",), "warm equals"),
        (("warm = home.temperature('hall')\nhome._measure('hall', 0)",), "home unchanged"),
    }


def test_a_turn_whose_gold_is_wrong_or_that_asks_for_nothing_is_refused() -> None:
    lamp = {"room": "hall", "kind": "lamp", "on": True, "level": 50}
    talk = Talk(random.Random(1), "home", Home({"lamp": lamp}, {"hall": 15}), [])
    nothing = Move("Switch it on.", "home.switch('lamp', True)", lambda home: home.switch("lamp", True))
    wrong = Move("Switch it off.", "home.set_level('lamp', 0)", lambda home: home.switch("lamp", False))
    for move in (nothing, wrong):
        with pytest.raises(TaskError, match="Switch it"):
            talk.ask(move, "home.set_level('lamp', 1)")


@pytest.mark.parametrize("family", sorted(suite.families))
def test_a_family_has_its_length_and_its_turns_say_what_they_are_judged_by(family: str) -> None:
    (task,) = drawn(suite, family)
    subject, _, length = family.partition("_")
    assert len(task.turns) == LENGTHS[length]
    for turn in task.turns:
        assert turn.reads == turn.changes or turn.reads - turn.changes <= set(turn.query.replace(".", " ").replace(
            ",", " ").replace(":", " ").replace(";", " ").split()) | {subject}  # fmt: skip
        assert turn.reads
    assert [subject] == [each.name for each in (*task.hosted, *task.variables)]
    assert suite.families[family].held_out == (subject == "library")


def test_things_happen_between_turns_some_of_them_untold() -> None:
    turns = [turn for subject in SUBJECTS for turn in drawn(suite, f"{subject}_longest")[0].turns]
    events = [turn for turn in turns if turn.event]
    assert 0.15 * len(turns) < len(events) < 0.45 * len(turns)
    assert all(task.turns[0].event is None for task in drawn(suite, "home_brief", 5))
    told = [turn for turn in events if len(turn.query.split(". ")) > 1]
    assert told
    assert len(told) < len(events)


def test_many_turns_refer_back() -> None:
    marks = ("same", "Once more", "back", "one", "them", "that", "those", "first", "as much", "too", "again", "Take")
    for subject in SUBJECTS:
        queries = [turn.query for turn in drawn(suite, f"{subject}_longest")[0].turns]
        assert sum(any(mark in query for mark in marks) for query in queries) >= 8, subject


def test_longer_dialogues_are_harder() -> None:
    for subject in SUBJECTS:
        found = [drawn(suite, f"{subject}_{length}")[0].difficulty for length in LENGTHS]
        assert found == sorted(found)


def test_a_generator_is_a_pure_function_of_its_rng_and_tasks_differ() -> None:
    for name in ("home_brief", "calendar_medium", "library_long"):
        make = suite.families[name].make
        assert make(random.Random(7)).content == make(random.Random(7)).content
        assert len({make(random.Random(seed)).content for seed in range(5)}) == 5


def test_a_drawn_subject_does_not_depend_on_what_is_done_to_a_copy() -> None:
    one, other = HOME.draw(random.Random(3)), HOME.draw(random.Random(3))
    assert same(one, other)
    other.switch(next(iter(other.devices)), not next(iter(other.devices.values()))["on"])
    assert not same(one, other)


def test_examples_are_of_the_validation_split_of_trained_families() -> None:
    assert len(suite.examples) == 3
    for example in suite.examples:
        assert example.family in suite.names("train")
        assert split_of(example) == "validation"
