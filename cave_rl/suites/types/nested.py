"""Lists, dicts and None inside one another: records, tables, trees and gaps."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from typing import Any

from cave_rl.suites.making import Families, single, where
from cave_rl.suites.types.drawing import DICTS, KEYS, LISTS, letters, mapping, numbers, whole
from cave_rl.tasks.task import Task

family = Families()


def _gappy(rng: random.Random) -> list[int | None]:
    """Numbers, of which one is 0, and two or three gaps."""
    xs: list[int | None] = [0, *numbers(rng, 4, 9)]
    rng.shuffle(xs)
    for _ in range(rng.randint(2, 3)):
        xs.insert(rng.randint(0, len(xs)), None)
    return xs


def _records(rng: random.Random) -> list[dict[str, Any]]:
    rows = rng.randint(4, 8)
    costs = rng.sample(range(10, 100), rows)
    return [{"item": rng.choice(KEYS), "cost": cost, "count": rng.randint(2, 60)} for cost in costs]


def _put(tree: dict[str, Any], keys: Sequence[str], value: int) -> dict[str, Any]:
    """A copy of a tree with one leaf replaced."""
    after = copy.deepcopy(tree)
    inner = after
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    return after


def _tree(rng: random.Random, depth: int) -> dict[str, Any]:
    keys = rng.sample(KEYS, 3 if depth < 3 else 2)
    return {key: _tree(rng, depth - 1) if depth > 1 else whole(rng) for key in keys}


def _way(rng: random.Random, tree: dict[str, Any]) -> tuple[list[str], int]:
    """The keys down to a leaf, and the leaf."""
    keys: list[str] = []
    inner: Any = tree
    while isinstance(inner, dict):
        keys.append(rng.choice(list(inner)))
        inner = inner[keys[-1]]
    return keys, inner


@family(tags=("none", "list"))
def drop_missing(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), _gappy(rng)
    query = rng.choice(
        (f"Remove every None from {name}.", f"Drop the missing items (None) of {name}; all others stay.")
    )
    return single(
        query, {name: xs}, {name: [x for x in xs if x is not None]}, f"{name} = [x for x in {name} if x is not None]",
        f"{name} = [x for x in {name} if x]", f"{name}.remove(None)", f"{name} = [x for x in {name} if x is None]",
        difficulty=2,
    )  # fmt: skip


@family(tags=("none", "list"))
def fill_missing(rng: random.Random) -> Task:
    name, xs, value = rng.choice(LISTS), _gappy(rng), whole(rng)
    query = rng.choice((f"Replace every None in {name} with {value}.", f"Fill the gaps (None) in {name} with {value}."))
    return single(
        query, {name: xs}, {name: [value if x is None else x for x in xs]},
        f"{name} = [{value} if x is None else x for x in {name}]", f"{name} = [x or {value} for x in {name}]",
        f"{name}[{name}.index(None)] = {value}", f"{name} = [x for x in {name} if x is not None]", difficulty=2,
    )  # fmt: skip


@family(tags=("none", "dict"))
def blank_key(rng: random.Random) -> Task:
    name, items = rng.choice(DICTS), mapping(rng)
    key = rng.choice(list(items))
    query = rng.choice(
        (
            f"Set the value of '{key}' in {name} to None; the key stays.",
            f"In {name}, blank '{key}': None instead of its value.",
        )
    )
    return single(
        query, {name: items}, {name: {**items, key: None}}, f"{name}['{key}'] = None", f"del {name}['{key}']",
        f"{name}['{key}'] = 'None'", f"{name}['{key}'] = 0", f"{name} = None",
    )  # fmt: skip


@family(tags=("list", "nested"))
def flatten(rng: random.Random) -> Task:
    name = rng.choice(("groups", "batches", "rows", "parts"))
    lists = [numbers(rng, 2, 4) for _ in range(rng.randint(3, 5))]
    query = rng.choice(
        (
            f"Flatten the list of lists {name} into flat.",
            f"Store the items of all lists in {name}, in order, in one list flat.",
        )
    )
    return single(
        query, {name: lists}, {"flat": [x for xs in lists for x in xs]}, f"flat = [x for xs in {name} for x in xs]",
        f"flat = {name}[0]", f"flat = [*{name}]", f"flat = [x for xs in reversed({name}) for x in xs]",
        f"flat = [sum(xs) for xs in {name}]", difficulty=2,
    )  # fmt: skip


@family(tags=("dict", "nested"))
def set_deep(rng: random.Random) -> Task:
    depth = rng.randint(2, 4)
    name, tree = rng.choice(("tree", "config", "catalog")), _tree(rng, depth)
    keys, leaf = _way(rng, tree)
    value = where(lambda: whole(rng), lambda value: value != leaf)
    under = " under ".join(f"'{key}'" for key in reversed(keys))
    query = rng.choice(
        (f"In {name}, set {under} to {value}.", f"Set the value of {under} in the nested dict {name} to {value}.")
    )
    path = "".join(f"['{key}']" for key in keys)
    return single(
        query, {name: tree}, {name: _put(tree, keys, value)}, f"{name}{path} = {value}",
        f"{name}['{keys[-1]}'] = {value}", f"{name}['{keys[0]}'] = {value}", f"{name}{path} += {value}",
        f"{name}{path} = '{value}'", difficulty=depth,
    )  # fmt: skip


@family(tags=("dict", "list", "nested"))
def append_deep(rng: random.Random) -> Task:
    name, item = rng.choice(("groups", "rooms", "teams")), whole(rng)
    keys = rng.sample(KEYS, rng.randint(3, 5))
    lists = {key: numbers(rng, 2, 4) for key in keys}
    key, other = rng.sample(keys, 2)
    query = rng.choice(
        (
            f"Append {item} to the list of '{key}' in {name}.",
            f"In {name}, put {item} at the end of the list under '{key}'.",
        )
    )
    return single(
        query, {name: lists}, {name: {**lists, key: [*lists[key], item]}}, f"{name}['{key}'].append({item})",
        f"{name}['{key}'] = [{item}]", f"{name}['{key}'].insert(0, {item})", f"{name}['{other}'].append({item})",
        f"{name}['{key}'] = {name}['{key}'].append({item})", difficulty=2,
    )  # fmt: skip


@family(tags=("list", "dict", "nested"))
def pluck(rng: random.Random) -> Task:
    name, records = rng.choice(("orders", "records", "sales")), _records(rng)
    key, other = rng.sample(("item", "cost", "count"), 2)
    query = rng.choice(
        (
            f"Store the '{key}' of each record in {name}, in order, in column.",
            f"Set column to the list of the '{key}' of all dicts in {name}.",
        )
    )
    return single(
        query, {name: records}, {"column": [each[key] for each in records]},
        f"column = [each['{key}'] for each in {name}]", f"column = [each['{other}'] for each in {name}]",
        f"column = {name}[0]['{key}']", f"column = {{each['{key}'] for each in {name}}}",
        f"column = [each['{key}'] for each in {name}[1:]]", difficulty=2,
    )  # fmt: skip


@family(tags=("list", "dict", "nested"))
def keep_records(rng: random.Random) -> Task:
    name, records = rng.choice(("orders", "records", "sales")), _records(rng)
    limit = sorted(each["cost"] for each in records)[rng.randint(1, len(records) - 2)]
    query = rng.choice(
        (
            f"Keep only the records of {name} whose 'cost' is above {limit}.",
            f"Remove the records with a 'cost' of {limit} or less from {name}.",
        )
    )
    return single(
        query, {name: records}, {name: [each for each in records if each["cost"] > limit]},
        f"{name} = [each for each in {name} if each['cost'] > {limit}]",
        f"{name} = [each for each in {name} if each['cost'] >= {limit}]",
        f"{name} = [each['cost'] for each in {name} if each['cost'] > {limit}]",
        f"for each in {name}:\n    if each['cost'] <= {limit}:\n        each.clear()", difficulty=3,
    )  # fmt: skip


@family(held_out=True, tags=("list", "nested"))
def transpose(rng: random.Random) -> Task:
    name, width = rng.choice(("grid", "table", "matrix")), rng.randint(3, 4)
    grid = [numbers(rng, width, width) for _ in range(rng.randint(2, 5))]
    query = rng.choice(
        (
            f"Transpose the list of lists {name}: its rows become its columns.",
            f"Turn the columns of {name} into its rows (still a list of lists).",
        )
    )
    return single(
        query, {name: grid}, {name: [list(row) for row in zip(*grid, strict=True)]},
        f"{name} = [list(row) for row in zip(*{name})]", f"{name} = list(zip(*{name}))",
        f"{name} = [row[::-1] for row in {name}]", f"{name} = {name}[::-1]",
        f"{name} = [list(row) for row in zip(*{name}[::-1])]", difficulty=3,
    )  # fmt: skip


@family(held_out=True, tags=("list", "dict", "nested"))
def raise_in_records(rng: random.Random) -> Task:
    name, records = rng.choice(("orders", "records", "sales")), _records(rng)
    key, by = rng.choice(("cost", "count")), rng.randint(2, 30)
    query = rng.choice(
        (f"Increase '{key}' by {by} in every record of {name}.", f"Add {by} to the '{key}' of each dict in {name}.")
    )
    return single(
        query, {name: records}, {name: [{**each, key: each[key] + by} for each in records]},
        f"for each in {name}:\n    each['{key}'] += {by}", f"{name}[0]['{key}'] += {by}",
        f"for each in {name}:\n    each['{key}'] = {by}", f"{name} = [each['{key}'] + {by} for each in {name}]",
        f"{name} = [{{'{key}': each['{key}'] + {by}}} for each in {name}]", difficulty=3,
    )  # fmt: skip


@family(held_out=True, tags=("dict", "list", "nested"))
def remove_deep(rng: random.Random) -> Task:
    name = rng.choice(("groups", "rooms", "teams"))
    lists = {key: [letters(rng, 4, 6) for _ in range(rng.randint(3, 5))] for key in rng.sample(KEYS, rng.randint(3, 5))}
    key, other = rng.sample(list(lists), 2)
    at = rng.randrange(len(lists[key]))
    left = [item for place, item in enumerate(lists[key]) if place != at]
    item = lists[key][at]
    query = rng.choice(
        (
            f"Remove '{item}' from the list of '{key}' in {name}.",
            f"In {name}, take '{item}' out of the list under '{key}'.",
        )
    )
    return single(
        query, {name: lists}, {name: {**lists, key: left}}, f"{name}['{key}'].remove('{item}')", f"del {name}['{key}']",
        f"{name}['{key}'].pop({(at + 1) % len(lists[key])})", f"{name}['{other}'].append({name}['{key}'].pop({at}))",
        f"{name}['{key}'] = '{item}'", difficulty=3,
    )  # fmt: skip
