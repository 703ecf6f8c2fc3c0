"""One rank of training runs, for `test_ranks.py`: python -m tests.training.ranks OUTPUT MODEL URL WAYS"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch

from cave_rl.runtime.pool import Pool
from cave_rl.training import generation, grpo, policy
from tests.training import tiny


def main(output: str, model: str, url: str, *ways: str) -> None:
    """Trains a step in each way, one after the other; what was written down of it is in a directory of its name."""
    torch.set_num_threads(1)
    for way in ways:
        step(Path(output) / way, model, url, way)


def step(output: Path, model: str, url: str, way: str) -> None:
    """Trains a step."""
    given: dict[str, Any] = {
        "model__name": model,
        "model__lora": None,
        "suite": {"name": tiny.NAME, "families": ["put", "both"]},  # a group of one turn, and one of two
        "env__max_steps": 2,
        "rollout__budget": 90,
        "train__steps": 1,
        "train__micro_batch": 2,
    }
    if way == "served":
        given["generation__url"] = url
    else:  # the likeliest token alone, so that chance has no part
        given |= {"rollout__top_k": 1, "generation__backend": {"own": "transformers"}.get(way, "trainer")}
    together = way == "collective" and int(os.environ.get("WORLD_SIZE", "1")) > 1
    alone, generation.is_collective = generation.is_collective, lambda trainer: together  # as of a sharded model
    config = tiny.config(output, **given)
    loaded = policy.load(config.model.name, "float32")
    try:
        with Pool() as pool:
            grpo.make_trainer(config, loaded.model, loaded.tokenizer, tiny.suite, pool).train()
    finally:
        generation.is_collective = alone


if __name__ == "__main__":
    main(*sys.argv[1:])
