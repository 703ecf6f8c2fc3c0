"""What a variable may hold, and the changes that each kind of value can take.

A change is drawn as a step with its argument; steps differ in what they do, so one stands in for another as a
plausible mistake.
"""

from __future__ import annotations

import datetime
import random
import string
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from cave_rl.runtime.codec import same
from cave_rl.suites.making import Step, where
from cave_rl.suites.variables.world import Gauge

KEYS = ("apple", "pear", "plum", "fig", "lemon", "mango", "kiwi", "peach", "melon", "grape")


class Kind(NamedTuple):
    """A kind of value.

    Attributes:
        draw: makes one.
        argument: draws what its steps take, for a value.
        steps: what can be done to it.
    """

    draw: Callable[[random.Random], Any]
    argument: Callable[[random.Random, Any], Any]
    steps: tuple[Step, ...]


class Change(NamedTuple):
    """A drawn change of one variable.

    Attributes:
        name: the variable.
        step, n: what is done to it.
        value: what then it is.
    """

    name: str
    step: Step
    n: Any
    value: Any

    @property
    def ask(self) -> str:
        """How it is asked for."""
        return self.step.query(self.name, self.n)

    @property
    def code(self) -> str:
        """A cell that makes it."""
        return self.step.cell(self.name, self.n)


def _whole(rng: random.Random, _: Any = None) -> int:
    return rng.randint(11, 998)


def _quarters(rng: random.Random, _: Any = None) -> float:
    """A float whose sums and halves are exact."""
    return rng.randint(41, 3_999) / 4


def _letters(rng: random.Random, _: Any = None) -> str:
    return "".join(rng.choices(string.ascii_lowercase, k=rng.randint(4, 9)))


def _numbers(rng: random.Random) -> list[int]:
    return rng.sample(range(10, 1000), rng.randint(4, 8))


def _new_and_old(rng: random.Random, values: Any) -> tuple[int, int]:
    """A number that is not in a set, and one that is."""
    return where(lambda: _whole(rng), lambda n: n not in values), rng.choice(sorted(values))


def _key_and_number(rng: random.Random, items: Any) -> tuple[str, int]:
    """One of the keys, and a number that none of the values is."""
    return rng.choice(sorted(items)), where(lambda: _whole(rng), lambda n: n not in items.values())


def _gauge(rng: random.Random) -> Gauge:
    return Gauge(0, 1_000, rng.randint(350, 650))


INCREASE = Step("increase {x} by {n}", lambda x, n: x + n, "{x} += {n}")
DECREASE = Step("decrease {x} by {n}", lambda x, n: x - n, "{x} -= {n}")

