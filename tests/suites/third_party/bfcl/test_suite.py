"""BFCL's dialogues as suites: which there are, how they are split, and what a task of theirs holds."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cave_rl.suites.third_party.bfcl import tasks as bfcl
from cave_rl.suites.third_party.bfcl.tasks.data import dialogues, documented
from cave_rl.suites.third_party.bfcl.tasks.suite import CATEGORIES, FAMILIES, INSTALL, Dialogues, split_of
from cave_rl.tasks import opening
from cave_rl.tasks.config import PromptConfig
from cave_rl.tasks.rows import draw_rows, task_of
from cave_rl.tasks.suite import SuiteError
from cave_rl.tasks.task import Task

FIRST = {"files": "GorillaFileSystem", "vehicle": "VehicleControlAPI", "trading": "TradingBot", "travel": "TravelAPI"}


def ids(tasks: list[Task]) -> set[str]:
    return {turn.assertions[0].dialogue.id for task in tasks for turn in task.turns}  # type: ignore[attr-defined]


@pytest.mark.without_bfcl
def test_the_suites_can_be_listed_without_the_package() -> None:
    code = (
        "import sys; sys.modules['bfcl_eval'] = None\n"
        "from cave_rl.suites.third_party.bfcl.tasks import base\n"
        "from cave_rl.tasks.suite import SuiteError\n"
        "print(base.name, base.names('train'))\n"
        "try:\n    base.task('train', 'files', 0)\nexcept SuiteError as error:\n    print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[0] == "BFCL-MultiTurn-Base-v0 ['files', 'vehicle', 'trading', 'travel']"
    assert said[1] == f"bfcl_eval is not installed, which BFCL-MultiTurn-Base-v0 needs: {INSTALL}"


@pytest.mark.without_bfcl
def test_there_are_two_suites_of_each_category() -> None:
    found = [suite for name in bfcl.__all__ if isinstance(suite := getattr(bfcl, name), Dialogues)]
    assert sorted(suite.name for suite in found) == sorted(
        f"BFCL-MultiTurn-{title}{reading}-v0" for title, _ in CATEGORIES.values() for reading in ("", "-Official")
    )


@pytest.mark.without_bfcl
def test_a_category_that_is_none_is_told_with_the_nearest() -> None:
    with pytest.raises(SuiteError, match=r"miss_funk.*miss_func"):
        Dialogues("miss_funk")


def test_the_splits_share_no_dialogue_and_have_all() -> None:
    splits = [ids(list(bfcl.base.tasks(split))) for split in ("train", "validation", "test")]
    assert [len(each) for each in splits] == [140, 20, 40]
    assert set.union(*splits) == {f"multi_turn_base_{number}" for number in range(200)}
    assert bfcl.base.names("heldout") == []


def test_a_dialogue_is_in_the_same_split_in_every_category() -> None:
    for suite in (bfcl.miss_func, bfcl.miss_param, bfcl.long_context):
        numbers = {int(each.rpartition("_")[2]) for each in ids(list(suite.tasks("test")))}
        assert numbers == {number for number in range(200) if split_of(number) == "test"}


def test_the_official_suites_test_on_all_and_train_on_none() -> None:
    assert len(ids(list(bfcl.miss_param_official.tasks("test")))) == 200
    assert [bfcl.base_official.names(split) for split in ("train", "validation", "heldout")] == [[], [], []]


def test_a_family_is_a_subject() -> None:
    for category in CATEGORIES:
        for number, dialogue in enumerate(dialogues(category)):
            assert FIRST[FAMILIES[number // 50]] in dialogue.classes


def test_fewer_tasks_are_taken_from_all_families_and_more_than_there_are_from_none() -> None:
    assert [task.family for task in bfcl.base.tasks("test", n=4)] == list(FAMILIES)
    with pytest.raises(SuiteError, match="it has 40 of split 'test', not 41"):
        list(bfcl.base.tasks("test", n=41))
    with pytest.raises(SuiteError, match="no level"):
        bfcl.base.task("test", "files", 0, difficulty=3)
    with pytest.raises(SuiteError, match="0 to 199, not 200"):
        bfcl.base.dialogue(200)


def test_the_same_dialogue_is_the_same_task_whenever_it_is_made() -> None:
    assert all(bfcl.base.dialogue(number).id == bfcl.base.dialogue(number).id for number in (0, 60, 110, 160))


def test_rows_name_their_tasks() -> None:
    rows = draw_rows(bfcl.base, "train", 8)
    assert len({row["task"] for row in rows}) == 8
    assert all(task_of(bfcl.base, row).id == row["task"] for row in rows)


def test_what_is_documented_is_hosted_but_what_is_excluded() -> None:
    assert dialogues("base")[0].excluded == {"cp"}
    task = bfcl.base.dialogue(0)
    wanted = {*documented("GorillaFileSystem"), *documented("TwitterAPI")} - {"cp"}
    assert set(task.preparation.targets) == wanted
    objects = Dialogues("base", style="objects").dialogue(0)
    assert {target.partition(".")[2] for target in objects.preparation.targets} == wanted
    assert [each.name for each in objects.told(0)] == ["twitter_api", "gorilla_file_system"]


@pytest.mark.parametrize(("style", "target"), [("functions", "sort"), ("objects", "gorilla_file_system.sort")])
def test_a_missed_function_is_told_of_with_its_turn(style: str, target: str) -> None:
    task = Dialogues("miss_func", style=style).dialogue(0)  # type: ignore[arg-type]
    assert dialogues("miss_func")[0].missed == {3: ("sort",)}
    assert [turn.offers for turn in task.turns] == [set(), set(), set(), {target}, set()]
    assert "def sort(" not in "".join(message["content"] for message in opening.opening(task, PromptConfig()))
    assert [method.name for hosted in task.told(3) for method in hosted.methods()] == ["sort"]  # type: ignore[union-attr]
    assert "more functions" in task.turns[3].query


def test_turns_without_answers_are_refusals_and_upstream_counts_the_steps() -> None:
    for category, refusals in (("base", 3), ("miss_func", 203), ("miss_param", 203), ("long_context", 3)):
        found = [turn for number in range(200) for turn in Dialogues(category).dialogue(number).turns]
        assert sum(turn.refusal for turn in found) == refusals
        assert all(turn.refusal == (not turn.gold) for turn in found)
    assert {turn.max_steps for turn in found} == {21}
