"""Coroutines beside conversations: one loop in a thread of its own, waited for like a process.

What speaks asyncio (a client of an endpoint, say) runs on that loop; the conversation that needs its result waits for a
descriptor, so neither it nor any other that is driven with it blocks.

>>> import asyncio
>>> from cave_rl.runtime.drive import run_all
>>> async def told(text):
...     await asyncio.sleep(0.01)
...     return text
>>> run_all([aside_steps(lambda: told("one")), aside_steps(lambda: told("two"))])
['one', 'two']
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from cave_rl.runtime.drive import Steps, Wait

T = TypeVar("T")

_LONGEST_WAIT_S = 3600.0
"""Then it is looked again; what runs there bounds itself."""


def aside_steps(make: Callable[[], Coroutine[Any, Any, T]]) -> Steps[T]:
    """Runs a coroutine on the loop beside, and gives what it gives or raises what it raises.

    A conversation that is closed before cancels it.

    Args:
        make: makes the coroutine.
    """
    bell = _Bell()
    try:
        future = asyncio.run_coroutine_threadsafe(make(), _loop())
        try:
            future.add_done_callback(lambda _: bell.ring())
            while not future.done():
                yield Wait(bell.fd, time.monotonic() + _LONGEST_WAIT_S)
            return future.result()
        finally:
            future.cancel()
    finally:
        bell.close()


class _Bell:
    """A descriptor that becomes readable when it is rung. It may be rung after it was closed: then nothing happens."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._lock = threading.Lock()
        self._open = True

    def ring(self) -> None:
        with self._lock:
            if self._open:
                os.eventfd_write(self.fd, 1)

    def close(self) -> None:
        with self._lock:
            if self._open:
                self._open = False
                os.close(self.fd)


_starting = threading.Lock()
_running: asyncio.AbstractEventLoop | None = None


def _loop() -> asyncio.AbstractEventLoop:
    """The loop beside, started when it is first needed."""
    global _running
    with _starting:
        if _running is None:
            _running = asyncio.new_event_loop()
            threading.Thread(target=_running.run_forever, name="aside", daemon=True).start()
        return _running


def _forget() -> None:
    """A forked child has no thread but the one that forked: it starts a loop of its own."""
    global _running, _starting
    _running, _starting = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)
