"""The public members of a class, as its author wrote them: what a description tells and what may be called."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Iterator
from typing import Any, NamedTuple

# Bases whose members the model knows, or that would drown the class's own.
LIBRARIES = sys.stdlib_module_names | {"numpy", "pandas", "pydantic", "pydantic_core", "typing_extensions"}


class Method(NamedTuple):
    """A method of a class, or a plain function.

    Attributes:
        name: what it is called by.
        func: the plain function that it is or wraps.
        member: what stands in the class; None for a function of no class.
    """

    name: str
    func: types.FunctionType
    member: Any

    @property
    def takes_self(self) -> bool:
        """Whether its first parameter is not the caller's to give."""
        return self.member is not None and not isinstance(self.member, staticmethod)

    @property
    def parameters(self) -> list[str]:
        """The names of the parameters that are the caller's to give."""
        names = list(inspect.signature(self.func).parameters)
        return names[1:] if self.takes_self else names

    @property
    def is_async(self) -> bool:
        """Whether a call must be awaited."""
        return inspect.iscoroutinefunction(self.func)


def own_bases(cls: type) -> list[type]:
    """The class and its bases, those of libraries left out."""
    return [base for base in cls.__mro__ if base is cls or base.__module__.partition(".")[0] not in LIBRARIES]


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Public members in order of definition; inherited ones follow, overridden ones are told once."""
    seen: set[str] = set()
    for base in own_bases(cls):
        for name, member in base.__dict__.items():
            if not name.startswith("_") and name not in seen:
                seen.add(name)
                yield name, member


def methods(cls: type) -> Iterator[Method]:
    """Public methods, class and static ones included."""
    for name, member in members(cls):
        func = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
        if isinstance(func, types.FunctionType):
            yield Method(name, func, member)
