"""Rows that a curriculum chooses: none twice, the same after a state was loaded, and those that teach more often."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping

import pytest

from cave_rl.rewards import equals
from cave_rl.tasks import Curriculum, Suite, SuiteError, Task, Turn, task_of
from cave_rl.tasks.draws import DrawnRow, Draws
from tests.tasks.test_suite import levelled, made


def few(count: int = 24) -> Suite:
    """A family with few distinct tasks."""
    suite = Suite("Few-v0")

    @suite.family
    def small(rng: random.Random) -> Task:
        n = rng.randrange(count)
        return Task([Turn(f"Set x to {n}.", equals("x", n), gold=f"x = {n}")])

    return suite


def of(suite: Suite, seed: int = 0, **settings: float) -> Draws:
    return Draws(suite, Curriculum.of(suite, seed=seed, **settings), seed=seed)  # type: ignore[arg-type]


def play(draws: Draws, steps: int, success: Mapping[str, float]) -> list[list[DrawnRow]]:
    """Steps of four groups of eight, whose families succeed as often as that."""
    found = []
    for _ in range(steps):
        rows = draws.draw(4)
        found.append(rows)
        for row in rows:
            draws.observe(row, round(8 * success[row["family"]]), 8)
    return found


def test_a_row_names_its_task_and_is_put_as_any_other() -> None:
    suite = made()
    for row in of(suite).draw(6):
        task = task_of(suite, row)
        assert (task.id, task.family) == (row["task"], row["family"])
        assert [message["role"] for message in row["prompt"]] == ["system", "user"]
        assert (row["split"], row["level"]) == ("train", None)


def test_a_level_is_part_of_the_row() -> None:
    suite = levelled()
    rows = of(suite).draw(40)
    assert len({(row["family"], row["level"]) for row in rows}) > 3
    for row in rows:
        assert task_of(suite, row).id == row["task"]


def test_families_that_all_pass_or_all_fail_come_up_less() -> None:
    draws = of(made())
    rows = [row for step in play(draws, 40, {"double": 1.0, "sort": 0.5}) for row in step]
    counts = Counter(row["family"] for row in rows[40:])
    assert counts["sort"] > 2 * counts["double"] > 0
    draws = of(made())
    rows = [row for step in play(draws, 40, {"double": 0.0, "sort": 0.5}) for row in step]
    counts = Counter(row["family"] for row in rows[40:])
    assert counts["sort"] > 2 * counts["double"] > 0


def test_no_task_comes_twice_while_there_is_another() -> None:
    rows = [row for step in play(of(made()), 20, {"double": 0.5, "sort": 0.5}) for row in step]
    assert len({row["task"] for row in rows}) == len(rows) == 80
    assert len({row["seed"] for row in rows}) == 80


def test_a_family_that_has_none_left_begins_again_and_a_step_never_has_one_twice() -> None:
    suite = few()
    distinct = len({suite.task("train", "small", index).content for index in range(400)})
    draws = of(suite)
    steps = [draws.draw(4) for _ in range(distinct)]
    for step in steps:
        assert len({task_of(suite, row).content for row in step}) == 4
    contents = [task_of(suite, row).content for step in steps for row in step]
    assert len(set(contents[: distinct - distinct % 4])) == distinct - distinct % 4, "the first round has each once"
    assert set(contents) == {suite.task("train", "small", index).content for index in range(400)}


def test_too_few_for_one_step_is_told() -> None:
    with pytest.raises(SuiteError, match="family 'small' of Few-v0 gave no new task"):
        of(few(2)).draw(8)


def test_what_the_prompt_shows_is_not_drawn() -> None:
    suite = few(8)
    suite.examples = (suite.task("train", "small", 0),)
    contents = {task_of(suite, row).content for _ in range(6) for row in of(suite).draw(2)}
    assert suite.examples[0].content not in contents


def test_from_its_state_it_goes_on_as_if_it_had_never_stopped() -> None:
    success = {"longer": 0.5, "plain": 0.9, "tells": 0.1}
    whole = play(of(levelled(), seed=3), 12, success)
    first = of(levelled(), seed=3)
    play(first, 5, success)
    state = json.loads(json.dumps(first.state_dict()))
    second = of(levelled(), seed=3)
    second.load_state_dict(state)
    assert play(second, 7, success) == whole[5:]
    assert second.state_dict() != state


def test_the_state_of_other_families_is_refused() -> None:
    with pytest.raises(SuiteError, match="the curriculum has no family"):
        of(made()).load_state_dict(of(few()).state_dict())


def test_another_seed_draws_other_tasks() -> None:
    tasks = [{row["task"] for row in of(made(), seed=seed).draw(8)} for seed in (0, 1)]
    assert not tasks[0] & tasks[1]
