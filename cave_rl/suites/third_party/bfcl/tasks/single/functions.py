r"""Upstream's descriptions of functions as Python functions: a signature with types and defaults, and a docstring.

>>> described = {
...     "name": "uber.ride",
...     "description": "Finds a ride.",
...     "parameters": {
...         "type": "dict",
...         "required": ["to"],
...         "properties": {
...             "kind": {"type": "string", "enum": ["plus", "black"], "default": "plus"},
...             "to": {"type": "array", "items": {"type": "float"}, "description": "Where to."},
...         },
...     },
... }
>>> ride = function(described)
>>> print(f"{ride.__name__}{inspect.signature(ride)}\n{ride.__doc__}")
uber_ride(to: list[float], kind: str = 'plus')
Finds a ride.
<BLANKLINE>
Args:
    to: Where to.
    kind: One of 'plus', 'black'.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

from cave_rl.runtime.describe import MAX_DEFAULT_CHARS
from cave_rl.suites.third_party.bfcl.stubs import Omitted, Parameter, stub

Schema = Mapping[str, Any]

_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "float": float,
    "number": float,
    "boolean": bool,
    "array": list,
    "tuple": tuple,
    "dict": dict,
    "object": dict,
}


def name_of(official: str) -> str:
    """The name of a function in the runtime; dots become underscores, as upstream has it for most models."""
    return re.sub(r"\.", "_", official)


def function(described: Schema) -> FunctionType:
    """The function that upstream describes; it does nothing."""
    properties, required = described["parameters"]["properties"], described["parameters"].get("required", ())
    # Python wants what must be given to come first.
    named = sorted(properties.items(), key=lambda each: each[0] not in required)
    parameters = [_parameter(name, each, name in required) for name, each in named]
    told = "\n".join(line for name, each in named for line in _told(name, each, MAX_DEFAULT_CHARS))
    doc = f"{described['description']}\n\nArgs:\n{textwrap.indent(told, '    ')}" if told else described["description"]
    return stub(name_of(described["name"]), doc, parameters)


def _parameter(name: str, schema: Schema, required: bool) -> Parameter:
    if required:
        return name, _annotation(schema)
    return name, _annotation(schema), Omitted(repr(schema["default"]) if "default" in schema else "...")


def _annotation(schema: Schema) -> Any:
    own = _TYPES.get(schema.get("type", ""), Any)
    items = schema.get("items", {}).get("type")
    return list[_annotation(schema["items"])] if own is list and items else own  # type: ignore[misc]


def _told(name: str, schema: Schema, shown: int) -> Iterator[str]:
    """What a docstring says of a parameter, or of a key of a dict; of defaults that are longer than what is shown."""
    yield f"{name}: {' '.join(_said(schema, shown))}".rstrip()
    items = schema.get("items", {})
    inner = schema.get("properties") or items.get("properties") or {}
    for key, each in inner.items():
        annotation = inspect.formatannotation(_annotation(each))
        for line in _told(f"{key} ({annotation})", each, shown=0):
            yield f"    {line}"


def _said(schema: Schema, shown: int) -> Iterator[str]:
    if description := " ".join(str(schema.get("description", "")).split()):
        yield description if description[-1] in ".!?" else f"{description}."
    if values := schema.get("enum") or schema.get("items", {}).get("enum"):
        yield f"{'One' if 'enum' in schema else 'Each is one'} of {', '.join(map(repr, values))}."
    if "default" in schema and len(repr(schema["default"])) > shown:
        yield f"Default: {schema['default']!r}."
    for limit in ("format", "maximum", "minItems", "maxItems"):
        if limit in schema:
            yield f"{limit}: {schema[limit]}."
