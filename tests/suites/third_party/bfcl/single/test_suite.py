"""The single-turn suites: which entries there are, how they are split, and what a task of theirs holds."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict

import pytest

from cave_rl.suites.third_party.bfcl.tasks import single, single_official
from cave_rl.suites.third_party.bfcl.tasks.single.data import UNSOLVABLE, entries
from cave_rl.suites.third_party.bfcl.tasks.single.suite import CATEGORIES, Single
from cave_rl.suites.third_party.bfcl.tasks.suite import INSTALL
from cave_rl.tasks import opening
from cave_rl.tasks.config import PromptConfig
from cave_rl.tasks.rows import draw_rows, task_of
from cave_rl.tasks.suite import SuiteError

SIZES = (400, 200, 200, 200, 240, 258, 1053, 16, 24, 884, 16)


@pytest.mark.without_bfcl
def test_the_suites_can_be_listed_without_the_package() -> None:
    code = (
        "import sys; sys.modules['bfcl_eval'] = None\n"
        "from cave_rl.suites.third_party.bfcl.tasks import single\n"
        "from cave_rl.tasks.suite import SuiteError\n"
        "print(single.name, len(single.names('train')))\n"
        "try:\n    single.task('train', 'multiple', 0)\nexcept SuiteError as error:\n    print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert said == ["BFCL-Single-v0 11", f"bfcl_eval is not installed, which BFCL-Single-v0 needs: {INSTALL}"]


def test_the_official_suite_tests_on_all_and_trains_on_none() -> None:
    assert [len(single_official.keys("test", family)) for family in CATEGORIES] == list(SIZES)
    assert [single_official.names(split) for split in ("train", "validation", "heldout")] == [[], [], []]
    assert sum(SIZES) == 3491
    assert "3,491" in single_official.description


def test_the_splits_share_no_question_and_have_all_that_can_be_solved() -> None:
    found: dict[str, set[str]] = defaultdict(set)
    count: Counter[str] = Counter()
    for split in ("train", "validation", "test"):
        for family in single.names(split):
            for entry in single.keys(split, family):
                found[entry.messages[-1][1].strip().lower()].add(split)
                count[split] += 1
                assert entry.id not in UNSOLVABLE
    assert {len(each) for each in found.values()} == {1}
    assert sum(count.values()) == 3491 - len(UNSOLVABLE)
    assert 0.67 < count["train"] / 3491 < 0.75
    assert min(len(single.keys(split, family)) for split in count for family in CATEGORIES) > 0


def test_all_of_the_training_split_can_be_drawn_as_rows() -> None:
    rows = draw_rows(single, "train", 300)
    assert len({row["task"] for row in rows}) == 300
    drawn = Counter(row["family"] for row in rows)
    assert drawn["live_multiple"] > drawn["live_parallel"], "as there are of each"
    assert task_of(single, rows[0]).id == rows[0]["task"]


def test_a_task_is_the_same_each_time_so_that_a_group_has_one_template() -> None:
    one, other = (single.task("train", "multiple", 3) for _ in range(2))
    assert one.id == other.id
    assert [each.obj for each in one.hosted] == [each.obj for each in other.hosted]


def test_a_model_is_told_of_functions_by_names_of_python() -> None:
    task = single_official.entry("multiple_0")
    told = "".join(message["content"] for message in opening.opening(task, PromptConfig()))
    assert "def triangle_properties_get(side1: int, side2: int, side3: int, get_area: bool = True," in told
    assert "side1: The length of first side of the triangle." in told


def test_what_a_system_says_comes_first_and_conversations_are_told_with_their_roles() -> None:
    (system, *_) = [each for each in entries("live_simple") if len(each.messages) > 1]
    assert system.query == f"{system.messages[0][1]}\n\n{system.messages[1][1]}"
    talk = next(each for each in entries("live_irrelevance") if any(role == "assistant" for role, _ in each.messages))
    assert talk.query.count("Assistant: ") >= 1
    assert all(content in talk.query for _, content in talk.messages)


def test_one_message_is_judged_officially_and_several_in_training() -> None:
    name = "simple_python_0"
    assert single_official.entry(name).turns[0].max_steps == 1
    assert single.entry(name).turns[0].max_steps == 5
    assert Single(official=True, max_steps=3).entry(name).turns[0].max_steps == 3


def test_what_cannot_be_answered_is_a_refusal() -> None:
    for family in CATEGORIES:
        turns = [single_official.made(each).turns[0] for each in entries(family)[:5]]
        assert {turn.refusal for turn in turns} == {"irrelevance" in family}
        assert all(bool(turn.gold) != turn.refusal for turn in turns)


def test_what_there_is_not_is_told() -> None:
    with pytest.raises(SuiteError, match="no entry 'multiple_200'"):
        single.entry("multiple_200")
    with pytest.raises(SuiteError, match="no level"):
        single.task("train", "multiple", 0, difficulty=1)
    with pytest.raises(SuiteError, match=r"not 4000; ask for \d+ or fewer"):
        list(single.tasks("test", n=4000))


def test_some_tasks_are_taken_from_all_families() -> None:
    assert [task.family for task in single.tasks("test", n=11)] == list(CATEGORIES)
