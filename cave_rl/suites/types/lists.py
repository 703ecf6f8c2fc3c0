"""Lists that are changed."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random

from cave_rl.suites.making import Families, fails, single, spoils, where
from cave_rl.suites.types.drawing import LISTS, numbers, whole
from cave_rl.tasks.task import NearMiss, Task

family = Families()


@family(tags=("core", "list"))
def sort_list(rng: random.Random) -> Task:
    name = rng.choice(LISTS)
    xs = where(lambda: numbers(rng), lambda xs: sorted(xs) not in (xs, xs[::-1]))
    query = rng.choice((f"Sort {name}.", f"Sort {name} in ascending order.", f"Put {name} in ascending order."))
    return single(query, {name: xs}, {name: sorted(xs)}, f"{name}.sort()", f"sorted({name})", f"{name}.reverse()")


@family(tags=("list",))
def sort_down(rng: random.Random) -> Task:
    name = rng.choice(LISTS)
    xs = where(lambda: numbers(rng), lambda xs: sorted(xs) not in (xs, xs[::-1]))
    down = sorted(xs, reverse=True)
    query = rng.choice((f"Sort {name} in descending order.", f"Sort {name} from largest to smallest."))
    return single(
        query, {name: xs}, {name: down}, f"{name}.sort(reverse=True)", f"{name}.sort()", f"{name}.reverse()",
        f"{name} = reversed(sorted({name}))",
    )  # fmt: skip


@family(tags=("core", "list"))
def reverse_list(rng: random.Random) -> Task:
    name = rng.choice(LISTS)
    xs = where(lambda: numbers(rng), lambda xs: xs != xs[::-1] and xs[::-1] != sorted(xs, reverse=True))
    query = rng.choice((f"Reverse {name}.", f"Reverse the order of {name}.", f"Turn the list {name} around."))
    return single(
        query, {name: xs}, {name: xs[::-1]}, f"{name}.reverse()", f"{name}.sort(reverse=True)",
        f"{name} = reversed({name})",
    )  # fmt: skip


@family(tags=("core", "list"))
def append_number(rng: random.Random) -> Task:
    name, other = rng.sample(LISTS, 2)
    xs, item = numbers(rng), whole(rng)
    query = rng.choice(
        (f"Append {item} to {name}.", f"Add {item} to the end of {name}.", f"Put {item} at the end of {name}.")
    )
    before = {name: xs, other: numbers(rng)} if rng.random() < 0.5 else {name: xs}
    misses: list[str | NearMiss] = [f"{name}.insert(0, {item})", f"{name} = {name}.append({item})"]
    if other in before:
        misses.append(spoils(f"{name}.append({item})\n{other}.append({item})", other))
    return single(query, before, {name: [*xs, item]}, f"{name}.append({item})", *misses)


@family(tags=("list",))
def insert_front(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), numbers(rng)
    item = where(lambda: whole(rng), lambda item: item not in xs)
    query = rng.choice((f"Insert {item} at the front of {name}.", f"Put {item} at the start of {name}."))
    return single(
        query, {name: xs}, {name: [item, *xs]}, f"{name}.insert(0, {item})", f"{name}.append({item})",
        f"{name}.insert(1, {item})", f"{name}[0] = {item}",
    )  # fmt: skip


@family(tags=("core", "list"))
def drop_last(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), numbers(rng)
    query = rng.choice(
        (f"Remove the last item of {name}.", f"Delete the last item from {name}.", f"Drop the last item of {name}.")
    )
    return single(query, {name: xs}, {name: xs[:-1]}, f"{name}.pop()", f"{name}.pop(0)", f"{name} = {name}.pop()")


@family(tags=("list",))
def set_item(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), numbers(rng)
    item = where(lambda: whole(rng), lambda item: item not in xs)
    query = rng.choice((f"Set the first item of {name} to {item}.", f"Replace the first item of {name} with {item}."))
    return single(
        query, {name: xs}, {name: [item, *xs[1:]]}, f"{name}[0] = {item}", f"{name}[1] = {item}",
        f"{name}.insert(0, {item})", f"{name} = [{item}]",
    )  # fmt: skip


@family(tags=("list",))
def scale_list(rng: random.Random) -> Task:
    name, xs, by = rng.choice(LISTS), numbers(rng), rng.randint(2, 9)
    query = rng.choice((f"Multiply every item of {name} by {by}.", f"Make each item of {name} {by} times as large."))
    return single(
        query, {name: xs}, {name: [by * x for x in xs]}, f"{name} = [x * {by} for x in {name}]", f"{name} *= {by}",
        f"[x * {by} for x in {name}]", difficulty=2,
    )  # fmt: skip


@family(tags=("list",))
def keep_large(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), numbers(rng)
    limit = sorted(xs)[rng.randint(1, len(xs) - 2)]
    query = rng.choice(
        (f"Keep only the items of {name} above {limit}.", f"Remove the items of {name} that are {limit} or less.")
    )
    return single(
        query, {name: xs}, {name: [x for x in xs if x > limit]}, f"{name} = [x for x in {name} if x > {limit}]",
        f"{name} = [x for x in {name} if x >= {limit}]", f"{name} = [x for x in {name} if x < {limit}]", difficulty=2,
    )  # fmt: skip


@family(held_out=True, tags=("core", "list"))
def drop_first(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), numbers(rng)
    query = rng.choice((f"Remove the first item of {name}.", f"Delete the first item from {name}."))
    return single(query, {name: xs}, {name: xs[1:]}, f"{name}.pop(0)", f"{name}.pop()", f"{name} = {name}[0]")


@family(held_out=True, tags=("core", "list"))
def extend_list(rng: random.Random) -> Task:
    a, b = rng.sample(LISTS, 2)
    xs, ys = numbers(rng), numbers(rng)
    query = rng.choice((f"Add all items of {b} to the end of {a}.", f"Extend {a} with the items of {b}."))
    return single(
        query,
        {a: xs, b: ys},
        {a: xs + ys},
        f"{a}.extend({b})",
        f"{a}.append({b})",
        f"{b}.extend({a})",
        f"{a} = {b} + {a}",
    )


@family(tags=("list",))
def unique_items(rng: random.Random) -> Task:
    name = rng.choice(LISTS)
    kept = where(lambda: numbers(rng, 4, 8), lambda kept: kept not in (sorted(kept), list(set(kept))))
    xs = where(
        lambda: rng.sample(kept * 3, rng.randint(len(kept) + 3, len(kept) * 2)),
        lambda xs: (
            list(dict.fromkeys(xs)) not in (sorted(set(xs)), list(set(xs)), list(dict.fromkeys(xs[::-1]))[::-1])
            and len(set(xs)) < len(xs)
        ),
    )
    query = rng.choice(
        (
            f"Remove repeated items from {name}; the first of each stays, in order.",
            f"Keep each item of {name} once, where it comes first.",
        )
    )
    return single(
        query, {name: xs}, {name: list(dict.fromkeys(xs))}, f"{name} = list(dict.fromkeys({name}))",
        f"{name} = set({name})", f"{name} = sorted(set({name}))", f"{name} = list(dict.fromkeys({name}[::-1]))[::-1]",
        difficulty=2,
    )  # fmt: skip


@family(tags=("list",))
def backup(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), numbers(rng)
    query = rng.choice(
        (
            f"Keep a copy of {name} in backup; then empty {name} (it stays a list).",
            f"Store the items of {name} in a list backup, and then clear {name}.",
        )
    )
    return single(
        query, {name: xs}, {"backup": xs, name: []}, f"backup = list({name})\n{name}.clear()",
        f"backup = {name}\n{name}.clear()", fails(f"backup = list({name})", f"{name} equals"),
        fails(f"backup = {name}\n{name} = None", f"{name} equals"), difficulty=2,
    )  # fmt: skip


@family(held_out=True, tags=("list",))
def rotate(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), numbers(rng, 6, 12)
    by = where(lambda: rng.randint(2, len(xs) - 2), lambda by: 2 * by != len(xs))
    query = rng.choice(
        (
            f"Move the last {by} items of {name} to its front; their order stays.",
            f"Rotate {name} to the right by {by} places.",
        )
    )
    return single(
        query, {name: xs}, {name: xs[-by:] + xs[:-by]}, f"{name} = {name}[-{by}:] + {name}[:-{by}]",
        f"{name} = {name}[{by}:] + {name}[:{by}]", f"{name} = {name}[-{by}:]",
        f"{name} = {name}[-{by}:][::-1] + {name}[:-{by}]", difficulty=2,
    )  # fmt: skip
