r"""Tools: what a protocol without live objects is given in their place, functions that take JSON and return text.

Each function of a task is a tool, each method of a hosted object (`bank_transfer` for `bank.transfer`), and for each
variable there is one that reads it: `read_prices`, page by page where the text of it is longer than an observation may
be. Frames are read as CSV, all else as JSON.

A call becomes a small cell of ours that runs where the live objects are; no code of the model's ever does:

>>> from cave_rl.runtime.primitives import Variable
>>> (tool,) = tools_of([Variable("xs", [3, 1, 2])]).values()
>>> tool.signature
'def read_xs(page: int = 1) -> str'
>>> tool.bind({"page": 2})
((2,), {})
>>> tool.bind({"pages": 2})
Traceback (most recent call last):
    ...
TypeError: read_xs has no parameter 'pages'; did you mean 'page'?
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import types
import typing
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cave_rl.runtime.describe import Description, annotation_text, default_text, describe, describe_all
from cave_rl.runtime.nearest import nearest
from cave_rl.runtime.primitives import Function, Hosted, Primitive, Variable

__all__ = ["Tool", "tools_of", "user_tools_of"]

_TELLING = Path(__file__).with_name("telling.py").read_text(encoding="utf-8")
"""What a cell defines to make text of a result; it is gone when the cell ends."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that takes JSON and returns text.

    Attributes:
        name: what it is called by.
        target: what it is in the runtime: the expression that is called, or the variable that is read.
        reads: whether it reads a variable.
        form: its signature; its annotations are told, not enforced. What it returns is told as what its text is of.
        awaited: whether a call must be awaited.
        description, doc: as those of what it stands for.
    """

    name: str
    target: str
    reads: bool
    form: inspect.Signature
    awaited: bool = False
    description: str = ""
    doc: str = ""

    @property
    def signature(self) -> str:
        """One line, as a Python function that returns text."""
        shown = [each.replace(annotation=_Shown(each.annotation)) for each in self.form.parameters.values()]
        shown = [each.replace(default=_Shown(each.default, source=True)) for each in shown]
        return f"def {self.name}{self.form.replace(parameters=shown, return_annotation=_Shown('str'))}"

    def describe(self) -> Description:
        """What a model is told of it."""
        of = self.form.return_annotation
        told = (
            ""
            if of in (inspect.Signature.empty, str, None, type(None))
            else f"Returns a {annotation_text(of)}, as text."
        )
        doc = "\n".join(filter(None, [self.doc, told]))
        return Description("function", self.name, self.signature, self.description, doc)

    def bind(self, arguments: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and keyword arguments from arguments by name.

        Raises:
            TypeError: they do not fit.
        """
        left, kinds = dict(arguments), inspect.Parameter
        bound = inspect.BoundArguments(self.form, OrderedDict())
        for name, each in self.form.parameters.items():
            if each.kind is kinds.VAR_KEYWORD:
                bound.arguments[name], left = left, {}
            elif name in left:
                bound.arguments[name] = tuple(left.pop(name)) if each.kind is kinds.VAR_POSITIONAL else left.pop(name)
            elif each.default is kinds.empty and each.kind is not kinds.VAR_POSITIONAL:
                raise TypeError(f"{self.name} misses its argument {name!r}")
        if left:
            wrong = next(iter(left))
            raise TypeError(f"{self.name} has no parameter {wrong!r}{nearest(wrong, self.form.parameters)}")
        return bound.args, bound.kwargs

    def named(self, positional: Iterable[Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments by name, from a call.

        Raises:
            TypeError: they do not fit.
        """
        bound = self.form.bind(*positional, **keywords).arguments
        found: dict[str, Any] = {}
        for name, value in bound.items():
            if self.form.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                found |= value
            else:
                several = self.form.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
                found[name] = list(value) if several else value
        return found

    def cell(self, arguments: Mapping[str, Any], chars: int) -> str:
        """The cell that makes a call where the live objects are, and prints what it returned.

        Args:
            arguments: plain JSON, by name.
            chars: how many characters a page of text has at most.

        Raises:
            TypeError: the arguments do not fit.
        """
        positional, keywords = self.bind(arguments)
        given = json.dumps([positional, keywords])
        start = f"{_TELLING}\n_cave_given, _cave_named = _cave_json.loads({given!r})\n"
        if self.reads:
            return f"{start}print(_cave_page({self.target}, *_cave_given, chars={chars}, **_cave_named), end='')"
        call = f"{self.target}(*_cave_given, **_cave_named)"
        return f"{start}print(_cave_text({f'await {call}' if self.awaited else call}), end='')"

    def schema(self) -> dict[str, Any]:
        """As the chat API has it, for its `tools`."""
        properties, required = {}, []
        hints = _hints(self.form)
        for name, each in self.form.parameters.items():
            properties[name] = _schema(hints[name])
            if each.default is inspect.Parameter.empty:
                required.append(name)
        told = "\n".join(filter(None, [self.description, self.doc]))
        parameters = {"type": "object", "properties": properties, "required": required}
        return {"type": "function", "function": {"name": self.name, "description": told, "parameters": parameters}}

    def proxy(self) -> dict[str, Any]:
        """What a runtime without live objects is told of it, to have a function of that name."""
        parameters = [
            (
                each.name,
                int(each.kind),
                None if each.annotation is inspect.Parameter.empty else annotation_text(each.annotation),
                None if each.default is inspect.Parameter.empty else default_text(each.default),
            )
            for each in self.form.parameters.values()
        ]
        form = {"parameters": parameters, "returns": "str"}
        return {"name": self.name, "target": self.name, "doc": self.doc or None, "async": False, "signature": form}


def tools_of(primitives: Iterable[Primitive]) -> dict[str, Tool]:
    """The tools that stand for what a task injects, by name. Types have none: no live object is ever at hand."""
    found: dict[str, Tool] = {}
    given = list(primitives)
    for each in given:
        if isinstance(each, Function):
            told = describe(each)
            add(found, Tool(each.name, each.name, False, _form(each.func), each.is_async, told.description, told.doc))
        elif isinstance(each, Hosted):
            for tool in _hosted(each):
                add(found, tool)
    for each in given:
        if isinstance(each, Variable):
            told = describe(each)
            about = f"The text of {each.name}, a {told.signature.partition(': ')[2]}. {told.description}".rstrip()
            name = f"read_{each.name}"
            while name in found:
                name += "_"
            add(found, Tool(name, each.name, True, _PAGE, False, about, ""))
    return found


def user_tools_of(hosted: Iterable[Hosted]) -> tuple[Tool, ...]:
    """The tools of the user whom a model talks with: what is hosted for nobody else."""
    return tuple(tools_of(filter(None, (each.for_user for each in hosted))).values())


def add(found: dict[str, Tool], tool: Tool) -> None:
    """Adds a tool; one of a name that is taken is told apart."""
    while tool.name in found:
        tool = dataclasses.replace(tool, name=f"{tool.name}_")
    found[tool.name] = tool


def _hosted(hosted: Hosted) -> list[Tool]:
    bare = hosted.flat or hosted.is_function
    told = describe_all([hosted if bare else dataclasses.replace(hosted, flat=True)])
    return [
        Tool(
            method.name if bare else f"{hosted.name}_{method.name}",
            target,
            False,
            _form(method.func, drop_first=method.takes_self),
            method.is_async,
            each.description,
            each.doc,
        )
        for target, method, each in zip(hosted.targets, hosted.methods(), told, strict=True)
    ]


_PAGE = inspect.Signature(
    [inspect.Parameter("page", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=1, annotation=int)]
)
_ANYTHING = inspect.Signature([inspect.Parameter("arguments", inspect.Parameter.VAR_KEYWORD)])


def _form(func: Callable[..., Any], *, drop_first: bool = False) -> inspect.Signature:
    """A signature, its annotations resolved where they can be."""
    try:
        form = inspect.signature(func)
    except (TypeError, ValueError):
        return _ANYTHING
    parameters = list(form.parameters.values())[int(drop_first) :]
    try:
        hints = typing.get_type_hints(func)
    except Exception:  # of names that only a type checker knows
        hints = {}
    parameters = [each.replace(annotation=hints.get(each.name, each.annotation)) for each in parameters]
    return inspect.Signature(parameters, return_annotation=hints.get("return", form.return_annotation))


class _Shown:
    """An annotation or a default as its text."""

    def __new__(cls, value: Any, *, source: bool = False) -> Any:
        return value if value is inspect.Parameter.empty else super().__new__(cls)

    def __init__(self, value: Any, *, source: bool = False) -> None:
        self._text = default_text(value) if source else value if type(value) is str else annotation_text(value)

    def __repr__(self) -> str:
        return self._text


Json = Literal["string", "integer", "number", "boolean", "array", "object", "null"]
_JSON: dict[Any, Json] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    tuple: "array",
    dict: "object",
    type(None): "null",
}


def _hints(form: inspect.Signature) -> dict[str, Any]:
    return {name: each.annotation for name, each in form.parameters.items()}


def _schema(annotation: Any) -> dict[str, Any]:
    """A JSON schema of an annotation: its type where JSON has one."""
    if annotation is inspect.Parameter.empty:
        return {}
    types = [_JSON.get(typing.get_origin(each) or each) for each in _choices(annotation)]
    if None in types:
        return {"description": annotation_text(annotation)}
    return {"type": types[0] if len(types) == 1 else types}


def _choices(annotation: Any) -> tuple[Any, ...]:
    return typing.get_args(annotation) if _is_union(annotation) else (annotation,)


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)
