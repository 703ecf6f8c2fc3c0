"""Dialogues about a library: never trained on."""

# ruff: noqa: D103  (a move says what it is by its query)

from __future__ import annotations

import random

from cave_rl.suites.dialogues.tasks.talk import Event, Move, Talk
from cave_rl.suites.dialogues.tasks.writing import Subject
from cave_rl.suites.dialogues.world.library import Library

AUTHORS = ("Moss", "Field", "Okoro", "Lind", "Sato", "Reyes")
HEADS = ("The Quiet", "The Last", "A Distant", "The Paper", "A Winter", "The Hidden", "The Copper", "A Second")
TAILS = ("Harbour", "Garden", "Letter", "Mountain", "Clock", "Orchard", "River", "Lantern")
READERS = ("Ada", "Bo", "Cleo", "Dev", "Eva", "Finn", "Gia", "Hugo")


def draw(rng: random.Random) -> Library:
    readers = rng.sample(READERS, rng.randint(5, 7))
    titles = rng.sample([f"{head} {tail}" for head in HEADS for tail in TAILS], rng.randint(12, 16))
    loans = [reader for reader in readers for _ in range(rng.randint(0, 2))]
    books = {}
    for title in titles:
        borrower = loans.pop() if loans and rng.random() < 0.6 else None
        others = [each for each in readers if each != borrower]
        books[title] = {
            "author": rng.choice(AUTHORS),
            "borrower": borrower,
            "days_left": rng.randint(1, 21) if borrower else 0,
            "waiting": rng.sample(others, 1) if borrower and rng.random() < 0.3 else [],
        }
    return Library(books, {each: rng.randrange(0, 900, 50) for each in readers})


def _in(library: Library) -> list[str]:
    return [each for each in library.list_books() if library.book(each)["borrower"] is None]


def lend(talk: Talk) -> Move | None:
    if not _in(talk.now):
        return None
    title, reader = talk.rng.choice(_in(talk.now)), talk.rng.choice(talk.now.list_readers())
    days = talk.rng.randint(7, 28)
    return Move(
        f"Lend {title} to {reader} for {days} days.", f"library.lend({title!r}, {reader!r}, {days})",
        lambda library: library.lend(title, reader, days),
        misses=[f"library.queue({title!r}, {reader!r})", f"library.lend({title!r}, {reader!r}, {days + 1})"],
        leaves={"lent": (title, reader, days)},
    )  # fmt: skip


def late(talk: Talk) -> Move:
    days, cents = talk.rng.randint(2, 6), talk.rng.randrange(50, 300, 10)

    def do(library: Library) -> None:
        for each in library.list_books():
            found = library.book(each)
            if found["borrower"] is not None and found["days_left"] < days:
                library.charge(found["borrower"], cents)

    loop = (
        "for each in library.list_books():\n    its = library.book(each)\n"
        "    if its['borrower'] is not None{}:\n        library.charge(its['borrower'], {})"
    )
    test = f" and its['days_left'] < {days}"
    return Move(
        f"For every loan that has fewer than {days} days left, charge the borrower {cents} cents (for each such loan).",
        loop.format(test, cents), do, misses=[loop.format("", cents), loop.format(test, cents + 1)], weight=3,
    )  # fmt: skip


def by_author(talk: Talk) -> Move:
    author, name = talk.rng.choice(AUTHORS), talk.new_name()
    cell = f"{name} = [t for t in library.list_books() if library.book(t)['author'] == {author!r}{{}}]"
    return Move(
        f"Which books by {author} are in, that is: not lent? Store a sorted list of the titles in {name}.",
        cell.format(" and library.book(t)['borrower'] is None"), store=name,
        value=lambda library: [each for each in _in(library) if library.book(each)["author"] == author],
        misses=[cell.format(""), f"{name} = set()"], leaves={"titles": name}, keeps={"titles": name},
    )  # fmt: skip


def debts(talk: Talk) -> Move:
    name = talk.new_name()
    return Move(
        f"Store a dict from each reader who owes anything to the cents owed in {name}.",
        f"{name} = {{r: library.fee(r) for r in library.list_readers() if library.fee(r)}}", store=name,
        value=lambda library: {each: library.fee(each) for each in library.list_readers() if library.fee(each)},
        misses=[f"{name} = sum(library.fee(r) for r in library.list_readers())"], weight=2, keeps={"owed": name},
    )  # fmt: skip


def clear_debts(talk: Talk) -> Move | None:
    name = talk.kept.get("owed", "")
    owed = {each: cents for each, cents in talk.stored.get(name, {}).items() if talk.now.fee(each) >= cents}
    if not owed:
        return None

    def do(library: Library) -> None:
        for each, cents in owed.items():
            library.charge(each, -cents)

    loop = f"for each, cents in {name}.items():\n    {{}}library.charge(each, -{{}})"
    test = "if library.fee(each) >= cents: "
    return Move(
        f"All readers in {name} have paid what stands there: take it off what they owe. Who owes less than that by now "
        "stays as it is.",
        loop.format(test, "cents"), do,
        misses=[loop.format("", "library.fee(each)"), loop.format(test, "(cents // 2)")], weight=3,
    )  # fmt: skip


