"""Dialogues about a calendar: an injected object, which cells may change as they like."""

# ruff: noqa: D103  (a move says what it is by its query)

from __future__ import annotations

import copy
import random

from cave_rl.suites.dialogues.tasks.talk import Event, Move, Talk
from cave_rl.suites.dialogues.tasks.writing import Subject, more
from cave_rl.suites.dialogues.world.calendar import DAYS, Calendar, Meeting

TITLES = ("Budget", "Design", "Hiring", "Launch", "Payroll", "Planning", "Research", "Retro", "Review", "Roadmap",
          "Sales", "Security", "Standup", "Strategy", "Support", "Training")  # fmt: skip
EXTRA = ("Audit", "Demo", "Workshop", "Interview", "Kickoff", "Offsite", "Townhall", "Debrief")
ROOMS = ("Amber", "Birch", "Cedar", "Delta")
GUESTS = ("Ada", "Bo", "Cleo", "Dev", "Eva", "Finn", "Gia", "Hugo")


def draw(rng: random.Random) -> Calendar:
    calendar = Calendar()
    for title in rng.sample(TITLES, rng.randint(9, 14)):
        for _ in range(20):
            guests = set(rng.sample(GUESTS, rng.randint(1, 4)))
            start, minutes = rng.randrange(480, 1020, 15), rng.choice((15, 30, 45, 60))
            meeting = Meeting(rng.choice(DAYS), start, minutes, rng.choice(ROOMS), guests)
            if not calendar.taken(meeting.room, meeting.day, meeting.start, meeting.minutes):
                calendar.add(title, meeting)
                break
    return calendar


def _title(talk: Talk) -> str:
    found: str = talk.rng.choice(sorted(talk.now.meetings))
    return found


def _shift(title: str, minutes: int) -> str:
    at = f"calendar.meetings[{title!r}]"
    return f"calendar.move({title!r}, {at}.day, {at}.start {more(minutes)})"


def _shifted(calendar: Calendar, title: str, minutes: int) -> None:
    found = calendar.meetings[title]
    calendar.move(title, found.day, found.start + minutes)


def shift(talk: Talk) -> Move:
    title, minutes = _title(talk), talk.rng.choice((-1, 1)) * talk.rng.randrange(5, 95, 5)
    return Move(
        f"Move {title} {abs(minutes)} minutes {'later' if minutes > 0 else 'earlier'}.", _shift(title, minutes),
        lambda calendar: _shifted(calendar, title, minutes),
        misses=[_shift(title, -minutes), f"calendar.meetings[{title!r}].minutes += {abs(minutes)}"],
        leaves={"title": title, "minutes": minutes},
    )  # fmt: skip


def invite(talk: Talk) -> Move:
    title, guest = _title(talk), talk.rng.choice(GUESTS)
    return Move(
        f"Invite {guest} to {title}.", f"calendar.meetings[{title!r}].guests.add({guest!r})",
        lambda calendar: calendar.meetings[title].guests.add(guest),
        misses=[f"calendar.meetings[{title!r}].guests = {{{guest!r}}}"], leaves={"title": title, "guest": guest},
    )  # fmt: skip


def without(talk: Talk) -> Move:
    guest = talk.rng.choice(GUESTS)

    def do(calendar: Calendar) -> None:
        for each in calendar.meetings.values():
            each.guests.discard(guest)

    return Move(
        f"{guest} is away this week. Take {guest} off every meeting.",
        f"for each in calendar.meetings.values():\n    each.guests.discard({guest!r})", do,
        misses=[f"for title in list(calendar.meetings):\n    if {guest!r} in calendar.meetings[title].guests:\n"
                "        calendar.cancel(title)"],
        weight=2, leaves={"guest": guest},
    )  # fmt: skip


def shorten(talk: Talk) -> Move:
    day, by = talk.rng.choice(DAYS), talk.rng.choice((5, 10))

    def do(calendar: Calendar) -> None:
        for title in calendar.on(day):
            if calendar.meetings[title].minutes > 30:
                calendar.meetings[title].minutes -= by

    loop = "for title in {}:\n    if calendar.meetings[title].minutes > {}:\n        "
    cut = f"calendar.meetings[title].minutes -= {by}"
    return Move(
        f"Make every {day} meeting that takes more than 30 minutes {by} minutes shorter.",
        loop.format(f"calendar.on({day!r})", 30) + cut, do,
        misses=[loop.format("calendar.meetings", 30) + cut, loop.format(f"calendar.on({day!r})", 0) + cut], weight=2,
        leaves={"day": day},
    )  # fmt: skip


