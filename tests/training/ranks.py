"""One rank of a training run in dialogues, for `test_ranks.py`: python -m tests.training.ranks OUTPUT MODEL URL WAY."""

from __future__ import annotations

import os
import sys
from typing import Any

import torch

from cave_rl.runtime.pool import Pool
from cave_rl.training import generation, grpo, policy
from tests.training import tiny


def main(output: str, model: str, url: str, way: str) -> None:
    torch.set_num_threads(1)
    given: dict[str, Any] = {
        "model__name": model,
        "model__lora": None,
        "suite__tags": ["dialogue"],
        "env__max_steps": 2,
        "rollout__budget": 90,
        "train__steps": 1,
        "train__micro_batch": 2,
    }
    if way == "served":
        given["generation__url"] = url
    else:  # the likeliest token alone, so that chance has no part
        given |= {"rollout__top_k": 1, "generation__backend": {"own": "transformers"}.get(way, "trainer")}
    if way == "collective" and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        generation.is_collective = lambda trainer: True  # as of a sharded model: every rank calls equally often
    config = tiny.config(output, **given)
    loaded = policy.load(config.model.name, "float32")
    with Pool() as pool:
        grpo.make_trainer(config, loaded.model, loaded.tokenizer, tiny.suite, pool).train()


if __name__ == "__main__":
    main(*sys.argv[1:])
