"""Which generation plays, and ranks that generate together. Two real gloo ranks are in `test_ranks.py`."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from cave_rl.rollouts import Chat, Sampling, Transformers
from cave_rl.rollouts.generation import Streamed, Together
from cave_rl.runtime.pool import Pool
from cave_rl.training import grpo, policy
from cave_rl.training.generation import TrainerBackend, generation_of, is_collective, keys
from cave_rl.training.server import Server
from tests.training import tiny


class Ranks:
    """Threads that stand for ranks: what is gathered is exchanged, and TRL's collective call is as strict as it is.

    TRL gathers all prompts on one rank and hands each its slice by its own count: where counts differ, a rank is
    handed another's continuations.
    """

    def __init__(self, world: int) -> None:
        self.world = world
        self.barrier = threading.Barrier(world, timeout=20)
        self.table: list[Any] = [None] * world
        self.calls = [0] * world

    def exchange(self, rank: int, given: Any) -> list[Any]:
        self.table[rank] = given
        self.barrier.wait()
        found = list(self.table)
        self.barrier.wait()
        return found

    def trainer(self, rank: int) -> Any:
        def gather(mine: torch.Tensor) -> torch.Tensor:
            return torch.cat(self.exchange(rank, mine))

        def generate(prompts: list[list[int]], *_: Any, **__: Any) -> tuple[list[list[int]], None]:
            self.calls[rank] += 1
            everything = [prompt for prompts in self.exchange(rank, prompts) for prompt in prompts]
            own = everything[rank * len(prompts) : (rank + 1) * len(prompts)]
            return [[prompt[0]] * trainer.generation_config.max_new_tokens for prompt in own], None

        accelerator = SimpleNamespace(num_processes=self.world, gather=gather, device="cpu", process_index=rank)
        trainer = SimpleNamespace(
            accelerator=accelerator,
            use_vllm=False,
            is_fsdp_enabled=True,
            generation_config=SimpleNamespace(max_new_tokens=0),
            _generate_single_turn=generate,
        )
        return trainer


@pytest.mark.parametrize("seed", range(5))
def test_ranks_that_generate_together_get_their_own_however_uneven(seed: int) -> None:
    rng = random.Random(seed)
    world = rng.randrange(2, 5)
    ranks = Ranks(world)
    plans = [[(rng.randrange(1, 5), rng.randrange(1, 6)) for _ in range(rng.randrange(6))] for _ in range(world)]
    found: list[list[list[list[int]]]] = [[] for _ in range(world)]

    def run(rank: int) -> None:
        backend = TrainerBackend(ranks.trainer(rank), [9])
        for turn, (count, most) in enumerate(plans[rank]):
            prompts = [[1000 * rank + 10 * turn + i] for i in range(count)]
            found[rank].append([each.ids for each in backend.generate(prompts, Sampling(max_tokens=most))])
        backend.finish()

    threads = [threading.Thread(target=run, args=(rank,), daemon=True) for rank in range(world)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "a rank hangs"
    for rank, plan in enumerate(plans):
        for turn, (count, most) in enumerate(plan):
            expected = [1000 * rank + 10 * turn + i for i in range(count)]
            assert [ids[0] for ids in found[rank][turn]] == expected
            assert all(len(ids) >= most for ids in found[rank][turn]), "never less room than was asked for"
    assert len(set(ranks.calls)) == 1, "every rank calls equally often"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"num_processes": 1, "is_fsdp_enabled": True}, False),
        ({"num_processes": 2}, False),
        ({"num_processes": 2, "is_fsdp_enabled": True}, True),
        ({"num_processes": 2, "is_zero3": True}, True),
        ({"num_processes": 2, "use_vllm": True, "vllm_mode": "server"}, True),
        ({"num_processes": 2, "use_vllm": True, "vllm_mode": "colocate"}, False),
        ({"num_processes": 2, "use_vllm": True, "vllm_mode": "colocate", "tensor_parallel": 2}, True),
    ],
)
def test_where_ranks_generate_together(given: dict[str, Any], expected: bool) -> None:
    trainer = SimpleNamespace(
        accelerator=SimpleNamespace(num_processes=given["num_processes"]),
        use_vllm=given.get("use_vllm", False),
        vllm_mode=given.get("vllm_mode", "colocate"),
        args=SimpleNamespace(vllm_tensor_parallel_size=given.get("tensor_parallel", 1)),
        is_fsdp_enabled=given.get("is_fsdp_enabled", False),
        _dist=SimpleNamespace(is_zero3=given.get("is_zero3", False)),
    )
    assert is_collective(trainer) is expected


def test_names_of_rollouts_do_not_depend_on_the_division_among_ranks() -> None:
    def named(rank: int, count: int) -> list[str]:
        return keys(
            SimpleNamespace(
                model=SimpleNamespace(training=True),
                state=SimpleNamespace(global_step=3),
                accelerator=SimpleNamespace(process_index=rank),
            ),
            count,
        )

    assert named(0, 4) == named(0, 2) + named(1, 2)
    assert len(set(named(0, 4))) == 4


def test_what_generates_decides_how_episodes_are_played() -> None:
    chat = Chat(tiny.tokenizer())
    model = policy.load(tiny.directory(), "float32").model
    own = Transformers(model, sorted(chat.eos_ids), chat.pad_id)
    url = "http://127.0.0.1:9/v1"
    plain, streaming = tiny.config("out"), tiny.config("out", generation__stream=True)
    served = tiny.config("out", generation__url=url)
    assert isinstance(generation_of(own, chat, plain), Together)
    assert isinstance(generation_of(own, chat, streaming), Streamed)
    assert isinstance(generation_of(Server(served), chat, served), Streamed)


DIALOGUE = {"suite__tags": ["dialogue"], "env__max_steps": 2, "rollout__budget": 90, "train__steps": 1}


@pytest.mark.parametrize("given", [{"generation__stream": True}, {"generation__backend": "trainer"}])
def test_other_generation_in_this_process_trains_as_well(pool: Pool, tmp_path: Path, given: dict[str, Any]) -> None:
    config = tiny.config(tmp_path, **DIALOGUE, **given)
    loaded = policy.load(config.model.name, "float32")
    trainer = grpo.make_trainer(config, loaded.model, loaded.tokenizer, tiny.suite, pool)
    trainer.train()
    (log, *_) = trainer.state.log_history
    assert log["faults"] == 0
    times: Sequence[float] = [log[f"time/{name}_s"] for name in ("rollouts", "generation", "environment", "blocked")]
    assert min(times) >= 0
    assert times[0] >= max(times)
    assert log["time/generation_s"] > 0
    assert "time/sync_s" not in log