def agenda(talk: Talk) -> Move | None:
    day, name = talk.rng.choice(DAYS), talk.new_name()
    if len(talk.now.on(day)) < 2:
        return None
    return Move(
        f"What is on {day}? Store the titles in {name}, a list, the earliest meeting first.",
        f"{name} = calendar.on({day!r})", store=name, value=lambda calendar: calendar.on(day),
        misses=[f"{name} = sorted(t for t, m in calendar.meetings.items() if m.day == {day!r})[::-1]",
                f"{name} = [m for m in calendar.meetings.values() if m.day == {day!r}]"],
        leaves={"agenda": name, "day": day}, keeps={"agenda": name},
    )  # fmt: skip


def busy(talk: Talk) -> Move:
    guest, name = talk.rng.choice(GUESTS), talk.new_name()
    total = f"{name} = sum(m.minutes for m in calendar.meetings.values(){{}})"
    return Move(
        f"For how many minutes is {guest} in meetings this week? Store the number in {name}.",
        total.format(f" if {guest!r} in m.guests"), store=name,
        value=lambda calendar: sum(m.minutes for m in calendar.meetings.values() if guest in m.guests),
        misses=[total.format(""), f"{name} = sum({guest!r} in m.guests for m in calendar.meetings.values())"],
        leaves={"guest": guest},
    )  # fmt: skip


def schedule(talk: Talk) -> Move | None:
    left = [each for each in EXTRA if each not in talk.now.meetings]
    if not left:
        return None
    title, model = talk.rng.choice(left), _title(talk)
    guests = set(talk.rng.sample(GUESTS, 2))
    found = f"m = calendar.meetings[{model!r}]\n"
    add = f"calendar.add({title!r}, Meeting(m.day, m.end, m.minutes, m.room, {guests!r}))"

    def do(calendar: Calendar) -> None:
        m = calendar.meetings[model]
        calendar.add(title, Meeting(m.day, m.end, m.minutes, m.room, set(guests)))

    first, second = sorted(guests)
    return Move(
        f"Add a meeting {title} right after {model}, in the same room and as long, with {first} and {second}.",
        found + add, do,
        misses=[f"{found}calendar.meetings[{title!r}] = Meeting(m.day, m.start, m.minutes, m.room, {guests!r})",
                found + add.replace(repr(guests), "m.guests")],
        weight=2, leaves={"title": title},
    )  # fmt: skip


def note_starts(talk: Talk) -> Move:
    name = talk.new_name()
    return Move(
        f"Keep the week as it is now: store a dict from each title to its start in {name}.",
        f"{name} = {{t: m.start for t, m in calendar.meetings.items()}}", store=name,
        value=lambda calendar: {t: m.start for t, m in calendar.meetings.items()},
        misses=[f"{name} = calendar", f"{name} = {{t: m for t, m in calendar.meetings.items()}}"], weight=2,
        keeps={"starts": name},
    )  # fmt: skip


def moved_since(talk: Talk) -> Move | None:
    name = talk.kept.get("starts", "")
    if not name:
        return None
    starts, out = talk.stored[name], talk.new_name()

    def value(calendar: Calendar) -> list[str]:
        return sorted(t for t, m in calendar.meetings.items() if t in starts and m.start != starts[t])

    cell = f"{out} = sorted(t for t, m in calendar.meetings.items() if t in {name} and m.start {{}} {name}[t])"
    return Move(
        f"Which meetings start at another minute of their day than {name} says? Store a sorted list of their titles in "
        f"{out}; leave out those that are not in {name}, or no longer in the calendar.",
        cell.format("!="), store=out, value=value, misses=[cell.format("=="), f"{out} = sorted({name})"], weight=3,
    )  # fmt: skip


