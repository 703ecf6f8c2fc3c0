"""Types-v0: the families, their gold and their assertions. Host and Judge only.

Every family draws its names, values and wording. Values are drawn so that nothing is solved before it begins and no
answer can be guessed: the model sees names and types only, so it must compute on what it was given. Families tagged
`core` take one short cell and no imports (a model of 135M parameters can learn them); `dialogue` marks those of two
turns. Held-out families ask for something related to, but different from, what the others train.

>>> task = suite.task("train", "sort_list", 0)
>>> [type(each.value).__name__ for each in task.variables], task.tags
(['list'], ('core', 'list'))
"""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random
import string
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from cave_rl.rewards.assertions import equals
from cave_rl.runtime.codec import same
from cave_rl.runtime.primitives import Type, Variable
from cave_rl.suites.types.world import Account, Point, Shelf, Stack
from cave_rl.tasks.suite import Suite
from cave_rl.tasks.task import NearMiss, Task, TaskError, Turn

T = TypeVar("T")

LISTS = ("xs", "nums", "prices", "scores", "sizes", "ages", "costs", "weights")
INTS = ("n", "total", "level", "width", "budget", "age", "points", "speed")
TEXTS = ("text", "name", "title", "word", "label", "city")
DICTS = ("stock", "prices", "ages", "counts", "wages")
SETS = ("seen", "ids", "codes", "rooms", "used")
TUPLES = ("path", "row", "marks", "pair")
KEYS = ("apple", "pear", "plum", "fig", "lemon", "mango", "kiwi", "peach", "melon", "grape")
PEOPLE = ("Ada", "Bo", "Cleo", "Dev", "Eva", "Finn", "Gia", "Hugo")

suite = Suite("Types-v0", description="Python's own types, small objects and a data frame")


# Drawing


def _whole(rng: random.Random) -> int:
    return rng.randint(11, 998)


def _numbers(rng: random.Random, low: int = 5, high: int = 12) -> list[int]:
    """Distinct numbers: no order, extreme or position of theirs is ambiguous."""
    return rng.sample(range(10, 1000), rng.randint(low, high))


def _letters(rng: random.Random, low: int, high: int) -> str:
    return "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randint(low, high)))


def _mapping(rng: random.Random) -> dict[str, int]:
    return {key: _whole(rng) for key in rng.sample(KEYS, rng.randint(3, 6))}


def _where(draw: Callable[[], T], fits: Callable[[T], bool]) -> T:
    while True:
        if fits(drawn := draw()):
            return drawn


# Making tasks


def _turn(
    query: str,
    before: dict[str, Any],
    goal: dict[str, Any],
    gold: str,
    misses: Sequence[str | NearMiss],
) -> Turn:
    """A turn that must bring the variables of `goal` to its values and leave all others alone."""
    if all(name in before and same(before[name], value) for name, value in goal.items()):
        raise TaskError(f"{query!r} is solved before it begins")
    return Turn(
        query,
        [equals(name, value) for name, value in goal.items()],
        changes=[name for name in goal if name in before],
        gold=gold,
        near_misses=[NearMiss(miss) if isinstance(miss, str) else miss for miss in misses],
    )


def _single(
    query: str,
    before: dict[str, Any],
    goal: dict[str, Any],
    gold: str,
    *misses: str | NearMiss,
    types: Sequence[type] = (),
    modules: Sequence[str] = (),
    difficulty: float = 1.0,
) -> Task:
    return Task(
        turns=(_turn(query, before, goal, gold, misses),),
        variables=tuple(Variable(name, value) for name, value in before.items()),
        types=tuple(Type(cls) for cls in types),
        modules=tuple(modules),
        difficulty=difficulty,
    )


# Numbers


@suite.family(tags=("core", "number"))
def increase(rng: random.Random) -> Task:
    name, other = rng.sample(INTS, 2)
    n, by = _whole(rng), rng.randint(2, 99)
    query = rng.choice((f"Increase {name} by {by}.", f"Add {by} to {name}.", f"Make {name} {by} larger."))
    before = {name: n, other: _whole(rng)} if rng.random() < 0.5 else {name: n}
    return _single(query, before, {name: n + by}, f"{name} += {by}", f"{name} -= {by}", f"{name} = {by}")


