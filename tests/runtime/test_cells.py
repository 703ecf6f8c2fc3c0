"""What a cell means: Python as in a notebook, in a process that keeps its names."""

from __future__ import annotations

import pytest

from cave_rl.runtime import Outcome, Runtime

PROGRAMS = {
    "assignment": ("x = 1", "x + 1", "2"),
    "augmented": ("xs.append(9)", "xs", "[3, 1, 2, 9]"),
    "recursion": ("def fact(n):\n    return 1 if n < 2 else n * fact(n - 1)", "fact(10)", "3628800"),
    "mutual recursion": (
        "def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n != 0 and even(n - 1)",
        "even(10), odd(10)",
        "(True, False)",
    ),
    "comprehension over an earlier name": ("k = 2", "[x * k for x in xs]", "[6, 2, 4]"),
    "nested comprehension": ("n = 3", "[[i * j for j in range(n)] for i in range(n)]", "[[0, 0, 0], [0, 1, 2], [0, 2, 4]]"),
    "generator expression": ("limit = 2", "sum(x for x in xs if x >= limit)", "5"),
    "dict comprehension": ("keys = 'abc'", "{key: x for key, x in zip(keys, xs)}", "{'a': 3, 'b': 1, 'c': 2}"),
    "lambda over a global": ("add = lambda x: x + step\nstep = 5", "add(1)", "6"),
    "closure": ("def counter():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n        return n\n    return up\nup = counter()", "up(), up()", "(1, 2)"),
    "class": ("class Box:\n    def __init__(self, v):\n        self.v = v\n    def double(self):\n        return Box(self.v * 2)", "Box(4).double().v", "8"),
    "inheritance": ("class A:\n    def f(self): return 'a'\nclass B(A):\n    def f(self): return super().f() + 'b'", "B().f()", "'ab'"),
    "dataclass": ("from dataclasses import dataclass, field\n@dataclass(order=True)\nclass P:\n    x: int\n    ys: list = field(default_factory=list)", "P(1), P(1) < P(2)", "(P(x=1, ys=[]), True)"),
    "dataclass with string annotations": ("from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass Q:\n    q: Q | None = None", "Q(Q())", "Q(q=Q(q=None))"),
    "named tuple": ("from collections import namedtuple\nT = namedtuple('T', 'a b')", "T(1, 2)._replace(a=5)", "T(a=5, b=2)"),
    "typing": ("from typing import NamedTuple\nclass N(NamedTuple):\n    a: int", "N(1)", "N(a=1)"),
    "enum": ("import enum\nclass C(enum.Enum):\n    RED = 1", "C.RED, C(1) is C.RED", "(<C.RED: 1>, True)"),
    "generator": ("def squares():\n    n = 0\n    while True:\n        yield n * n\n        n += 1\ng = squares()", "[next(g) for _ in range(4)]", "[0, 1, 4, 9]"),
    "generator kept between cells": ("g = iter(xs)\nnext(g)", "list(g)", "[1, 2]"),
    "match": ("def kind(v):\n    match v:\n        case [x, *_]: return f'list {x}'\n        case {'a': a}: return f'dict {a}'\n        case _: return 'other'", "kind([7]), kind({'a': 8}), kind(0)", "('list 7', 'dict 8', 'other')"),
    "context manager": ("from contextlib import contextmanager\nlog = []\n@contextmanager\ndef tag(n):\n    log.append(f'<{n}>')\n    yield\n    log.append(f'</{n}>')", "with tag('b'):\n    log.append('x')\nlog", "['<b>', 'x', '</b>']"),
    "decorator": ("import functools\ndef twice(f):\n    @functools.wraps(f)\n    def g(*a): return f(f(*a))\n    return g\n@twice\ndef inc(x): return x + 1", "inc(1), inc.__name__", "(3, 'inc')"),
    "cache": ("from functools import lru_cache\n@lru_cache\ndef fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)", "fib(80)", "23416728348467685"),
    "exceptions": ("class Bad(Exception): pass\ndef f():\n    try:\n        raise Bad('x')\n    except Bad as e:\n        return repr(e)\n    finally:\n        xs.clear()", "f(), xs", "(\"Bad('x')\", [])"),
    "exception group": ("def f():\n    try:\n        raise ExceptionGroup('g', [ValueError(1), KeyError(2)])\n    except* ValueError as e:\n        return_ = len(e.exceptions)\n    except* KeyError:\n        pass\n    return return_", "f()", "1"),
    "global statement": ("def setit():\n    global made\n    made = 3", "setit(); made", "3"),
    "walrus": ("data = [1, 5, 9]", "[y for x in data if (y := x * 2) > 5]", "[10, 18]"),
    "star unpacking": ("first, *rest = xs", "first, rest", "(3, [1, 2])"),
    "f-strings": ("name = 'naïve ✓'", "f'{name!r:>12} {3.14159:.2f}'", "\"   'naïve ✓' 3.14\""),
    "top-level await": ("import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x * 2", "await f(21)", "42"),
    "await in a comprehension": ("import asyncio\nasync def f(x):\n    return x + 1", "[await f(x) for x in xs]", "[4, 2, 3]"),
    "gather": ("import asyncio\nasync def f(x):\n    await asyncio.sleep(0.01)\n    return x", "await asyncio.gather(*map(f, xs))", "[3, 1, 2]"),
    "async with and for": ("class A:\n    async def __aenter__(self): return 'in'\n    async def __aexit__(self, *a): pass\nasync def g():\n    yield 1\n    yield 2", "async with A() as a:\n    got = [x async for x in g()]\na, got", "('in', [1, 2])"),
    "asyncio.run": ("import asyncio\nasync def f():\n    return await asyncio.sleep(0.01, 'ran')", "asyncio.run(f()), asyncio.run(f())", "('ran', 'ran')"),
    "await, then asyncio.run": ("import asyncio\nawait asyncio.sleep(0)", "asyncio.run(asyncio.sleep(0, 5))", "5"),
    "threads that end": ("import threading\nout = []\nt = threading.Thread(target=lambda: out.append(1))\nt.start()\nt.join()", "out", "[1]"),
    "standard library": ("import json, re, math, itertools, statistics, datetime", "json.dumps({'m': math.gcd(12, 18), 's': statistics.mean(xs)})", "'{\"m\": 6, \"s\": 2}'"),
    "import of what was not loaded": ("import configparser, difflib", "difflib.get_close_matches('ape', ['apple', 'pear'])", "['apple']"),
    "deletion": ("y = 1\ndel y", "'y' in dir()", "False"),
    "main is the namespace": ("here = 1\nimport __main__", "__main__.here, __name__", "(1, '__main__')"),
    "pickle of a class of the cell": ("import pickle\nclass K:\n    v = 1", "pickle.loads(pickle.dumps(K())).v", "1"),
    "docstring first": ("'''module text'''\nz = 1", "z", "1"),
    "files in the working directory": ("open('a.txt', 'w').write('hi')", "open('a.txt').read()", "'hi'"),
}  # fmt: skip