def same_for(talk: Talk) -> Move | None:
    if "minutes" not in talk.last:
        return None
    title, minutes = talk.last["title"], talk.last["minutes"]
    other = talk.rng.choice([each for each in sorted(talk.now.meetings) if each != title])
    query, of, by = talk.rng.choice(((f"The same with {other}.", other, minutes),
                                     ("Take that back.", title, -minutes),
                                     ("The same meeting by as much again.", title, minutes)))  # fmt: skip
    return Move(
        query, _shift(of, by), lambda calendar: _shifted(calendar, of, by),
        misses=[_shift(of, -by), _shift(title if of == other else other, by)], weight=2,
        leaves={"title": of, "minutes": by},
    )  # fmt: skip


def cancel_nth(talk: Talk) -> Move | None:
    name = talk.last.get("agenda", "")
    titles = [each for each in talk.stored.get(name, []) if each in talk.now.meetings]
    if len(titles) < 2 or titles != talk.stored[name]:
        return None
    at = talk.rng.choice((0, 1, -1))
    word = {0: "first", 1: "second", -1: "last"}[at]
    return Move(
        f"Cancel the {word} one of them.", f"calendar.cancel({name}[{at}])",
        lambda calendar: calendar.cancel(titles[at]),
        misses=[f"{name}.pop({at})", f"calendar.cancel({name}[{1 if at == 0 else 0}])",
                f"calendar.cancel({name}.pop({at}))"],
        weight=2,
    )  # fmt: skip


def also_there(talk: Talk) -> Move | None:
    if "title" not in talk.last:
        return None
    title, guest = talk.last["title"], talk.rng.choice(GUESTS)
    return Move(
        f"And {guest} is to be there too.", f"calendar.meetings[{title!r}].guests.add({guest!r})",
        lambda calendar: calendar.meetings[title].guests.add(guest),
        misses=[f"for each in calendar.meetings.values():\n    each.guests.add({guest!r})"], weight=2,
        leaves={"title": title, "guest": guest},
    )  # fmt: skip


def began_with(talk: Talk) -> Move | None:
    title, guest = talk.first["title"], talk.rng.choice(GUESTS)
    if title not in talk.now.meetings or talk.rng.random() < 0.7:
        return None
    return Move(
        f"Set the guests of the meeting that I had you move first of all: {guest} alone.",
        f"calendar.meetings[{title!r}].guests = {{{guest!r}}}",
        lambda calendar: setattr(calendar.meetings[title], "guests", {guest}),
        misses=[f"calendar.meetings[{title!r}].guests.add({guest!r})", f"calendar.meetings[{title!r}].guests.clear()"],
        weight=3,
    )  # fmt: skip


def rescheduled(talk: Talk) -> Event:
    """Someone moves a meeting, which the last turn was not about, to a free hour."""
    titles = [each for each in sorted(talk.now.meetings) if each != talk.last.get("title")]
    while True:
        title, day, start = talk.rng.choice(titles), talk.rng.choice(DAYS), talk.rng.randrange(480, 1020, 15)
        now = copy.deepcopy(talk.now)
        if (now.meetings[title].day, now.meetings[title].start) == (day, start):
            continue
        try:
            now.move(title, day, start)
        except ValueError:
            continue
        return Event(f"calendar.move({title!r}, {day!r}, {start})", f"{title} was moved by its host.")


def accepted(talk: Talk) -> Event:
    title, guest = _title(talk), talk.rng.choice(GUESTS)
    return Event(f"calendar.meetings[{title!r}].guests.add({guest!r})", f"{guest} will be at {title}.")


def harm(talk: Talk) -> str:
    day = talk.rng.choice(DAYS)
    return f"for title in [*calendar.on({day!r}), *calendar.meetings][:1]:\n    calendar.meetings[title].minutes += 5"


CALENDAR = Subject(
    name="calendar",
    draw=draw,
    opening=shift,
    fresh=(shift, shift, invite, without, shorten, agenda, busy, schedule, note_starts),
    back=(moved_since, same_for, cancel_nth, also_there, began_with),
    events=(rescheduled, accepted),
    harm=harm,
    description="a week of meetings; their hosts and guests change them too",
    names=("found", "titles", "agenda", "listed", "asked", "noted", "result", "kept"),
    types=(Calendar, Meeting),
)
