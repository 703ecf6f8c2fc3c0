"""Names and values that the families draw: such that no order, extreme or position of theirs is ambiguous."""

from __future__ import annotations

import datetime
import random
import string
from decimal import Decimal

LISTS = ("xs", "nums", "prices", "scores", "sizes", "ages", "costs", "weights")
INTS = ("n", "total", "level", "width", "budget", "age", "points", "speed")
FLOATS = ("price", "rate", "height", "ratio", "weight", "length")
TEXTS = ("text", "name", "title", "word", "label", "city")
DICTS = ("stock", "prices", "ages", "counts", "wages")
SETS = ("seen", "ids", "codes", "rooms", "used")
TUPLES = ("path", "row", "marks", "pair")
BYTES = ("data", "packet", "raw", "payload")
TIMES = ("when", "start", "due", "created")
AMOUNTS = ("price", "fee", "bill", "balance", "deposit")
KEYS = ("apple", "pear", "plum", "fig", "lemon", "mango", "kiwi", "peach", "melon", "grape")
PEOPLE = ("Ada", "Bo", "Cleo", "Dev", "Eva", "Finn", "Gia", "Hugo")


def whole(rng: random.Random) -> int:
    """A whole number of two or three digits."""
    return rng.randint(11, 998)


def numbers(rng: random.Random, low: int = 5, high: int = 12) -> list[int]:
    """Distinct whole numbers, `low` to `high` of them."""
    return rng.sample(range(10, 1000), rng.randint(low, high))


def letters(rng: random.Random, low: int, high: int) -> str:
    """Small letters, `low` to `high` of them."""
    return "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randint(low, high)))


def title(rng: random.Random) -> str:
    """Two to four words of letters, each with a capital."""
    return " ".join(letters(rng, 3, 8).capitalize() for _ in range(rng.randint(2, 4)))


def words(rng: random.Random, low: int = 4, high: int = 8) -> list[str]:
    """Distinct words of letters, `low` to `high` of them."""
    found: dict[str, None] = {}
    count = rng.randint(low, high)
    while len(found) < count:
        found[letters(rng, 3, 8)] = None
    return list(found)


def mapping(rng: random.Random) -> dict[str, int]:
    """Three to six kinds of fruit with a number each."""
    return {key: whole(rng) for key in rng.sample(KEYS, rng.randint(3, 6))}


def distinct_mapping(rng: random.Random, low: int = 4, high: int = 7) -> dict[str, int]:
    """As `mapping`, with numbers that differ."""
    keys = rng.sample(KEYS, rng.randint(low, high))
    return dict(zip(keys, rng.sample(range(10, 1000), len(keys)), strict=True))


def cents(rng: random.Random, low: int = 1_000, high: int = 99_999) -> Decimal:
    """An amount of money, with two decimals."""
    return Decimal(rng.randint(low, high)).scaleb(-2)


def day(rng: random.Random) -> datetime.date:
    """A date whose day of the month is one that every month has."""
    return datetime.date(rng.randint(1990, 2040), rng.randint(1, 12), rng.randint(1, 28))


def moment(rng: random.Random) -> datetime.datetime:
    """A moment, to the second, without a timezone."""
    date = day(rng)
    return datetime.datetime(
        date.year, date.month, date.day, rng.randint(1, 22), rng.randint(1, 58), rng.randint(1, 58)
    )