@suite.family(tags=("core", "number"))
def multiply(rng: random.Random) -> Task:
    name, n, by = rng.choice(INTS), _whole(rng), rng.randint(2, 12)
    query = rng.choice((f"Multiply {name} by {by}.", f"Make {name} {by} times as large.", f"Scale {name} by {by}."))
    return _single(query, {name: n}, {name: n * by}, f"{name} *= {by}", f"{name} += {by}", f"{name} **= {by}")


@suite.family(tags=("number",))
def difference(rng: random.Random) -> Task:
    (a, b), gap = rng.sample(INTS, 2), "gap"
    m, n = rng.sample(range(11, 999), 2)
    query = rng.choice(
        (f"Store {a} minus {b} in gap.", f"Set gap to {a} minus {b}.", f"Subtract {b} from {a}; store it in gap.")
    )
    return _single(
        query, {a: m, b: n}, {gap: m - n}, f"gap = {a} - {b}", f"gap = {b} - {a}", f"{a} -= {b}\ngap = {a} + {b}"
    )


@suite.family(tags=("number",))
def remainder(rng: random.Random) -> Task:
    name, by = rng.choice(INTS), rng.randint(13, 60)
    n = _where(lambda: rng.randint(1000, 9999), lambda n: n % by > 0)
    query = rng.choice((f"Store the remainder of {name} divided by {by} in rest.", f"Set rest to {name} modulo {by}."))
    return _single(
        query, {name: n}, {"rest": n % by}, f"rest = {name} % {by}", f"rest = {name} // {by}", f"{name} %= {by}"
    )


@suite.family(held_out=True, tags=("core", "number"))
def swap(rng: random.Random) -> Task:
    a, b = rng.sample(INTS, 2)
    m, n = rng.sample(range(11, 999), 2)
    query = rng.choice((f"Swap {a} and {b}.", f"Exchange the values of {a} and {b}."))
    return _single(query, {a: m, b: n}, {a: n, b: m}, f"{a}, {b} = {b}, {a}", f"{a} = {b}", f"{a} = {b}\n{b} = {a}")


@suite.family(held_out=True, tags=("core", "number"))
def decrease(rng: random.Random) -> Task:
    name, n, by = rng.choice(INTS), _whole(rng), rng.randint(2, 99)
    query = rng.choice((f"Decrease {name} by {by}.", f"Subtract {by} from {name}.", f"Make {name} {by} smaller."))
    return _single(query, {name: n}, {name: n - by}, f"{name} -= {by}", f"{name} += {by}", f"{name} = {by}")


# Strings


def _title(rng: random.Random) -> str:
    return " ".join(_letters(rng, 3, 8).capitalize() for _ in range(rng.randint(2, 4)))


@suite.family(tags=("core", "text"))
def change_case(rng: random.Random) -> Task:
    name, text = rng.choice(TEXTS), _title(rng)
    kind, other = rng.choice((("upper", "lower"), ("lower", "upper")))
    query = rng.choice(
        (f"Convert {name} to {kind} case.", f"Turn {name} into {kind} case.", f"Make {name} {kind} case.")
    )
    return _single(
        query, {name: text}, {name: getattr(text, kind)()}, f"{name} = {name}.{kind}()", f"{name}.{kind}()",
        f"{name} = {name}.{other}()",
    )  # fmt: skip


@suite.family(tags=("text",))
def replace_letter(rng: random.Random) -> Task:
    name = rng.choice(TEXTS)
    old, new = rng.sample("aeiou", 2)
    text = _where(lambda: _letters(rng, 20, 40), lambda text: text.count(old) > 1)
    query = rng.choice(
        (f"Replace every '{old}' in {name} with '{new}'.", f"In {name}, change each '{old}' to '{new}'.")
    )
    return _single(
        query, {name: text}, {name: text.replace(old, new)}, f"{name} = {name}.replace('{old}', '{new}')",
        f"{name}.replace('{old}', '{new}')", f"{name} = {name}.replace('{old}', '{new}', 1)",
    )  # fmt: skip


@suite.family(tags=("text",))
def append_text(rng: random.Random) -> Task:
    name, text, tail = rng.choice(TEXTS), _letters(rng, 6, 12), _letters(rng, 3, 3)
    query = rng.choice((f"Append '{tail}' to {name}.", f"Add '{tail}' to the end of {name}."))
    return _single(
        query, {name: text}, {name: text + tail}, f"{name} += '{tail}'", f"{name} = '{tail}'",
        f"{name} = '{tail}' + {name}",
    )  # fmt: skip


