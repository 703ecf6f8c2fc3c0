"""What is read from lists."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random
from itertools import accumulate

from cave_rl.suites.making import Families, single, spoils, where
from cave_rl.suites.types.drawing import LISTS, numbers, whole
from cave_rl.tasks.task import Task

family = Families()


@family(tags=("list",))
def sum_list(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), numbers(rng)
    query = rng.choice(
        (
            f"Store the sum of {name} in result.",
            f"Set result to the sum of {name}.",
            f"Add up {name}; store it in result.",
        )
    )
    return single(
        query, {name: xs}, {"result": sum(xs)}, f"result = sum({name})", f"result = len({name})",
        f"{name} = sum({name})",
        f"result = sum({name}[1:])",
    )  # fmt: skip


@family(tags=("list",))
def largest(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), where(lambda: rng.sample(range(10, 9999), 9), lambda xs: xs[-1] != max(xs))
    query = rng.choice((f"Store the largest item of {name} in top.", f"Set top to the maximum of {name}."))
    return single(query, {name: xs}, {"top": max(xs)}, f"top = max({name})", f"top = min({name})", f"top = {name}[-1]")


@family(tags=("list",))
def list_length(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), [whole(rng) for _ in range(rng.randint(40, 400))]
    query = rng.choice((f"Store the number of items of {name} in size.", f"Set size to the length of {name}."))
    return single(
        query, {name: xs}, {"size": len(xs)}, f"size = len({name})", f"size = len({name}) - 1", f"size = sum({name})"
    )


@family(tags=("list",))
def average(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), numbers(rng)
    query = rng.choice(
        (f"Store the mean of {name} in mean, as a float.", f"Set mean to the average of {name} (a float).")
    )
    return single(
        query, {name: xs}, {"mean": sum(xs) / len(xs)}, f"mean = sum({name}) / len({name})",
        f"mean = sum({name}) // len({name})", f"mean = sum({name}) / (len({name}) - 1)",
    )  # fmt: skip


@family(held_out=True, tags=("core", "list"))
def smallest(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), where(lambda: rng.sample(range(10, 9999), 9), lambda xs: xs[0] != min(xs))
    query = rng.choice((f"Store the smallest item of {name} in low.", f"Set low to the minimum of {name}."))
    return single(query, {name: xs}, {"low": min(xs)}, f"low = min({name})", f"low = max({name})", f"low = {name}[0]")


@family(tags=("list",))
def running_total(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), numbers(rng)
    query = rng.choice(
        (
            f"Store the running totals of {name} in sums, a list as long as {name}.",
            f"Set sums to the list of the sums of the first, first two, ... and all items of {name}.",
        )
    )
    return single(
        query, {name: xs}, {"sums": list(accumulate(xs))},
        f"from itertools import accumulate\nsums = list(accumulate({name}))",
        f"from itertools import accumulate\nsums = accumulate({name})", f"sums = sum({name})",
        f"sums = [sum({name}[:i]) for i in range(len({name}))]", difficulty=2,
    )  # fmt: skip


@family(tags=("list", "tuple"))
def pair_up(rng: random.Random) -> Task:
    (a, b), length = rng.sample(LISTS, 2), rng.randint(4, 9)
    xs, ys = numbers(rng, length, length), numbers(rng, length, length)
    query = rng.choice(
        (
            f"Store in pairs a list of tuples: each item of {a} with the item of {b} at its place.",
            f"Pair {a} with {b}, item by item, into pairs (a list of tuples).",
        )
    )
    return single(
        query, {a: xs, b: ys}, {"pairs": list(zip(xs, ys, strict=True))}, f"pairs = list(zip({a}, {b}))",
        f"pairs = list(zip({b}, {a}))", f"pairs = dict(zip({a}, {b}))", f"pairs = [[x, y] for x, y in zip({a}, {b})]",
        spoils(f"pairs = []\nwhile {a}:\n    pairs.append(({a}.pop(0), {b}.pop(0)))", a), difficulty=2,
    )  # fmt: skip