DATA_PROGRAMS = {
    "numpy": ("import numpy as np\na = np.arange(6).reshape(2, 3)", "a.sum(axis=0).tolist(), (a @ a.T).shape", "([3, 5, 7], (2, 2))"),
    "numpy linear algebra": ("import numpy as np\nm = np.array([[2.0, 0], [0, 4]])", "np.linalg.solve(m, [2, 4]).tolist()", "[1.0, 1.0]"),
    "pandas": ("import pandas as pd\ndf = pd.DataFrame({'k': list('aab'), 'v': [1, 2, 3]})", "df.groupby('k').v.sum().to_dict()", "{'a': 3, 'b': 3}"),
    "pandas in place": ("import pandas as pd\ndf = pd.DataFrame({'v': [3, 1]})\ndf.loc[0, 'v'] = 9", "df.sort_values('v').v.tolist()", "[1, 9]"),
    "pandas csv": ("import pandas as pd, io\ndf = pd.read_csv(io.StringIO('a,b\\n1,2\\n'))", "df.to_dict('records')", "[{'a': 1, 'b': 2}]"),
    "sqlite": ("import sqlite3\ndb = sqlite3.connect(':memory:')\ndb.execute('create table t (x)')\ndb.executemany('insert into t values (?)', [(i,) for i in range(5)]);", "db.execute('select sum(x) from t').fetchone()", "(10,)"),
}  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_second_cell_goes_on_where_the_first_ended(runtime: Runtime, program: tuple[str, str, str]) -> None:
    first, second, value = program
    done = runtime.execute(first)
    assert done.ok, done.error
    done = runtime.execute(second)
    assert done.ok, done.error
    assert done.value == value


@pytest.mark.parametrize("program", DATA_PROGRAMS.values(), ids=DATA_PROGRAMS)
def test_data_libraries_work_across_cells(data_runtime: Runtime, program: tuple[str, str, str]) -> None:
    first, second, value = program
    done = data_runtime.execute(first)
    assert done.ok, done.error
    done = data_runtime.execute(second)
    assert done.ok, done.error
    assert done.value == value


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("1 + 1", "2"),
        ("1 + 1;", None),
        ("x = 1", None),
        ("None", None),
        ("print('x')", None),
        ("for i in range(3):\n    i", None),
        ("'a'  # a comment", "'a'"),
        ("(1,\n 2)", "(1, 2)"),
        ("", None),
        ("# nothing", None),
        ("1\n2", "2"),
        ("1;  # quiet", "1"),  # as in a notebook, only a semicolon at the very end is quiet
    ],
)
def test_the_value_of_a_last_expression_is_told_unless_a_semicolon_ends_it(
    runtime: Runtime, code: str, value: str | None
) -> None:
    done = runtime.execute(code)
    assert done.outcome is Outcome.OK
    assert done.value == value


