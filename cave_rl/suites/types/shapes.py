"""Data frames: joins, pivots and other changes of shape."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random

from cave_rl.suites.making import Families, spoils, where
from cave_rl.suites.types.drawing import KEYS
from cave_rl.suites.types.frames import NAMES, frame, on_frame
from cave_rl.tasks.task import Task

family = Families()

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun")


@family(tags=("frame", "join"))
def join_prices(rng: random.Random) -> Task:
    items = rng.sample(KEYS, rng.randint(3, 6))
    right = frame({"item": items, "price": rng.sample(range(10, 100), len(items))})
    bought = where(lambda: rng.choices(items, k=rng.randint(4, 9)), lambda bought: bought[0] != items[0])
    left = frame({"item": bought, "count": [rng.randint(2, 60) for _ in bought]})
    query = rng.choice(
        (
            "Join orders with prices on 'item' into priced: the rows of orders in their order, 'price' as last column.",
            "Set priced to orders with one more column, 'price', looked up in prices by 'item'; rows stay in order.",
        )
    )
    return on_frame(
        query, {"orders": left, "prices": right}, "priced", left.merge(right, on="item", how="left"),
        "priced = orders.merge(prices, on='item', how='left')", "priced = prices.merge(orders, on='item', how='left')",
        "priced = orders.merge(prices, how='cross')", "priced = orders.assign(price=prices['price'])",
        "priced = orders.merge(prices, on='item', how='left').drop(columns='count')",
        spoils("orders['price'] = orders['item'].map(prices.set_index('item')['price'])\npriced = orders", "orders"),
        difficulty=4,
    )  # fmt: skip


@family(tags=("frame", "pivot"))
def pivot_months(rng: random.Random) -> Task:
    name, items, months = rng.choice(NAMES), rng.sample(KEYS, rng.randint(2, 3)), rng.sample(MONTHS, rng.randint(2, 4))
    cells = [(item, month) for item in items for month in months]
    rng.shuffle(cells)
    data = {"item": [item for item, _ in cells], "month": [month for _, month in cells]}
    df = frame({**data, "count": rng.sample(range(10, 1000), len(cells))})
    query = rng.choice(
        (
            f"Pivot {name} into wide: a row an item, a column a month, 'count' in the cells; both alphabetical.",
            f"Set wide to a frame of the 'count' of {name}: rows by item, columns by month, both alphabetical.",
        )
    )
    return on_frame(
        query, {name: df}, "wide", df.pivot(index="item", columns="month", values="count"),
        f"wide = {name}.pivot(index='item', columns='month', values='count')",
        f"wide = {name}.pivot(index='month', columns='item', values='count')",
        f"wide = {name}.pivot(index='item', columns='month', values='count').reset_index()",
        f"wide = {name}.pivot_table(index='item', columns='month', values='count', aggfunc='size')",
        f"wide = {name}.set_index(['item', 'month'])['count']", difficulty=5,
    )  # fmt: skip


@family(held_out=True, tags=("frame", "join"))
def join_matching(rng: random.Random) -> Task:
    items = rng.sample(KEYS, 6)
    bought = [*items[:4], *rng.choices(items[:4], k=rng.randint(1, 4))]
    rng.shuffle(bought)
    left = frame({"item": bought, "count": [rng.randint(2, 60) for _ in bought]})
    right = frame({"item": items[2:], "stock": rng.sample(range(10, 100), 4)})
    query = rng.choice(
        (
            "Join orders with shelf on 'item' into found: only rows of orders whose item is on shelf, in their order, "
            "with 'stock' as last column and new row labels from 0.",
            "Set found to the rows of orders whose item shelf has, plus its 'stock'; rows in order, labels from 0.",
        )
    )
    return on_frame(
        query, {"orders": left, "shelf": right}, "found", left.merge(right, on="item"),
        "found = orders.merge(shelf, on='item')", "found = orders.merge(shelf, on='item', how='left')",
        "found = orders.merge(shelf, on='item', how='outer')", "found = orders[orders['item'].isin(shelf['item'])]",
        "found = shelf.merge(orders, on='item')", difficulty=5,
    )  # fmt: skip


@family(held_out=True, tags=("frame", "reshape"))
def to_long(rng: random.Random) -> Task:
    items, months = rng.sample(KEYS, rng.randint(2, 4)), rng.sample(MONTHS, rng.randint(2, 3))
    wide = frame({"item": items, **{month: rng.sample(range(10, 1000), len(items)) for month in months}})
    query = rng.choice(
        (
            "Reshape table to long form in long: columns 'item', 'month' and 'count', one row for each item and month; "
            "all items of the first month column first, then those of the next. Row labels from 0.",
            "Melt table into long with the columns 'item', 'month', 'count': a month after the other, labels from 0.",
        )
    )
    return on_frame(
        query, {"table": wide}, "long", wide.melt(id_vars="item", var_name="month", value_name="count"),
        "long = table.melt(id_vars='item', var_name='month', value_name='count')", "long = table.melt(id_vars='item')",
        "long = table.melt(var_name='month', value_name='count')", "long = table.set_index('item').T",
        "long = table.melt(id_vars='item', var_name='month', value_name='count')\nlong = long.iloc[:, ::-1]",
        difficulty=5,
    )  # fmt: skip
