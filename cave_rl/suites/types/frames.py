"""Data frames: rows, columns and groups."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random
from typing import Any

from cave_rl.rewards.assertions import Assertion, frame_equals
from cave_rl.suites.making import Families, single, spoils, where
from cave_rl.suites.types.drawing import KEYS
from cave_rl.tasks.task import NearMiss, Task

family = Families()

NAMES = ("orders", "df", "sales")


def orders(rng: random.Random, kinds: int = len(KEYS), rows: tuple[int, int] = (5, 9)) -> dict[str, list[Any]]:
    """The columns of some orders, of so many kinds of items; prices differ."""
    count = rng.randint(*rows)
    return {
        "item": [rng.choice(KEYS[:kinds]) for _ in range(count)],
        "price": rng.sample(range(10, 100), count),
        "count": [rng.randint(2, 60) for _ in range(count)],
    }


def holds(name: str, wanted: Any) -> Assertion:
    """A goal: a frame or a series with these labels and cells. No query asks for dtypes, or for names of an index."""
    return frame_equals(name, wanted, check_names=False, check_dtype=False)


def on_frame(
    query: str,
    before: dict[str, Any],
    result: str,
    wanted: Any,
    gold: str,
    *misses: str | NearMiss,
    difficulty: float = 3,
) -> Task:
    """A task whose result is a frame or a series: a new one, or a given one changed."""
    return single(
        query, before, {result: holds(result, wanted)}, gold, *misses, modules=("pandas",), difficulty=difficulty
    )


def frame(data: dict[str, list[Any]]) -> Any:
    import pandas as pd

    return pd.DataFrame(data)


@family(tags=("frame",))
def add_column(rng: random.Random) -> Task:
    import pandas as pd

    name, data = rng.choice(("orders", "df", "sales")), orders(rng)
    cost = [price * count for price, count in zip(data["price"], data["count"], strict=True)]
    query = rng.choice(
        (f"Add a column 'cost' to {name}: price times count.", f"In {name}, make a column 'cost' of price times count.")
    )
    return single(
        query, {name: pd.DataFrame(data)}, {name: holds(name, pd.DataFrame({**data, "cost": cost}))},
        f"{name}['cost'] = {name}['price'] * {name}['count']", f"{name}['cost'] = {name}['price'] + {name}['count']",
        f"cost = {name}['price'] * {name}['count']", modules=("pandas",), difficulty=3,
    )  # fmt: skip


@family(held_out=True, tags=("frame",))
def column_sum(rng: random.Random) -> Task:
    import pandas as pd

    def sums(data: dict[str, list[Any]], item: str) -> tuple[int, int]:
        fits = [row for row, each in enumerate(data["item"]) if each == item]
        return sum(data["count"][row] for row in fits), sum(data["price"][row] for row in fits)

    def draw() -> tuple[dict[str, list[Any]], str]:
        data = orders(rng)
        return data, rng.choice(data["item"])

    name = rng.choice(("orders", "df", "sales"))
    data, item = where(draw, lambda drawn: sums(*drawn)[0] not in (sums(*drawn)[1], len(drawn[0]["item"])))
    query = f"Store the sum of 'count' over the rows of {name} whose item is '{item}' in total, as an int."
    return single(
        query, {name: pd.DataFrame(data)}, {"total": sums(data, item)[0]},
        f"total = int({name}.loc[{name}['item'] == '{item}', 'count'].sum())", f"total = len({name})",
        f"total = int({name}.loc[{name}['item'] == '{item}', 'price'].sum())", modules=("pandas",), difficulty=3,
    )  # fmt: skip


@family(tags=("frame",))
def filter_rows(rng: random.Random) -> Task:
    name, data = rng.choice(NAMES), orders(rng)
    limit = sorted(data["price"])[rng.randint(1, len(data["price"]) - 2)]
    df = frame(data)
    query = rng.choice(
        (
            f"Keep only the rows of {name} whose price is above {limit}.",
            f"Drop the rows with a price of {limit} or less from {name}.",
        )
    )
    query += " The rows keep their labels."
    return on_frame(
        query, {name: df}, name, df[df["price"] > limit], f"{name} = {name}[{name}['price'] > {limit}]",
        f"{name} = {name}[{name}['price'] >= {limit}]", f"{name} = {name}[{name}['price'] < {limit}]",
        f"{name}[{name}['price'] > {limit}]", f"{name} = {name}.loc[{name}['price'] > {limit}, 'price']",
    )  # fmt: skip


@family(tags=("frame",))
def sort_rows(rng: random.Random) -> Task:
    name = rng.choice(NAMES)
    data = where(lambda: orders(rng), lambda data: sorted(data["price"]) not in (data["price"], data["price"][::-1]))
    df = frame(data)
    query = rng.choice(
        (
            f"Sort {name} by price, smallest first, and number its rows anew from 0.",
            f"Order the rows of {name} by ascending price, with new row labels from 0.",
        )
    )
    return on_frame(
        query, {name: df}, name, df.sort_values("price", ignore_index=True),
        f"{name} = {name}.sort_values('price', ignore_index=True)", f"{name} = {name}.sort_values('price')",
        f"{name} = {name}.sort_values('price', ascending=False, ignore_index=True)",
        f"{name}.sort_values('price', ignore_index=True)", f"{name}['price'] = sorted({name}['price'])",
    )  # fmt: skip


@family(tags=("frame", "group"))
def group_totals(rng: random.Random) -> Task:
    name = rng.choice(NAMES)
    data = where(
        lambda: orders(rng, kinds=3, rows=(6, 12)), lambda data: 1 < len(set(data["item"])) < len(data["item"])
    )
    df = frame(data)
    key, other = rng.sample(("price", "count"), 2)
    query = rng.choice(
        (
            f"Store in totals a Series: the sum of '{key}' by item of {name}, labelled by item, in alphabetical order.",
            f"Sum '{key}' by item over {name}; set totals to the Series of sums by item, items in alphabetical order.",
        )
    )
    return on_frame(
        query, {name: df}, "totals", df.groupby("item")[key].sum(), f"totals = {name}.groupby('item')['{key}'].sum()",
        f"totals = {name}.groupby('item')['{other}'].sum()", f"totals = {name}.groupby('item')['{key}'].count()",
        f"totals = {name}.groupby('item')['{key}'].sum().reset_index()", f"totals = {name}['{key}'].sum()",
        spoils(f"{name} = {name}.groupby('item')[['{key}']].sum()\ntotals = {name}['{key}']", name),
        difficulty=4,
    )  # fmt: skip


@family(tags=("frame",))
def rename_column(rng: random.Random) -> Task:
    name, data = rng.choice(NAMES), orders(rng)
    old, new = rng.choice(list(data)), rng.choice(("label", "amount", "value", "field"))
    df = frame(data)
    query = rng.choice(
        (
            f"Rename the column '{old}' of {name} to '{new}'.",
            f"Call the column '{old}' of {name} '{new}'; its place stays.",
        )
    )
    return on_frame(
        query, {name: df}, name, df.rename(columns={old: new}), f"{name} = {name}.rename(columns={{'{old}': '{new}'}})",
        f"{name}.rename(columns={{'{old}': '{new}'}})", f"{name}['{new}'] = {name}['{old}']",
        f"{name} = {name}.rename(index={{'{old}': '{new}'}})", f"{name} = {name}.drop(columns='{old}')",
    )  # fmt: skip


@family(held_out=True, tags=("frame", "group"))
def rows_per_item(rng: random.Random) -> Task:
    name = rng.choice(NAMES)
    data = where(
        lambda: orders(rng, kinds=4, rows=(10, 18)), lambda data: len(set(map(data["item"].count, data["item"]))) > 1
    )
    df = frame(data)
    query = rng.choice(
        (
            f"Store in sizes a Series: how many rows of {name} each item has, labelled by item, in alphabetical order.",
            f"Set sizes to a Series of the number of rows by item of {name}, items in alphabetical order.",
        )
    )
    return on_frame(
        query, {name: df}, "sizes", df.groupby("item").size(), f"sizes = {name}.groupby('item').size()",
        f"sizes = {name}['item'].nunique()", f"sizes = {name}.groupby('item')['count'].sum()",
        f"sizes = {name}.groupby('item').size().reset_index()", f"sizes = {name}.groupby('item').size().to_dict()",
        difficulty=4,
    )  # fmt: skip
