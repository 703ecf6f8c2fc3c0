"""Dates, moments and durations."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta, timezone

from cave_rl.suites.making import Families, single, where
from cave_rl.suites.types.drawing import TIMES, day, moment
from cave_rl.tasks.task import Task

family = Families()

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
UNITS = ("weeks", "days", "hours", "minutes")
DATES = ("start", "end", "opened", "closed", "ordered", "shipped")


def _dates(rng: random.Random) -> list[date]:
    return [day(rng) for _ in range(rng.randint(6, 12))]


def _moved(rng: random.Random, way: str, sign: str) -> Task:
    name, when = rng.choice(TIMES), moment(rng)
    unit, other = rng.sample(UNITS, 2)
    by = rng.randint(2, 40)
    step = timedelta(**{unit: by})
    moved = when + step if sign == "+" else when - step
    query = rng.choice((f"Move {name} {by} {unit} {way}.", f"Make {name} {by} {unit} {way}."))
    needed = "from datetime import timedelta\n"
    back = "-" if sign == "+" else "+"
    return single(
        query, {name: when}, {name: moved}, f"{needed}{name} {sign}= timedelta({unit}={by})",
        f"{needed}{name} {back}= timedelta({unit}={by})", f"{needed}{name} {sign}= timedelta({other}={by})",
        f"{needed}{name} {sign} timedelta({unit}={by})", f"{needed}{name} = str({name} {sign} timedelta({unit}={by}))",
        difficulty=2,
    )  # fmt: skip


@family(tags=("time",))
def postpone(rng: random.Random) -> Task:
    return _moved(rng, "later", "+")


@family(tags=("time", "number"))
def days_between(rng: random.Random) -> Task:
    (first, second), start = rng.sample(DATES, 2), day(rng)
    days = rng.randint(40, 900)
    query = rng.choice(
        (
            f"Store the number of days from {first} to {second} in gap, as an int.",
            f"Set gap to how many days {second} is after {first} (an int).",
        )
    )
    return single(
        query, {first: start, second: start + timedelta(days=days)}, {"gap": days}, f"gap = ({second} - {first}).days",
        f"gap = {second} - {first}", f"gap = ({first} - {second}).days", f"gap = {second}.day - {first}.day",
        difficulty=2,
    )  # fmt: skip


@family(tags=("time", "list"))
def latest_date(rng: random.Random) -> Task:
    name = rng.choice(("dates", "days", "visits"))
    dates = where(lambda: _dates(rng), lambda dates: max(dates) not in (dates[-1], max(dates, key=lambda day: day.day)))
    query = rng.choice((f"Store the latest of {name} in last.", f"Set last to the latest date in {name}."))
    return single(
        query, {name: dates}, {"last": max(dates)}, f"last = max({name})", f"last = min({name})", f"last = {name}[-1]",
        f"last = str(max({name}))", f"last = max({name}, key=lambda each: each.day)",
    )  # fmt: skip


@family(tags=("time", "list"))
def keep_month(rng: random.Random) -> Task:
    name, month = rng.choice(("dates", "days", "visits")), rng.randint(1, 12)
    fit = [day(rng).replace(month=month) for _ in range(rng.randint(2, 4))]
    rest = [where(lambda: day(rng), lambda each: each.month != month) for _ in range(rng.randint(3, 6))]
    dates = rng.sample(fit + rest, len(fit) + len(rest))
    query = rng.choice(
        (
            f"Keep only the dates of {name} that are in {MONTHS[month - 1]}.",
            f"Remove all dates from {name} that are not in {MONTHS[month - 1]}.",
        )
    )
    return single(
        query, {name: dates}, {name: [each for each in dates if each.month == month]},
        f"{name} = [each for each in {name} if each.month == {month}]",
        f"{name} = [each for each in {name} if each.month == {month % 12 + 1}]",
        f"{name} = [each for each in {name} if each.month != {month}]",
        f"{name} = [each.month for each in {name} if each.month == {month}]", difficulty=2,
    )  # fmt: skip


@family(tags=("time",))
def set_clock(rng: random.Random) -> Task:
    name, when = rng.choice(TIMES), moment(rng)
    hour, minute = where(
        lambda: (rng.randint(1, 23), rng.randint(1, 59)), lambda clock: clock != (when.hour, when.minute)
    )
    query = rng.choice(
        (
            f"Set the clock time of {name} to {hour:02}:{minute:02} and 0 seconds; its date stays.",
            f"Keep the date of {name}, but make its time {hour:02}:{minute:02}:00.",
        )
    )
    return single(
        query, {name: when}, {name: when.replace(hour=hour, minute=minute, second=0)},
        f"{name} = {name}.replace(hour={hour}, minute={minute}, second=0)",
        f"{name} = {name}.replace(hour={hour}, minute={minute})",
        f"{name}.replace(hour={hour}, minute={minute}, second=0)",
        f"from datetime import time\n{name} = time({hour}, {minute})", difficulty=2,
    )  # fmt: skip


@family(tags=("time", "text"))
def write_date(rng: random.Random) -> Task:
    name = rng.choice(TIMES)
    when = where(lambda: moment(rng), lambda when: when.day != when.month)
    form, shown, wrong = rng.choice(
        (
            ("%Y-%m-%d", "year-month-day, as in 1999-01-31", "%Y-%d-%m"),
            ("%d.%m.%Y", "day.month.year, as in 31.01.1999", "%m.%d.%Y"),
            ("%Y/%m/%d", "year/month/day, as in 1999/01/31", "%d/%m/%Y"),
        )
    )
    query = rng.choice(
        (f"Store the date of {name} as text in label: {shown}.", f"Set label to {name} written as {shown}.")
    )
    return single(
        query, {name: when}, {"label": when.strftime(form)}, f"label = {name}.strftime('{form}')",
        f"label = {name}.strftime('{wrong}')", f"label = {name}.date()", f"label = str({name})",
        f"label = {name}.strftime('{form.replace('%Y', '%y')}')", difficulty=2,
    )  # fmt: skip


@family(tags=("time", "number"))
def whole_minutes(rng: random.Random) -> Task:
    name, span = (
        rng.choice(("span", "wait", "delay", "lasted")),
        timedelta(days=rng.randint(1, 9), seconds=rng.randint(3_700, 80_000)),
    )
    query = rng.choice(
        (
            f"Store the number of whole minutes in {name} as an int in minutes.",
            f"Set minutes to how many whole minutes {name} lasts (an int).",
        )
    )
    return single(
        query, {name: span}, {"minutes": span // timedelta(minutes=1)}, f"minutes = int({name}.total_seconds() // 60)",
        f"minutes = {name}.seconds // 60", f"minutes = {name}.total_seconds() / 60",
        f"minutes = int({name}.total_seconds())", difficulty=2,
    )  # fmt: skip


@family(held_out=True, tags=("time",))
def bring_forward(rng: random.Random) -> Task:
    return _moved(rng, "earlier", "-")


@family(held_out=True, tags=("time", "text"))
def read_date(rng: random.Random) -> Task:
    name = rng.choice(("text", "label", "entry"))
    when = where(lambda: day(rng), lambda each: each.day <= 12 and each.day != each.month)
    query = rng.choice(
        (
            f"Store the date that {name} tells (day.month.year) in found, as a datetime.date.",
            f"Set found to a datetime.date: {name} has it as day.month.year.",
        )
    )
    needed = "from datetime import date, datetime\n"
    return single(
        query, {name: when.strftime("%d.%m.%Y")}, {"found": when},
        f"{needed}found = datetime.strptime({name}, '%d.%m.%Y').date()",
        f"{needed}found = datetime.strptime({name}, '%d.%m.%Y')",
        f"{needed}found = datetime.strptime({name}, '%m.%d.%Y').date()", f"found = {name}.split('.')",
        f"found = {name}", difficulty=3,
    )  # fmt: skip


@family(held_out=True, tags=("time",))
def to_utc(rng: random.Random) -> Task:
    name, hours = rng.choice(TIMES), rng.choice((-9, -6, -3, 2, 4, 7, 10))
    when: datetime = moment(rng).replace(tzinfo=timezone(timedelta(hours=hours)))
    query = rng.choice(
        (
            f"Convert {name} to datetime.timezone.utc.",
            f"Express {name} in the timezone datetime.timezone.utc; the moment stays.",
        )
    )
    needed = "from datetime import timedelta, timezone\n"
    return single(
        query, {name: when}, {name: when.astimezone(UTC)}, f"{needed}{name} = {name}.astimezone(timezone.utc)",
        f"{needed}{name} = {name}.replace(tzinfo=timezone.utc)", f"{needed}{name} += timedelta(hours={-hours})",
        f"{needed}{name} = {name}.astimezone(timezone.utc).replace(tzinfo=None)", difficulty=3,
    )  # fmt: skip
