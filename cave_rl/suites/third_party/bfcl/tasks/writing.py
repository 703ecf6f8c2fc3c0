r"""Recorded calls as the call strings that upstream's checker reads.

It evaluates them, after it has put the name of an instance before every word that stands before a parenthesis, within
string literals as well: so no string may have one.

>>> write("echo", {"content": "10 (done)", "file_name": None})
"echo(content='10 \\x28done)', file_name=None)"
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cave_rl.rewards.evidence import Call

REFUSED = "**{'not an argument': None}"
"""Arguments that no method takes: a call with them raises there as it did here."""


def written(calls: Sequence[Call]) -> list[list[str]]:
    """The calls of a turn: those of one cell are one step."""
    steps: dict[int, list[str]] = {}
    for each in calls:
        method = method_of(each)
        steps.setdefault(each.cell, []).append(write(method, each.arguments if was_made(each) else None))
    return list(steps.values())


def method_of(call: Call) -> str:
    """The method that a call is of, whether it is injected by itself or with its object."""
    return call.name.rpartition(".")[2]


def was_made(call: Call) -> bool:
    """Whether a call reached its method and came back: not if its arguments did not fit, or its time was over."""
    kind = "" if call.error is None else call.error.partition(":")[0]
    return type(call.arguments) is dict and kind != "TimeoutError" and not (kind == "TypeError" and not call.arguments)


def write(method: str, arguments: Mapping[str, Any] | None) -> str:
    """One call; of arguments that cannot be written, one that raises."""
    try:
        told = REFUSED if arguments is None else ", ".join(f"{key}={literal(each)}" for key, each in arguments.items())
    except ValueError:
        told = REFUSED
    return f"{method}({told})"


def literal(value: Any) -> str:
    r"""Plain data as a Python literal without a parenthesis in any string.

    >>> literal({"a": [1, 2.5, (None,)], "b(": float("inf")})
    "{'a': [1, 2.5, (None,)], 'b\\x28': 1e999}"

    Raises:
        ValueError: it is no plain data, or a number too long to be written.
    """
    if value is None or type(value) in (bool, int):
        return repr(value)
    if type(value) is float:
        if math.isnan(value):
            raise ValueError("NaN equals nothing")
        return repr(value) if math.isfinite(value) else "1e999" if value > 0 else "-1e999"
    if type(value) is str:
        return repr(value).replace("(", r"\x28")
    if type(value) is list:
        return f"[{', '.join(map(literal, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    if type(value) is dict:
        return "{" + ", ".join(f"{literal(key)}: {literal(each)}" for key, each in value.items()) + "}"
    raise ValueError(f"a {type(value).__name__} cannot be written")
