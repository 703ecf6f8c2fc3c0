"""str."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random

from cave_rl.suites.making import Families, single, where
from cave_rl.suites.types.drawing import INTS, TEXTS, letters, title, words
from cave_rl.tasks.task import Task

family = Families()


@family(tags=("core", "text"))
def change_case(rng: random.Random) -> Task:
    name, text = rng.choice(TEXTS), title(rng)
    kind, other = rng.choice((("upper", "lower"), ("lower", "upper")))
    query = rng.choice(
        (f"Convert {name} to {kind} case.", f"Turn {name} into {kind} case.", f"Make {name} {kind} case.")
    )
    return single(
        query, {name: text}, {name: getattr(text, kind)()}, f"{name} = {name}.{kind}()", f"{name}.{kind}()",
        f"{name} = {name}.{other}()",
    )  # fmt: skip


@family(tags=("text",))
def replace_letter(rng: random.Random) -> Task:
    name = rng.choice(TEXTS)
    old, new = rng.sample("aeiou", 2)
    text = where(lambda: letters(rng, 20, 40), lambda text: text.count(old) > 1)
    query = rng.choice(
        (f"Replace every '{old}' in {name} with '{new}'.", f"In {name}, change each '{old}' to '{new}'.")
    )
    return single(
        query, {name: text}, {name: text.replace(old, new)}, f"{name} = {name}.replace('{old}', '{new}')",
        f"{name}.replace('{old}', '{new}')", f"{name} = {name}.replace('{old}', '{new}', 1)",
    )  # fmt: skip


@family(tags=("text",))
def append_text(rng: random.Random) -> Task:
    name, text, tail = rng.choice(TEXTS), letters(rng, 6, 12), letters(rng, 3, 3)
    query = rng.choice((f"Append '{tail}' to {name}.", f"Add '{tail}' to the end of {name}."))
    return single(
        query, {name: text}, {name: text + tail}, f"{name} += '{tail}'", f"{name} = '{tail}'",
        f"{name} = '{tail}' + {name}",
    )  # fmt: skip


@family(tags=("text",))
def count_letter(rng: random.Random) -> Task:
    name, letter = rng.choice(TEXTS), rng.choice("aeiou")
    text = letters(rng, 400, 1200)
    query = rng.choice(
        (
            f"Count how often '{letter}' is in {name}; store it in hits.",
            f"Set hits to the number of '{letter}' in {name}.",
        )
    )
    return single(
        query, {name: text}, {"hits": text.count(letter)}, f"hits = {name}.count('{letter}')", f"hits = len({name})",
        f"{name}.count('{letter}')",
    )  # fmt: skip


@family(tags=("text",))
def strip_text(rng: random.Random) -> Task:
    name, text = rng.choice(TEXTS), "  " + title(rng) + "   "
    query = rng.choice((f"Remove the spaces at both ends of {name}.", f"Strip the spaces around {name}."))
    return single(
        query, {name: text}, {name: text.strip()}, f"{name} = {name}.strip()", f"{name} = {name}.lstrip()",
        f"{name} = {name}.replace(' ', '')",
    )  # fmt: skip


@family(tags=("text",))
def split_words(rng: random.Random) -> Task:
    name, text = rng.choice(TEXTS), title(rng)
    query = rng.choice((f"Store the list of words of {name} in words.", f"Split {name} at spaces into words."))
    return single(
        query, {name: text}, {"words": text.split()}, f"words = {name}.split()", f"words = list({name})",
        f"{name} = {name}.split()",
    )  # fmt: skip


@family(held_out=True, tags=("core", "text"))
def reverse_text(rng: random.Random) -> Task:
    name = rng.choice(TEXTS)
    text = where(lambda: letters(rng, 8, 14), lambda text: text != text[::-1])
    query = rng.choice((f"Reverse the string {name}.", f"Turn the string {name} back to front."))
    return single(
        query, {name: text}, {name: text[::-1]}, f"{name} = {name}[::-1]", f"{name} = list(reversed({name}))",
        f"{name}[::-1]",
    )  # fmt: skip


@family(tags=("text",))
def cut_text(rng: random.Random) -> Task:
    name, text = rng.choice(TEXTS), letters(rng, 12, 30)
    keep = where(lambda: rng.randint(3, len(text) - 3), lambda keep: 2 * keep != len(text))
    query = rng.choice(
        (f"Keep only the first {keep} characters of {name}.", f"Cut {name} off after its first {keep} characters.")
    )
    return single(
        query, {name: text}, {name: text[:keep]}, f"{name} = {name}[:{keep}]", f"{name}[:{keep}]",
        f"{name} = {name}[{keep}:]", f"{name} = {name}[:{keep - 1}]", f"{name} = {name}[:-{keep}]",
    )  # fmt: skip


@family(tags=("text", "list"))
def join_words(rng: random.Random) -> Task:
    name, parts, mark = rng.choice(("parts", "words", "names", "labels")), words(rng), rng.choice("-_/+:;")
    query = rng.choice(
        (
            f"Join the items of {name} with '{mark}' and store the text in line.",
            f"Set line to the items of {name}, joined by '{mark}'.",
        )
    )
    return single(
        query, {name: parts}, {"line": mark.join(parts)}, f"line = '{mark}'.join({name})", f"line = ''.join({name})",
        f"line = str({name})", f"line = '{mark}'.join({name}) + '{mark}'", f"line = '{mark}'.join(reversed({name}))",
    )  # fmt: skip


@family(tags=("text", "list"))
def longest_word(rng: random.Random) -> Task:
    name = rng.choice(("parts", "words", "names", "labels"))
    parts = where(
        lambda: [letters(rng, 3, 14) for _ in range(rng.randint(5, 9))],
        lambda parts: (
            sorted(map(len, parts))[-1] > sorted(map(len, parts))[-2]
            and max(parts, key=len) not in (max(parts), parts[-1])
        ),
    )
    query = rng.choice(
        (f"Store the longest item of {name} in longest.", f"Set longest to the item of {name} with most letters.")
    )
    return single(
        query, {name: parts}, {"longest": max(parts, key=len)}, f"longest = max({name}, key=len)",
        f"longest = max({name})", f"longest = max(map(len, {name}))", f"longest = {name}[-1]",
        f"longest = min({name}, key=len)", difficulty=2,
    )  # fmt: skip


@family(tags=("text", "number"))
def text_to_number(rng: random.Random) -> Task:
    name, number = rng.choice(TEXTS), rng.randint(1_000, 999_999)
    query = rng.choice((f"Turn the text {name} into an int.", f"Convert {name} from str to int."))
    return single(
        query, {name: str(number)}, {name: number}, f"{name} = int({name})", f"int({name})", f"{name} = float({name})",
        f"{name} = list(map(int, {name}))", f"{name} = len({name})",
    )  # fmt: skip


@family(held_out=True, tags=("text", "number"))
def number_to_text(rng: random.Random) -> Task:
    name, number = rng.choice(INTS), rng.randint(1_000, 999_999)
    query = rng.choice((f"Turn the number {name} into a str.", f"Convert {name} from int to str."))
    return single(
        query, {name: number}, {name: str(number)}, f"{name} = str({name})", f"str({name})", f"{name} = [{name}]",
        f"{name} = list(str({name}))", f"{name} = str(float({name}))",
    )  # fmt: skip


@family(held_out=True, tags=("text",))
def initials(rng: random.Random) -> Task:
    name = rng.choice(TEXTS)
    text = " ".join(letters(rng, 3, 8).capitalize() for _ in range(rng.randint(3, 6)))
    short = "".join(word[0] for word in text.split())
    query = rng.choice(
        (
            f"Join the first letters of the words of {name} and store them in short.",
            f"Set short to the initials of {name}, with nothing between them.",
        )
    )
    return single(
        query, {name: text}, {"short": short}, f"short = ''.join(word[0] for word in {name}.split())",
        f"short = [word[0] for word in {name}.split()]", f"short = ' '.join(word[0] for word in {name}.split())",
        f"short = {name}[0]", f"short = ''.join(word[0] for word in {name}.split()).lower()", difficulty=2,
    )  # fmt: skip