@suite.family(tags=("text",))
def count_letter(rng: random.Random) -> Task:
    name, letter = rng.choice(TEXTS), rng.choice("aeiou")
    text = _letters(rng, 400, 1200)
    query = rng.choice(
        (
            f"Count how often '{letter}' is in {name}; store it in hits.",
            f"Set hits to the number of '{letter}' in {name}.",
        )
    )
    return _single(
        query, {name: text}, {"hits": text.count(letter)}, f"hits = {name}.count('{letter}')", f"hits = len({name})",
        f"{name}.count('{letter}')",
    )  # fmt: skip


@suite.family(tags=("text",))
def strip_text(rng: random.Random) -> Task:
    name, text = rng.choice(TEXTS), "  " + _title(rng) + "   "
    query = rng.choice((f"Remove the spaces at both ends of {name}.", f"Strip the spaces around {name}."))
    return _single(
        query, {name: text}, {name: text.strip()}, f"{name} = {name}.strip()", f"{name} = {name}.lstrip()",
        f"{name} = {name}.replace(' ', '')",
    )  # fmt: skip


@suite.family(tags=("text",))
def split_words(rng: random.Random) -> Task:
    name, text = rng.choice(TEXTS), _title(rng)
    query = rng.choice((f"Store the list of words of {name} in words.", f"Split {name} at spaces into words."))
    return _single(
        query, {name: text}, {"words": text.split()}, f"words = {name}.split()", f"words = list({name})",
        f"{name} = {name}.split()",
    )  # fmt: skip


@suite.family(held_out=True, tags=("core", "text"))
def reverse_text(rng: random.Random) -> Task:
    name = rng.choice(TEXTS)
    text = _where(lambda: _letters(rng, 8, 14), lambda text: text != text[::-1])
    query = rng.choice((f"Reverse the string {name}.", f"Turn the string {name} back to front."))
    return _single(
        query, {name: text}, {name: text[::-1]}, f"{name} = {name}[::-1]", f"{name} = list(reversed({name}))",
        f"{name}[::-1]",
    )  # fmt: skip


# Lists: changed


@suite.family(tags=("core", "list"))
def sort_list(rng: random.Random) -> Task:
    name = rng.choice(LISTS)
    xs = _where(lambda: _numbers(rng), lambda xs: sorted(xs) not in (xs, xs[::-1]))
    query = rng.choice((f"Sort {name}.", f"Sort {name} in ascending order.", f"Put {name} in ascending order."))
    return _single(query, {name: xs}, {name: sorted(xs)}, f"{name}.sort()", f"sorted({name})", f"{name}.reverse()")


@suite.family(tags=("list",))
def sort_down(rng: random.Random) -> Task:
    name = rng.choice(LISTS)
    xs = _where(lambda: _numbers(rng), lambda xs: sorted(xs) not in (xs, xs[::-1]))
    down = sorted(xs, reverse=True)
    query = rng.choice((f"Sort {name} in descending order.", f"Sort {name} from largest to smallest."))
    return _single(
        query, {name: xs}, {name: down}, f"{name}.sort(reverse=True)", f"{name}.sort()", f"{name}.reverse()",
        f"{name} = reversed(sorted({name}))",
    )  # fmt: skip


@suite.family(tags=("core", "list"))
def reverse_list(rng: random.Random) -> Task:
    name = rng.choice(LISTS)
    xs = _where(lambda: _numbers(rng), lambda xs: xs != xs[::-1] and xs[::-1] != sorted(xs, reverse=True))
    query = rng.choice((f"Reverse {name}.", f"Reverse the order of {name}.", f"Turn the list {name} around."))
    return _single(
        query, {name: xs}, {name: xs[::-1]}, f"{name}.reverse()", f"{name}.sort(reverse=True)",
        f"{name} = reversed({name})",
    )  # fmt: skip


