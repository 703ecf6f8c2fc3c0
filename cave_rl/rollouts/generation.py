"""How a batch of episodes is played by whatever samples: one protocol for all of it.

| generation | how                                                                                     |
|------------|-----------------------------------------------------------------------------------------|
| `Together` | a `Backend`: all episodes write, then all are in their environments, then all write ... |
| `Streamed` | a `Generator`: each episode goes at its own pace, and none waits for another's cell      |

Either way every rollout is checked token by token (`Rollout.check`) before anybody trains on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from cave_rl.rollouts.backends import Backend, Sampling
from cave_rl.rollouts.chat import Chat
from cave_rl.rollouts.clock import Clock
from cave_rl.rollouts.generators import Generator
from cave_rl.rollouts.play import Rollout, Watch, play
from cave_rl.rollouts.stream import play_one, play_stream
from cave_rl.rollouts.writers import ByTokens
from cave_rl.tasks.episode import Episode

Opened = AbstractAsyncContextManager[Generator]
"""A generator for as long as a batch is played: an endpoint's connections belong to the loop they were made on."""


class Generation(Protocol):
    """Plays episodes."""

    def play(self, episodes: Sequence[Episode], keys: Sequence[str]) -> list[Rollout]:
        """Plays fresh episodes to their end and closes them.

        Args:
            episodes: to be played.
            keys: name them, for the seeds of their messages: no two alike.

        Returns:
            One rollout for each, in order. A fault stands in its rollout; the others go on.
        """

    @property
    def clock(self) -> Clock:
        """Where the wall time of the last batch went."""


@dataclass
class Together:
    """Episodes in lockstep. The same seed gives the same tokens.

    Attributes:
        backend: continues batches.
        chat: the tokenizer's chat.
        sampling: how messages are sampled.
        budget: most tokens of an episode after its prompt.
        watch: is shown the rollouts that are about to begin another turn, together.
        clock: where the wall time of the last batch went.
    """

    backend: Backend
    chat: Chat
    sampling: Sampling
    budget: int | None = None
    watch: Watch | None = None
    clock: Clock = field(default_factory=Clock)

    def play(self, episodes: Sequence[Episode], keys: Sequence[str]) -> list[Rollout]:
        self.clock = Clock()
        try:
            rollouts = play(episodes, self.backend, self.chat, self.sampling, budget=self.budget, watch=self.watch)
        finally:
            for episode in episodes:
                episode.close()
        self.clock.add(sum(each.env_s for each in rollouts), sum(each.policy_s for each in rollouts))
        return rollouts


@dataclass
class Streamed:
    """Episodes on a loop, a task each.

    Attributes:
        opened: opens the generator for a batch.
        chat: the tokenizer's chat.
        sampling: how messages are sampled.
        budget: most tokens of an episode after its prompt.
        context: the longest that prompt and message together may be, where it is known.
        concurrency: most episodes alive at once.
        clock: where the wall time of the last batch went.
    """

    opened: Callable[[], Opened]
    chat: Chat
    sampling: Sampling
    budget: int | None = None
    context: int | None = None
    concurrency: int = 1024
    clock: Clock = field(default_factory=Clock)

    def play(self, episodes: Sequence[Episode], keys: Sequence[str]) -> list[Rollout]:
        self.clock = Clock()
        try:
            return asyncio.run(self._play(episodes, keys))
        finally:
            for episode in episodes:
                episode.close()

    async def _play(self, episodes: Sequence[Episode], keys: Sequence[str]) -> list[Rollout]:
        found: dict[int, Rollout] = {}
        async with self.opened() as generator:

            async def one(item: tuple[int, Episode, str]) -> Rollout:
                _, episode, key = item
                writer = ByTokens(generator, self.chat, self.sampling, self.budget, self.context, key)
                return await play_one(episode, writer, clock=self.clock)

            def tell(item: tuple[int, Episode, str], rollout: Rollout) -> None:
                found[item[0]] = whole(rollout)

            items = [(i, episode, key) for i, (episode, key) in enumerate(zip(episodes, keys, strict=True))]
            await play_stream(items, one, tell, min(self.concurrency, max(1, len(items))))
        return [found[i] for i in range(len(episodes))]


def whole(rollout: Rollout) -> Rollout:
    """A rollout without the observation that no message followed, checked.

    Raises:
        AssertionError: an invariant does not hold.
    """
    end = rollout.spans[-1][1] if rollout.spans else 0
    del rollout.ids[end:], rollout.mask[end:]
    if rollout.logprobs is not None:
        del rollout.logprobs[end:]
    if rollout.spans or rollout.fault is not None:  # without either, the prompt alone filled the context
        rollout.check()
    return rollout


@asynccontextmanager
async def as_it_is(generator: Generator) -> AsyncIterator[Generator]:
    """A generator that needs no opening."""
    yield generator
