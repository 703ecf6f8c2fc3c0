"""How long a process may work on one request: until an interrupt, a grace period after it, and its end."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass

from cave_rl.runtime.errors import RuntimeGone
from cave_rl.runtime.process import Process

_LEAST_S, _LOOK_S, _MOST_WALL = 0.001, 0.05, 10
"""A process at its wall limit that is ready to run is looked at again, up to so many times the limit."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when a process may work on one request.

    Attributes:
        cpu_s: CPU seconds of the process.
        until: a moment of `time.monotonic()`.
        grace_s: seconds between the interrupt and the end.
    """

    cpu_s: float
    until: float
    grace_s: float


class Watch:
    """Holds a process to a deadline, from now on.

    Attributes:
        interrupted: whether it ran over and was told so by a SIGINT.
    """

    def __init__(self, process: Process, deadline: Deadline) -> None:
        self.interrupted = False
        self._process = process
        self._grace_s = deadline.grace_s
        self._begin(deadline.cpu_s, deadline.until - time.monotonic())

    def left(self) -> float:
        """Seconds after which to look again, if it has not answered. A process that has none left is interrupted.

        Raises:
            RuntimeGone: it was interrupted, and the grace period is over too.
        """
        now = time.monotonic()
        left = min(self._cpu_s - (self._process.cpu_s() - self._used), self._began + self._wall_s - now)
        if left > 0:
            return left
        if (short := self._short_of(now)) > 0:
            return min(max(short, _LEAST_S), _LOOK_S)
        if self.interrupted:
            raise RuntimeGone("killed", "it ran over its limit and ignored the interrupt")
        self.interrupted = True
        self._begin(self._grace_s, self._grace_s)
        self._process.signal(signal.SIGINT)
        return self._grace_s

    def _begin(self, cpu_s: float, wall_s: float) -> None:
        self._cpu_s, self._wall_s = cpu_s, wall_s
        self._began, self._used = time.monotonic(), self._process.cpu_s()

    def _short_of(self, now: float) -> float:
        """CPU seconds that it has not had because it waits for a core: a busy host must not punish it."""
        short = self._used + self._cpu_s - self._process.cpu_s()
        if short <= 0 or now - self._began >= _MOST_WALL * self._wall_s:
            return 0.0
        try:
            with open(f"/proc/{self._process.pid}/stat", "rb") as stat:
                waits = stat.read().rpartition(b")")[2].split()[0] == b"R"  # for a core; else for something of its own
        except OSError:
            return 0.0
        return short if waits else 0.0
