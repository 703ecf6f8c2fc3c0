"""Where the wall time of many episodes goes when they run beside each other."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

ENVIRONMENT = "environment"
GENERATION = "generation"


class Clock:
    """Wall seconds, each counted once however many episodes share it.

    Attributes:
        seconds: `environment` while any episode was in its environment, `generation` while any waited for the model,
            `blocked` while some were in the environment and none waited for the model: what the environment cost.

    >>> clock = Clock()
    >>> with clock.within(GENERATION), clock.within(ENVIRONMENT):
    ...     pass
    >>> clock.seconds["blocked"]
    0.0
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys((ENVIRONMENT, GENERATION, "blocked"), 0.0)
        self._going: Counter[str] = Counter()
        self._since = time.monotonic()

    @contextmanager
    def within(self, what: str) -> Iterator[None]:
        """While the block runs, one episode more is doing that."""
        self._turn(what, 1)
        try:
            yield
        finally:
            self._turn(what, -1)

    def add(self, environment: float, generation: float) -> None:
        """Seconds of episodes that took turns, so that neither ever ran beside the other."""
        self.seconds[ENVIRONMENT] += environment
        self.seconds["blocked"] += environment
        self.seconds[GENERATION] += generation

    def _turn(self, what: str, by: int) -> None:
        now = time.monotonic()
        passed, self._since = now - self._since, now
        for name in (ENVIRONMENT, GENERATION):
            if self._going[name]:
                self.seconds[name] += passed
        if self._going[ENVIRONMENT] and not self._going[GENERATION]:
            self.seconds["blocked"] += passed
        self._going[what] += by
