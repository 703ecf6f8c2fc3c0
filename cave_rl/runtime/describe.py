r"""What a model is told of a primitive: names, types, signatures, schemas and docstrings, never values.

`describe` looks at a `Variable`, `Function` or `Type` and returns a `Description`: plain data that can cross
processes and be laid out by a prompt. The same primitive gives the same description in every process: no addresses,
no hash order, no clock. numpy, pandas and pydantic are recognised when they are loaded and never imported.

>>> from cave_rl.runtime.describe import describe
>>> from cave_rl.runtime.primitives import Function, Variable
>>> describe(Variable("prices", [3, 1, 2], "daily closing prices")).text()
'prices: list\n    daily closing prices'
>>> describe(Variable("prices", [3, 1, 2]), shapes=True).signature
'prices: list (3 items)'
>>> def add(a: int, b: int = 0) -> int:
...     '''Add two numbers.'''
>>> describe(Function(add)).signature
'def add(a: int, b: int = 0) -> int'

What this does not do: it does not look at objects that untrusted code may have touched. `describe` calls `repr` on
default values and reads shapes, so it belongs to the moment of set-up.
"""

from __future__ import annotations

import dataclasses
import dis
import enum
import functools
import inspect
import re
import sys
import types
import typing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from cave_rl.runtime.members import Method, members, methods, own_bases
from cave_rl.runtime.primitives import Function, Hosted, Primitive, Type, Variable

__all__ = ["Description", "annotation_text", "default_text", "describe", "describe_all"]

MAX_DEFAULT_CHARS = 60
MAX_MEMBERS = 40
MAX_COLUMNS = 40

_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Description:
    """What the model is told of one primitive.

    Attributes:
        kind: which primitive it is.
        name: its name in the runtime.
        signature: one line: `xs: list`, `def f(x: int) -> int` or `class Order(total: float)`.
        description: the task author's words.
        doc: the docstring, dedented.
        fields: of a type, one line a field: `total: float = 0.0  # in euros`.
        methods: of a type, one line a public method: `def pay(amount: float) -> None  # Pay a part.`
    """

    kind: Literal["variable", "function", "type"]
    name: str
    signature: str
    description: str = ""
    doc: str = ""
    fields: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()

    def text(self) -> str:
        """Lay the description out as one readable block, in the manner of a Python stub."""
        lines = [self.signature]
        for part in (self.description, self.doc, *self.fields, *self.methods):
            lines.extend("    " + line if line else "" for line in part.split("\n") if part)
        return "\n".join(lines)


def describe(primitive: Primitive, *, shapes: bool = False) -> Description:
    """Describe one primitive.

    Args:
        primitive: what the task injects.
        shapes: also tell the length of containers, the shape and dtype of arrays, the columns and dtypes of frames.
    """
    if isinstance(primitive, Variable):
        signature = f"{primitive.name}: {_class_name(primitive.made or type(primitive.value))}"
        if shapes and primitive.made is None and (shape := _shape(primitive.value)):
            signature += f" ({shape})"
        return Description("variable", primitive.name, signature, _clean(primitive.description))
    if isinstance(primitive, Function):
        prefix = "async def" if primitive.is_async else "def"
        signature = f"{prefix} {primitive.name}{_signature(primitive.func)}"
        return Description(
            "function", primitive.name, signature, _clean(primitive.description), _function_doc(primitive.func)
        )
    if isinstance(primitive, Type):
        return _describe_type(primitive)
    if isinstance(primitive, Hosted):
        return _describe_hosted(primitive)
    raise TypeError(f"describe takes a Variable, a Function, a Type or a Hosted object, got {type(primitive).__name__}")


def describe_all(primitives: Iterable[Primitive], *, shapes: bool = False) -> list[Description]:
    """Describe primitives one after the other; a hosted object that is `flat` is told as its functions."""
    found: list[Description] = []
    for each in primitives:
        if isinstance(each, Hosted) and each.flat:
            found += map(_describe_call, each.methods())
        else:
            found.append(describe(each, shapes=shapes))
    return found


# --- variables --------------------------------------------------------------------------------------------------------


