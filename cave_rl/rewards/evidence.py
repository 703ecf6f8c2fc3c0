"""What assertions look at: decoded claims, the state before the turn, and the final answer."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cave_rl.runtime.nearest import nearest

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 120
_REPR.maxlist = _REPR.maxtuple = _REPR.maxdict = _REPR.maxset = 12


def show(value: Any) -> str:
    """A short, bounded description of a value with its type, for messages."""
    if value is None:
        return "None"
    if type(value).__module__.startswith(("pandas", "numpy")):
        text = _few_rows(value) if hasattr(value, "to_string") else str(value)
        text = text if len(text) <= 300 else text[:300] + "..."
    else:
        text = _REPR.repr(value)
    return f"{type(value).__name__} {_ADDRESS.sub(' at 0x...', text)}"  # the same in every process


def _few_rows(value: Any) -> str:
    """A frame or series by its ends: what a `str` of it lays out is cut anyway, and costs milliseconds."""
    columns = {"max_cols": 8, "show_dimensions": True} if hasattr(value, "columns") else {"length": True}
    text: str = value.to_string(max_rows=6, **columns)
    return text


class UnknownVariable(KeyError, AttributeError):
    """The runtime has no such variable; so `hasattr(state, "x")` says what it should."""


class State:
    """The variables of a runtime as decoded claims, by attribute or by item.

    >>> state = State({"total": 6})
    >>> state.total, state["total"], "count" in state
    (6, 6, False)
    """

    __slots__ = ("_decode", "_values")

    def __init__(self, values: Mapping[str, Any], decode: Callable[[Any], Any] | None = None) -> None:
        """Wraps values, or claims that `decode` turns into values as they are read."""
        self._values = dict(values)
        self._decode = decode

    def __getitem__(self, name: str) -> Any:
        try:
            value = self._values[name]
        except KeyError:
            raise KeyError(f"{name!r} is not defined in the runtime{nearest(name, self._values)}") from None
        return value if self._decode is None else self._decode(value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as error:
            raise UnknownVariable(error.args[0]) from None

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a hosted object, as its World saw it: evidence, whatever the rollout says of it.

    Attributes:
        name: what was called: `bank.transfer`, or `transfer`.
        arguments: by the names of the parameters, defaults included.
        result: what it returned; None if it raised.
        error: what it raised, as `ValueError: not enough money`; None if it returned.
        cell: the number of the cell that made it; 0 where the turn's user did.
    """

    name: str
    arguments: Mapping[str, Any]
    result: Any = None
    error: str | None = None
    cell: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that an assertion may look at.

    Attributes:
        state: the claims after the turn.
        before: the claims before the turn (after its host event).
        answer: the final message of the turn, thinking stripped; empty if the turn had none.
        classes: the injected classes, with the names that claims call them by.
        calls: the calls of hosted objects in this turn, in order.
        earlier: those of each turn before it.
        limited: of each turn so far, this one included, whether its step limit ended it, or a bound on its user.
        said: all that was said in the turn, in order, thinking stripped: to its user, or just its answer.
    """

    state: State
    before: State = field(default_factory=lambda: State({}))
    answer: str = ""
    classes: Mapping[type, str] = field(default_factory=dict)
    calls: Sequence[Call] = ()
    earlier: Sequence[Sequence[Call]] = ()
    limited: Sequence[bool] = ()
    said: Sequence[str] = ()