@suite.family(tags=("core", "list"))
def append_number(rng: random.Random) -> Task:
    name, other = rng.sample(LISTS, 2)
    xs, item = _numbers(rng), _whole(rng)
    query = rng.choice(
        (f"Append {item} to {name}.", f"Add {item} to the end of {name}.", f"Put {item} at the end of {name}.")
    )
    before = {name: xs, other: _numbers(rng)} if rng.random() < 0.5 else {name: xs}
    misses: list[str | NearMiss] = [f"{name}.insert(0, {item})", f"{name} = {name}.append({item})"]
    if other in before:
        misses.append(NearMiss(f"{name}.append({item})\n{other}.append({item})"))
    return _single(query, before, {name: [*xs, item]}, f"{name}.append({item})", *misses)


@suite.family(tags=("list",))
def insert_front(rng: random.Random) -> Task:
    name, xs, item = rng.choice(LISTS), _numbers(rng), _whole(rng)
    query = rng.choice((f"Insert {item} at the front of {name}.", f"Put {item} at the start of {name}."))
    return _single(
        query, {name: xs}, {name: [item, *xs]}, f"{name}.insert(0, {item})", f"{name}.append({item})",
        f"{name}.insert(1, {item})", f"{name}[0] = {item}",
    )  # fmt: skip


@suite.family(tags=("core", "list"))
def drop_last(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), _numbers(rng)
    query = rng.choice(
        (f"Remove the last item of {name}.", f"Delete the last item from {name}.", f"Drop the last item of {name}.")
    )
    return _single(query, {name: xs}, {name: xs[:-1]}, f"{name}.pop()", f"{name}.pop(0)", f"{name} = {name}.pop()")


@suite.family(tags=("list",))
def set_item(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), _numbers(rng)
    item = _where(lambda: _whole(rng), lambda item: item not in xs)
    query = rng.choice((f"Set the first item of {name} to {item}.", f"Replace the first item of {name} with {item}."))
    return _single(
        query, {name: xs}, {name: [item, *xs[1:]]}, f"{name}[0] = {item}", f"{name}[1] = {item}",
        f"{name}.insert(0, {item})", f"{name} = [{item}]",
    )  # fmt: skip


@suite.family(tags=("list",))
def scale_list(rng: random.Random) -> Task:
    name, xs, by = rng.choice(LISTS), _numbers(rng), rng.randint(2, 9)
    query = rng.choice((f"Multiply every item of {name} by {by}.", f"Make each item of {name} {by} times as large."))
    return _single(
        query, {name: xs}, {name: [by * x for x in xs]}, f"{name} = [x * {by} for x in {name}]", f"{name} *= {by}",
        f"[x * {by} for x in {name}]", difficulty=2,
    )  # fmt: skip


@suite.family(tags=("list",))
def keep_large(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), _numbers(rng)
    limit = sorted(xs)[rng.randint(1, len(xs) - 2)]
    query = rng.choice(
        (f"Keep only the items of {name} above {limit}.", f"Remove the items of {name} that are {limit} or less.")
    )
    return _single(
        query, {name: xs}, {name: [x for x in xs if x > limit]}, f"{name} = [x for x in {name} if x > {limit}]",
        f"{name} = [x for x in {name} if x >= {limit}]", f"{name} = [x for x in {name} if x < {limit}]", difficulty=2,
    )  # fmt: skip


@suite.family(held_out=True, tags=("core", "list"))
def drop_first(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), _numbers(rng)
    query = rng.choice((f"Remove the first item of {name}.", f"Delete the first item from {name}."))
    return _single(query, {name: xs}, {name: xs[1:]}, f"{name}.pop(0)", f"{name}.pop()", f"{name} = {name}[0]")


@suite.family(held_out=True, tags=("core", "list"))
def extend_list(rng: random.Random) -> Task:
    a, b = rng.sample(LISTS, 2)
    xs, ys = _numbers(rng), _numbers(rng)
    query = rng.choice((f"Add all items of {b} to the end of {a}.", f"Extend {a} with the items of {b}."))
    return _single(
        query,
        {a: xs, b: ys},
        {a: xs + ys},
        f"{a}.extend({b})",
        f"{a}.append({b})",
        f"{b}.extend({a})",
        f"{a} = {b} + {a}",
    )


# Lists: read


