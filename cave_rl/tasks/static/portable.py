"""Values and references as JSON: what a file of tasks is made of.

A value is written as it stands where JSON can hold it exactly, else as a claim: `{"$claim": base64}`, in the exact-type
codec. A function or a class is written by reference, `module:qualname`; reading one imports that module, so the reader
says which modules may be imported.

>>> to_json([1, 2.5, "x"]), to_json((1, 2))
([1, 2.5, 'x'], {'$claim': 'AgwAAAAAAAAAwwAEpXR1cGxlwAEC'})
>>> from_json({"$claim": "AgwAAAAAAAAAwwAEpXR1cGxlwAEC"})
(1, 2)
"""

from __future__ import annotations

import base64
import binascii
import importlib
import json
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from cave_rl.runtime.codec import ClaimError, DecodeLimits, Opaque, decode, encode, same
from cave_rl.runtime.inside.encode import Encoder
from cave_rl.runtime.inside.encode_containers import REFUSED
from cave_rl.runtime.inside.encode_libraries import tables_for

CLAIM = "$claim"
_NO_CLASSES: Mapping[type, str] = MappingProxyType({})
_LIMITS = DecodeLimits(max_bytes=1 << 31, max_items=1 << 26)


class PortableError(ValueError):
    """What a file cannot hold, or does not hold as it should; the message says why."""


def to_json(value: Any, classes: Mapping[type, str] = _NO_CLASSES) -> Any:
    """A value as JSON data from which it can be rebuilt exactly.

    Args:
        value: any value that the codec carries whole.
        classes: the classes whose instances it may hold, with their names.

    Raises:
        PortableError: it holds something that cannot be carried.
    """
    claim = encode(value, classes)
    if not (type(value) is dict and CLAIM in value) and _is_json(value, claim):
        return value
    found = decode(claim, {name: cls for cls, name in classes.items()}, limits=_LIMITS)
    if not same(value, found):
        raise PortableError(_why_not(value, classes))
    return {CLAIM: base64.b64encode(claim).decode()}


def from_json(data: Any, classes: Mapping[str, type] = MappingProxyType({})) -> Any:
    """The value that `to_json` wrote. Of instances, the validators of their classes run.

    Raises:
        PortableError: it is not what `to_json` writes.
    """
    if type(data) is not dict or CLAIM not in data:
        return data
    if len(data) > 1 or type(data[CLAIM]) is not str:
        raise PortableError(f"{CLAIM} stands alone, with base64 text")
    try:
        value = decode(base64.b64decode(data[CLAIM], validate=True), classes, limits=_LIMITS)
    except (binascii.Error, ClaimError) as error:
        raise PortableError(f"its claim cannot be read: {error}") from error
    return value


def reference(item: Any) -> str:
    """The name by which a function or a class can be imported.

    Raises:
        PortableError: there is none.
    """
    module, name = getattr(item, "__module__", None), getattr(item, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        raise PortableError(f"a {type(item).__name__} has no name to refer to it by")
    if "<" in name:
        where = "a lambda" if name.endswith("<lambda>") else "defined inside a function"
        raise PortableError(f"{name} is {where}: only what stands at the top of a module can be referred to")
    if module == "__main__":
        raise PortableError(f"{name} is defined in a script: only what stands in a module can be referred to")
    text = f"{module}:{name}"
    try:
        found = _lookup(module, name)
    except PortableError:
        found = None
    if found is not item:
        raise PortableError(f"{text} leads to something else than what is used")
    return text


def resolve(text: str, allow: Collection[str]) -> Any:
    """The function or class that a reference names.

    Args:
        text: `module:qualname`.
        allow: the modules and packages that may be imported.

    Raises:
        PortableError: it may not be imported, is not there, or belongs to another module.
    """
    module, _, name = text.partition(":")
    if not permitted(module, allow):
        raise PortableError(f"{text} would import {module}, which was not allowed")
    found = _lookup(module, name)
    # a module holds much that it only imports: `my_shop.world:os.system` is nothing of it
    if not callable(found) or (found.__module__, getattr(found, "__qualname__", "")) != (module, name):
        raise PortableError(f"{text} is no function or class that is defined there")
    return found


def permitted(module: str, allow: Collection[str]) -> bool:
    """Whether a module is one of the allowed ones, or in one of them.

    >>> permitted("my_shop.world", ["my_shop"]), permitted("my_shopping", ["my_shop"])
    (True, False)
    """
    return any(module == each or module.startswith(f"{each}.") for each in allow)


def _lookup(module: str, name: str) -> Any:
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise PortableError(f"{module}:{name} cannot be loaded: {type(error).__name__}: {error}") from error
    return found


def _is_json(value: Any, claim: bytes) -> bool:
    """Whether JSON gives back just this value: types, key order, and nothing that occurs twice."""
    try:
        return encode(json.loads(json.dumps(value, allow_nan=False))) == claim
    except (TypeError, ValueError, RecursionError):
        return False


def _why_not(value: Any, classes: Mapping[type, str]) -> str:
    """What in a value is not carried."""
    encoder, known = Encoder(tables_for(classes)), {name: cls for cls, name in classes.items()}
    waiting, seen = [value], set()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        kind = encoder.kind(each)
        if kind is None or kind.mode is REFUSED:
            found = decode(encode(each, classes), known)
            if isinstance(found, Opaque):
                return f"it holds a {found.type_name}, which cannot be carried{_because(found.reason)}"
            continue
        (tag, *rest), parts = encoder.take(each)
        if tag == "opaque":
            return f"it holds a {rest[0]}, which cannot be carried{_because(rest[1])}"
        if tag in ("sqlite", "figure"):
            name = type(each).__name__
            return f"it holds a {name}, whose content can be read but not made live again; make it in the set-up"
        waiting.extend(parts)
    return f"a {type(value).__name__} that does not come back as it was"


def _because(reason: str) -> str:
    return f": {reason}" if reason else " (is it an instance of a class that is not among the task's types?)"
