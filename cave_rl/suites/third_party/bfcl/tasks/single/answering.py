"""What to call to answer an entry, made of upstream's possible answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cave_rl.suites.third_party.bfcl.tasks.single.data import Arguments, Entry
from cave_rl.suites.third_party.bfcl.tasks.single.judging import Checker

_ATTEMPTS = 500
"""Choices among the possible values of a call that are tried."""

_LEFT_OUT = object()


def answer(entry: Entry, checker: Checker) -> list[Mapping[str, Arguments]]:
    """Calls that the checker passes, if there are any; else the first choice of what upstream says is possible.

    The checker is asked of each call by itself: not every possible value has the type that it wants. Where any call is
    right, it is `any_call`.
    """
    if not entry.answers and not entry.refusal:
        return [any_call(entry)]
    found: list[Mapping[str, Arguments]] = []
    for wanted in entry.answers:
        ((name, possible),) = wanted.items()
        alone = Entry(entry.id, "multiple", entry.messages, entry.functions, (wanted,))
        tried = [{name: each} for each in itertools.islice(_choices(possible), _ATTEMPTS)]
        found.append(next((each for each in tried if checker(alone, [each])["valid"]), tried[0]))
    return found


def any_call(entry: Entry) -> Mapping[str, Arguments]:
    """A call of the first function, which is given what it must be given, and no sense."""
    first = entry.functions[0]
    values = {"integer": 1, "float": 1.0, "boolean": True, "array": [], "tuple": [], "dict": {}}
    known, required = first["parameters"]["properties"], first["parameters"].get("required", ())
    return {first["name"]: {name: values.get(known[name]["type"], "x") for name in required}}


def _choices(possible: Mapping[str, Sequence[Any]], *, inner: bool = False) -> Iterator[dict[str, Any]]:
    """Ways to give arguments, or the items of a dict among them: the fullest first."""
    for values in itertools.product(*(_values(each, inner) for each in possible.values())):
        named = zip(possible, values, strict=True)
        yield {name: value for name, value in named if value is not _LEFT_OUT}


def _values(possible: Sequence[Any], inner: bool) -> list[Any]:
    told = [value for each in possible if each != "" for value in ([each] if inner else _whole(each))]
    return [*told, *(["", _LEFT_OUT] if "" in possible else [])] or [_LEFT_OUT]


def _whole(value: Any) -> list[Any]:
    """The values that a possible one stands for: a dict tells what its items may be, but for dicts in it."""
    if type(value) is dict:
        return list(itertools.islice(_choices(value, inner=True), _ATTEMPTS))
    if type(value) is list and any(type(each) is dict for each in value):
        parts = itertools.product(*map(_whole, value))
        return [list(each) for each in itertools.islice(parts, _ATTEMPTS)]
    return [value]