@suite.family(tags=("list",))
def sum_list(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), _numbers(rng)
    query = rng.choice(
        (
            f"Store the sum of {name} in result.",
            f"Set result to the sum of {name}.",
            f"Add up {name}; store it in result.",
        )
    )
    return _single(
        query, {name: xs}, {"result": sum(xs)}, f"result = sum({name})", f"result = len({name})",
        f"{name} = sum({name})",
        f"result = sum({name}[1:])",
    )  # fmt: skip


@suite.family(tags=("list",))
def largest(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), _where(lambda: rng.sample(range(10, 9999), 9), lambda xs: xs[-1] != max(xs))
    query = rng.choice((f"Store the largest item of {name} in top.", f"Set top to the maximum of {name}."))
    return _single(query, {name: xs}, {"top": max(xs)}, f"top = max({name})", f"top = min({name})", f"top = {name}[-1]")


@suite.family(tags=("list",))
def list_length(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), [_whole(rng) for _ in range(rng.randint(40, 400))]
    query = rng.choice((f"Store the number of items of {name} in size.", f"Set size to the length of {name}."))
    return _single(
        query, {name: xs}, {"size": len(xs)}, f"size = len({name})", f"size = len({name}) - 1", f"size = sum({name})"
    )


@suite.family(tags=("list",))
def average(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), _numbers(rng)
    query = rng.choice(
        (f"Store the mean of {name} in mean, as a float.", f"Set mean to the average of {name} (a float).")
    )
    return _single(
        query, {name: xs}, {"mean": sum(xs) / len(xs)}, f"mean = sum({name}) / len({name})",
        f"mean = sum({name}) // len({name})", f"mean = sum({name}) / (len({name}) - 1)",
    )  # fmt: skip


@suite.family(held_out=True, tags=("core", "list"))
def smallest(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), _where(lambda: rng.sample(range(10, 9999), 9), lambda xs: xs[0] != min(xs))
    query = rng.choice((f"Store the smallest item of {name} in low.", f"Set low to the minimum of {name}."))
    return _single(query, {name: xs}, {"low": min(xs)}, f"low = min({name})", f"low = max({name})", f"low = {name}[0]")


# Dicts


@suite.family(tags=("core", "dict"))
def set_key(rng: random.Random) -> Task:
    name, items = rng.choice(DICTS), _mapping(rng)
    key, value = rng.choice(KEYS), _where(lambda: _whole(rng), lambda value: value not in items.values())
    query = rng.choice((f"Set the key '{key}' of {name} to {value}.", f"In {name}, set '{key}' to {value}."))
    return _single(
        query, {name: items}, {name: {**items, key: value}}, f"{name}['{key}'] = {value}",
        f"{name} = {{'{key}': {value}}}",
        f"{name}['{key}'] = '{value}'",
    )  # fmt: skip


@suite.family(tags=("core", "dict"))
def delete_key(rng: random.Random) -> Task:
    name, items = rng.choice(DICTS), _mapping(rng)
    key = rng.choice(list(items))
    query = rng.choice((f"Delete the key '{key}' from {name}.", f"Remove '{key}' from {name}."))
    left = {each: value for each, value in items.items() if each != key}
    return _single(
        query,
        {name: items},
        {name: left},
        f"del {name}['{key}']",
        f"{name}['{key}'] = None",
        f"{name} = {name}.pop('{key}')",
    )


@suite.family(tags=("core", "dict"))
def increase_key(rng: random.Random) -> Task:
    name, items, by = rng.choice(DICTS), _mapping(rng), rng.randint(2, 99)
    key = rng.choice(list(items))
    query = rng.choice((f"Increase '{key}' in {name} by {by}.", f"Add {by} to the value of '{key}' in {name}."))
    return _single(
        query, {name: items}, {name: {**items, key: items[key] + by}}, f"{name}['{key}'] += {by}",
        f"{name}['{key}'] = {by}",
        f"{name}['{key}'] -= {by}",
    )  # fmt: skip


@suite.family(tags=("dict",))
def read_key(rng: random.Random) -> Task:
    name, items = rng.choice(DICTS), _mapping(rng)
    key = rng.choice(list(items))
    query = rng.choice(
        (f"Store the value of '{key}' in {name} as value.", f"Set value to what {name} holds for '{key}'.")
    )
    return _single(
        query, {name: items}, {"value": items[key]}, f"value = {name}['{key}']", f"value = '{key}'",
        f"value = {name}.pop('{key}')",
    )  # fmt: skip


