r"""Contracts: how a result is answered as JSON where a protocol cannot leave it in a variable.

A `Kind` says what JSON stands for a value, and makes the value of it again. It is taken from a value that is right (the
gold's), so the types that assertions ask for come back, and it tells nothing of that value but its type.

>>> contract = Contract({"total": kind_of(6.5), "names": kind_of(["a", "b"])})
>>> print(contract.told())
{"total": <number>, "names": <list of text>}
>>> contract.take('Here it is: {"total": 7, "names": ["c"]}')
{'total': 7.0, 'names': ['c']}
>>> contract.take('{"total": NaN}')
Traceback (most recent call last):
    ...
cave_rl.semantic.kinds.ContractError: NaN is no JSON

Covered: numbers, text, bools, None, dates, lists, tuples, sets, dicts with keys of text or numbers or dates, arrays,
and the frames and series of pandas. Not covered: instances of classes, figures, connections, bytes, and all else that
JSON does not say: `Inexpressible`. What an answer says is hostile: it is bounded, read without executing anything, and
whatever is wrong with it is a `ContractError`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cave_rl.runtime.nearest import nearest
from cave_rl.semantic.kinds import ContractError, Inexpressible, Kind, kind_of

__all__ = ["Contract", "ContractError", "Inexpressible", "Kind", "kind_of"]

MOST_CHARS = 1 << 20
"""The longest answer that is read."""

MOST_DEPTH = 32
"""How deep lists and objects may lie in one another."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What the final answer of a turn must tell: a JSON object of these names.

    Attributes:
        outputs: a kind for each name; empty where any answer will do.
    """

    outputs: Mapping[str, Kind] = field(default_factory=dict)

    def told(self) -> str:
        """The object as the model is told of it; empty if there is none."""
        if not self.outputs:
            return ""
        return "{" + ", ".join(f"{json.dumps(name)}: <{kind.told}>" for name, kind in self.outputs.items()) + "}"

    def take(self, answer: str) -> dict[str, Any]:
        """The values that an answer tells, by name. Names may be missing; none may be added.

        Raises:
            ContractError: it does not keep the contract; then nothing of it counts.
        """
        if not self.outputs:
            return {}
        given = _object(answer)
        for name in given:
            if name not in self.outputs:
                raise ContractError(f"{name[:80]!r} was not asked for{nearest(name[:80], self.outputs)}")
        found = {}
        for name, said in given.items():
            try:
                found[name] = self.outputs[name].take(said)
            except ContractError as error:
                raise ContractError(f"{name}: {error}") from None
            except Exception as error:  # of pandas or numpy, which made of it what they could
                raise ContractError(f"{name}: it is no {self.outputs[name].told}: {type(error).__name__}") from error
        return found

    def give(self, values: Mapping[str, Any]) -> str:
        """The answer that tells these values."""
        given = {name: kind.give(values[name]) for name, kind in self.outputs.items() if name in values}
        return json.dumps(given, ensure_ascii=False, allow_nan=False)


def plain(text: str) -> Any:
    """The value of a JSON text: strict, bounded, each key once.

    Raises:
        ContractError: it is no such text.
    """
    if len(text) > MOST_CHARS:
        raise ContractError(f"it has {len(text)} characters, more than {MOST_CHARS}")
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except ContractError:
        raise
    except RecursionError:
        raise ContractError(f"it is nested deeper than {MOST_DEPTH} levels") from None
    except ValueError as error:  # also of a number with too many digits
        raise ContractError(f"it is no JSON: {error}") from None
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [each for box in level for each in _inside(box)]
        if not level:
            return value
    raise ContractError(f"it is nested deeper than {MOST_DEPTH} levels")


def _object(answer: str) -> dict[str, Any]:
    """The one object of an answer: from its first brace to its last, whatever stands around it."""
    if len(answer) > MOST_CHARS:
        raise ContractError(f"the answer has {len(answer)} characters, more than {MOST_CHARS}")
    first, last = answer.find("{"), answer.rfind("}")
    if first < 0 or last < first:
        raise ContractError("the answer holds no JSON object")
    value = plain(answer[first : last + 1])
    if type(value) is not dict:
        raise ContractError("the answer holds no JSON object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ContractError(f"the key {key[:80]!r} comes twice")
        found[key] = value
    return found


def _no_constant(name: str) -> Any:
    raise ContractError(f"{name} is no JSON")


def _inside(value: Any) -> list[Any]:
    if type(value) is dict:
        return list(value.values())
    return value if type(value) is list else []