def _shape(value: object) -> str:
    """The size of a value in words, or an empty string if it has none that is cheap and safe to read."""
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if pandas is not None and isinstance(value, getattr(pandas, "DataFrame", ())):
        frame: Any = value
        columns = [
            f"{' '.join(str(column).split())}: {dtype}"
            for column, dtype in zip(frame.columns, frame.dtypes, strict=True)
        ]
        more = f", and {len(columns) - MAX_COLUMNS} more" if len(columns) > MAX_COLUMNS else ""
        rows = "1 row" if len(frame) == 1 else f"{len(frame)} rows"
        return f"{rows}; columns {', '.join(columns[:MAX_COLUMNS])}{more}" if columns else rows
    if pandas is not None and isinstance(value, (getattr(pandas, "Series", ()), getattr(pandas, "Index", ()))):
        series: Any = value
        return f"{_items(len(series))}, {series.dtype}"
    if numpy is not None and isinstance(value, getattr(numpy, "ndarray", ())):
        array: Any = value
        return f"shape {tuple(int(n) for n in array.shape)}, {array.dtype}"
    if isinstance(value, (str, bytes, bytearray)):
        return f"{len(value)} {'characters' if isinstance(value, str) else 'bytes'}"
    if isinstance(value, (list, tuple, dict, set, frozenset, deque, range)):
        return _items(len(value))
    return ""


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"


# --- functions --------------------------------------------------------------------------------------------------------


def _signature(func: Callable[..., Any], *, drop_first: bool = False, returns: bool = True) -> str:
    try:
        signature = inspect.signature(func)
    except (TypeError, ValueError):
        return "(...)"
    parameters = list(signature.parameters.values())
    if (
        drop_first
        and parameters
        and parameters[0].kind
        in (
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
        )
    ):
        parameters = parameters[1:]
    text = f"({_parameters(parameters)})"
    if returns and signature.return_annotation is not inspect.Signature.empty:
        text += f" -> {annotation_text(signature.return_annotation)}"
    return text


def _parameters(parameters: list[inspect.Parameter]) -> str:
    kinds = inspect.Parameter
    parts: list[str] = []
    starred = False
    for index, parameter in enumerate(parameters):
        if parameter.kind is kinds.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        star = "*" if parameter.kind is kinds.VAR_POSITIONAL else "**" if parameter.kind is kinds.VAR_KEYWORD else ""
        starred = starred or star == "*"
        annotation = _MISSING if parameter.annotation is kinds.empty else parameter.annotation
        default = _MISSING if parameter.default is kinds.empty else parameter.default
        parts.append(star + _field(parameter.name, annotation, default))
        last_positional = index + 1 == len(parameters) or parameters[index + 1].kind is not kinds.POSITIONAL_ONLY
        if parameter.kind is kinds.POSITIONAL_ONLY and last_positional:
            parts.append("/")
    return ", ".join(parts)


def _function_doc(func: Callable[..., Any]) -> str:
    while isinstance(func, functools.partial):
        func = func.func
    return _clean(getattr(func, "__doc__", None))


# --- hosted objects ---------------------------------------------------------------------------------------------------


def _describe_hosted(primitive: Hosted) -> Description:
    if primitive.is_function:
        return _describe_call(primitive.methods()[0], primitive.description)
    lines = []
    for method in primitive.methods():
        line, (summary, _, rest) = _call_line(method), _clean(method.func.__doc__).partition("\n")
        lines.append(f"{line}  # {summary}" if summary else line)
        lines += ["    " + each if each else "" for each in rest.strip("\n").split("\n") if rest]
    cls = type(primitive.obj)
    signature = f"{primitive.name}: {_class_name(cls)}"
    told = _clean(primitive.description)
    return Description("variable", primitive.name, signature, told, _class_doc(cls), (), tuple(lines))


def _describe_call(method: Method, description: str | None = None) -> Description:
    line = _call_line(method)
    return Description("function", method.name, line, _clean(description), _function_doc(method.func))


def _call_line(method: Method) -> str:
    prefix = "async def" if method.is_async else "def"
    return f"{prefix} {method.name}{_signature(method.func, drop_first=method.takes_self)}"


# --- types ------------------------------------------------------------------------------------------------------------