@suite.family(held_out=True, tags=("core", "dict"))
def sum_values(rng: random.Random) -> Task:
    name, items = rng.choice(DICTS), _mapping(rng)
    query = rng.choice(
        (f"Store the sum of the values of {name} in result.", f"Add up the values of {name}; store it in result.")
    )
    return _single(
        query, {name: items}, {"result": sum(items.values())}, f"result = sum({name}.values())",
        f"result = len({name})",
        f"result = max({name}.values())",
    )  # fmt: skip


@suite.family(held_out=True, tags=("dict",))
def rename_key(rng: random.Random) -> Task:
    name, items = rng.choice(DICTS), _mapping(rng)
    old, new = rng.choice(list(items)), rng.choice([key for key in KEYS if key not in items])
    query = f"Rename the key '{old}' of {name} to '{new}'; its value stays."
    left = {each: value for each, value in items.items() if each != old}
    return _single(
        query, {name: items}, {name: {**left, new: items[old]}}, f"{name}['{new}'] = {name}.pop('{old}')",
        f"{name}['{new}'] = {name}['{old}']", f"{name}['{new}'] = {name}.pop('{old}') + 1", difficulty=2,
    )  # fmt: skip


# Sets and tuples


@suite.family(tags=("core", "set"))
def add_member(rng: random.Random) -> Task:
    name, members = rng.choice(SETS), set(_numbers(rng))
    item = _where(lambda: _whole(rng), lambda item: item not in members)
    query = rng.choice((f"Add {item} to {name}.", f"Put {item} into the set {name}."))
    return _single(
        query, {name: members}, {name: members | {item}}, f"{name}.add({item})", f"{name} = {{{item}}}",
        f"{name} = {name}.add({item})", f"{name} = [*{name}, {item}]",
    )  # fmt: skip


@suite.family(tags=("set",))
def common_members(rng: random.Random) -> Task:
    a, b = rng.sample(SETS, 2)
    both, left, right = (set(rng.sample(range(low, 1000, 3), rng.randint(3, 6))) for low in (10, 11, 12))
    query = rng.choice(
        (f"Store the members that {a} and {b} share in common.", f"Set common to what is in both {a} and {b}.")
    )
    return _single(
        query,
        {a: both | left, b: both | right},
        {"common": both},
        f"common = {a} & {b}",
        f"common = {a} | {b}",
        f"{a} &= {b}",
    )


@suite.family(tags=("tuple",))
def extend_tuple(rng: random.Random) -> Task:
    name, items, item = rng.choice(TUPLES), tuple(_numbers(rng)), _whole(rng)
    query = rng.choice(
        (f"Add {item} to the end of the tuple {name}.", f"Make {name} one item longer: {item} at its end.")
    )
    return _single(
        query, {name: items}, {name: (*items, item)}, f"{name} = {name} + ({item},)", f"{name} = ({item},) + {name}",
        f"{name} = list({name}) + [{item}]",
    )  # fmt: skip


@suite.family(held_out=True, tags=("core", "set"))
def remove_member(rng: random.Random) -> Task:
    name, members = rng.choice(SETS), set(_numbers(rng))
    item = rng.choice(sorted(members))
    query = rng.choice((f"Remove {item} from {name}.", f"Take {item} out of the set {name}."))
    return _single(
        query, {name: members}, {name: members - {item}}, f"{name}.remove({item})", f"{name}.clear()",
        f"{name} = list({name} - {{{item}}})",
    )  # fmt: skip


# Objects


def _account(rng: random.Random, owner: str | None = None) -> Account:
    entries = [_whole(rng) for _ in range(rng.randint(2, 5))]
    return Account(owner or rng.choice(PEOPLE), sum(entries), entries)


def _booked(account: Account, *entries: int) -> Account:
    return Account(account.owner, account.balance + sum(entries), [*account.entries, *entries])


@suite.family(tags=("object",))
def deposit(rng: random.Random) -> Task:
    account, other, amount = _account(rng), _account(rng), rng.randint(5, 500)
    query = rng.choice((f"Deposit {amount} into account.", f"Pay {amount} into account."))
    before = {"account": account, "savings": other} if rng.random() < 0.5 else {"account": account}
    return _single(
        query, before, {"account": _booked(account, amount)}, f"account.deposit({amount})",
        f"account.balance += {amount}",
        f"account.withdraw({min(amount, account.balance)})", types=(Account,), difficulty=2,
    )  # fmt: skip


