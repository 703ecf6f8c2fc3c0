"""Recorded calls as call strings: what upstream's checker evaluates is what was called."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cave_rl.rewards.evidence import Call
from cave_rl.suites.third_party.bfcl.tasks.writing import literal, was_made, write, written

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each) | st.lists(each).map(tuple),
    max_leaves=10,
)

pytestmark = pytest.mark.without_bfcl


@settings(max_examples=50)
@given(plain)
def test_a_literal_is_the_value_again(value: Any) -> None:
    assert repr(eval(literal(value), {"__builtins__": {}})) == repr(value)


@given(st.text(), st.sampled_from(["ls", "sort", "do (ls)", "x ls (", "ls\\("]))
def test_no_string_has_a_name_before_a_parenthesis(text: str, call: str) -> None:
    assert not re.search(r"\b([a-zA-Z_]\w*)\s*(?=\()", literal([text + call, {call + "(": text + "("}]))


@pytest.mark.parametrize("value", [{1}, b"x", float("nan"), object(), 10**5000, [1j]], ids=range(6))
def test_what_cannot_be_written_becomes_a_call_that_raises(value: Any) -> None:
    def find(path: str = "") -> str:
        return path

    with pytest.raises(TypeError):
        eval(write("find", {"path": value}), {"find": find})


def test_a_call_that_did_not_fit_is_a_call_that_raises() -> None:
    assert not was_made(Call("ls", {}, error="TypeError: got an unexpected keyword argument 'x'"))
    assert not was_made(Call("ls", {}, error="TimeoutError: ls took longer than a cell may"))
    assert was_made(Call("add", {"a": 1, "b": "x"}, error="TypeError: unsupported operand"))
    assert was_made(Call("ls", {"a": False}))


def test_the_calls_of_one_cell_are_one_step() -> None:
    calls = [Call("cd", {"folder": "a"}, cell=1), Call("files.ls", {"a": True}, cell=1), Call("pwd", {}, cell=3)]
    assert written(calls) == [["cd(folder='a')", "ls(a=True)"], ["pwd()"]]
