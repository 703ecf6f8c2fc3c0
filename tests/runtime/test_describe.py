"""What the model is told of an injected object: its type and schema, never its value."""

from __future__ import annotations

import dataclasses
import enum
import os
import sqlite3
import subprocess
import sys
import typing
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cave_rl.runtime.describe import MAX_MEMBERS, describe
from cave_rl.runtime.primitives import Function, Type, Variable


class Color(enum.Enum):
    RED = 1
    BLUE = "b"


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0
    tags: list[str] = dataclasses.field(default_factory=list)
    _cache: int = 0


class Row(typing.NamedTuple):
    name: str
    price: float = 1.0


class Stack:
    """A stack of numbers.

    The last one in is the first one out.
    """

    limit: int = 10

    def __init__(self, items: list[int], name: str = "s") -> None:
        self.items = items
        self.label = name
        self._hidden = 1

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.items)

    def push(self, item: int) -> None:
        """Put one on top.

        Fails if full.
        """

    async def pop(self) -> int | None:
        return None

    @classmethod
    def of(cls, *items: int) -> Stack:
        raise NotImplementedError

    @staticmethod
    def check(item: int) -> bool:
        return True

    def _private(self) -> None: ...


class Deque(Stack):
    def push(self, item: int, left: bool = False) -> None: ...


# --- variables --------------------------------------------------------------------------------------------------------


def test_a_variable_is_its_name_and_type_and_description() -> None:
    assert describe(Variable("xs", [7], "the numbers")).text() == "xs: list\n    the numbers"
    assert describe(Variable("p", Point(1))).text() == "p: Point"


@given(st.one_of(st.integers(10**6), st.text("xyz", min_size=5), st.lists(st.integers(10**6), min_size=1)))
def test_values_are_never_told(value: Any) -> None:
    told = describe(Variable("v", value), shapes=True).text()
    for part in value if isinstance(value, list) else [value]:
        assert str(part) not in told


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ([1], "list (1 item)"),
        ({}, "dict (0 items)"),
        ("abc", "str (3 characters)"),
        (b"ab", "bytes (2 bytes)"),
        (3, "int"),
    ],
)
def test_shapes_are_told_when_asked_for(value: object, shape: str) -> None:
    assert describe(Variable("v", value), shapes=True).signature == f"v: {shape}"


def test_arrays_and_frames_have_shapes_and_dtypes() -> None:
    numpy, pandas = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    frame = pandas.DataFrame({"day": [1, 2], "close": [0.5, 1.5]})
    assert describe(Variable("a", numpy.zeros((2, 3))), shapes=True).signature == "a: ndarray (shape (2, 3), float64)"
    assert (
        describe(Variable("f", frame), shapes=True).signature
        == "f: DataFrame (2 rows; columns day: int64, close: float64)"
    )
    assert describe(Variable("s", frame.day), shapes=True).signature == "s: Series (2 items, int64)"
    assert describe(Variable("f", frame)).signature == "f: DataFrame"


def test_what_the_set_up_makes_is_told_by_its_type_and_has_no_shape_yet() -> None:
    assert describe(Variable("db", None, made=sqlite3.Connection), shapes=True).signature == "db: Connection"


# --- functions --------------------------------------------------------------------------------------------------------


def plain(a, b=1, *args, c, **kwargs): ...  # type: ignore[no-untyped-def]


def typed(a: int | None, /, b: Callable[[int], str], *, c: dict[str, list[Row]] = {}, d: int = 0) -> bool:  # noqa: B006
    return True


def quoted(a: "Point", b: typing.Optional["Point"] = None) -> typing.Literal["x", 1]:  # noqa: UP037, UP045
    return 1


def defaults(a=object(), b=Color.RED, c=int, d={"b", "a"}, e="x" * 100, f=len, g=(1,)): ...  # type: ignore[no-untyped-def] # noqa: B006, B008


async def fetch(url: str) -> bytes:
    return b""


@pytest.mark.parametrize(
    ("func", "signature"),
    [
        (plain, "def plain(a, b=1, *args, c, **kwargs)"),
        (
            typed,
            "def typed(a: int | None, /, b: Callable[[int], str], *, c: dict[str, list[Row]] = {}, d: int = 0) -> bool",
        ),
        (defaults, "def defaults(a=..., b=Color.RED, c=int, d={'a', 'b'}, e=..., f=..., g=(1,))"),
        (quoted, "def quoted(a: 'Point', b: typing.Optional['Point'] = None) -> typing.Literal['x', 1]"),
        (fetch, "async def fetch(url: str) -> bytes"),
    ],
)
def test_a_function_is_its_signature(func: Callable[..., Any], signature: str) -> None:
    assert describe(Function(func)).signature == signature


