"""What TRL is told of a run: its GRPOConfig."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from cave_rl.runtime.nearest import nearest
from cave_rl.training import ranks
from cave_rl.training.config import ConfigError, TrainConfig

LOGGERS = ("tensorboard", "wandb", "trackio")
"""Those whose package has their name."""


def arguments(config: TrainConfig) -> Any:
    """The GRPOConfig of a run: what training on episodes needs, and above it what `train.grpo` says.

    Raises:
        ConfigError: TRL does not know a key of `train.grpo`, or refuses a value.
    """
    import torch
    from trl import GRPOConfig

    part = config.train
    world = ranks.world()
    micro = part.micro_batch or part.rollouts // world
    if micro == 0 or part.rollouts % (micro * world):
        raise ConfigError(
            f"{part.rollouts} rollouts a step (train.groups * train.group_size) cannot be shared by {world} processes "
            f"in backward passes of {micro or 1} (train.micro_batch)"
        )
    cpu = not torch.cuda.is_available()
    settings: dict[str, Any] = {
        "output_dir": str(Path(config.output) / "checkpoints"),
        "max_steps": part.steps,
        "num_generations": part.group_size,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": part.rollouts // (micro * world),
        "max_completion_length": config.rollout.tokens,
        "temperature": config.rollout.temperature,
        "top_p": config.rollout.top_p,
        "top_k": config.rollout.top_k,
        "learning_rate": part.learning_rate,
        "lr_scheduler_type": "constant",
        "scale_rewards": part.scale_rewards,
        "beta": 0.0,
        "loss_type": "dapo",
        "mask_truncated_completions": False,
        "vllm_importance_sampling_mode": "token_truncate",
        "reward_weights": [0.0],
        "shuffle_dataset": False,
        "seed": config.seed,
        "logging_steps": 1,
        "save_strategy": "steps",
        "save_steps": part.save_every,
        "save_total_limit": 1,
        "report_to": loggers(part.report_to) or "none",
        **({"ddp_timeout": 86_400} if world > 1 else {}),  # the others wait while the first one evaluates
        **vllm_settings(config),
        "use_cpu": cpu,
        "bf16": not cpu,
        "gradient_checkpointing": not cpu,
        "disable_tqdm": True,
        "log_completions": False,
    }
    known = [field.name for field in fields(GRPOConfig)]
    for key in part.grpo:
        if key not in known:
            hint = nearest(key, known) or ": trl.GRPOConfig has no such field"
            raise ConfigError(f"unknown key 'train.grpo.{key}'{hint}")
    try:
        return GRPOConfig(**{**settings, **part.grpo})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"TRL refuses this configuration: {error}") from error


def vllm_settings(config: TrainConfig) -> dict[str, Any]:
    """What TRL itself is told of vLLM: nothing where only rollouts ask it."""
    part = config.generation
    if part.backend == "vllm_colocate":
        return {"use_vllm": True, "vllm_mode": "colocate"}
    if part.over_http and config.sync == "nccl":
        assert part.url is not None
        root = part.url.rstrip("/").removesuffix("/v1")
        return {"use_vllm": True, "vllm_mode": "server", "vllm_server_base_url": root}
    return {}


def loggers(wanted: Sequence[str] | None) -> list[str]:
    """TRL's loggers: those that are wanted, or TensorBoard where it is installed.

    Raises:
        ConfigError: one that is wanted is not installed.
    """
    if wanted is None:
        return ["tensorboard"] if importlib.util.find_spec("tensorboard") is not None else []
    for name in wanted:
        if name in LOGGERS and importlib.util.find_spec(name) is None:
            raise ConfigError(f"train.report_to: {name} is not installed: pip install {name}")
    return list(wanted)
