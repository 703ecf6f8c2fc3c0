"""A calendar of meetings: it enters the rollout, and every cell may do with it what it will."""

from __future__ import annotations

from dataclasses import dataclass, field

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


@dataclass
class Meeting:
    """A meeting on a day ("Monday" to "Friday"), from a minute of the day, for some minutes."""

    day: str
    start: int
    minutes: int
    room: str
    guests: set[str] = field(default_factory=set)

    @property
    def end(self) -> int:
        """The minute at which it ends."""
        return self.start + self.minutes


@dataclass
class Calendar:
    """A week of meetings, by title; no two in one room overlap."""

    meetings: dict[str, Meeting] = field(default_factory=dict)

    def on(self, day: str) -> list[str]:
        """The titles of a day's meetings, the earliest first; those at one time in alphabetical order."""
        found = {title: each for title, each in self.meetings.items() if each.day == day}
        return sorted(found, key=lambda title: (found[title].start, title))

    def taken(self, room: str, day: str, start: int, minutes: int, but: str = "") -> bool:
        """Whether a room is taken at that time, by another meeting than `but`."""
        return any(
            each.start < start + minutes and start < each.end
            for title, each in self.meetings.items()
            if title != but and (each.room, each.day) == (room, day)
        )

    def add(self, title: str, meeting: Meeting) -> None:
        """Adds a meeting."""
        if title in self.meetings or self.taken(meeting.room, meeting.day, meeting.start, meeting.minutes):
            raise ValueError(f"{title!r} is there already, or {meeting.room} is taken")
        self.meetings[title] = meeting

    def move(self, title: str, day: str, start: int) -> None:
        """Moves a meeting to another day or minute, in its room."""
        found = self.meetings[title]
        if day not in DAYS or self.taken(found.room, day, start, found.minutes, title):
            raise ValueError(f"{title!r} cannot be on {day} at minute {start}: {found.room} is taken")
        found.day, found.start = day, start

    def cancel(self, title: str) -> None:
        """Takes a meeting out of the calendar."""
        del self.meetings[title]

    def __validate_claim__(self) -> None:
        if not all(type(each) is Meeting and each.day in DAYS for each in self.meetings.values()):
            raise ValueError("a calendar holds meetings from Monday to Friday")
        if any(self.taken(m.room, m.day, m.start, m.minutes, title) for title, m in self.meetings.items()):
            raise ValueError("two meetings overlap in one room")
