"""What a task may inject, and which names it may use."""

from __future__ import annotations

import dataclasses
import functools

import pytest

from cave_rl.runtime.primitives import Function, Type, Variable


class Stack:
    """A class to inject."""


def add(a: int, b: int) -> int:
    return a + b


async def fetch(name: str) -> str:
    return name


@pytest.mark.parametrize("name", ["xs", "_x", "x1", "match", "café", "__x"])
def test_identifiers_are_names(name: str) -> None:
    assert Variable(name, 1).name == name


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("2x", ValueError, "not a Python identifier"),
        ("", ValueError, "not a Python identifier"),
        ("a b", ValueError, "not a Python identifier"),
        ("a.b", ValueError, "not a Python identifier"),
        ("class", ValueError, "'class_'"),
        ("None", ValueError, "keyword"),
        ("__builtins__", ValueError, "dunder"),
        ("ﬁle", ValueError, "'file'"),
        (3, TypeError, "int"),
    ],
)
def test_other_names_are_refused_with_a_reason(name: object, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match="variable name") as caught:
        Variable(name, 1)  # type: ignore[arg-type]
    assert says in str(caught.value)


def test_primitives_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Variable("xs", []).name = "ys"  # type: ignore[misc]


def test_a_function_takes_its_own_name_unless_given_one() -> None:
    assert Function(add).name == "add"
    assert Function(add, name="plus").name == "plus"
    assert Function(lambda: 1, name="one").name == "one"


@pytest.mark.parametrize("func", [lambda: 1, functools.partial(add, 1)])
def test_a_nameless_function_needs_a_name(func: object) -> None:
    with pytest.raises(ValueError, match=r"give one: Function\(func, name="):
        Function(func)  # type: ignore[arg-type]


def test_a_function_must_be_callable() -> None:
    with pytest.raises(TypeError, match="must be callable, got int"):
        Function(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("func", "expected"),
    [(add, False), (fetch, True), (functools.partial(fetch, "x"), True), (Stack, False), (len, False)],
)
def test_async_functions_are_known(func: object, expected: bool) -> None:
    assert Function(func, name="f").is_async is expected  # type: ignore[arg-type]


def test_a_type_takes_the_name_of_its_class() -> None:
    assert Type(Stack, "a stack").name == "Stack"


def test_a_type_must_be_a_class() -> None:
    with pytest.raises(TypeError, match="must be a class, got Stack"):
        Type(Stack())  # type: ignore[arg-type]


def test_what_the_set_up_makes_is_told_of_by_a_type() -> None:
    with pytest.raises(TypeError, match="made of variable 'db' must be a type or None, got str"):
        Variable("db", None, made="Connection")  # type: ignore[arg-type]


def test_descriptions_are_text() -> None:
    with pytest.raises(TypeError, match="description of variable 'xs'"):
        Variable("xs", [], 3)  # type: ignore[arg-type]
