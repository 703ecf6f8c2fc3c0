from __future__ import annotations

import asyncio
import os
import time

import pytest

from cave_rl.runtime import Steps, Wait, gather, run, run_all, run_async


def nap(seconds: float, result: str) -> Steps[str]:
    ready = yield Wait(-1, time.monotonic() + seconds)
    assert ready is False
    return result


def hear(fd: int, seconds: float = 5.0) -> Steps[bytes | None]:
    ready = yield Wait(fd, time.monotonic() + seconds)
    return os.read(fd, 1) if ready else None


def fail(seconds: float, error: Exception) -> Steps[str]:
    yield Wait(-1, time.monotonic() + seconds)
    raise error


def test_run_waits_for_the_moment() -> None:
    began = time.monotonic()
    assert run(nap(0.05, "done")) == "done"
    assert time.monotonic() - began >= 0.05


def test_run_wakes_when_the_descriptor_is_readable() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"!")
    began = time.monotonic()
    assert run(hear(reader)) == b"!"
    assert time.monotonic() - began < 1
    os.close(reader)
    os.close(writer)


def test_a_descriptor_that_stays_silent_is_a_timeout() -> None:
    reader, writer = os.pipe()
    assert run(hear(reader, 0.05)) is None
    os.close(reader)
    os.close(writer)


def test_conversations_wait_together_and_results_keep_their_order() -> None:
    began = time.monotonic()
    assert run_all([nap(0.2 - i / 100, str(i)) for i in range(20)]) == [str(i) for i in range(20)]
    assert time.monotonic() - began < 0.6


def test_conversations_may_wait_for_one_descriptor_each_gets_its_turn() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"ab")
    assert sorted(run_all([hear(reader), hear(reader)])) == [b"a", b"b"]  # type: ignore[type-var]
    os.close(reader)
    os.close(writer)


def test_run_all_raises_the_first_error_in_order_after_all_have_ended() -> None:
    ended: list[str] = []

    def late() -> Steps[str]:
        yield Wait(-1, time.monotonic() + 0.1)
        ended.append("late")
        return "late"

    with pytest.raises(KeyError, match="first"):
        run_all([fail(0.05, KeyError("first")), fail(0.0, ValueError("second")), late()])
    assert ended == ["late"]


def test_gather_gives_errors_in_their_place() -> None:
    first, second = gather([fail(0, KeyError("x")), nap(0, "fine")])
    assert isinstance(first, KeyError)
    assert second == "fine"


def test_conversations_are_made_of_conversations() -> None:
    def outer() -> Steps[str]:
        return (yield from nap(0.01, "a")) + (yield from nap(0.01, "b"))

    assert run(outer()) == "ab"


def test_asyncio_drives_the_same_conversations_together() -> None:
    async def main() -> list[str]:
        return await asyncio.gather(*(run_async(nap(0.1, str(i))) for i in range(10)))

    began = time.monotonic()
    assert asyncio.run(main()) == [str(i) for i in range(10)]
    assert time.monotonic() - began < 0.5


def test_a_cancelled_task_closes_its_conversation() -> None:
    closed: list[bool] = []

    def steps() -> Steps[None]:
        try:
            yield Wait(-1, time.monotonic() + 60)
        finally:
            closed.append(True)

    async def main() -> None:
        task = asyncio.create_task(run_async(steps()))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert closed == [True]
