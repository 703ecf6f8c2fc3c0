"""The three things a task puts into a runtime: variables, functions and types.

A primitive carries the live object *and* what the model is told of it. How the telling looks is the business of
`cave_rl.runtime.describe`; how the object reaches the runtime is the business of the Template.

>>> from cave_rl.runtime.primitives import Function, Type, Variable
>>> Variable("prices", [3, 1, 2], "daily closing prices")
Variable(name='prices', value=[3, 1, 2], description='daily closing prices')
>>> Function(sorted).name
'sorted'
>>> Type(dict).name
'dict'
"""

from __future__ import annotations

import functools
import inspect
import keyword
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Function", "Primitive", "Type", "Variable", "check_name"]


def check_name(name: object, what: str = "variable") -> str:
    """Return `name` if it can be bound in a runtime, else raise.

    Args:
        name: the name to check.
        what: the kind of thing that is named, for the message.

    Raises:
        TypeError: if `name` is not a `str`.
        ValueError: if `name` is not an identifier, is a keyword, is a dunder, or is not what Python would look up.
    """
    if type(name) is not str:
        raise TypeError(f"{what} name must be a str, got {type(name).__name__}: {name!r}")
    if not name.isidentifier():
        raise ValueError(f"{what} name {name!r} is not a Python identifier; expected something like 'prices'")
    if keyword.iskeyword(name):
        raise ValueError(f"{what} name {name!r} is a Python keyword; try {name + '_'!r}")
    if name.startswith("__") and name.endswith("__"):
        raise ValueError(f"{what} name {name!r} is a dunder, which belongs to the interpreter; try {name.strip('_')!r}")
    if not name.isascii():
        # The compiler looks names up in NFKC form: any other spelling could be bound but never read by a cell.
        normal = unicodedata.normalize("NFKC", name)
        if normal != name:
            raise ValueError(f"{what} name {name!r} is not in NFKC form; Python code would look up {normal!r}")
    return name


def _check_description(description: object, what: str) -> None:
    if description is not None and not isinstance(description, str):
        raise TypeError(f"description of {what} must be a str or None, got {type(description).__name__}")


@dataclass(frozen=True, slots=True)
class Variable:
    """A named object that lives in the runtime; the model is told its type, never its value.

    Attributes:
        name: the name in the runtime's namespace.
        value: any object.
        description: one or two sentences for the model.
        made: the type that the model is told of, where the task's set-up makes the object (a connection, a frame of
            a million rows) and `value` only stands for it.
    """

    name: str
    value: Any
    description: str | None = None
    made: type | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_name(self.name, "variable")
        if self.made is not None and not isinstance(self.made, type):
            raise TypeError(f"made of variable {self.name!r} must be a type or None, got {type(self.made).__name__}")
        _check_description(self.description, f"variable {self.name!r}")


@dataclass(frozen=True, slots=True)
class Function:
    """A callable, sync or async, that cells may call by name.

    Attributes:
        func: the callable.
        description: one or two sentences for the model; the docstring is shown as well.
        name: the name in the runtime's namespace; the function's own `__name__` if left out.
    """

    func: Callable[..., Any]
    description: str | None = None
    name: str = field(default=None)  # type: ignore[assignment]  # always a str after __post_init__

    def __post_init__(self) -> None:
        if not callable(self.func):
            raise TypeError(f"func of a Function must be callable, got {type(self.func).__name__}: {self.func!r}")
        if self.name is None:
            own = getattr(self.func, "__name__", None)
            if not isinstance(own, str) or own == "<lambda>":
                kind = "a lambda" if own == "<lambda>" else f"a {type(self.func).__name__}"
                raise ValueError(f"{kind} has no name of its own; give one: Function(func, name='...')")
            object.__setattr__(self, "name", own)
        check_name(self.name, "function")
        _check_description(self.description, f"function {self.name!r}")

    @property
    def is_async(self) -> bool:
        """Whether a call must be awaited."""
        func = self.func
        while isinstance(func, functools.partial):
            func = func.func
        return inspect.iscoroutinefunction(func) or inspect.iscoroutinefunction(type(func).__call__)


@dataclass(frozen=True, slots=True)
class Type:
    """A class that cells may use by name, described to the model by its schema.

    Attributes:
        cls: the class.
        description: one or two sentences for the model; the docstring is shown as well.
        name: the name in the runtime's namespace; the class's own `__name__`.
    """

    cls: type
    description: str | None = None
    name: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.cls, type):
            raise TypeError(f"cls of a Type must be a class, got {type(self.cls).__name__}: {self.cls!r}")
        object.__setattr__(self, "name", self.cls.__name__)
        check_name(self.name, "type")
        _check_description(self.description, f"type {self.name!r}")


Primitive = Variable | Function | Type
