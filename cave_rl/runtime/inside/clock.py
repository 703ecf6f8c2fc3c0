"""A clock that stands still, for set-ups that say what time it is.

`time.time`, `datetime.now`, `date.today`, `time.localtime` and what else asks for the time of day give one moment; the
types are what they were. What measures durations (`time.monotonic`, `perf_counter`, sleeping, asyncio) goes on. Not
covered: libraries that ask the kernel themselves, such as `numpy.datetime64("now")`.
"""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

_standing: list[Any] = []


def stand_still(moment: str, zone: str) -> None:
    """Stops the clock of this process, and of all that it will fork, at a moment and in a timezone."""
    import time_machine  # brought by the extra `clock`

    at = datetime.datetime.fromisoformat(moment).astimezone(zoneinfo.ZoneInfo(zone))
    travel = time_machine.travel(at, tick=False)
    travel.start()
    _standing.append(travel)
