"""The moment at which a set-up's clock stands still."""

from __future__ import annotations

import datetime
import importlib.util
import zoneinfo

from cave_rl.runtime.errors import SetupFault
from cave_rl.runtime.extras import advice

LIBRARY = "time_machine"
"""What stops clocks; it comes with the extra `clock`."""

_UTC = zoneinfo.ZoneInfo("UTC")


def moment_of(given: datetime.datetime | str) -> tuple[str, str]:
    """A moment and the timezone it is told in, as plain text.

    A moment without a timezone is what the clock of the runtime shows, whatever the host's timezone. So is one in a
    zone of the timezone database. One with an offset is shown in UTC.

    >>> moment_of("2024-05-01 12:00")
    ('2024-05-01T12:00:00+00:00', 'UTC')
    >>> moment_of("2024-05-01T12:00:00+02:00")
    ('2024-05-01T10:00:00+00:00', 'UTC')

    Raises:
        ValueError: it is no moment.
    """
    try:
        moment = datetime.datetime.fromisoformat(given) if isinstance(given, str) else given
    except ValueError as error:
        raise ValueError(f"clock {given!r} is not a moment as ISO 8601 writes it: {error}") from None
    if not isinstance(moment, datetime.datetime):
        raise ValueError(f"clock must be a datetime, or text such as '2024-05-01 12:00', not {given!r}")
    zone = _UTC if moment.tzinfo is None else moment.tzinfo
    key = zone.key if isinstance(zone, zoneinfo.ZoneInfo) else None
    return moment.replace(tzinfo=zone).astimezone(_UTC).isoformat(), key or "UTC"


def check_clock() -> None:
    """Raises a `SetupFault` if the library that stops clocks is not there."""
    if importlib.util.find_spec(LIBRARY) is None:
        how = advice(LIBRARY) or f"{LIBRARY} is not installed; it comes with: pip install 'cave-rl[clock]'"
        raise SetupFault(f"the set-up stops the clock: {how}")
