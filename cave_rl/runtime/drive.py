"""Three ways to drive one conversation: alone, many at once, or on an asyncio loop.

A conversation with a process is written once, as a generator that sends without blocking and yields `Wait` where it
needs an answer: until a descriptor is readable or a moment has passed. It is told which of the two happened. Episodes
are conversations made of conversations (`yield from`), so synchronous environments, vector environments and asyncio
rollouts share every line of them.

>>> def steps():
...     ready = yield Wait(-1, time.monotonic())
...     return "ready" if ready else "timed out"
>>> run(steps())
'timed out'
>>> run_all([steps(), steps()])
['timed out', 'timed out']
>>> asyncio.run(run_async(steps()))
'timed out'
"""

from __future__ import annotations

import asyncio
import heapq
import select
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wait:
    """Until a descriptor is readable, or until a moment.

    Attributes:
        fd: the descriptor; -1 waits for the moment alone.
        until: a moment of `time.monotonic()`.
    """

    fd: int
    until: float


Steps = Generator[Wait, bool, T]
"""A conversation that returns a T."""


def run(steps: Steps[T]) -> T:
    """Drives one conversation to its end, blocking."""
    try:
        wait = next(steps)
        while True:
            wait = steps.send(_ready(wait))
    except StopIteration as stop:
        result: T = stop.value
        return result


def run_all(conversations: Iterable[Steps[T]]) -> list[T]:
    """Drives many conversations together, each as it becomes ready; their results in order.

    Raises:
        Exception: the first that any of them raised, in their order, after all have ended.
    """
    return [_result(each) for each in gather(conversations)]


def gather(conversations: Iterable[Steps[T]]) -> list[T | Exception]:
    """As `run_all`, but what a conversation raised stands in its place."""
    group = list(conversations)
    results: list[Any] = [None] * len(group)
    poll = select.poll()
    waiting: dict[int, list[int]] = {}  # descriptor -> conversations that wait for it, first come first served
    moments: list[tuple[float, int, int]] = []
    turn = [0] * len(group)  # how often each went on; an entry of `moments` from an earlier turn is stale
    waits: list[Wait | None] = [None] * len(group)
    going = len(group)

    def advance(i: int, ready: bool | None) -> None:
        nonlocal going
        turn[i] += 1
        try:
            wait = next(group[i]) if ready is None else group[i].send(ready)
        except StopIteration as stop:
            waits[i], results[i] = None, stop.value
            going -= 1
            return
        except Exception as error:
            waits[i], results[i] = None, error
            going -= 1
            return
        waits[i] = wait
        heapq.heappush(moments, (wait.until, turn[i], i))
        if wait.fd >= 0:
            waiting.setdefault(wait.fd, []).append(i)
            poll.register(wait.fd, select.POLLIN)

    def leave(i: int) -> None:
        wait = waits[i]
        if wait is None or wait.fd < 0:
            return
        queue = waiting[wait.fd]
        queue.remove(i)
        if not queue:
            del waiting[wait.fd]
            poll.unregister(wait.fd)

    for i in range(len(group)):
        advance(i, None)
    while going:
        while moments and (waits[moments[0][2]] is None or turn[moments[0][2]] != moments[0][1]):
            heapq.heappop(moments)
        rest = max(0.0, moments[0][0] - time.monotonic())
        ready = poll.poll(_milliseconds(rest))
        for fd, _ in ready:
            for i in list(waiting.get(fd, ())):
                leave(i)
                advance(i, True)
        now = time.monotonic()
        while moments and moments[0][0] <= now:
            _, at, i = heapq.heappop(moments)
            if waits[i] is not None and turn[i] == at:
                leave(i)
                advance(i, False)
    return results


async def run_async(steps: Steps[T]) -> T:
    """Drives one conversation on the running asyncio loop."""
    loop = asyncio.get_running_loop()
    ready: bool | None = None
    try:
        while True:
            wait = next(steps) if ready is None else steps.send(ready)
            ready = await _ready_async(loop, wait)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        steps.close()


def _ready(wait: Wait) -> bool:
    rest = max(0.0, wait.until - time.monotonic())
    if wait.fd < 0:
        time.sleep(rest)
        return False
    poll = select.poll()
    poll.register(wait.fd, select.POLLIN)
    return bool(poll.poll(_milliseconds(rest)))


async def _ready_async(loop: asyncio.AbstractEventLoop, wait: Wait) -> bool:
    rest = max(0.0, wait.until - time.monotonic())
    if wait.fd < 0:
        await asyncio.sleep(rest)
        return False
    done: asyncio.Future[bool] = loop.create_future()

    def finish(ready: bool) -> None:
        if not done.done():
            done.set_result(ready)

    timer = loop.call_later(rest, finish, False)
    loop.add_reader(wait.fd, finish, True)
    try:
        return await done
    finally:
        loop.remove_reader(wait.fd)
        timer.cancel()


def _milliseconds(seconds: float) -> int:
    return min(int(seconds * 1000) + 1, 2**31 - 1)


def _result(value: T | Exception) -> T:
    if isinstance(value, Exception):
        raise value
    return value