KINDS: dict[str, Kind] = {
    "int": Kind(
        _whole,
        lambda rng, _: rng.randint(2, 99),
        (INCREASE, DECREASE, Step("multiply {x} by {n}", lambda x, n: x * n, "{x} *= {n}")),
    ),
    "float": Kind(_quarters, _quarters, (INCREASE, DECREASE, Step("halve {x}", lambda x, n: x / 2, "{x} /= 2"))),
    "str": Kind(
        _letters,
        _letters,
        (
            Step("append '{n}' to {x}", lambda x, n: x + n, "{x} += '{n}'"),
            Step("put '{n}' in front of {x}", lambda x, n: n + x, "{x} = '{n}' + {x}"),
            Step("turn {x} into upper case", lambda x, n: x.upper(), "{x} = {x}.upper()"),
        ),
    ),
    "bool": Kind(
        lambda rng: rng.random() < 0.5,
        lambda rng, _: None,
        (
            Step("flip {x}", lambda x, n: not x, "{x} = not {x}"),
            Step("turn {x} into a str", lambda x, n: str(x), "{x} = str({x})"),
        ),
    ),
    "list": Kind(
        _numbers,
        _whole,
        (
            Step("append {n} to {x}", lambda x, n: [*x, n], "{x}.append({n})"),
            Step("insert {n} at the front of {x}", lambda x, n: [n, *x], "{x}.insert(0, {n})"),
            Step("remove the first item of {x}", lambda x, n: x[1:], "{x}.pop(0)"),
            Step("sort {x} in ascending order", lambda x, n: sorted(x), "{x}.sort()"),
            Step("reverse {x}", lambda x, n: x[::-1], "{x}.reverse()"),
        ),
    ),
    "flags": Kind(
        lambda rng: [rng.random() < 0.5 for _ in range(rng.randint(8, 12))],
        lambda rng, _: rng.random() < 0.5,
        (
            Step("flip every bool in {x}", lambda x, n: [not each for each in x], "{x} = [not each for each in {x}]"),
            Step("append {n} to {x}", lambda x, n: [*x, n], "{x}.append({n})"),
        ),
    ),
    "dict": Kind(
        lambda rng: {key: _whole(rng) for key in rng.sample(KEYS, rng.randint(3, 5))},
        _key_and_number,
        (
            Step("set '{n[0]}' in {x} to {n[1]}", lambda x, n: {**x, n[0]: n[1]}, "{x}['{n[0]}'] = {n[1]}"),
            Step(
                "increase '{n[0]}' in {x} by {n[1]}",
                lambda x, n: {**x, n[0]: x[n[0]] + n[1]},
                "{x}['{n[0]}'] += {n[1]}",
            ),
            Step("remove '{n[0]}' from {x}", lambda x, n: {k: x[k] for k in x if k != n[0]}, "del {x}['{n[0]}']"),
        ),
    ),
    "set": Kind(
        lambda rng: set(_numbers(rng)),
        _new_and_old,
        (
            Step("add {n[0]} to {x}", lambda x, n: x | {n[0]}, "{x}.add({n[0]})"),
            Step("remove {n[1]} from {x}", lambda x, n: x - {n[1]}, "{x}.remove({n[1]})"),
        ),
    ),
    "frozenset": Kind(
        lambda rng: frozenset(_numbers(rng)),
        _new_and_old,
        (
            Step("add {n[0]} to the frozenset {x}", lambda x, n: x | {n[0]}, "{x} |= {{{n[0]}}}"),
            Step("take {n[1]} out of the frozenset {x}", lambda x, n: x - {n[1]}, "{x} -= {{{n[1]}}}"),
        ),
    ),
    "tuple": Kind(
        lambda rng: tuple(_numbers(rng)),
        _whole,
        (
            Step("put {n} at the end of the tuple {x}", lambda x, n: (*x, n), "{x} += ({n},)"),
            Step("put {n} at the front of the tuple {x}", lambda x, n: (n, *x), "{x} = ({n}, *{x})"),
            Step("drop the last item of the tuple {x}", lambda x, n: x[:-1], "{x} = {x}[:-1]"),
        ),
    ),
    "bytes": Kind(
        lambda rng: rng.randbytes(rng.randint(5, 9)),
        lambda rng, _: rng.randint(0, 255),
        (
            Step("append the byte {n} to {x}", lambda x, n: x + bytes([n]), "{x} += bytes([{n}])"),
            Step("drop the first byte of {x}", lambda x, n: x[1:], "{x} = {x}[1:]"),
        ),
    ),
    "date": Kind(
        lambda rng: datetime.date(rng.randint(1990, 2040), rng.randint(1, 12), rng.randint(1, 28)),
        lambda rng, _: rng.randint(2, 90),
        (
            Step(
                "move {x} {n} days later",
                lambda x, n: x + datetime.timedelta(days=n),
                "from datetime import timedelta\n{x} += timedelta(days={n})",
            ),
            Step(
                "move {x} {n} days earlier",
                lambda x, n: x - datetime.timedelta(days=n),
                "from datetime import timedelta\n{x} -= timedelta(days={n})",
            ),
        ),
    ),
    "decimal": Kind(
        lambda rng: Decimal(rng.randint(1_000, 99_999)).scaleb(-2),
        lambda rng, _: Decimal(rng.randint(101, 9_999)).scaleb(-2),
        (
            Step(
                "add {n} to the Decimal {x}",
                lambda x, n: x + n,
                "from decimal import Decimal\n{x} += Decimal('{n}')",
            ),
            Step(
                "take {n} off the Decimal {x}",
                lambda x, n: x - n,
                "from decimal import Decimal\n{x} -= Decimal('{n}')",
            ),
        ),
    ),
    "none": Kind(
        lambda rng: None,
        _whole,
        (
            Step("set {x}, which is None, to {n}", lambda x, n: n, "{x} = {n}"),
            Step("make {x}, which is None, a list that holds only {n}", lambda x, n: [n], "{x} = [{n}]"),
        ),
    ),
    "gauge": Kind(
        _gauge,
        lambda rng, _: rng.randint(2, 99),
        (
            Step("turn {x} up by {n}", lambda x, n: Gauge(x.low, x.high, x.level + n), "{x}.turn_up({n})"),
            Step("turn {x} down by {n}", lambda x, n: Gauge(x.low, x.high, x.level - n), "{x}.turn_down({n})"),
        ),
    ),
}  # fmt: skip

ALIKE = ("int", "float", "str", "list")
"""Kinds whose steps take the same argument whatever the value: many variables can be changed by one of them."""

HOLDERS = ("list", "dict", "set", "gauge")
"""Kinds all of whose steps change in place: a second name for one is not a copy."""


def kind_of(value: Any) -> str:
    """The kind that a value is of.

    >>> kind_of([1, 2]), kind_of([True]), kind_of(None), kind_of({"a": 1}), kind_of({"a": "b"})
    ('list', 'flags', 'none', 'dict', 'other')
    """
    if type(value) is list:
        return "flags" if value and type(value[0]) is bool else "list"
    if type(value) is dict and not all(type(each) is int for each in value.values()):
        return "other"
    return {"Decimal": "decimal", "NoneType": "none", "Gauge": "gauge"}.get(type(value).__name__, type(value).__name__)


def change(rng: random.Random, name: str, value: Any) -> tuple[Change, Change]:
    """A drawn change of a variable that has this value, and a mistaken one that comes to something else."""
    kind = KINDS[kind_of(value)]
    while True:
        n = kind.argument(rng, value)
        right, wrong = (Change(name, step, n, step.apply(value, n)) for step in rng.sample(kind.steps, 2))
        if not (same(right.value, value) or same(wrong.value, right.value)):
            return right, wrong