@suite.family(tags=("object",))
def withdraw_share(rng: random.Random) -> Task:
    account = _where(lambda: _account(rng), lambda account: account.balance > 20)
    parts = rng.choice((2, 3, 4, 5))
    amount = account.balance // parts
    query = f"Withdraw one part in {parts} of the balance of account (rounded down)."
    return _single(
        query, {"account": account}, {"account": _booked(account, -amount)},
        f"account.withdraw(account.balance // {parts})", f"account.withdraw({parts})",
        f"account.balance -= account.balance // {parts}", f"account.withdraw(account.balance // {parts} + 1)",
        types=(Account,), difficulty=3,
    )  # fmt: skip


@suite.family(tags=("object",))
def push(rng: random.Random) -> Task:
    items, item = _numbers(rng), _whole(rng)
    query = rng.choice((f"Push {item} onto stack.", f"Put {item} on top of stack."))
    return _single(
        query, {"stack": Stack(20, items)}, {"stack": Stack(20, [*items, item])}, f"stack.push({item})",
        f"stack.items.insert(0, {item})", f"stack.push('{item}')", types=(Stack,), difficulty=2,
    )  # fmt: skip


@suite.family(tags=("object",))
def move_point(rng: random.Random) -> Task:
    names = rng.sample(("start", "target", "p", "q"), 2)
    (x, y), (u, v) = (rng.sample(range(-500, 500), 2) for _ in names)
    dx, dy = rng.sample(range(2, 60), 2)
    query = rng.choice(
        (f"Move {names[0]} by {dx} to the right and {dy} up.", f"Shift {names[0]}: {dx} right, {dy} up.")
    )
    return _single(
        query, {names[0]: Point(x, y), names[1]: Point(u, v)}, {names[0]: Point(x + dx, y + dy)},
        f"{names[0]}.move({dx}, {dy})", f"{names[0]}.move({dy}, {dx})", f"{names[1]}.move({dx}, {dy})",
        f"{names[0]}.x += {dx}", types=(Point,), difficulty=2,
    )  # fmt: skip


@suite.family(tags=("object",))
def take_item(rng: random.Random) -> Task:
    stock = _mapping(rng)
    item = rng.choice(list(stock))
    count = rng.randint(2, stock[item] - 1)
    query = rng.choice((f"Take {count} of '{item}' off the shelf.", f"Remove {count} of '{item}' from shelf."))
    return _single(
        query, {"shelf": Shelf(stock)}, {"shelf": Shelf({**stock, item: stock[item] - count})},
        f"shelf.take('{item}', {count})", f"shelf.add('{item}', {count})", f"shelf.stock['{item}'] = {count}",
        f"del shelf.stock['{item}']", types=(Shelf,), difficulty=2,
    )  # fmt: skip


@suite.family(held_out=True, tags=("object",))
def transfer(rng: random.Random) -> Task:
    source, target = (_account(rng) for _ in range(2))
    amount = rng.randint(5, source.balance - 1)
    query = rng.choice((f"Transfer {amount} from checking to savings.", f"Move {amount} from checking into savings."))
    return _single(
        query, {"checking": source, "savings": target},
        {"checking": _booked(source, -amount), "savings": _booked(target, amount)},
        f"checking.withdraw({amount})\nsavings.deposit({amount})", f"savings.deposit({amount})",
        f"checking.deposit({amount})\nsavings.deposit({amount})", types=(Account,), difficulty=3,
    )  # fmt: skip


@suite.family(held_out=True, tags=("object",))
def pop_stack(rng: random.Random) -> Task:
    items = _numbers(rng)
    query = rng.choice(("Take the top item off stack and store it in top.", "Pop stack and keep the item as top."))
    return _single(
        query, {"stack": Stack(20, items)}, {"stack": Stack(20, items[:-1]), "top": items[-1]}, "top = stack.pop()",
        "stack.pop()", "top = stack.items[-1]", "top = stack.items.pop(0)", types=(Stack,), difficulty=2,
    )  # fmt: skip


# Data frames