def test_underscore_is_the_last_value(runtime: Runtime) -> None:
    runtime.execute("6 * 7")
    assert runtime.execute("_ + 1").value == "43"


def test_a_traceback_begins_at_the_cell_and_shows_its_lines(runtime: Runtime) -> None:
    runtime.execute("def f(x):\n    return 1 / x")
    error = runtime.execute("y = 0\nf(y)").error
    assert error is not None
    assert (error.type, error.message) == ("ZeroDivisionError", "division by zero")
    assert 'File "<cell 2>", line 2, in <module>' in error.traceback
    assert "f(y)" in error.traceback
    assert 'File "<cell 1>", line 2, in f' in error.traceback
    assert "return 1 / x" in error.traceback
    assert "cells.py" not in error.traceback
    assert "cave_rl" not in error.traceback


def test_a_chained_error_shows_both(runtime: Runtime) -> None:
    error = runtime.execute("try:\n    {}['k']\nexcept KeyError as e:\n    raise ValueError('v') from e").error
    assert error is not None
    assert "KeyError: 'k'" in error.traceback
    assert "direct cause" in error.traceback
    assert "cave_rl" not in error.traceback


def test_top_level_await_errors_show_no_frames_of_ours(runtime: Runtime) -> None:
    error = runtime.execute("async def f():\n    raise ValueError('a')\nawait f()").error
    assert error is not None
    assert error.type == "ValueError"
    assert "cave_rl" not in error.traceback


@pytest.mark.parametrize(
    "code", ["x = ", "def f(:\n    pass", "for", "  x = 1", "return 1", "%matplotlib inline", "!ls", "\x00"]
)
def test_a_syntax_error_is_told_with_its_line_and_runs_nothing(runtime: Runtime, code: str) -> None:
    done = runtime.execute("ran = True\n" + code)
    assert done.outcome is Outcome.ERROR
    assert done.error is not None
    assert done.error.type in ("SyntaxError", "IndentationError", "ValueError")
    assert "ran" not in runtime.names()


def test_deep_nesting_is_an_error_not_a_crash(runtime: Runtime) -> None:
    assert runtime.execute("(" * 5000 + ")" * 5000).outcome in (Outcome.ERROR, Outcome.OUT_OF_MEMORY)
    assert runtime.execute("def f(): f()\nf()").error.type == "RecursionError"  # type: ignore[union-attr]
    assert runtime.execute("1 + 1").value == "2"


def test_system_exit_is_an_error_and_the_runtime_lives(runtime: Runtime) -> None:
    done = runtime.execute("import sys\nsys.exit(0)")
    assert done.outcome is Outcome.ERROR
    assert done.error is not None
    assert done.error.type == "SystemExit"
    assert runtime.execute("xs").value == "[3, 1, 2]"


def test_a_keyboard_interrupt_of_the_cell_itself_is_an_error(runtime: Runtime) -> None:
    assert runtime.execute("raise KeyboardInterrupt").outcome is Outcome.ERROR


def test_a_hostile_repr_is_an_error(runtime: Runtime) -> None:
    assert runtime.execute("class R:\n    def __repr__(self): 1 / 0\nR()").outcome is Outcome.ERROR


def test_stdout_and_stderr_are_told_apart_and_begin_anew_in_each_cell(runtime: Runtime) -> None:
    done = runtime.execute("import sys\nprint('out')\nprint('err', file=sys.stderr)")
    assert (done.stdout, done.stderr) == ("out\n", "err\n")
    assert runtime.execute("pass").stdout == ""


def test_what_goes_to_the_descriptor_is_told_too(runtime: Runtime) -> None:
    assert runtime.execute("import os\nos.write(1, b'raw');").stdout == "raw"


def test_unicode_passes_and_lone_surrogates_are_escaped(runtime: Runtime) -> None:
    assert runtime.execute("print('naïve ✓ 😀')").stdout == "naïve ✓ 😀\n"
    assert runtime.execute("print('\\ud800')").stdout == "\\ud800\n"
    assert runtime.execute("'\ud800' == chr(0xd800)").outcome in (Outcome.OK, Outcome.ERROR)


def test_input_is_an_error_not_a_hang(runtime: Runtime) -> None:
    assert runtime.execute("input('? ')").error.type in ("EOFError", "RuntimeError", "OSError")  # type: ignore[union-attr]


def test_a_long_value_and_a_long_traceback_are_bounded(runtime: Runtime) -> None:
    done = runtime.execute("'x' * 10_000_000")
    assert done.value is not None
    assert len(done.value) < 100_000
    assert "left out" in done.value
    done = runtime.execute("raise ValueError('y' * 10_000_000)")
    assert done.error is not None
    assert len(done.error.traceback) < 100_000
