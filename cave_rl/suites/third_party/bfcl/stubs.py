"""Functions that do nothing but be called: what a World holds for the single-turn tasks, which are judged by calls.

>>> import inspect
>>> ride = stub("ride", "Orders a ride.", [("to", str), ("kind", str, Omitted("'plain'"))])
>>> inspect.signature(ride)
<Signature (to: str, kind: str = 'plain')>
>>> ride("home")
{'status': 'success'}
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any


@dataclass(frozen=True, slots=True)
class Omitted:
    """A default that tells itself from an argument of the same value: whether one was given is judged.

    Attributes:
        shown: the default as source.
    """

    shown: str

    def __repr__(self) -> str:
        return self.shown


Parameter = tuple[str, Any] | tuple[str, Any, Omitted]
"""A name, an annotation, and a default, if there is one."""


def stub(name: str, doc: str, parameters: Sequence[Parameter]) -> FunctionType:
    """A function with a signature; what it returns says nothing."""

    def called(*arguments: Any, **keywords: Any) -> dict[str, str]:
        return {"status": "success"}

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    empty = inspect.Parameter.empty
    called.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(each[0], kind, annotation=each[1], default=(*each, empty)[2]) for each in parameters]
    )
    called.__name__ = called.__qualname__ = name
    called.__doc__ = doc
    return called  # type: ignore[return-value]
