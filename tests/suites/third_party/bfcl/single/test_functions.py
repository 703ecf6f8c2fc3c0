"""Upstream's descriptions as Python functions: what a model is told of them, and which calls they take."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from cave_rl.suites.third_party.bfcl.stubs import Omitted, stub
from cave_rl.suites.third_party.bfcl.tasks.single.data import entries
from cave_rl.suites.third_party.bfcl.tasks.single.functions import function, name_of
from cave_rl.suites.third_party.bfcl.tasks.single.suite import CATEGORIES


def described(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    parameters = {"type": "dict", "properties": properties, "required": required}
    return {"name": "a.b", "description": "Does.", "parameters": parameters}


@pytest.mark.without_bfcl
@pytest.mark.parametrize(
    ("schema", "shown"),
    [
        ({"type": "string"}, "x: str"),
        ({"type": "any"}, "x: Any"),
        ({"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}, "x: list[list[int]]"),
        ({"type": "tuple", "items": {"type": "float"}}, "x: tuple"),
        ({"type": "dict", "properties": {"k": {"type": "string"}}}, "x: dict"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_type_becomes_an_annotation(schema: dict[str, Any], shown: str) -> None:
    signature = inspect.signature(function(described({"x": schema}, ["x"])))
    assert str(signature).replace("typing.", "") == f"({shown})"


@pytest.mark.without_bfcl
def test_what_must_be_given_comes_first_and_defaults_are_shown() -> None:
    properties = {
        "size": {"type": "string", "default": "small"},
        "who": {"type": "string"},
        "age": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}, "default": []},
    }
    signature = inspect.signature(function(described(properties, ["age", "who"])))
    assert str(signature) == "(who: str, age: int, size: str = 'small', tags: list[str] = [])"
    optional = inspect.signature(function(described({"age": {"type": "integer"}}, [])))
    assert str(optional) == "(age: int = ...)", "upstream does not say what it is"


@pytest.mark.without_bfcl
def test_a_docstring_tells_of_choices_of_keys_and_of_defaults_that_no_signature_shows() -> None:
    inner = {"milk": {"type": "string", "description": "Which", "enum": ["oat", "soy"], "default": "soy"}}
    properties = {
        "drink": {"type": "dict", "description": "What\nit is.", "properties": inner},
        "days": {"type": "array", "items": {"type": "string", "enum": ["Mon", "Tue"]}},
        "url": {"type": "string", "default": "https://example.org/" + 60 * "x"},
    }
    doc = inspect.getdoc(function(described(properties, ["drink", "days"])))
    assert doc == (
        "Does.\n\nArgs:\n    drink: What it is.\n        milk (str): Which. One of 'oat', 'soy'. Default: 'soy'.\n"
        f"    days: Each is one of 'Mon', 'Tue'.\n    url: Default: 'https://example.org/{60 * 'x'}'."
    )


@pytest.mark.without_bfcl
def test_a_stub_takes_anything_and_says_nothing() -> None:
    wide = stub("wide", "", [("x", int), ("y", int, Omitted("2"))])
    assert wide(1) == wide(x=1, y=2) == {"status": "success"}


def test_all_names_of_upstream_are_names_of_python_and_stay_apart() -> None:
    for category in CATEGORIES:
        for entry in entries(category):
            made = [function(each) for each in entry.functions]
            assert len({each.__name__ for each in made}) == len({each["name"] for each in entry.functions})
            assert all(each.__name__.isidentifier() for each in made)
            assert all(each.__name__ == name_of(told["name"]) for each, told in zip(made, entry.functions, strict=True))
