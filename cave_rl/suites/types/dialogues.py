"""Dialogues of up to three turns: each goes on from what the last one left behind."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random

from cave_rl.suites.making import Families, dialogue, fails, spoils, turn, where
from cave_rl.suites.types.drawing import DICTS, LISTS, letters, mapping, numbers
from cave_rl.suites.types.frames import holds, orders
from cave_rl.suites.types.objects import account_of, booked
from cave_rl.suites.types.world import Account, Tank
from cave_rl.tasks.task import Task

family = Families()


@family(tags=("dialogue", "list"))
def append_then_sort(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), numbers(rng)
    item = where(
        lambda: rng.randint(11, max(xs) - 1), lambda item: item not in xs and [item, *xs[::-1]] != sorted([item, *xs])
    )
    longer = [*xs, item]
    first = turn(
        f"Append {item} to {name}.", {name: xs}, {name: longer}, f"{name}.append({item})", [f"{name} += [{item}] * 2"]
    )
    second = turn(f"Now sort {name}.", {name: longer}, {name: sorted(longer)}, f"{name}.sort()", [f"{name}.reverse()"])
    return dialogue({name: xs}, first, second, difficulty=2)


@family(tags=("dialogue", "dict"))
def restock(rng: random.Random) -> Task:
    name, items, by = rng.choice(DICTS), mapping(rng), rng.randint(2, 99)
    key = rng.choice(list(items))
    after = {**items, key: items[key] + by}
    first = turn(
        f"Increase '{key}' in {name} by {by}.", {name: items}, {name: after}, f"{name}['{key}'] += {by}",
        [f"{name}['{key}'] = {by}"],
    )  # fmt: skip
    second = turn(
        f"Store the sum of the values of {name} in result.", {name: after}, {"result": sum(after.values())},
        f"result = sum({name}.values())", [f"result = sum({name}.values()) - {by}"],
    )  # fmt: skip
    return dialogue({name: items}, first, second, difficulty=3)


@family(held_out=True, tags=("dialogue", "object"))
def pay_and_report(rng: random.Random) -> Task:
    account, amount = account_of(rng), rng.randint(5, 500)
    after = booked(account, amount)
    first = turn(
        f"Deposit {amount} into account.", {"account": account}, {"account": after}, f"account.deposit({amount})",
        [f"account.balance += {amount}"],
    )  # fmt: skip
    second = turn(
        "Store the balance of account in report.", {"account": after}, {"report": after.balance},
        "report = account.balance", ["report = account", f"report = account.balance - {amount}"],
    )  # fmt: skip
    return dialogue({"account": account}, first, second, types=(Account,), difficulty=3)


@family(tags=("dialogue", "list"))
def same_again(rng: random.Random) -> Task:
    (a, b), by = rng.sample(LISTS, 2), rng.randint(2, 9)
    xs, ys = numbers(rng), numbers(rng)
    scaled, both = {a: [by * x for x in xs], b: ys}, {a: [by * x for x in xs], b: [by * y for y in ys]}

    def code(name: str) -> str:
        return f"{name} = [{by} * x for x in {name}]"

    return dialogue(
        {a: xs, b: ys},
        turn(
            f"Multiply every item of {a} by {by}.", {a: xs, b: ys}, {a: scaled[a]}, code(a),
            [f"{a} *= {by}", spoils(f"{code(a)}\n{code(b)}", b)],
        ),
        turn(
            f"Now do the same to {b}.", scaled, {b: both[b]}, code(b),
            [f"{b} *= {by}", spoils(f"{code(a)}\n{code(b)}", a)],
        ),
        turn(
            f"Store the sum of all items of {a} and {b} in total.", both, {"total": sum(both[a]) + sum(both[b])},
            f"total = sum({a}) + sum({b})", [f"total = sum({a})", f"total = {a} + {b}"],
        ),
        difficulty=3,
    )  # fmt: skip


@family(tags=("dialogue", "text"))
def tidy_text(rng: random.Random) -> Task:
    name, words, mark = (
        rng.choice(("text", "line", "entry")),
        [letters(rng, 3, 7).capitalize() for _ in range(3)],
        rng.choice("-_/+"),
    )
    text, parts = f"  {' '.join(words)} ", [word.lower() for word in words]
    return dialogue(
        {name: text},
        turn(
            f"Remove the spaces at both ends of {name}.", {name: text}, {name: text.strip()},
            f"{name} = {name}.strip()", [f"{name}.strip()", f"{name} = {name}.replace(' ', '')"],
        ),
        turn(
            f"Store its words in lower case in a list words; {name} stays.", {name: text.strip()}, {"words": parts},
            f"words = {name}.lower().split()",
            [f"words = {name}.split()", spoils(f"{name} = {name}.lower()\nwords = {name}.split()", name)],
        ),
        turn(
            f"Join words with '{mark}' and store the text in slug.", {name: text.strip(), "words": parts},
            {"slug": mark.join(parts)}, f"slug = '{mark}'.join(words)",
            ["slug = ''.join(words)", spoils(f"words = '{mark}'.join(words)\nslug = words", "words")],
        ),
        difficulty=3,
    )  # fmt: skip


@family(tags=("dialogue", "object"))
def save_and_report(rng: random.Random) -> Task:
    account, amount = account_of(rng), rng.randint(5, 500)
    paid = booked(account, amount)
    half = paid.balance // 2
    drawn = booked(paid, -half)
    return dialogue(
        {"account": account},
        turn(
            f"Deposit {amount} into account.", {"account": account}, {"account": paid}, f"account.deposit({amount})",
            [f"account.balance += {amount}", f"account.deposit({amount})\naccount.deposit({amount})"],
        ),
        turn(
            "Withdraw half of the balance of account, rounded down.", {"account": paid}, {"account": drawn},
            "account.withdraw(account.balance // 2)",
            ["account.withdraw(account.balance // 2 + 1)", "account.balance //= 2"],
        ),
        turn(
            "Store the number of entries of account in count, and its balance in left.", {"account": drawn},
            {"count": len(drawn.entries), "left": drawn.balance}, "count, left = len(account.entries), account.balance",
            [
                "count, left = sum(account.entries), account.balance",
                fails("count, left = len(account.entries), account", "left equals"),
            ],
        ),
        types=(Account,),
        difficulty=4,
    )  # fmt: skip


@family(tags=("dialogue", "frame"))
def cost_by_item(rng: random.Random) -> Task:
    import pandas as pd

    name = rng.choice(("orders", "df", "sales"))
    data = where(
        lambda: orders(rng, kinds=3, rows=(6, 10)),
        lambda data: len(set(data["item"])) > 1 and sorted(data["count"])[2] > min(data["count"]),
    )
    limit = sorted(data["count"])[2]
    df = pd.DataFrame(data)
    costed = df.assign(cost=df["price"] * df["count"])
    kept = costed[costed["count"] >= limit]
    first = turn(
        f"Add a column 'cost' to {name}: price times count.", {name: df}, {name: holds(name, costed)},
        f"{name}['cost'] = {name}['price'] * {name}['count']",
        [f"{name}['cost'] = {name}['price'] + {name}['count']", f"cost = {name}['price'] * {name}['count']"],
    )  # fmt: skip
    totals = turn(
        f"Store the sum of 'cost' by item in totals: a Series labelled by item of {name}, in alphabetical order.",
        {name: costed}, {"totals": holds("totals", costed.groupby("item")["cost"].sum())},
        f"totals = {name}.groupby('item')['cost'].sum()",
        [f"totals = {name}.groupby('item')['price'].sum()", f"totals = {name}['cost'].sum()"],
    )  # fmt: skip
    filtered = turn(
        f"Now keep only the rows of {name} with a count of {limit} or more; they keep their labels.", {name: costed},
        {name: holds(name, kept)}, f"{name} = {name}[{name}['count'] >= {limit}]",
        [f"{name} = {name}[{name}['count'] < {limit}]", f"{name}[{name}['count'] >= {limit}]"],
    )  # fmt: skip
    return dialogue({name: df}, first, totals, filtered, modules=("pandas",), difficulty=5)


@family(held_out=True, tags=("dialogue", "array"))
def shape_array(rng: random.Random) -> Task:
    import numpy as np

    name, by = rng.choice(("signal", "samples", "values")), rng.randint(2, 9)
    rows, columns = rng.sample(range(2, 6), 2)
    flat = np.array(numbers(rng, rows * columns, rows * columns))
    scaled = flat * by
    grid = scaled.reshape(rows, columns)

    first = turn(
        f"Multiply every item of the array {name} by {by}.", {name: flat}, {name: scaled}, f"{name} = {name} * {by}",
        [f"{name} * {by}", f"{name} = {name} + {by}"],
    )  # fmt: skip
    second = turn(
        f"Reshape {name} to {rows} rows and {columns} columns.", {name: scaled}, {name: grid},
        f"{name} = {name}.reshape({rows}, {columns})",
        [f"{name} = {name}.reshape({columns}, {rows})", f"{name}.reshape({rows}, {columns})"],
    )  # fmt: skip
    third = turn(
        f"Store the sum of each column of {name} in sums (an array).", {name: grid},
        {"sums": grid.sum(axis=0)}, f"sums = {name}.sum(axis=0)",
        [f"sums = {name}.sum(axis=1)", f"sums = {name}.sum()"],
    )  # fmt: skip
    return dialogue({name: flat}, first, second, third, modules=("numpy",), difficulty=5)


@family(held_out=True, tags=("dialogue", "object"))
def pour_and_report(rng: random.Random) -> Task:
    a, b = rng.sample(("barrel", "tank", "bucket", "basin"), 2)
    one, other = Tank(rng.randint(300, 900), rng.randint(100, 290)), Tank(rng.randint(300, 900), rng.randint(10, 290))
    moved = min(one.level, other.free)
    poured = {a: Tank(one.capacity, one.level - moved), b: Tank(other.capacity, other.level + moved)}
    more = poured[a].free // 2
    full = Tank(one.capacity, poured[a].level + more)
    return dialogue(
        {a: one, b: other},
        turn(
            f"Pour as much of {a} into {b} as fits.", {a: one, b: other}, poured, f"{a}.pour_into({b})",
            [f"{b}.pour_into({a})", fails(f"{a}.drain({moved})", f"{b} equals")],
        ),
        turn(
            f"Fill {a} with half of what is free in it, rounded down.", poured, {a: full}, f"{a}.fill({a}.free // 2)",
            [f"{a}.fill({a}.free)", spoils(f"{a}.fill({a}.free // 2)\n{b}.drain(1)", b)],
        ),
        turn(
            f"Store the levels of {a} and {b} together in water.", {**poured, a: full},
            {"water": full.level + poured[b].level}, f"water = {a}.level + {b}.level",
            [f"water = {a}.level", f"water = {a}.capacity + {b}.capacity"],
        ),
        types=(Tank,),
        difficulty=4,
    )  # fmt: skip
