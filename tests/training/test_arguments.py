"""What TRL is told of a run, and what it would refuse."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from cave_rl.runtime.pool import Pool
from cave_rl.training import arguments, grpo, policy
from cave_rl.training.config import ConfigError
from tests.training import tiny


def test_anything_of_trl_s_configuration_can_be_set(pool: Pool, tmp_path: Path) -> None:
    loaded = policy.load(tiny.directory(), "float32")
    config = tiny.config(tmp_path, train__grpo={"loss_type": "dr_grpo", "warmup_steps": 3}, train__micro_batch=4)
    trainer = grpo.make_trainer(config, loaded.model, loaded.tokenizer, tiny.suite, pool)
    arguments = trainer.args
    assert (arguments.loss_type, arguments.warmup_steps) == ("dr_grpo", 3)
    assert (arguments.per_device_train_batch_size, arguments.gradient_accumulation_steps) == (4, 2)
    assert arguments.generation_batch_size == 8, "all rollouts of a step are sampled at once"
    assert not arguments.mask_truncated_completions, "what was cut stays in the loss"
    assert trainer.tools == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"learning_rat": 1}, "unknown key 'train.grpo.learning_rat'; did you mean 'learning_rate'?"),
        ({"zzz": 1}, "unknown key 'train.grpo.zzz': trl.GRPOConfig has no such field"),
        ({"num_generations": 3}, "TRL refuses this configuration: .*divisible"),
    ],
)
def test_what_trl_would_refuse_is_told_as_configuration(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        arguments.arguments(tiny.config("out", train__grpo=given))


def test_tensorboard_is_the_logger_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "tensorboard" or None)
    assert arguments.loggers(None) == ["tensorboard"]
    assert arguments.loggers([]) == []
    assert arguments.loggers(["tensorboard"]) == ["tensorboard"]
    with pytest.raises(ConfigError, match=r"train.report_to: wandb is not installed: pip install wandb"):
        arguments.loggers(["tensorboard", "wandb"])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert arguments.loggers(None) == []


def test_rollouts_that_cannot_be_shared_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ConfigError, match=r"8 rollouts a step .* cannot be shared by 3 processes"):
        arguments.arguments(tiny.config("out", train__micro_batch=1))
