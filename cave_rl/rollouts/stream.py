"""Episodes on an asyncio loop, one task an episode: a slow answer holds back no other episode.

A `Writer` writes the messages of one episode: it asks an endpoint, calls a function, or plays a script
(`cave_rl.rollouts.writers`). What the model's side cannot do (a refused request, a function that raises) is a fault of
its episode; the others go on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from cave_rl.clients.errors import ProviderError
from cave_rl.rollouts.clock import ENVIRONMENT, GENERATION, Clock
from cave_rl.rollouts.play import Rollout, fail, took
from cave_rl.runtime import drive
from cave_rl.runtime.drive import Steps
from cave_rl.runtime.errors import Fault
from cave_rl.tasks.episode import Episode, StepResult

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Written:
    """A message, or why there is none.

    Attributes:
        text: what the model wrote.
        closed: whether it came to its end; a message that did not is not executed, and ends the episode.
        tokens: how many it has, where tokens cost.
        stop: why the episode ends with it, where the message itself does not tell: `budget`, `context` or `time`.
    """

    text: str
    closed: bool = True
    tokens: int = 0
    stop: str = ""


LATE = Written("", closed=False, stop="time")
"""There is no time for a message."""


class Writer(Protocol):
    """Writes the messages of one episode."""

    async def write(self, rollout: Rollout, observation: str) -> Written:
        """The next message.

        Args:
            rollout: as it stands; its calls and tokens are the writer's to add.
            observation: what came of the message before, the next query included; empty at first.

        Raises:
            ProviderError, PolicyError: there is none, and that is not the model's doing.
        """


class PolicyError(Exception):
    """A function that was to write a message raised, or gave something else."""


async def play_one(
    episode: Episode, writer: Writer, *, time_s: float | None = None, clock: Clock | None = None
) -> Rollout:
    """Plays an episode to its end and closes it.

    Args:
        episode: a fresh one.
        writer: writes its messages.
        time_s: most seconds that its messages may take to write, all together; then the state is judged as it stands.
            Time in the environment does not count: a busy host must not punish the model. None is no bound.
        clock: told what the episode is doing, beside others that share it.
    """
    rollout, started, clock = Rollout(episode), time.monotonic(), clock or Clock()
    try:
        observation = await _environment(rollout, episode.begin_steps(), clock)
        rollout.opening = len(episode.messages)
        while observation is not None:
            left = None if time_s is None else time_s - rollout.policy_s
            written = await _written(rollout, writer, observation if rollout.infos else "", left, clock)
            if written is None:
                break
            steps = episode.step_steps(written.text, cut=not written.closed, tokens=written.tokens)
            observation = await _environment(rollout, steps, clock, begun=True)
            if observation is None and written.stop and rollout.fault is None:
                rollout.stop = written.stop
    finally:
        episode.close()
    rollout.wall_s = time.monotonic() - started
    return rollout


async def play_stream(
    items: Iterable[T],
    play: Callable[[T], Awaitable[Rollout]],
    tell: Callable[[T, Rollout], None],
    concurrency: int,
) -> None:
    """Plays items as they come, at most `concurrency` at once, and tells of each as soon as it has ended.

    What `play` or `tell` raises ends it, after all that was under way has been cancelled.
    """
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            tell(item, await play(item))

    workers = [asyncio.ensure_future(work()) for _ in range(concurrency)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def _environment(rollout: Rollout, steps: Steps[StepResult], clock: Clock, *, begun: bool = False) -> str | None:
    """Drives the environment; the observation where the episode goes on."""
    started = time.monotonic()
    try:
        with clock.within(ENVIRONMENT):
            result: StepResult | Fault = await drive.run_async(steps)
    except Fault as fault:
        result = fault
    finally:
        rollout.env_s += time.monotonic() - started
    if begun or isinstance(result, Fault):
        return took(rollout, result)
    return result.observation


async def _written(
    rollout: Rollout, writer: Writer, observation: str, left: float | None, clock: Clock
) -> Written | None:
    """The next message; None where there is none by no fault of the model's."""
    started = time.monotonic()
    try:
        if left is not None and left <= 0:
            return LATE
        with clock.within(GENERATION):
            async with asyncio.timeout(left):
                return await writer.write(rollout, observation)
    except TimeoutError:
        return LATE
    except (ProviderError, PolicyError, Fault) as error:
        fail(rollout, error)
        return None
    finally:
        rollout.policy_s += time.monotonic() - started
