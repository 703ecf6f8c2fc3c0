"""What a task puts into a runtime: variables, functions and types, and objects that it hosts beside it.

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
import re
import types
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from cave_rl.runtime.members import Method, methods
from cave_rl.runtime.nearest import nearest

__all__ = ["Function", "Hosted", "Primitive", "Type", "Variable", "check_name"]


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


@dataclass(frozen=True, slots=True)
class Hosted:
    """An object that lives in a trusted process beside the runtime, its World; cells call its methods.

    The runtime holds a proxy: arguments and results cross by value, and nothing else can reach the object. So its
    invariants hold, whatever the model writes, and every call is on record.

    >>> class Lamp:
    ...     def switch(self, on: bool) -> None:
    ...         self.on = on
    >>> hosted = Hosted(Lamp())
    >>> hosted.name, list(hosted.targets), hosted.injected
    ('lamp', ['lamp.switch'], ('lamp',))

    Attributes:
        obj: an instance, or a plain function: each call of it runs in the World.
        expose: the methods that may be called; all public ones of its class if left out, but for those of `user`.
        user: the methods that no cell can call, but the user whom the model talks with (`Task`'s `Turn.user`): tools of
            the user's own, over what the model's work on too.
        description: one or two sentences for the model; the docstrings are shown as well.
        name: the name in the runtime's namespace, and in assertions; the class's name in snake_case if left out.
        flat: the methods are injected as functions under their own names, instead of one object.
        classes: classes of values inside `obj` that are not there yet; those found in it are known.
    """

    obj: Any
    expose: tuple[str, ...] | None = None
    description: str | None = None
    name: str = field(default=None)  # type: ignore[assignment]  # always a str after __post_init__
    flat: bool = False
    classes: tuple[type, ...] = ()
    user: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.obj, type):
            raise TypeError(f"obj of a Hosted must be an instance or a function, got the class {self.obj.__name__}")
        if self.name is None:
            object.__setattr__(self, "name", self._own_name())
        check_name(self.name, "hosted object")
        _check_description(self.description, f"hosted object {self.name!r}")
        for field_name in ("expose", "user"):
            names = getattr(self, field_name)
            if names is not None:
                object.__setattr__(self, field_name, (names,) if isinstance(names, str) else tuple(names))
        object.__setattr__(self, "classes", tuple(self.classes))
        if self.is_function and (self.flat or self.expose is not None or self.user):
            raise ValueError(f"hosted {self.name!r} is a function: it has no methods to expose")
        if both := sorted(set(self.user).intersection(self.expose or ())):
            raise ValueError(f"hosted {self.name!r}: {both[0]!r} is the user's, or exposed, not both")
        if not self.methods():
            raise ValueError(f"hosted {self.name!r} exposes no method: {type(self.obj).__name__} has no public one")

    @property
    def is_function(self) -> bool:
        """Whether it is a plain function."""
        return isinstance(self.obj, types.FunctionType)

    @property
    def targets(self) -> dict[str, str]:
        """What calls are recorded under (`bank.transfer`; `transfer` if flat) -> the method's name."""
        bare = self.flat or self.is_function
        return {each.name if bare else f"{self.name}.{each.name}": each.name for each in self.methods()}

    @property
    def injected(self) -> tuple[str, ...]:
        """The names in the runtime's namespace."""
        return tuple(self.targets) if self.flat else (self.name,)

    def methods(self) -> tuple[Method, ...]:
        """The exposed methods; of a function, itself."""
        if self.is_function:
            return (Method(self.name, self.obj, None),)
        found = {each.name: each for each in methods(type(self.obj))}
        for name in (*(self.expose or ()), *self.user):
            if name not in found:
                raise ValueError(
                    f"hosted {self.name!r}: {type(self.obj).__name__} has no public method {name!r}"
                    f"{nearest(name, found)}"
                )
        exposed = [name for name in found if name not in self.user] if self.expose is None else self.expose
        return tuple(found[name] for name in exposed)

    @property
    def for_user(self) -> Hosted | None:
        """The same object as its user has it; None if that has nothing of it."""
        return replace(self, expose=self.user, user=()) if self.user else None

    def _own_name(self) -> str:
        if not self.is_function:
            return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", type(self.obj).__name__).lower()
        if self.obj.__name__ == "<lambda>":
            raise ValueError("a lambda has no name of its own; give one: Hosted(func, name='...')")
        return str(self.obj.__name__)


Primitive = Variable | Function | Type | Hosted
