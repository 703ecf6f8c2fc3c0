"""What the verdicts rest on: simulators that do not remember each other, and upstream's checker in a fresh state."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from benchmarks.here import play
from benchmarks.mutations import mutated
from cave_rl.suites.third_party.bfcl.tasks import simulators
from cave_rl.suites.third_party.bfcl.tasks.data import Dialogue, dialogues
from cave_rl.suites.third_party.bfcl.tasks.judging import checked
from cave_rl.suites.third_party.bfcl.tasks.suite import CATEGORIES, Dialogues


@pytest.fixture
def checker() -> Any:
    from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker import multi_turn_checker

    return multi_turn_checker


def steps(dialogue: Dialogue) -> list[list[list[str]]]:
    return [[list(turn)] if turn else [] for turn in dialogue.gold]


def test_a_verdict_does_not_depend_on_those_before_it(checker: Any) -> None:
    dialogue = dialogues("base")[0]
    wrong = [[["mkdir(dir_name='elsewhere')"]], *steps(dialogue)[1:]]
    assert [checked(checker, dialogue, each)["valid"] for each in (wrong, steps(dialogue), wrong)] == [
        False,
        True,
        False,
    ]


def test_the_checker_says_why(checker: Any) -> None:
    dialogue = dialogues("base")[0]
    found = checked(checker, dialogue, [[] for _ in dialogue.gold])
    assert found["error_type"] == "multi_turn:empty_turn_model_response"


def test_a_list_that_is_a_default_is_empty_again_for_the_next_simulators() -> None:
    dialogue = dialogues("base")[0]
    calls = ["authenticate_twitter('analyst_pro', 'Kj8#mP9$vL2')", "post_tweet('one')", "mention(3, ['@ada'])"]
    for _ in range(2):
        fresh = simulators.make(dialogue)
        assert [simulators.run(fresh, each) for each in calls][1].endswith('"mentions": []}')
        assert fresh["TwitterAPI"].tweets[3]["mentions"] == ["@ada"]


def test_only_public_attributes_are_compared() -> None:
    dialogue = dialogues("base")[0]
    one, other = simulators.make(dialogue)["GorillaFileSystem"], simulators.make(dialogue)["GorillaFileSystem"]
    one.cd("document")
    assert simulators.differs(one, other) == []
    one.touch("new")
    assert simulators.differs(one, other) == ["root"]


def test_what_a_call_raises_is_its_result() -> None:
    said = simulators.run(simulators.make(dialogues("base")[0]), "cd(nowhere='x')")
    assert said.startswith("Error during execution: ")
    assert "nowhere" in said


@pytest.mark.parametrize("category", CATEGORIES)
def test_our_verdict_is_that_of_the_checker_on_every_twentieth_dialogue(category: str) -> None:
    """By the code of World and Judge, without their processes; `benchmarks.parity` plays all, and in episodes."""
    suite, passed = Dialogues(category), dict.fromkeys(("gold", "perturb", "empty", "nothing", "twice"), 0)
    for number in range(at := zlib.crc32(category.encode()) % 20, 200, 20):
        dialogue = dialogues(category)[number]
        for kind, turns in mutated(dialogue.gold, dialogue.id):
            if kind in passed:
                told = play(suite.dialogue(number), turns)
                last = told[-1]
                assert last["official"] == last["checker"]["valid"], (dialogue.id, kind, last)
                assert last["turns"]["strict"] == [each["passed"] for each in told]
                assert last["replayed"]
                passed[kind] += last["strict"]
    assert passed["gold"] == len(range(at, 200, 20))
    assert passed["empty"] == passed["nothing"] == 0
