"""Tools: what stands for live objects, as functions that take JSON and return text."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from cave_rl.runtime import Function, Hosted, Pool, Runtime, Setup, Type, Variable
from cave_rl.semantic.tools import tools_of
from tests.runtime.world import Bank, double
from tests.semantic.world import Point, keyed, later

PRIMITIVES = [
    Function(double),
    Function(keyed),
    Function(later),
    Hosted(Bank(ada=5, bo=1)),
    Variable("xs", [3, 1, 2], "some numbers"),
    Variable("long", list(range(3000))),
    Variable("word", "two\nlines"),
    Variable("frame", pd.DataFrame({"n": range(500), "t": ["abc"] * 500})),
    Variable("point", Point(1, 2)),
    Type(Point),
]
TOOLS = tools_of(PRIMITIVES)


@pytest.fixture(scope="module")
def runtime(pool: Pool) -> Iterator[Runtime]:
    functions = tuple(each for each in PRIMITIVES if isinstance(each, Function))
    variables = tuple(each for each in PRIMITIVES if isinstance(each, Variable))
    hosted = tuple(each for each in PRIMITIVES if isinstance(each, Hosted))
    setup = Setup(variables, functions, (Type(Point),), hosted=hosted)
    with pool.base(("pandas",)).template(setup) as template, template.start() as started:
        yield started


def said(runtime: Runtime, name: str, chars: int = 5000, **arguments: Any) -> str:
    cell = runtime.execute(TOOLS[name].cell(arguments, chars))
    assert cell.ok, cell.error
    return cell.stdout


def test_each_function_method_and_variable_has_a_tool() -> None:
    assert [*TOOLS][:3] == ["double", "keyed", "later"]
    assert "bank_transfer" in TOOLS
    assert [name for name in TOOLS if name.startswith("read_")] == [
        "read_xs",
        "read_long",
        "read_word",
        "read_frame",
        "read_point",
    ]


def test_a_tool_is_told_as_a_function_that_returns_text() -> None:
    assert TOOLS["keyed"].signature == "def keyed(a: int, /, b: str = 'x', *rest: int, c: float, **more: int) -> str"
    told = TOOLS["keyed"].describe()
    assert (told.kind, told.doc) == ("function", "Takes all there is.\nReturns a list[int], as text.")
    assert TOOLS["read_xs"].describe().description == "The text of xs, a list. some numbers"


def test_names_that_are_taken_are_told_apart() -> None:
    def read_xs() -> str: ...

    assert [*tools_of([Function(read_xs), Variable("xs", [])])] == ["read_xs", "read_xs_"]


def test_arguments_go_by_name_to_any_signature() -> None:
    tool = TOOLS["keyed"]
    assert tool.bind({"a": 1, "rest": [2, 3], "c": 0.5, "d": 4, "b": "y"}) == ((1, "y", 2, 3), {"c": 0.5, "d": 4})
    assert tool.named((1, "y", 2, 3), {"c": 0.5, "d": 4}) == {"a": 1, "b": "y", "rest": [2, 3], "c": 0.5, "d": 4}
    with pytest.raises(TypeError, match="misses its argument 'a'"):
        tool.bind({"c": 1})


def test_results_are_text(runtime: Runtime) -> None:
    assert said(runtime, "double", x=4) == "8"
    assert said(runtime, "later", x=4) == "5"
    assert said(runtime, "read_xs") == "[3, 1, 2]"
    assert said(runtime, "read_word") == "two\nlines"
    assert json.loads(said(runtime, "read_point")) == {"x": 1, "y": 2}


def test_calls_of_hosted_objects_are_on_record(runtime: Runtime) -> None:
    before = len(runtime.calls)
    said(runtime, "bank_transfer", source="ada", target="bo", amount=1)
    assert [each.name for each in runtime.calls[before:]] == ["bank.transfer"]


def test_long_text_comes_in_pages_that_fit_and_are_whole_together(runtime: Runtime) -> None:
    for name, chars in (("read_long", 500), ("read_frame", 700)):
        first = said(runtime, name, chars)
        line, _, text = first.partition("\n")
        pages = int(line.removeprefix("(page 1 of ").removesuffix(")"))
        assert pages > 5
        for page in range(2, pages + 1):
            more = said(runtime, name, chars, page=page)
            assert len(more) <= chars
            assert more.startswith(f"(page {page} of {pages})\n")
            text += more.partition("\n")[2]
        if name == "read_long":
            assert json.loads(text) == list(range(3000))
        else:
            assert text == pd.DataFrame({"n": range(500), "t": ["abc"] * 500}).to_csv(index=False)


@pytest.mark.parametrize("page", [0, -1, 99, "1", 1.0, True, None])
def test_a_page_that_is_not_there_is_an_error(runtime: Runtime, page: Any) -> None:
    cell = runtime.execute(TOOLS["read_xs"].cell({"page": page}, 500))
    assert cell.error is not None
    assert cell.error.type == "IndexError"


def test_arguments_are_data_and_never_code(runtime: Runtime) -> None:
    hostile = "') or __import__('os')._exit(1) #\\'\"\n\x00\ud800"
    cell = runtime.execute(TOOLS["bank_transfer"].cell({"source": hostile, "target": "bo", "amount": 1}, 500))
    assert cell.error is not None
    assert cell.error.type == "KeyError"
    assert runtime.alive


def test_a_connection_is_read_as_sql(pool: Pool) -> None:
    setup = Setup(
        (Variable("db", None, made=sqlite3.Connection),),
        run="import sqlite3\ndb = sqlite3.connect(':memory:')\ndb.execute('CREATE TABLE t (n)')",
    )
    (tool,) = tools_of(setup.variables).values()
    with pool.base().template(setup) as template, template.start() as runtime:
        assert "CREATE TABLE t (n)" in runtime.execute(tool.cell({}, 5000)).stdout


def test_a_schema_tells_types_and_what_is_required() -> None:
    function = TOOLS["bank_transfer"].schema()["function"]
    assert function["name"] == "bank_transfer"
    assert set(function["parameters"]["required"]) == {"source", "target"}
    assert TOOLS["read_xs"].schema()["function"]["parameters"] == {
        "type": "object",
        "properties": {"page": {"type": "integer"}},
        "required": [],
    }
    json.dumps([tool.schema() for tool in TOOLS.values()])
