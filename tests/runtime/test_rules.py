"""CodeRules say what a cell may not do, where, and what to do instead."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cave_rl.runtime.rules import AttributeRule, CodeRules, FunctionRule, ImportRule, RegexRule, Rule, Violation

IMPORTS = ImportRule(deny={"os", "subprocess"})
FUNCTIONS = FunctionRule({"eval", "open", "os.system"})
ATTRIBUTES = AttributeRule({"__globals__", "__subclasses__"})


def names(rule: Rule, code: str) -> list[str]:
    return [violation.name for violation in CodeRules((rule,)).check(code)]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import os", ["os"]),
        ("import os.path as p, json", ["os.path"]),
        ("from os import path", ["os"]),
        ("from os.path import join", ["os.path"]),
        ("def f():\n    import subprocess", ["subprocess"]),
        ("__import__('os')", ["os"]),
        ("import importlib\nimportlib.import_module('os.path')", ["os.path"]),
        ("from importlib import import_module as load\nload(name='os')", ["os"]),
        ("import ostrich", []),
        ("from . import os", []),
        ("os = 1", []),
    ],
)
def test_denied_modules_go_with_their_package(code: str, expected: list[str]) -> None:
    assert names(IMPORTS, code) == expected


def test_an_allow_list_denies_the_rest_and_says_what_is_allowed() -> None:
    rule = ImportRule(allow={"math", "json"})
    assert names(rule, "import math, json.decoder, re") == ["re"]
    assert CodeRules((rule,)).check("import re")[0].advice == "Modules you may import: json, math."


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("eval('1')", ["eval"]),
        ("f = open\nf('x')", ["open"]),
        ("f = g = open\ng('x')", ["open"]),
        ("f, g = len, eval\ng('1')", ["eval"]),
        ("(f := eval)('1')\nf('2')", ["eval"]),
        ("import builtins\nbuiltins.eval('1')", ["eval"]),
        ("import builtins as b\nb.open('x')", ["open"]),
        ("import os\nos.system('ls')", ["os.system"]),
        ("import os as o\no.system('ls')", ["os.system"]),
        ("from os import system\nsystem('ls')", ["os.system"]),
        ("from os import system as s\nt = s\nt('ls')", ["os.system"]),
        ("shop.open()", []),
        ("frame.eval('a + b')", []),
        ("open = 3\nopen + 1", []),
        ("print('eval(1)')", []),
    ],
)
def test_denied_functions_are_found_through_simple_aliases(code: str, expected: list[str]) -> None:
    assert names(FUNCTIONS, code) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("f.__globals__", ["__globals__"]),
        ("().__class__.__base__.__subclasses__()", ["__subclasses__"]),
        ("getattr(f, '__globals__')", ["__globals__"]),
        ("__globals__", ["__globals__"]),
        ("f.globals", []),
        ("print('__globals__')", []),
    ],
)
def test_denied_attributes(code: str, expected: list[str]) -> None:
    assert names(ATTRIBUTES, code) == expected


def test_patterns_look_at_the_source_and_may_be_several() -> None:
    assert names(RegexRule(r"while\s+True"), "x = 1\nwhile True: pass") == [r"while\s+True"]
    rule = RegexRule([r"TODO", re.compile("fixme", re.IGNORECASE)], advice="Finish it.")
    found = CodeRules((rule,)).check("x = 1  # TODO\ny = 2  # FIXME")
    assert [(item.name, item.line, item.column, item.advice) for item in found] == [
        ("TODO", 1, 10, "Finish it."),
        ("fixme", 2, 10, "Finish it."),
    ]


def test_violations_come_in_order_of_place_and_say_where() -> None:
    found = CodeRules((ATTRIBUTES, FUNCTIONS, IMPORTS)).check("x = 1\nimport os\nif x:\n    eval('f').__globals__")
    assert [(item.line, item.column, item.rule) for item in found] == [
        (2, 1, "ImportRule"),
        (4, 5, "AttributeRule"),
        (4, 5, "FunctionRule"),
    ]
    assert str(found[0]) == "line 2, column 1: import of 'os' is not allowed (ImportRule)"


@pytest.mark.parametrize("code", ["import os import", "import os\nx = (", "import os\n\0", "x = '\ud800'; import os"])
def test_what_does_not_compile_is_left_to_the_interpreter(code: str) -> None:
    with pytest.raises((SyntaxError, ValueError)):
        compile(code, "<cell>", "exec")
    assert CodeRules((IMPORTS,)).check(code) == ()


def test_a_rule_that_fails_blocks_the_cell() -> None:
    class Broken:
        def check(self, tree: ast.Module, source: str) -> Iterable[Violation]:
            raise KeyError("oops")

    (violation,) = CodeRules((Broken(),)).check("x = 1")
    assert violation.rule == "Broken"
    assert "KeyError" in violation.message


def test_tangled_aliases_block_the_cell_in_bounded_time() -> None:
    code = "".join(f"{a} = {b}.{c}\n" for a in "abcd" for b in "abcd" for c in "xyz") + "a()\n" * 50
    start = time.perf_counter()
    found = CodeRules((FUNCTIONS,)).check(code)
    assert "too many aliases" in found[0].message
    assert time.perf_counter() - start < 2


def test_a_rule_says_when_it_is_put_together_wrongly() -> None:
    with pytest.raises(TypeError, match="collection of names"):
        ImportRule(deny="os")
    with pytest.raises(TypeError, match="needs a method check"):
        CodeRules((ImportRule,))  # type: ignore[arg-type]
    with pytest.raises(re.error):
        RegexRule("(")


@given(st.text())
def test_check_is_total(code: str) -> None:
    found = CodeRules((IMPORTS, FUNCTIONS, ATTRIBUTES)).check(code)
    assert all(isinstance(item, Violation) for item in found)


def test_no_rules_no_violations() -> None:
    assert CodeRules().check("import os") == ()
