"""dict."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random

from cave_rl.suites.making import Families, single, spoils, where
from cave_rl.suites.types.drawing import DICTS, KEYS, distinct_mapping, mapping, whole
from cave_rl.tasks.task import Task

family = Families()


@family(tags=("core", "dict"))
def set_key(rng: random.Random) -> Task:
    name, items = rng.choice(DICTS), mapping(rng)
    key, value = rng.choice(KEYS), where(lambda: whole(rng), lambda value: value not in items.values())
    query = rng.choice((f"Set the key '{key}' of {name} to {value}.", f"In {name}, set '{key}' to {value}."))
    return single(
        query, {name: items}, {name: {**items, key: value}}, f"{name}['{key}'] = {value}",
        f"{name} = {{'{key}': {value}}}",
        f"{name}['{key}'] = '{value}'",
    )  # fmt: skip


@family(tags=("core", "dict"))
def delete_key(rng: random.Random) -> Task:
    name, items = rng.choice(DICTS), mapping(rng)
    key = rng.choice(list(items))
    query = rng.choice((f"Delete the key '{key}' from {name}.", f"Remove '{key}' from {name}."))
    left = {each: value for each, value in items.items() if each != key}
    return single(
        query,
        {name: items},
        {name: left},
        f"del {name}['{key}']",
        f"{name}['{key}'] = None",
        f"{name} = {name}.pop('{key}')",
    )


@family(tags=("core", "dict"))
def increase_key(rng: random.Random) -> Task:
    name, items, by = rng.choice(DICTS), mapping(rng), rng.randint(2, 99)
    key = rng.choice(list(items))
    query = rng.choice((f"Increase '{key}' in {name} by {by}.", f"Add {by} to the value of '{key}' in {name}."))
    return single(
        query, {name: items}, {name: {**items, key: items[key] + by}}, f"{name}['{key}'] += {by}",
        f"{name}['{key}'] = {by}",
        f"{name}['{key}'] -= {by}",
    )  # fmt: skip


@family(tags=("dict",))
def read_key(rng: random.Random) -> Task:
    name, items = rng.choice(DICTS), mapping(rng)
    key = rng.choice(list(items))
    query = rng.choice(
        (f"Store the value of '{key}' in {name} as value.", f"Set value to what {name} holds for '{key}'.")
    )
    return single(
        query, {name: items}, {"value": items[key]}, f"value = {name}['{key}']", f"value = '{key}'",
        spoils(f"value = {name}.pop('{key}')", name),
    )  # fmt: skip


@family(held_out=True, tags=("core", "dict"))
def sum_values(rng: random.Random) -> Task:
    name, items = rng.choice(DICTS), mapping(rng)
    query = rng.choice(
        (f"Store the sum of the values of {name} in result.", f"Add up the values of {name}; store it in result.")
    )
    return single(
        query, {name: items}, {"result": sum(items.values())}, f"result = sum({name}.values())",
        f"result = len({name})",
        f"result = max({name}.values())",
    )  # fmt: skip


@family(held_out=True, tags=("dict",))
def rename_key(rng: random.Random) -> Task:
    name, items = rng.choice(DICTS), mapping(rng)
    old, new = rng.choice(list(items)), rng.choice([key for key in KEYS if key not in items])
    query = f"Rename the key '{old}' of {name} to '{new}'; its value stays."
    left = {each: value for each, value in items.items() if each != old}
    return single(
        query, {name: items}, {name: {**left, new: items[old]}}, f"{name}['{new}'] = {name}.pop('{old}')",
        f"{name}['{new}'] = {name}['{old}']", f"{name}['{new}'] = {name}.pop('{old}') + 1", difficulty=2,
    )  # fmt: skip


@family(tags=("dict",))
def merge(rng: random.Random) -> Task:
    a, b = rng.sample(DICTS, 2)
    keys = rng.sample(KEYS, 6)
    both, only_a, only_b = keys[:2], keys[2:4], keys[4:]
    values = rng.sample(range(10, 1000), 8)
    xs = dict(zip(both + only_a, values[:4], strict=True))
    ys = dict(zip(both + only_b, values[4:], strict=True))
    query = rng.choice(
        (
            f"Update {a} with all of {b}; where both have a key, the value of {b} counts.",
            f"Merge {b} into {a}; {b} wins where both have a key.",
        )
    )
    return single(
        query, {a: xs, b: ys}, {a: xs | ys}, f"{a}.update({b})", f"{b}.update({a})", f"{a} = {{**{b}, **{a}}}",
        f"{a} = {b}", f"{a} |= {{key: {b}[key] for key in {b} if key not in {a}}}", difficulty=2,
    )  # fmt: skip


@family(tags=("dict",))
def invert(rng: random.Random) -> Task:
    name, items = rng.choice(DICTS), distinct_mapping(rng)
    query = rng.choice(
        (
            f"Store {name} with keys and values exchanged in inverse.",
            f"Set inverse to a dict from the values of {name} to its keys.",
        )
    )
    return single(
        query, {name: items}, {"inverse": {value: key for key, value in items.items()}},
        f"inverse = {{value: key for key, value in {name}.items()}}",
        f"inverse = {{key: value for key, value in {name}.items()}}",
        f"inverse = [(value, key) for key, value in {name}.items()]", f"inverse = dict(reversed({name}.items()))",
        spoils(f"inverse = {{}}\nwhile {name}:\n    key, value = {name}.popitem()\n    inverse[value] = key", name),
        difficulty=2,
    )  # fmt: skip


@family(tags=("dict", "list"))
def tally(rng: random.Random) -> Task:
    name = rng.choice(("votes", "orders", "fruit", "picks"))
    xs = where(
        lambda: [rng.choice(KEYS[:6]) for _ in range(rng.randint(14, 30))], lambda xs: max(map(xs.count, xs)) > 2
    )
    query = rng.choice(
        (
            f"Count how often each item is in {name}; store a plain dict in tally.",
            f"Set tally to a plain dict: each item of {name} with how often it occurs.",
        )
    )
    return single(
        query, {name: xs}, {"tally": {each: xs.count(each) for each in xs}},
        f"tally = {{each: {name}.count(each) for each in {name}}}", f"tally = len(set({name}))",
        f"tally = {{each: 1 for each in {name}}}", f"tally = {{each: i for i, each in enumerate({name})}}",
        f"tally = [{name}.count(each) for each in set({name})]", difficulty=2,
    )  # fmt: skip


@family(tags=("dict",))
def drop_small(rng: random.Random) -> Task:
    name, items = rng.choice(DICTS), distinct_mapping(rng)
    limit = sorted(items.values())[rng.randint(1, len(items) - 2)]
    query = rng.choice(
        (
            f"Remove the keys of {name} whose value is below {limit}.",
            f"Keep only the entries of {name} with a value of {limit} or more.",
        )
    )
    return single(
        query, {name: items}, {name: {key: value for key, value in items.items() if value >= limit}},
        f"{name} = {{key: value for key, value in {name}.items() if value >= {limit}}}",
        f"{name} = {{key: value for key, value in {name}.items() if value > {limit}}}",
        f"{name} = {{key: value for key, value in {name}.items() if value < {limit}}}",
        f"{name} = [key for key, value in {name}.items() if value >= {limit}]",
        difficulty=2,
    )  # fmt: skip


@family(held_out=True, tags=("dict", "list"))
def ranking(rng: random.Random) -> Task:
    name = rng.choice(DICTS)
    items = where(
        lambda: distinct_mapping(rng),
        lambda items: (
            sorted(items, key=items.__getitem__, reverse=True)
            not in (list(items), sorted(items), sorted(items, reverse=True))
        ),
    )
    query = rng.choice(
        (
            f"Store the keys of {name}, largest value first, in a list ranking.",
            f"Set ranking to the list of the keys of {name}, in descending order of their values.",
        )
    )
    return single(
        query, {name: items}, {"ranking": sorted(items, key=items.__getitem__, reverse=True)},
        f"ranking = sorted({name}, key={name}.get, reverse=True)", f"ranking = sorted({name}, key={name}.get)",
        f"ranking = sorted({name}, reverse=True)", f"ranking = sorted({name}.values(), reverse=True)",
        f"ranking = list({name})", difficulty=2,
    )  # fmt: skip


@family(held_out=True, tags=("dict",))
def scale_values(rng: random.Random) -> Task:
    name, items, by = rng.choice(DICTS), mapping(rng), rng.randint(2, 9)
    query = rng.choice((f"Multiply every value of {name} by {by}.", f"Make each value in {name} {by} times as large."))
    return single(
        query, {name: items}, {name: {key: by * value for key, value in items.items()}},
        f"for key in {name}:\n    {name}[key] *= {by}", f"for key in {name}:\n    {name}[key] += {by}",
        f"{name} = [value * {by} for value in {name}.values()]", f"{name}[next(iter({name}))] *= {by}", difficulty=2,
    )  # fmt: skip