def _describe_type(primitive: Type) -> Description:
    cls = primitive.cls
    if issubclass(cls, enum.Enum):
        fields = [f"{name} = {default_text(member.value)}" for name, member in cls.__members__.items()]
        signature = f"class {primitive.name}({_enum_base(cls)})"
    else:
        fields = list(_type_fields(cls))
        signature = f"class {primitive.name}{_constructor(cls)}"
    return Description(
        "type",
        primitive.name,
        signature,
        _clean(primitive.description),
        _class_doc(cls),
        _bounded(fields),
        _bounded(list(_methods(cls))),
    )


def _type_fields(cls: type) -> Iterator[str]:
    """One line for each public field, in order of definition."""
    if _is_pydantic(cls):
        yield from _pydantic_fields(cls)
    elif dataclasses.is_dataclass(cls):
        for item in dataclasses.fields(cls):
            if not item.name.startswith("_"):
                yield _field(item.name, item.type, _dataclass_default(item))
    elif issubclass(cls, tuple) and hasattr(cls, "_fields"):
        annotations, defaults = inspect.get_annotations(cls), getattr(cls, "_field_defaults", {})
        for name in cls._fields:
            yield _field(name, annotations.get(name, _MISSING), defaults.get(name, _MISSING))
    else:
        yield from _plain_fields(cls)
    yield from _properties(cls)


def _plain_fields(cls: type) -> Iterator[str]:
    seen: set[str] = set()
    for base in reversed(own_bases(cls)):
        for name, annotation in inspect.get_annotations(base).items():
            if not name.startswith("_") and name not in seen:
                seen.add(name)
                default = base.__dict__.get(name, _MISSING)
                is_slot = isinstance(default, types.MemberDescriptorType)
                yield _field(name, annotation, _MISSING if is_slot else default)
        for name, annotation in _attributes_set_by_init(base):
            if not name.startswith("_") and name not in seen:
                seen.add(name)
                yield _field(name, annotation, _MISSING)


def _attributes_set_by_init(cls: type) -> Iterator[tuple[str, object]]:
    """Names that `__init__` assigns on its first argument, with the annotation of a parameter of the same name.

    Read from bytecode, because a class that was made by a cell need not have a source file.
    """
    init = cls.__dict__.get("__init__")
    if not isinstance(init, types.FunctionType) or not init.__code__.co_argcount:
        return
    this, annotations = init.__code__.co_varnames[0], inspect.get_annotations(init)
    before: object = None
    for instruction in dis.get_instructions(init):
        if instruction.opname == "STORE_ATTR":
            # Newer interpreters load two locals with one instruction; the object is the last of them.
            target = before[-1] if isinstance(before, tuple) and before else before
            if target == this:
                yield instruction.argval, annotations.get(instruction.argval, _MISSING)
        if instruction.opname != "CACHE":
            before = instruction.argval


def _pydantic_fields(cls: type) -> Iterator[str]:
    fields: dict[str, Any] = getattr(cls, "model_fields", {})
    for name, info in fields.items():
        if info.is_required():
            default: object = _MISSING
        else:
            default = ... if info.default_factory is not None else info.default
        limits = [match[1] for item in info.metadata if (match := re.fullmatch(r"\w+\((\w+=[^()]*)\)", repr(item)))]
        comment = ", ".join([*([_first_line(info.description)] if info.description else []), *limits])
        yield _field(name, info.annotation, default, comment)


def _properties(cls: type) -> Iterator[str]:
    for name, member in members(cls):
        if isinstance(member, (property, functools.cached_property)):
            getter = member.fget if isinstance(member, property) else member.func
            annotation = inspect.get_annotations(getter).get("return", _MISSING) if getter is not None else _MISSING
            read_only = isinstance(member, property) and member.fset is None
            summary = _first_line(getattr(member, "__doc__", None))
            yield _field(name, annotation, _MISSING, "; ".join(filter(None, ["read-only" * read_only, summary])))


def _methods(cls: type) -> Iterator[str]:
    for method in methods(cls):
        is_bare = method.func is method.member
        line = _call_line(method) if is_bare else f"@{type(method.member).__name__} {_call_line(method)}"
        summary = _first_line(method.func.__doc__)
        yield f"{line}  # {summary}" if summary else line


