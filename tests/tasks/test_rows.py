"""Rows of a dataset: one shape for training and for `Suite.to_dataset`."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
from collections import Counter

import pytest

from cave_rl.rewards import equals
from cave_rl.runtime import Pool, Variable, run
from cave_rl.suites.types.tasks import suite as types
from cave_rl.tasks import Episode, EpisodeConfig, PromptConfig, Suite, SuiteError, Task, Turn, split_of
from cave_rl.tasks.rows import Row, draw_rows, task_of
from cave_rl.training import grpo
from tests.tasks.test_suite import made
from tests.training import tiny


def test_a_row_is_plain_data_that_names_its_task() -> None:
    for row in draw_rows(types, "train", 12):
        assert set(row) == set(Row.__annotations__)
        assert json.loads(json.dumps(row)) == row
        task = task_of(types, row)
        assert (task.id, task.suite, list(task.tags)) == (row["task"], row["suite"], row["tags"])
        assert split_of(task) == row["split"] == "train"


@pytest.mark.parametrize("prompt", [PromptConfig(), PromptConfig(style="compact", examples=2, system_role=False)])
def test_its_prompt_is_the_chat_that_an_episode_opens_with(pool: Pool, prompt: PromptConfig) -> None:
    (row,) = draw_rows(types, "test", 1, families=["sort_list"], prompt=prompt)
    episode = Episode(
        task_of(types, row), pool=pool, config=EpisodeConfig(prompt=prompt), seed=row["seed"], examples=types.examples
    )
    run(episode.begin_steps())
    assert row["prompt"] == episode.messages
    episode.close()


def test_training_has_the_same_rows() -> None:
    config = tiny.config("out", seed=3)
    assert grpo.rows(tiny.suite, config) == draw_rows(
        tiny.suite, "train", 4, tags=["easy"], seed=3, prompt=config.env.prompt
    )


def test_families_come_in_turn_in_an_order_that_the_seed_draws() -> None:
    names = types.names("train")
    orders = []
    for seed in (0, 0, 1):
        rows = draw_rows(types, "train", 2 * len(names), seed=seed)
        assert Counter(row["family"] for row in rows) == dict.fromkeys(names, 2)
        orders.append([row["family"] for row in rows])
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0][: len(names)]) == sorted(names), "each once before any comes twice"


def test_rows_of_different_seeds_and_splits_share_no_task() -> None:
    drawn = [
        {row["task"] for row in draw_rows(made(), split, 60, seed=seed)}  # type: ignore[arg-type]
        for split in ("train", "test", "validation", "heldout")
        for seed in (0, 1)
    ]
    assert all(len(tasks) == 60 for tasks in drawn)
    for one, other in itertools.combinations(drawn, 2):
        assert not one & other


def test_no_row_asks_what_an_example_shows() -> None:
    suite = made(bound=100)
    shown = suite.task("test", "double", 0)
    assert shown.id in {row["task"] for row in draw_rows(suite, "test", 5, families=["double"])}
    suite.examples = (shown,)
    assert shown.id not in {row["task"] for row in draw_rows(suite, "test", 5, families=["double"])}


def test_too_few_distinct_tasks_are_told() -> None:
    suite = Suite("Small-v0")

    @suite.family
    def few(rng: random.Random) -> Task:
        n = rng.randrange(20)
        return Task([Turn("Double n.", equals("n", 2 * n))], [Variable("n", n)])

    with pytest.raises(SuiteError, match=r"'few' of Small-v0 gave no new task .* too few distinct tasks of split 'tr"):
        draw_rows(suite, "train", 21)


def test_a_dataset_has_the_rows_as_columns() -> None:
    dataset = types.to_dataset("test", 6, tags=["core"], seed=2)
    assert dataset.column_names == list(Row.__annotations__)
    assert list(dataset) == draw_rows(types, "test", 6, tags=["core"], seed=2)


def test_without_datasets_it_is_told_how_to_get_it() -> None:
    code = (
        "import sys; sys.modules['datasets'] = None\n"
        "from cave_rl.tasks import SuiteError, find\n"
        "try: find('Types-v0').to_dataset('train', 1)\n"
        "except SuiteError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "datasets is not installed; it comes with: pip install 'cave-rl[train]'\n"
