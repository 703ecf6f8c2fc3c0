"""set, frozenset and tuple."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random

from cave_rl.suites.making import Families, single, spoils, where
from cave_rl.suites.types.drawing import SETS, TUPLES, numbers, whole
from cave_rl.tasks.task import Task

family = Families()


def _overlapping(rng: random.Random) -> tuple[set[int], set[int]]:
    """Two sets that share some members, each with some of its own."""
    members = numbers(rng, 11, 14)
    return set(members[:8]), set(members[4:])


@family(tags=("core", "set"))
def add_member(rng: random.Random) -> Task:
    name, members = rng.choice(SETS), set(numbers(rng))
    item = where(lambda: whole(rng), lambda item: item not in members)
    query = rng.choice((f"Add {item} to {name}.", f"Put {item} into the set {name}."))
    return single(
        query, {name: members}, {name: members | {item}}, f"{name}.add({item})", f"{name} = {{{item}}}",
        f"{name} = {name}.add({item})", f"{name} = [*{name}, {item}]",
    )  # fmt: skip


@family(tags=("set",))
def common_members(rng: random.Random) -> Task:
    a, b = rng.sample(SETS, 2)
    both, left, right = (set(rng.sample(range(low, 1000, 3), rng.randint(3, 6))) for low in (10, 11, 12))
    query = rng.choice(
        (f"Store the members that {a} and {b} share in common.", f"Set common to what is in both {a} and {b}.")
    )
    return single(
        query,
        {a: both | left, b: both | right},
        {"common": both},
        f"common = {a} & {b}",
        f"common = {a} | {b}",
        f"{a} &= {b}",
    )


@family(tags=("tuple",))
def extend_tuple(rng: random.Random) -> Task:
    name, items, item = rng.choice(TUPLES), tuple(numbers(rng)), whole(rng)
    query = rng.choice(
        (f"Add {item} to the end of the tuple {name}.", f"Make {name} one item longer: {item} at its end.")
    )
    return single(
        query, {name: items}, {name: (*items, item)}, f"{name} = {name} + ({item},)", f"{name} = ({item},) + {name}",
        f"{name} = list({name}) + [{item}]",
    )  # fmt: skip


@family(held_out=True, tags=("core", "set"))
def remove_member(rng: random.Random) -> Task:
    name, members = rng.choice(SETS), set(numbers(rng))
    item = rng.choice(sorted(members))
    query = rng.choice((f"Remove {item} from {name}.", f"Take {item} out of the set {name}."))
    return single(
        query, {name: members}, {name: members - {item}}, f"{name}.remove({item})", f"{name}.clear()",
        f"{name} = list({name} - {{{item}}})",
    )  # fmt: skip


@family(tags=("set",))
def only_in_first(rng: random.Random) -> Task:
    (a, b), (xs, ys) = rng.sample(SETS, 2), _overlapping(rng)
    query = rng.choice(
        (
            f"Store the members of {a} that are not in {b} in rest (a set).",
            f"Set rest to the set of what {a} has and {b} has not.",
        )
    )
    return single(
        query, {a: xs, b: ys}, {"rest": xs - ys}, f"rest = {a} - {b}", f"rest = {b} - {a}", f"rest = {a} ^ {b}",
        f"rest = sorted({a} - {b})", spoils(f"{a} -= {b}\nrest = set({a})", a),
    )  # fmt: skip


@family(tags=("set", "frozenset"))
def freeze(rng: random.Random) -> Task:
    name, members = rng.choice(SETS), set(numbers(rng))
    query = rng.choice(
        (
            f"Store the members of the set {name} as a frozenset in fixed.",
            f"Set fixed to a frozenset of what is in {name}.",
        )
    )
    return single(
        query, {name: members}, {"fixed": frozenset(members)}, f"fixed = frozenset({name})", f"fixed = {name}",
        f"fixed = tuple({name})", f"fixed = frozenset([frozenset({name})])", f"{name} = frozenset({name})",
    )  # fmt: skip


@family(tags=("frozenset",))
def add_to_frozen(rng: random.Random) -> Task:
    name, members = rng.choice(SETS), frozenset(numbers(rng))
    item = where(lambda: whole(rng), lambda item: item not in members)
    query = rng.choice(
        (f"Add {item} to the frozenset {name}; it stays a frozenset.", f"Make {item} a member of the frozenset {name}.")
    )
    return single(
        query, {name: members}, {name: members | {item}}, f"{name} = {name} | {{{item}}}", f"{name}.add({item})",
        f"{name} = set({name}) | {{{item}}}", f"{name} = frozenset([{item}])", f"{name} | {{{item}}}",
    )  # fmt: skip


@family(tags=("tuple",))
def sort_tuple(rng: random.Random) -> Task:
    name, items = (
        rng.choice(TUPLES),
        where(lambda: tuple(numbers(rng)), lambda items: sorted(items) not in (list(items), list(items)[::-1])),
    )
    query = rng.choice(
        (f"Sort the tuple {name}; it stays a tuple.", f"Put the items of the tuple {name} in ascending order.")
    )
    return single(
        query, {name: items}, {name: tuple(sorted(items))}, f"{name} = tuple(sorted({name}))",
        f"{name} = sorted({name})", f"{name} = {name}[::-1]", f"{name}.sort()",
        f"{name} = tuple(sorted({name}, reverse=True))",
    )  # fmt: skip


@family(held_out=True, tags=("set",))
def in_one_only(rng: random.Random) -> Task:
    (a, b), (xs, ys) = rng.sample(SETS, 2), _overlapping(rng)
    query = rng.choice(
        (
            f"Store the members that only one of {a} and {b} has in single.",
            f"Set single to the set of what is in {a} or in {b}, but not in both.",
        )
    )
    return single(
        query, {a: xs, b: ys}, {"single": xs ^ ys}, f"single = {a} ^ {b}", f"single = {a} | {b}", f"single = {a} - {b}",
        f"single = {a} & {b}", spoils(f"{a} ^= {b}\nsingle = set({a})", a),
    )  # fmt: skip


@family(held_out=True, tags=("tuple",))
def replace_in_tuple(rng: random.Random) -> Task:
    name, items = rng.choice(TUPLES), tuple(numbers(rng))
    at, item = rng.randint(1, len(items) - 2), where(lambda: whole(rng), lambda item: item not in items)
    query = rng.choice(
        (
            f"Replace the item at index {at} of the tuple {name} by {item}.",
            f"Make {item} the item at index {at} of {name}; it stays a tuple.",
        )
    )
    return single(
        query, {name: items}, {name: (*items[:at], item, *items[at + 1 :])},
        f"{name} = {name}[:{at}] + ({item},) + {name}[{at + 1}:]", f"{name}[{at}] = {item}",
        f"{name} = {name}[:{at}] + ({item},) + {name}[{at}:]", f"{name} = [*{name}[:{at}], {item}, *{name}[{at + 1}:]]",
        f"{name} = {name}[:{at - 1}] + ({item},) + {name}[{at}:]", difficulty=2,
    )  # fmt: skip
