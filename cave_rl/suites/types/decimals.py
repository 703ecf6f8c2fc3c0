"""Decimal: money that is counted exactly."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random
from decimal import ROUND_DOWN, Decimal

from cave_rl.suites.making import Families, single, where
from cave_rl.suites.types.drawing import AMOUNTS, LISTS, cents
from cave_rl.tasks.task import Task

family = Families()


@family(tags=("number", "decimal"))
def add_amount(rng: random.Random) -> Task:
    name, amount = rng.choice(AMOUNTS), cents(rng)
    by = where(lambda: cents(rng, 101, 9_999), lambda by: by % Decimal("0.25") != 0)
    query = rng.choice(
        (f"Add {by} to {name}; it stays an exact Decimal.", f"Increase the Decimal {name} by exactly {by}.")
    )
    return single(
        query, {name: amount}, {name: amount + by}, f"from decimal import Decimal\n{name} += Decimal('{by}')",
        f"from decimal import Decimal\n{name} += Decimal({by})", f"{name} = float({name}) + {by}", f"{name} += {by}",
        f"from decimal import Decimal\n{name} -= Decimal('{by}')",
    )  # fmt: skip


@family(tags=("number", "decimal"))
def round_amount(rng: random.Random) -> Task:
    name = rng.choice(AMOUNTS)
    exact = where(lambda: Decimal(rng.randint(10**5, 10**8)).scaleb(-4), lambda x: 51 <= x * 10**4 % 100 <= 99)
    rounded = round(exact, 2)
    query = rng.choice((f"Round the Decimal {name} to two decimals.", f"Round {name} to cents; it stays a Decimal."))
    return single(
        query, {name: exact}, {name: rounded}, f"{name} = round({name}, 2)", f"{name} = round(float({name}), 2)",
        f"from decimal import Decimal\n{name} = Decimal(int({name} * 100)) / 100", f"{name} = round({name}, 1)",
        f"round({name}, 2)",
    )  # fmt: skip


@family(tags=("number", "decimal", "list"))
def sum_amounts(rng: random.Random) -> Task:
    name, amounts = rng.choice(LISTS), [cents(rng) for _ in range(rng.randint(4, 9))]
    query = rng.choice(
        (f"Store the exact sum of {name} in total, as a Decimal.", f"Set total to the sum of {name} (a Decimal).")
    )
    return single(
        query, {name: amounts}, {"total": sum(amounts, Decimal())}, f"total = sum({name})",
        f"total = float(sum({name}))", f"total = sum({name}[1:])", f"total = sum(map(int, {name}))",
    )  # fmt: skip


@family(tags=("number", "decimal"))
def share_bill(rng: random.Random) -> Task:
    name, people = rng.choice(AMOUNTS), rng.randint(3, 9)
    bill = where(lambda: cents(rng), lambda bill: int(bill * 100) % people * 2 > people)  # a share would round up
    share = (bill / people).quantize(Decimal("0.01"), ROUND_DOWN)
    query = (
        f"Split the Decimal {name} into {people} equal shares, rounded down to cents. Store one share in share, and "
        "what is then left over in left, both as Decimals."
    )
    half = f"{name} / {people}"
    return single(
        query, {name: bill}, {"share": share, "left": bill - share * people},
        "from decimal import ROUND_DOWN, Decimal\n"
        f"share = ({half}).quantize(Decimal('0.01'), ROUND_DOWN)\nleft = {name} - share * {people}",
        f"share = round({half}, 2)\nleft = {name} - share * {people}",
        f"share = {half}\nleft = {name} - share * {people}",
        f"share, left = divmod({name}, {people})",
        difficulty=4,
    )  # fmt: skip


@family(held_out=True, tags=("number", "decimal"))
def in_cents(rng: random.Random) -> Task:
    name, amount = rng.choice(AMOUNTS), where(lambda: cents(rng), lambda amount: amount % 1 > 0)
    query = rng.choice(
        (
            f"Store the Decimal {name} in cents as an int, in whole_cents.",
            f"Set whole_cents to {name} in cents (an int).",
        )
    )
    return single(
        query, {name: amount}, {"whole_cents": int(amount * 100)}, f"whole_cents = int({name} * 100)",
        f"whole_cents = {name} * 100", f"whole_cents = int({name})", f"whole_cents = int({name}) * 100",
        difficulty=2,
    )  # fmt: skip