def _orders(rng: random.Random) -> dict[str, list[Any]]:
    rows = rng.randint(5, 9)
    return {
        "item": [rng.choice(KEYS) for _ in range(rows)],
        "price": rng.sample(range(10, 100), rows),
        "count": [rng.randint(2, 60) for _ in range(rows)],
    }


@suite.family(tags=("frame",))
def add_column(rng: random.Random) -> Task:
    import pandas as pd

    name, data = rng.choice(("orders", "df", "sales")), _orders(rng)
    cost = [price * count for price, count in zip(data["price"], data["count"], strict=True)]
    query = rng.choice(
        (f"Add a column 'cost' to {name}: price times count.", f"In {name}, make a column 'cost' of price times count.")
    )
    return _single(
        query, {name: pd.DataFrame(data)}, {name: pd.DataFrame({**data, "cost": cost})},
        f"{name}['cost'] = {name}['price'] * {name}['count']", f"{name}['cost'] = {name}['price'] + {name}['count']",
        f"cost = {name}['price'] * {name}['count']", modules=("pandas",), difficulty=3,
    )  # fmt: skip


@suite.family(held_out=True, tags=("frame",))
def column_sum(rng: random.Random) -> Task:
    import pandas as pd

    name, data = rng.choice(("orders", "df", "sales")), _orders(rng)
    item = rng.choice(data["item"])
    total = sum(count for each, count in zip(data["item"], data["count"], strict=True) if each == item)
    query = f"Store the sum of 'count' over the rows of {name} whose item is '{item}' in total, as an int."
    return _single(
        query, {name: pd.DataFrame(data)}, {"total": total},
        f"total = int({name}.loc[{name}['item'] == '{item}', 'count'].sum())", f"total = len({name})",
        f"total = int({name}.loc[{name}['item'] == '{item}', 'price'].sum())", modules=("pandas",), difficulty=3,
    )  # fmt: skip


# Dialogues


@suite.family(tags=("dialogue", "list"))
def append_then_sort(rng: random.Random) -> Task:
    name, xs = rng.choice(LISTS), _numbers(rng)
    item = _where(lambda: rng.randint(11, max(xs) - 1), lambda item: item not in xs)
    longer = [*xs, item]
    first = _turn(
        f"Append {item} to {name}.", {name: xs}, {name: longer}, f"{name}.append({item})", [f"{name} += [{item}] * 2"]
    )
    second = _turn(f"Now sort {name}.", {name: longer}, {name: sorted(longer)}, f"{name}.sort()", [f"{name}.reverse()"])
    return Task((first, second), variables=(Variable(name, xs),), difficulty=2)


@suite.family(tags=("dialogue", "dict"))
def restock(rng: random.Random) -> Task:
    name, items, by = rng.choice(DICTS), _mapping(rng), rng.randint(2, 99)
    key = rng.choice(list(items))
    after = {**items, key: items[key] + by}
    first = _turn(
        f"Increase '{key}' in {name} by {by}.", {name: items}, {name: after}, f"{name}['{key}'] += {by}",
        [f"{name}['{key}'] = {by}"],
    )  # fmt: skip
    second = _turn(
        f"Store the sum of the values of {name} in result.", {name: after}, {"result": sum(after.values())},
        f"result = sum({name}.values())", [f"result = sum({name}.values()) - {by}"],
    )  # fmt: skip
    return Task((first, second), variables=(Variable(name, items),), difficulty=3)


@suite.family(held_out=True, tags=("dialogue", "object"))
def pay_and_report(rng: random.Random) -> Task:
    account, amount = _account(rng), rng.randint(5, 500)
    after = _booked(account, amount)
    first = _turn(
        f"Deposit {amount} into account.", {"account": account}, {"account": after}, f"account.deposit({amount})",
        [f"account.balance += {amount}"],
    )  # fmt: skip
    second = _turn(
        "Store the balance of account in report.", {"account": after}, {"report": after.balance},
        "report = account.balance", ["report = account", f"report = account.balance - {amount}"],
    )  # fmt: skip
    return Task((first, second), variables=(Variable("account", account),), types=(Type(Account),), difficulty=3)


# Of trained families, but of a split of their own: no prompt shows the solution of a task that is trained or tested on.
suite.examples = tuple(suite.task("validation", family, 0) for family in ("increase", "sort_list", "set_key"))
