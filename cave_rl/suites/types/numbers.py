"""int, float and bool."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random

from cave_rl.rewards.assertions import close
from cave_rl.suites.making import Families, fails, single, where
from cave_rl.suites.types.drawing import FLOATS, INTS, LISTS, numbers, whole
from cave_rl.tasks.task import Task

family = Families()


@family(tags=("core", "number"))
def increase(rng: random.Random) -> Task:
    name, other = rng.sample(INTS, 2)
    n, by = whole(rng), rng.randint(2, 99)
    query = rng.choice((f"Increase {name} by {by}.", f"Add {by} to {name}.", f"Make {name} {by} larger."))
    before = {name: n, other: whole(rng)} if rng.random() < 0.5 else {name: n}
    return single(query, before, {name: n + by}, f"{name} += {by}", f"{name} -= {by}", f"{name} = {by}")


@family(tags=("core", "number"))
def multiply(rng: random.Random) -> Task:
    name, n, by = rng.choice(INTS), whole(rng), rng.randint(2, 12)
    query = rng.choice((f"Multiply {name} by {by}.", f"Make {name} {by} times as large.", f"Scale {name} by {by}."))
    return single(query, {name: n}, {name: n * by}, f"{name} *= {by}", f"{name} += {by}", f"{name} **= {by}")


@family(tags=("number",))
def difference(rng: random.Random) -> Task:
    (a, b), gap = rng.sample(INTS, 2), "gap"
    m, n = rng.sample(range(11, 999), 2)
    query = rng.choice(
        (f"Store {a} minus {b} in gap.", f"Set gap to {a} minus {b}.", f"Subtract {b} from {a}; store it in gap.")
    )
    return single(
        query, {a: m, b: n}, {gap: m - n}, f"gap = {a} - {b}", f"gap = {b} - {a}", f"{a} -= {b}\ngap = {a} + {b}"
    )


@family(tags=("number",))
def remainder(rng: random.Random) -> Task:
    name, by = rng.choice(INTS), rng.randint(13, 60)
    n = where(lambda: rng.randint(1000, 9999), lambda n: n % by not in (0, n // by))
    query = rng.choice((f"Store the remainder of {name} divided by {by} in rest.", f"Set rest to {name} modulo {by}."))
    return single(
        query, {name: n}, {"rest": n % by}, f"rest = {name} % {by}", f"rest = {name} // {by}", f"{name} %= {by}"
    )


@family(held_out=True, tags=("core", "number"))
def swap(rng: random.Random) -> Task:
    a, b = rng.sample(INTS, 2)
    m, n = rng.sample(range(11, 999), 2)
    query = rng.choice((f"Swap {a} and {b}.", f"Exchange the values of {a} and {b}."))
    return single(query, {a: m, b: n}, {a: n, b: m}, f"{a}, {b} = {b}, {a}",
        fails(f"{a} = {b}", f"{b} equals"), fails(f"{a} = {b}\n{b} = {a}", f"{b} equals"),
    )  # fmt: skip


@family(held_out=True, tags=("core", "number"))
def decrease(rng: random.Random) -> Task:
    name, n, by = rng.choice(INTS), whole(rng), rng.randint(2, 99)
    query = rng.choice((f"Decrease {name} by {by}.", f"Subtract {by} from {name}.", f"Make {name} {by} smaller."))
    return single(query, {name: n}, {name: n - by}, f"{name} -= {by}", f"{name} += {by}", f"{name} -= {by + 1}")


@family(tags=("number", "float"))
def round_number(rng: random.Random) -> Task:
    name, digits = rng.choice(FLOATS), rng.randint(1, 3)
    x = where(
        lambda: rng.randint(10**6, 10**8) / 10**5,
        lambda x: round(x, digits) not in (round(x, digits - 1), round(x, digits + 1)),
    )
    query = rng.choice((f"Round {name} to {digits} decimals.", f"Round {name} to {digits} digits after the point."))
    return single(
        query, {name: x}, {name: round(x, digits)}, f"{name} = round({name}, {digits})", f"round({name}, {digits})",
        f"{name} = round({name}, {digits + 1})", f"{name} = round({name})", f"{name} = f'{{{name}:.{digits}f}}'",
    )  # fmt: skip


@family(tags=("number", "float"))
def raise_by_percent(rng: random.Random) -> Task:
    name, percent = rng.choice(FLOATS), rng.randint(2, 60)
    x = where(lambda: rng.randint(1_000, 99_999) / 100, lambda x: x != 100)
    query = rng.choice((f"Increase {name} by {percent} percent.", f"Make {name} {percent} percent larger."))
    return single(
        query, {name: x}, {name: close(name, x * (1 + percent / 100))}, f"{name} *= 1 + {percent} / 100",
        f"{name} += {percent}", f"{name} *= {percent} / 100", f"{name} *= 1 - {percent} / 100",
    )  # fmt: skip


@family(tags=("number", "float"))
def distance(rng: random.Random) -> Task:
    (a, b), (x, y) = rng.sample(FLOATS, 2), rng.sample(range(500, 99_999), 2)
    query = rng.choice(
        (
            f"Store how far {a} and {b} are apart in distance.",
            f"Set distance to the size of {a} minus {b} (not negative).",
        )
    )
    return single(
        query, {a: x / 100, b: y / 100}, {"distance": close("distance", abs(x - y) / 100)},
        f"distance = abs({a} - {b})", f"distance = {a} + {b}", f"distance = {'-' if x > y else ''}({a} - {b})",
        f"distance = max({a}, {b})",
    )  # fmt: skip


@family(tags=("number", "bool"))
def flip_flags(rng: random.Random) -> Task:
    name = rng.choice(("flags", "done", "active", "answers"))
    flags = where(
        lambda: [rng.random() < 0.5 for _ in range(rng.randint(9, 15))],
        lambda flags: len(set(flags)) == 2 and flags[::-1] != [not each for each in flags],
    )
    query = rng.choice(
        (f"Flip every item of {name}.", f"Turn each True in {name} into False, and each False into True.")
    )
    return single(
        query, {name: flags}, {name: [not each for each in flags]}, f"{name} = [not each for each in {name}]",
        f"[not each for each in {name}]", f"{name} = [1 - each for each in {name}]", f"{name}.reverse()",
        f"{name} = [False] * len({name})",
    )  # fmt: skip


@family(tags=("number", "bool", "list"))
def above_limit(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), numbers(rng, 9, 15)
    limit = sorted(xs)[rng.randint(3, len(xs) - 4)]
    query = rng.choice(
        (
            f"Store in over, for each item of {name}, whether it is above {limit} (a list of bools).",
            f"Set over to a list of bools: for each item of {name}, whether it is larger than {limit}.",
        )
    )
    return single(
        query, {name: xs}, {"over": [x > limit for x in xs]}, f"over = [x > {limit} for x in {name}]",
        f"over = [x >= {limit} for x in {name}]", f"over = [int(x > {limit}) for x in {name}]",
        f"over = [x for x in {name} if x > {limit}]", difficulty=2,
    )  # fmt: skip


@family(held_out=True, tags=("number", "float"))
def lower_by_percent(rng: random.Random) -> Task:
    name, percent = rng.choice(FLOATS), rng.randint(2, 40)
    x = where(lambda: rng.randint(1_000, 99_999) / 100, lambda x: x != 100)
    query = rng.choice((f"Decrease {name} by {percent} percent.", f"Make {name} {percent} percent smaller."))
    return single(
        query, {name: x}, {name: close(name, x * (1 - percent / 100))}, f"{name} *= 1 - {percent} / 100",
        f"{name} -= {percent}", f"{name} *= {percent} / 100", f"{name} *= 1 + {percent} / 100",
    )  # fmt: skip
