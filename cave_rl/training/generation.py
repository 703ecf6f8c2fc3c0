"""Which generation plays the rollouts of a step, and what of TRL's private interface it takes.

| backend         | where the tokens come from                                                                     |
|-----------------|------------------------------------------------------------------------------------------------|
| `transformers`  | the model in this process; in lockstep, or streamed (`generation.stream`)                      |
| `trainer`       | TRL's own generation, whatever it is; in lockstep, and padded so that all ranks take part      |
| `vllm_colocate` | vLLM in this process, started and synced by TRL; asked as `trainer` is                         |
| `vllm_http`     | a vLLM server; each episode at its own pace, from every rank, weights checked before and after |

`auto` takes `vllm_http` where a URL is given, `transformers` where the model lies whole in this process, and else
`trainer`.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

from cave_rl.evaluation.evaluate import Player
from cave_rl.rollouts.backends import Backend, Generated, Sampling, Transformers
from cave_rl.rollouts.chat import Chat
from cave_rl.rollouts.generation import Generation, Streamed, Together, as_it_is
from cave_rl.rollouts.generators import Batched
from cave_rl.rollouts.play import Watch
from cave_rl.training.config import TrainConfig
from cave_rl.training.server import Server


class TrainerBackend:
    """Generation by the trainer, whatever it generates with. The only place that calls TRL's private generation.

    Where generation is collective (a sharded model, TRL's server mode, vLLM over several ranks) every rank must call it
    equally often and with equally many prompts: TRL hands a rank the continuations of another, or hangs, where they do
    not. Episodes differ in length, so ranks agree before every call: who has fewer prompts adds some that nobody reads,
    and who is done goes on until all are (`finish`).

    Args:
        trainer: a GRPOTrainer.
        idle: a prompt for ranks that have none left.
    """

    def __init__(self, trainer: Any, idle: Sequence[int] = (0,)) -> None:
        self._trainer = trainer
        self._idle = list(idle)
        self._collective = is_collective(trainer)

    def generate(self, prompts: Sequence[list[int]], sampling: Sampling) -> list[Generated]:
        if not self._collective:
            return self._call(list(prompts), sampling.max_tokens)
        count, most = self._agree(len(prompts), sampling.max_tokens)
        padded = [*prompts, *[self._idle] * (count - len(prompts))]
        return self._call(padded, most)[: len(prompts)]

    def finish(self) -> None:
        """Takes part until no rank has an episode left. To be called by every rank, once its own have ended."""
        while self._collective and (agreed := self._agree(0, 0))[0]:
            self._call([self._idle] * agreed[0], agreed[1])

    def _agree(self, count: int, most: int) -> tuple[int, int]:
        """The largest of all ranks: prompts, and tokens of a message."""
        import torch

        accelerator = self._trainer.accelerator
        mine = torch.tensor([[count, most]], device=accelerator.device)
        largest = accelerator.gather(mine).max(0).values.tolist()
        return largest[0], largest[1]

    def _call(self, prompts: list[list[int]], most: int) -> list[Generated]:
        trainer = self._trainer
        if trainer.use_vllm:
            trainer.vllm_generation.max_completion_length = most
        else:
            trainer.generation_config.max_new_tokens = most
        ids, logprobs = trainer._generate_single_turn(prompts, None, {}, num_generations=1)
        logprobs = logprobs or [None] * len(ids)
        return [Generated(list(i), lp and list(lp)) for i, lp in zip(ids, logprobs, strict=True)]


def is_collective(trainer: Any) -> bool:
    """Whether the ranks of a trainer generate together."""
    if trainer.accelerator.num_processes == 1:
        return False
    if trainer.use_vllm:
        return bool(trainer.vllm_mode == "server" or trainer.args.vllm_tensor_parallel_size > 1)
    return is_sharded(trainer)


def is_sharded(trainer: Any) -> bool:
    """Whether no rank has the model whole."""
    return bool(trainer.is_fsdp_enabled or trainer._dist.is_zero3)


def generation_backend(trainer: Any, chat: Chat, *, seed: int) -> Backend:
    """Our own generation where the model lies whole in this process; the trainer's where it is served or sharded.

    Args:
        trainer: a GRPOTrainer.
        chat: the tokenizer's chat.
        seed: of this step; each rank makes its own of it.
    """
    if trainer.use_vllm or trainer.is_deepspeed_enabled or is_sharded(trainer) or trainer.args.gradient_checkpointing:
        return TrainerBackend(trainer, chat.opening([{"role": "user", "content": "?"}]))
    rank = trainer.accelerator.process_index
    return Transformers(trainer.model, sorted(chat.eos_ids), chat.pad_id, seed=seed + 7_919_000_003 * rank)


def generation_of(by: Backend | Server, chat: Chat, config: TrainConfig, watch: Watch | None = None) -> Generation:
    """What plays the rollouts of a step.

    Args:
        by: what generates: in this process, or a server.
        chat: the tokenizer's chat.
        config: of the run.
        watch: is shown the rollouts that are about to begin another turn; only where they go in lockstep.
    """
    part, most = config.rollout, config.generation.concurrency
    sampling = part.sampling
    if isinstance(by, Server):
        opened = functools.partial(by.opened, chat, sampling, config.seed)
        return Streamed(opened, chat, sampling, part.tokens, context=by.context, concurrency=most)
    if config.generation.stream and isinstance(by, Transformers):
        opened = functools.partial(as_it_is, Batched(by))
        return Streamed(opened, chat, sampling, part.tokens, concurrency=most)
    return Together(by, chat, sampling, part.tokens, watch=watch)


def served_player(server: Server, chat: Chat, config: TrainConfig, sampling: Sampling) -> Player:
    """Plays episodes by a server, for an evaluation: with the same seeds every time."""
    opened = functools.partial(server.opened, chat, sampling, config.seed)
    part, most = config.rollout, config.generation.concurrency
    streamed = Streamed(opened, chat, sampling, part.tokens, context=server.context, concurrency=most)
    numbers = itertools.count()
    return lambda episodes: streamed.play(episodes, [f"measured/{next(numbers)}" for _ in episodes])


def keys(trainer: Any, count: int) -> list[str]:
    """A name for each rollout of this rank in this step, for the seeds of its messages: the same on any division of
    the step among ranks.
    """
    mode = "train" if trainer.model.training else "eval"
    first = trainer.accelerator.process_index * count
    return [f"{mode}/{trainer.state.global_step}/{first + i}" for i in range(count)]