def _constructor(cls: type) -> str:
    if getattr(cls, "__init__", None) is object.__init__ and getattr(cls, "__new__", None) is object.__new__:
        return "()"
    if inspect.isabstract(cls):
        return "(abstract)"
    return _signature(cls, returns=False)


def _enum_base(cls: type[enum.Enum]) -> str:
    return next(base.__name__ for base in cls.__mro__[1:] if issubclass(base, enum.Enum))


def _class_doc(cls: type) -> str:
    doc = cls.__dict__.get("__doc__")
    if not isinstance(doc, str) or doc == "An enumeration.":
        return ""
    generated = dataclasses.is_dataclass(cls) or (issubclass(cls, tuple) and hasattr(cls, "_fields"))
    return "" if generated and doc.startswith(f"{cls.__name__}(") else _clean(doc)


def _is_pydantic(cls: type) -> bool:
    pydantic = sys.modules.get("pydantic")
    base = getattr(pydantic, "BaseModel", None)
    return isinstance(base, type) and issubclass(cls, base)


def _dataclass_default(item: dataclasses.Field[Any]) -> object:
    if item.default is not dataclasses.MISSING:
        return item.default
    return ... if item.default_factory is not dataclasses.MISSING else _MISSING


# --- words ------------------------------------------------------------------------------------------------------------


def _field(name: str, annotation: object, default: object, comment: str = "") -> str:
    text = name
    if annotation is not _MISSING:
        text += f": {annotation_text(annotation)}"
    if default is not _MISSING:
        text += (" = " if annotation is not _MISSING else "=") + default_text(default)
    return f"{text}  # {comment}" if comment else text


def annotation_text(annotation: Any) -> str:
    """An annotation the way one would write it, without module paths."""
    if isinstance(annotation, str):
        return annotation
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is Ellipsis:
        return "..."
    if isinstance(annotation, list):  # the parameters of a Callable
        return f"[{', '.join(map(annotation_text, annotation))}]"
    if isinstance(annotation, typing.ForwardRef):
        return annotation.__forward_arg__
    if isinstance(annotation, typing.TypeVar):
        return annotation.__name__
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return annotation_text(arguments[0])
    if origin is typing.Union or origin is types.UnionType:
        return " | ".join(map(annotation_text, arguments))
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(default_text, arguments))}]"
    if origin is not None:
        base = origin.__name__ if isinstance(origin, type) else _bare(repr(origin))
        return f"{base}[{', '.join(map(annotation_text, arguments))}]" if arguments else base
    if isinstance(annotation, type):
        return _class_name(annotation)
    return _bare(repr(annotation))


def _bare(text: str) -> str:
    return "..." if _ADDRESS.search(text) else text.replace("typing.", "")


def _class_name(cls: type) -> str:
    return cls.__qualname__.rpartition("<locals>.")[2]


def default_text(value: object) -> str:
    """A default value as source, or `...` if it is long, has an address in it or cannot be shown."""
    text = _source(value)
    return "..." if len(text) > MAX_DEFAULT_CHARS or _ADDRESS.search(text) or text.startswith("<") else text


def _source(value: object) -> str:
    if value is Ellipsis:
        return "..."
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, type):
        return _class_name(value)
    if type(value) in (set, frozenset) and value:
        # Sorted, because the order of a set of strings changes from process to process.
        items = "{" + ", ".join(sorted(map(_source, value))) + "}"  # type: ignore[call-overload]
        return items if type(value) is set else f"frozenset({items})"
    if type(value) is list:
        return f"[{', '.join(map(_source, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(_source, value))}{',' if len(value) == 1 else ''})"
    if type(value) is dict:
        return "{" + ", ".join(f"{_source(key)}: {_source(item)}" for key, item in value.items()) + "}"
    try:
        return repr(value)
    except Exception:  # any class may have a __repr__ that fails
        return "..."


def _bounded(lines: list[str]) -> tuple[str, ...]:
    if len(lines) <= MAX_MEMBERS:
        return tuple(lines)
    return (*lines[:MAX_MEMBERS], f"... and {len(lines) - MAX_MEMBERS} more")


def _clean(text: object) -> str:
    return inspect.cleandoc(text) if isinstance(text, str) else ""


def _first_line(text: object) -> str:
    return _clean(text).partition("\n")[0]