def test_evaluated_annotations_read_like_written_ones() -> None:
    def func() -> None: ...

    func.__annotations__ = {"return": typing.Optional[list[Point]]}  # noqa: UP045
    assert describe(Function(func)).signature == "def func() -> list[Point] | None"
    func.__annotations__ = {"return": typing.Annotated[dict[str, typing.Any], "note"]}
    assert describe(Function(func)).signature == "def func() -> dict[str, Any]"
    func.__annotations__ = {"return": Callable[[int, Point], None]}
    assert describe(Function(func)).signature == "def func() -> Callable[[int, Point], None]"


def test_docstrings_are_told_dedented() -> None:
    def func() -> None:
        """First.

        Second.
        """

    assert (
        describe(Function(func, "In short.")).text() == "def func() -> None\n    In short.\n    First.\n\n    Second."
    )


def test_a_function_without_a_signature_is_still_described() -> None:
    assert describe(Function(dict.fromkeys, name="f")).signature.startswith("def f(")
    assert describe(Function(type, name="t")).signature == "def t(...)"


def test_a_default_that_cannot_be_shown_is_left_open() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    def func(a=Broken()): ...  # type: ignore[no-untyped-def] # noqa: B008

    assert describe(Function(func)).signature == "def func(a=...)"


# --- types ------------------------------------------------------------------------------------------------------------


def test_a_class_has_fields_methods_and_its_docstring() -> None:
    told = describe(Type(Stack, "Use it."))
    assert told.signature == "class Stack(items: list[int], name: str = 's')"
    assert told.doc == "A stack of numbers.\n\nThe last one in is the first one out."
    assert told.fields == (
        "limit: int = 10",
        "items: list[int]",
        "label",
        "size: int  # read-only; How many there are.",
    )
    assert told.methods == (
        "def push(item: int) -> None  # Put one on top.",
        "async def pop() -> int | None",
        "@classmethod def of(*items: int) -> Stack",
        "@staticmethod def check(item: int) -> bool",
    )


def test_inherited_members_are_told_once() -> None:
    told = describe(Type(Deque))
    assert [line for line in told.methods if "push" in line] == ["def push(item: int, left: bool = False) -> None"]
    assert any("pop" in line for line in told.methods)
    assert "items: list[int]" in told.fields


def test_members_of_builtin_bases_are_not_told() -> None:
    class Names(list[str]):
        def first(self) -> str:
            return self[0]

    assert describe(Type(Names)).methods == ("def first() -> str",)


def test_a_class_that_was_made_by_a_cell_needs_no_source() -> None:
    namespace: dict[str, Any] = {}
    source = "class Box:\n    def __init__(self, size: int):\n        self.size = size\n        self.open = False"
    exec(source, namespace)
    assert describe(Type(namespace["Box"])).fields == ("size: int", "open")


def test_dataclasses_enums_and_named_tuples_are_schemas() -> None:
    assert describe(Type(Point)).fields == ("x: float", "y: float = 0.0", "tags: list[str] = ...")
    assert describe(Type(Point)).doc == ""
    assert describe(Type(Color)).text() == "class Color(Enum)\n    RED = 1\n    BLUE = 'b'"
    assert describe(Type(Row)).fields == ("name: str", "price: float = 1.0")


def test_a_pydantic_model_is_its_fields() -> None:
    pydantic = pytest.importorskip("pydantic")

    class Order(pydantic.BaseModel):  # type: ignore[name-defined, misc]
        total: float = pydantic.Field(ge=0, description="In euros.")
        items: list[str] = pydantic.Field(default_factory=list)

        def pay(self, amount: float) -> None: ...

    told = describe(Type(Order))
    assert told.fields == ("total: float  # In euros., ge=0", "items: list[str] = ...")
    assert told.methods == ("def pay(amount: float) -> None",)
    assert told.signature == "class Order(*, total: float, items: list[str] = ...)"


def test_long_schemas_are_bounded() -> None:
    cls = enum.Enum("Many", [f"M{i}" for i in range(MAX_MEMBERS + 5)])  # type: ignore[misc]
    assert describe(Type(cls)).fields[-1] == "... and 5 more"


# --- determinism ------------------------------------------------------------------------------------------------------

PROGRAM = """
import sys
from cave_rl.runtime.describe import describe
from cave_rl.runtime.primitives import Function, Type, Variable
def f(a={"x", "y", "z"}, b=object(), c=print): ...
class C:
    kinds: set[str] = {"p", "q", "r"}
    def m(self, f=lambda: 1): ...
for primitive in (Function(f), Type(C), Variable("v", {"k"})):
    print(describe(primitive, shapes=True).text())
"""


def test_every_process_gives_the_same_description() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1
    assert "0x" not in outputs.pop()


def test_only_primitives_are_described() -> None:
    with pytest.raises(TypeError, match="got list"):
        describe([])  # type: ignore[arg-type]
