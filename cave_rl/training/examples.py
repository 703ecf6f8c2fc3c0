"""What a warm start learns from: solved episodes, token by token, with the model's messages marked.

Gold is written through the same path as sampled messages, so its episodes have the very tokens that a rollout would:
the chat's template, the observations as the environment gives them, the end of every message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cave_rl.rollouts.backends import Generated, Sampling
from cave_rl.rollouts.chat import Chat
from cave_rl.rollouts.generation import whole
from cave_rl.rollouts.messages import gold
from cave_rl.rollouts.play import Rollout
from cave_rl.rollouts.stream import Written, play_one, play_stream
from cave_rl.rollouts.writers import ByTokens
from cave_rl.tasks.episode import Episode

NO_LOSS = -100
"""The label of a token that is not learned, in the word of transformers."""


@dataclass(frozen=True)
class ByGold:
    """Writes gold as tokens.

    Attributes:
        chat: the tokenizer's chat.
        budget: most tokens of an episode after its prompt.
    """

    chat: Chat
    budget: int | None = None

    async def write(self, rollout: Rollout, observation: str) -> Written:
        ids = self.chat.message(gold(rollout.episode))
        writer = ByTokens(_Says(ids), self.chat, Sampling(max_tokens=len(ids)), self.budget)
        return await writer.write(rollout, observation)


@dataclass(frozen=True)
class _Says:
    ids: list[int]

    async def generate(self, prompt: list[int], sampling: Sampling, key: str, number: int) -> Generated | None:
        return Generated(self.ids[: sampling.max_tokens])


def play_gold(episodes: Sequence[Episode], chat: Chat, *, budget: int | None = None, most: int = 64) -> list[Rollout]:
    """Plays episodes by gold, as tokens.

    Args:
        episodes: fresh ones.
        chat: the tokenizer's chat.
        budget: most tokens of an episode after its prompt.
        most: episodes alive at once.
    """
    found: dict[int, Rollout] = {}

    async def go() -> None:
        await play_stream(
            enumerate(episodes),
            lambda item: play_one(item[1], ByGold(chat, budget)),
            lambda item, rollout: found.update({item[0]: whole(rollout)}),
            min(most, max(1, len(episodes))),
        )

    asyncio.run(go())
    return [found[i] for i in range(len(episodes))]


def keep(rollouts: Iterable[Rollout], most: int) -> list[Rollout]:
    """The solved ones, at most so many of a task, no two of which have the same tokens: the shortest first.

    Whether it was solved is the Judge's word alone: what the model wrote about it is not looked at.
    """
    found: dict[str, list[Rollout]] = {}
    for rollout in rollouts:
        if rollout.fault is None and rollout.ids and rollout.episode.solved:
            found.setdefault(rollout.episode.task.id, []).append(rollout)
    kept: list[Rollout] = []
    for same in found.values():
        different = {tuple(each.ids): each for each in sorted(same, key=lambda each: sum(each.mask))}
        kept += list(different.values())[:most]
    return kept


def example(rollout: Rollout) -> dict[str, Any]:
    """A rollout for TRL's SFTTrainer: its tokens, and as labels those that the model wrote."""
    told = zip(rollout.ids, rollout.mask, strict=True)
    labels = [token if written else NO_LOSS for token, written in told]
    return {"input_ids": rollout.prompt_ids + rollout.ids, "labels": [NO_LOSS] * len(rollout.prompt_ids) + labels}
