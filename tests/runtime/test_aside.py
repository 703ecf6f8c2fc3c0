"""Coroutines beside conversations, in each of the three ways to drive one."""

from __future__ import annotations

import asyncio
import time

import pytest

from cave_rl.runtime.aside import aside_steps
from cave_rl.runtime.drive import Steps, gather, run, run_all, run_async
from tests.conftest import descriptors, settled


async def told(text: str, after: float = 0.0) -> str:
    await asyncio.sleep(after)
    return text


async def failing() -> str:
    await asyncio.sleep(0)
    raise LookupError("nobody there")


def test_a_result_comes_in_every_way_of_driving() -> None:
    assert run(aside_steps(lambda: told("alone", 0.02))) == "alone"
    assert run_all([aside_steps(lambda: told("first", 0.05)), aside_steps(lambda: told("second"))]) == [
        "first",
        "second",
    ]
    assert asyncio.run(run_async(aside_steps(lambda: told("on a loop", 0.02)))) == "on a loop"


def test_what_it_raises_is_raised_and_stays_with_its_conversation() -> None:
    with pytest.raises(LookupError, match="nobody there"):
        run(aside_steps(failing))
    error, said = gather([aside_steps(failing), aside_steps(lambda: told("still here", 0.02))])
    assert isinstance(error, LookupError)
    assert said == "still here"


def test_many_wait_together_rather_than_in_turn() -> None:
    started = time.monotonic()
    run_all([aside_steps(lambda: told("x", 0.3)) for _ in range(20)])
    assert time.monotonic() - started < 3.0, "one after another they take 6 s"


def test_it_leaves_no_descriptor_behind() -> None:
    run(aside_steps(lambda: told("x")))  # the loop beside has some of its own
    before = descriptors()
    run_all([aside_steps(lambda: told("x")) for _ in range(5)])
    assert settled(descriptors, before) == before


def test_a_conversation_that_is_closed_cancels_it() -> None:
    seen: list[str] = []

    async def long() -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    steps: Steps[None] = aside_steps(long)
    next(steps)
    run(aside_steps(lambda: told("x", 0.02)))  # by now it has begun
    steps.close()
    assert settled(lambda: seen, ["cancelled"]) == ["cancelled"]


def test_an_episode_that_is_cancelled_on_a_loop_cancels_it_too() -> None:
    async def main() -> None:
        task = asyncio.ensure_future(run_async(aside_steps(lambda: told("x", 30))))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