def take_all(talk: Talk) -> Move:
    reader = talk.rng.choice(talk.now.list_readers())

    def do(library: Library) -> None:
        for each in library.list_books(reader):
            library.take_back(each)

    return Move(
        f"{reader} has brought back everything. Take it all back.",
        f"for each in library.list_books({reader!r}):\n    library.take_back(each)", do,
        misses=[f"library.take_back(library.list_books({reader!r})[0])\nlibrary.charge({reader!r}, 1)"], weight=2,
        leaves={"reader": reader},
    )  # fmt: skip


def undo_lend(talk: Talk) -> Move | None:
    if "lent" not in talk.last:
        return None
    title, reader, days = talk.last["lent"]
    other = talk.rng.choice([each for each in talk.now.list_readers() if each != reader])
    return Move(
        f"Sorry, I meant {other}: take it back, and lend it to {other} for as long.",
        f"library.take_back({title!r})\nlibrary.lend({title!r}, {other!r}, {days})",
        lambda library: (library.take_back(title), library.lend(title, other, days)),
        misses=[f"library.lend({title!r}, {other!r}, {days})", f"library.take_back({title!r})"],
        weight=2, leaves={"lent": (title, other, days)},
    )  # fmt: skip


def longer(talk: Talk) -> Move | None:
    if "lent" not in talk.last:
        return None
    title, reader, days = talk.last["lent"]
    return Move(
        "Prolong that loan by as many days again.", f"library.prolong({title!r}, {days})",
        lambda library: library.prolong(title, days),
        misses=[f"library.prolong({title!r}, {2 * days})", f"library.charge({reader!r}, {days})"], weight=2,
        leaves={"lent_to": reader},
    )  # fmt: skip


def another(talk: Talk) -> Move | None:
    if "lent" not in talk.last or not _in(talk.now):
        return None
    title, reader, days = talk.last["lent"]
    other = talk.rng.choice(_in(talk.now))
    return Move(
        f"The same reader takes {other} too, for as many days.", f"library.lend({other!r}, {reader!r}, {days})",
        lambda library: library.lend(other, reader, days),
        misses=[f"library.lend({other!r}, {reader!r}, {days + 1})", f"library.prolong({title!r}, {days})"],
        weight=2, leaves={"lent": (other, reader, days)},
    )  # fmt: skip


def nth_title(talk: Talk) -> Move | None:
    name = talk.last.get("titles", "")
    titles = talk.stored.get(name, [])
    if len(titles) < 2:
        return None
    at, reader = talk.rng.randrange(2), talk.rng.choice(talk.now.list_readers())
    return Move(
        f"Lend the {('first', 'second')[at]} one to {reader}, for two weeks.",
        f"library.lend({name}[{at}], {reader!r}, 14)", lambda library: library.lend(titles[at], reader, 14),
        misses=[f"library.lend({name}[{1 - at}], {reader!r}, 14)", f"library.lend({name}[{at}], {reader!r}, 2)"],
        weight=2, leaves={"lent": (titles[at], reader, 14)},
    )  # fmt: skip


def began_with(talk: Talk) -> Move | None:
    if talk.rng.random() < 0.7:  # it can nearly always be asked
        return None
    _, reader, _ = talk.first["lent"]
    cents = talk.rng.randrange(20, 200, 10)
    other = talk.rng.choice([each for each in talk.now.list_readers() if each != reader])
    return Move(
        f"Charge the reader that my very first request was about {cents} cents.",
        f"library.charge({reader!r}, {cents})", lambda library: library.charge(reader, cents),
        misses=[f"library.charge({other!r}, {cents})"], weight=3,
    )  # fmt: skip


def days_pass(talk: Talk) -> Event:
    days = talk.rng.randint(1, 4)
    return Event(f"library._days_pass({days})", "Some days have passed.")


def returned(talk: Talk) -> Event:
    kept = talk.last.get("lent", ("",))[0]
    lent = [each for each in talk.now.list_books() if each not in _in(talk.now) and each != kept]
    if not lent:
        return days_pass(talk)
    title = talk.rng.choice(lent)
    return Event(f"library.take_back({title!r})", f"{title} was in the box at the door; it is in again.")


def harm(talk: Talk) -> str:
    return f"library.charge({talk.rng.choice(talk.now.list_readers())!r}, 5)"


LIBRARY = Subject(
    name="library",
    draw=draw,
    opening=lend,
    fresh=(lend, lend, late, by_author, debts, take_all),
    back=(clear_debts, undo_lend, longer, another, nth_title, began_with),
    events=(days_pass, returned),
    harm=harm,
    description="a lending library; books come back through a box at the door",
    names=("found", "titles", "owed", "listed", "asked", "noted", "result", "kept"),
)
