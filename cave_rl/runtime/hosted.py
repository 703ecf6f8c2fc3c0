"""What the host works out of hosted objects: what their proxies look like, and which classes claims rebuild.

A proxy is made from plain data (names, signatures as text, docstrings): the classes of hosted objects, and the modules
they stand in, never enter the runtime.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from cave_rl.runtime.describe import annotation_text, default_text
from cave_rl.runtime.inside.encode_containers import plan_of
from cave_rl.runtime.inside.encode_libraries import tables_for
from cave_rl.runtime.members import LIBRARIES, Method
from cave_rl.runtime.primitives import Hosted, Type

_PLAIN = (type(None), bool, int, float, str, bytes, complex)
_MOST_VALUES = 2_000_000


class ClassClash(ValueError):
    """Two classes that claims would call by the same name."""


def proxy_of(hosted: Hosted) -> dict[str, Any]:
    """What the runtime is told of a hosted object."""
    cls = None if hosted.flat or hosted.is_function else type(hosted.obj)
    return {
        "name": hosted.name,
        "class": None if cls is None else cls.__name__,
        "doc": None if cls is None else cls.__doc__,
        "methods": [
            {
                "name": method.name,
                "target": target,
                "doc": method.func.__doc__,
                "async": method.is_async,
                "signature": _signature(method),
            }
            for target, method in zip(hosted.targets, hosted.methods(), strict=True)
        ],
    }


def _signature(method: Method) -> dict[str, Any]:
    """A signature as texts: its defaults and annotations may be of classes that the runtime does not have."""
    signature = inspect.signature(method.func)
    empty = inspect.Parameter.empty
    parameters = [
        (
            each.name,
            int(each.kind),
            None if each.annotation is empty else annotation_text(each.annotation),
            None if each.default is empty else default_text(each.default),
        )
        for each in signature.parameters.values()
    ]
    returns = signature.return_annotation
    return {
        "parameters": parameters[1:] if method.takes_self else parameters,
        "returns": None if returns is empty else annotation_text(returns),
    }


def classes_of(types: Iterable[Type], hosted: Iterable[Hosted]) -> dict[str, type]:
    """The classes whose instances claims rebuild, by name: the injected ones, and those of hosted objects.

    Raises:
        ClassClash: two of them have the same name.
    """
    found: dict[str, type] = {}
    given = [each.cls for each in types]
    for each in hosted:
        given += [*each.classes, *classes_in(each.obj)]
    for cls in given:
        other = found.setdefault(cls.__name__, cls)
        if other is not cls:
            raise ClassClash(
                f"two classes are called {cls.__name__}: {other.__module__}.{other.__qualname__} and "
                f"{cls.__module__}.{cls.__qualname__}; claims know classes by name: rename one"
            )
    return found


def classes_in(value: Any) -> list[type]:
    """The classes of the instances that lie in a value, itself included; those of libraries are left out."""
    known = tables_for({})
    found: dict[type, None] = {}
    seen: dict[int, Any] = {}
    waiting = deque([value])
    while waiting and len(seen) < _MOST_VALUES:
        each = waiting.popleft()
        cls = type(each)
        if cls in _PLAIN or id(each) in seen:
            continue
        seen[id(each)] = each
        if isinstance(each, Mapping):
            waiting.extend(each.keys())
            waiting.extend(each.values())
        elif isinstance(each, (list, tuple, set, frozenset, deque)):
            waiting.extend(each)
        if id(cls) in known.containers or id(cls) in known.leaves or cls.__module__.partition(".")[0] in LIBRARIES:
            continue
        plan = plan_of(cls)
        if plan.kind == "none":
            continue
        found[cls] = None
        if plan.dict_of is not None:
            waiting.extend(plan.dict_of.__get__(each).values())
        waiting.extend(slot.__get__(each) for slot in plan.slots.values() if _is_set(slot, each))
    return list(found)


def _is_set(slot: Any, value: Any) -> bool:
    try:
        slot.__get__(value)
    except AttributeError:
        return False
    return True
