"""Curriculum through TRL: each step's rows are those drawn for it, and a run that goes on is given the same."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from transformers import TrainerState

from cave_rl.runtime.pool import Pool
from cave_rl.tasks import registry
from cave_rl.training import grpo, policy, run
from cave_rl.training.config import ConfigError, TrainConfig
from cave_rl.training.run import Interrupted
from cave_rl.training.sampling import DrawnRows, DrawsState
from tests.training import tiny
from tests.training.test_run import lines, stop_after

CURRICULUM: dict[str, Any] = {
    "train__steps": 3,
    "train__curriculum": {"floor": 0.1},
    "eval": {},
    "suite__tags": [],
    "env__max_steps": 2,
    "rollout__budget": 60,
}


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


@pytest.fixture(scope="module", autouse=True)
def _registered() -> None:
    registry.register(tiny.suite)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    config = tiny.config(tmp_path_factory.mktemp("run") / "out", **CURRICULUM)
    run.train(config, quiet())
    return config


def test_every_step_has_groups_of_the_tasks_that_were_drawn(done: TrainConfig) -> None:
    rows = lines(Path(done.output) / "traces.jsonl")
    assert len(rows) == 24
    groups = [[row["task"] for row in rows[start : start + 4]] for start in range(0, 24, 4)]
    assert all(len(set(group)) == 1 for group in groups), "the rollouts of a group share one task"
    assert len({group[0] for group in groups}) == 6, "and no other group has it"
    assert all(len({row["seed"] for row in rows[start : start + 4]}) == 1 for start in range(0, 24, 4))
    assert all(len({json.dumps(row["start"]) for row in rows[start : start + 4]}) == 1 for start in range(0, 24, 4))


def test_what_was_measured_moves_the_weights(done: TrainConfig) -> None:
    first, _, last = lines(Path(done.output) / "metrics.jsonl")
    weights = {name: value for name, value in first.items() if name.startswith("curriculum/")}
    assert weights == pytest.approx(dict.fromkeys(["curriculum/put", "curriculum/add", "curriculum/both"], 1 / 3))
    moved = {name: last[name] for name in weights}
    assert sum(moved.values()) == pytest.approx(1)
    assert moved != weights


def test_a_run_that_goes_on_is_given_the_rows_it_would_have_been_given(
    done: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny.config(tmp_path / "out", **CURRICULUM)
    with monkeypatch.context() as patch:
        stop_after(1, patch)
        with pytest.raises(Interrupted):
            run.train(config, quiet())
    run.train(config, quiet())
    mine, theirs = (lines(Path(each.output) / "traces.jsonl") for each in (config, done))
    assert [row["task"] for row in mine] == [row["task"] for row in theirs]
    assert [row["messages"] for row in mine] == [row["messages"] for row in theirs]
    mine, theirs = (lines(Path(each.output) / "metrics.jsonl") for each in (config, done))
    for name in ("curriculum/put", "curriculum/add", "curriculum/both"):
        assert [row[name] for row in mine] == pytest.approx([row[name] for row in theirs])


def test_a_checkpoint_without_a_state_is_refused(pool: Pool, tmp_path: Path) -> None:
    """Or it would begin anew in the middle, and meet the same tasks again."""
    loaded = policy.load(tiny.directory(), "float32")
    trainer = grpo.make_trainer(tiny.config(tmp_path, **CURRICULUM), loaded.model, loaded.tokenizer, tiny.suite, pool)
    assert isinstance(trainer, DrawnRows)
    (keeper,) = (each for each in trainer.callback_handler.callbacks if isinstance(each, DrawsState))
    keeper.on_train_begin(None, TrainerState(global_step=0), None)
    with pytest.raises(ConfigError, match="checkpoint of step 2 holds no state of a curriculum"):
        keeper.on_train_begin(None, TrainerState(global_step=2), None)


def test_groups_that_all_did_alike_are_counted(done: TrainConfig) -> None:
    for entry, start in zip(lines(Path(done.output) / "metrics.jsonl"), range(0, 24, 8), strict=True):
        rows = lines(Path(done.output) / "traces.jsonl")[start : start + 8]
        groups = [rows[:4], rows[4:]]
        alike = [len({row["reward"] for row in group}) == 1 for group in groups]
        assert entry["groups/zero_variance"] == sum(alike) / 2
        assert entry["groups/solved_by_all"] == sum(all(row["solved"] for row in group) for group in groups) / 2
        assert entry["groups/solved_by_none"] == sum(not any(row["solved"] for row in group) for group in groups) / 2
