"""Where the time of a training step goes."""

from __future__ import annotations

import time

from cave_rl.rollouts.clock import Clock


class Timing:
    """Wall seconds around the rollouts of a run."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._ended: float | None = None

    def begin(self) -> None:
        """Rollouts begin."""
        self._began = time.monotonic()

    def end(self, clock: Clock, sync_s: float | None = None) -> dict[str, float]:
        """They ended.

        Args:
            clock: of the rollouts.
            sync_s: what it took to give the server new weights before them.

        Returns:
            Seconds: `rollouts`; of these `generation`, `environment`, and `blocked` (in the environment while nobody
            waited for the model); `sync`, where there is a server; `trainer`, from the rollouts before to these without
            the sync (loss, optimizer, logs, checkpoints, evaluation), where there were rollouts before.
        """
        now = time.monotonic()
        found = {"rollouts": now - self._began, **clock.seconds}
        if sync_s is not None:
            found["sync"] = sync_s
        if self._ended is not None:
            found["trainer"] = self._began - self._ended - (sync_s or 0.0)
        self._ended = now
        return found
