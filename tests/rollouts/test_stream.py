"""Episodes on a loop. Episodes are real; the writers are made up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from cave_rl.clients import RateLimited
from cave_rl.rewards.assertions import equals
from cave_rl.rollouts import Rollout, gold, play_messages, traces
from cave_rl.rollouts.stream import PolicyError, Written, play_one, play_stream
from cave_rl.rollouts.writers import ByPolicy
from cave_rl.semantic.parsing import fenced
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.task import Task, Turn
from tests.training import tiny

Begin = Callable[..., Episode]
BROKEN = Task([Turn("?", equals("x", 1))], setup="raise OSError('disk')")


class Says:
    """Writes what it is given, and notes what it was told."""

    def __init__(self, *said: str | Written | Exception, after_s: float = 0.0) -> None:
        self.said = list(said)
        self.told: list[str] = []
        self.after_s = after_s

    async def write(self, rollout: Rollout, observation: str) -> Written:
        self.told.append(observation)
        await asyncio.sleep(self.after_s)
        said = self.said.pop(0)
        if isinstance(said, Exception):
            raise said
        return Written(said) if isinstance(said, str) else said


def put(index: int = 0) -> Task:
    return tiny.suite.task("train", "put", index)


def test_an_episode_goes_as_it_does_in_a_batch(begin: Begin) -> None:
    task = tiny.suite.task("train", "both", 1)
    one = asyncio.run(play_one(begin(task), ByPolicy(gold)))
    (other,) = play_messages([begin(task)], gold)
    timings = ("wall_s", "env_s", "policy_s", "steps")
    records = [traces.record(rollout) for rollout in (one, other)]
    assert [step["state"] for step in records[0]["steps"]] == [step["state"] for step in records[1]["steps"]]
    for record in records:
        for name in timings:
            del record[name]
    assert records[0] == records[1]
    assert one.episode.over
    assert not one.episode.runtime.alive, "it is closed"


def test_a_writer_is_told_what_came_of_its_message(begin: Begin) -> None:
    task = tiny.suite.task("train", "both", 1)
    writer = Says(fenced("print('hi')"), "Done.", "Done.")
    asyncio.run(play_one(begin(task), writer))
    opening, output, query = writer.told
    assert opening == ""
    assert "hi" in output
    assert query == task.turns[1].query


@pytest.mark.parametrize("error", [RateLimited("HTTP 429"), PolicyError("ValueError: no")])
def test_what_the_models_side_cannot_do_is_a_fault(begin: Begin, error: Exception) -> None:
    rollout = asyncio.run(play_one(begin(put()), Says(fenced("x = 1"), error)))
    assert (rollout.stop, rollout.reward) == ("fault", None)
    assert rollout.fault == f"{type(error).__name__}: {error}"
    assert not rollout.episode.runtime.alive


def test_what_our_side_cannot_do_is_one_too(begin: Begin) -> None:
    writer = Says()
    rollout = asyncio.run(play_one(begin(BROKEN), writer))
    assert str(rollout.fault).startswith("SetupFault: ")
    assert writer.told == [], "nothing was asked of the model"


def test_a_message_that_did_not_end_is_not_executed(begin: Begin) -> None:
    task = put()
    rollout = asyncio.run(play_one(begin(task), Says(Written(fenced(task.turns[0].gold[0]), closed=False))))
    assert (rollout.stop, rollout.reward, rollout.outcomes) == ("cut", 0.0, ["cut"])


def test_why_there_was_no_message_is_told_and_what_was_done_counts(begin: Begin) -> None:
    task = put()
    writer = Says(fenced(task.turns[0].gold[0]), Written("", closed=False, stop="context"))
    rollout = asyncio.run(play_one(begin(task), writer))
    assert (rollout.stop, rollout.reward, rollout.outcomes) == ("context", 1.0, ["ok", "cut"])


@pytest.mark.parametrize("after_s", [0.05, 30.0])
def test_an_episode_has_no_more_time_than_it_is_given(begin: Begin, after_s: float) -> None:
    task = put()
    started = time.monotonic()
    said = [fenced(task.turns[0].gold[0]), *[fenced("pass")] * 50]
    rollout = asyncio.run(play_one(begin(task, max_steps=60), Says(*said, after_s=after_s), time_s=1.0))
    assert rollout.stop == "time"
    assert rollout.reward == (1.0 if after_s < 1 else 0.0)
    assert 0.9 < rollout.wall_s <= time.monotonic() - started < 20
    assert rollout.policy_s > 0.5


# --- many ------------------------------------------------------------------------------------------------------------


def streamed(
    play: Callable[[int], Coroutine[Any, Any, Rollout]], n: int, concurrency: int, told: Callable[[int], None]
) -> None:
    asyncio.run(play_stream(range(n), play, lambda item, rollout: told(item), concurrency))


def test_each_is_told_as_it_ends_and_the_next_begins(begin: Begin) -> None:
    begun: list[int] = []
    ended: list[int] = []

    async def play(item: int) -> Rollout:
        begun.append(item)
        assert len(begun) - len(ended) <= 2
        return await play_one(begin(put(item)), Says("Done.", after_s=1.0 if item == 0 else 0.0))

    streamed(play, 6, 2, ended.append)
    assert sorted(ended) == begun == list(range(6))
    assert ended[-1] == 0, "the slow one held back no other"


def test_what_it_is_told_may_stop_it_and_then_all_are_closed(begin: Begin) -> None:
    episodes: list[Episode] = []

    async def play(item: int) -> Rollout:
        episodes.append(begin(put(item)))
        return await play_one(episodes[-1], Says("Done.", after_s=0.0 if item == 0 else 60.0))

    def stop(item: int) -> None:
        raise KeyError(item)

    with pytest.raises(KeyError):
        streamed(play, 6, 3, stop)
    assert 0 < len(episodes) <= 4
    assert all(episode.over for episode in episodes)


def test_a_bug_of_ours_is_not_hidden(begin: Begin) -> None:
    async def play(item: int) -> Rollout:
        return await play_one(begin(put(item)), Says(ZeroDivisionError("ours")))

    with pytest.raises(ZeroDivisionError):
        streamed(play, 3, 2, lambda item: None)
