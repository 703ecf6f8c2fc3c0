"""Runs one cell in a namespace as a notebook would.

Covered: state that persists, the value of a last expression, top-level `await`, tracebacks that begin at the cell and
show its lines. Not covered: IPython's magics and shell escapes (they are syntax errors).
"""

from __future__ import annotations

import ast
import inspect
import linecache
import os
import traceback
from dataclasses import dataclass
from types import CodeType, TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

_OURS = os.path.dirname(__file__)

MOST_TEXT = 40_000
"""Most characters of a value's or a traceback's text; the host shapes further."""


@dataclass(slots=True)
class Ended:
    """How a cell ended.

    Attributes:
        kind: `ok`, `error`, `interrupted` or `out_of_memory`.
        value: the text of the last expression's value, or None.
        error: `(type name, message, traceback text)`, or None.
    """

    kind: str
    value: str | None = None
    error: tuple[str, str, str] | None = None


class Cells:
    """The cells of one runtime, numbered from 1."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self._count = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, source: str) -> Ended:
        """Runs a cell; what it raises, SystemExit and KeyboardInterrupt included, is how it ended."""
        self._count += 1
        name = f"<cell {self._count}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        try:
            body, last = _compile(source, name)
            self._evaluate(body)
            value = None if last is None else self._evaluate(last)
            if value is None:
                return Ended("ok")
            self._namespace["_"] = value
            return Ended("ok", value=_clip(repr(value)))
        except BaseException as error:
            kind = "interrupted" if isinstance(error, KeyboardInterrupt) else "error"
            if isinstance(error, MemoryError):
                kind = "out_of_memory"
            return Ended(kind, error=_describe(error))

    def _evaluate(self, code: CodeType) -> Any:
        value = eval(code, self._namespace)
        if code.co_flags & inspect.CO_COROUTINE:
            if self._loop is None:
                import asyncio  # few cells wait, and every fork would pay for what comes with it

                self._loop = asyncio.new_event_loop()
            return self._loop.run_until_complete(value)
        return value


def _compile(source: str, name: str) -> tuple[CodeType, CodeType | None]:
    """The code of all but a last expression, and of that expression (none if it ends in a semicolon)."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(source, name, "exec", flags | ast.PyCF_ONLY_AST, dont_inherit=True)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";"):
        expression = ast.Expression(tree.body.pop().value)
        last = compile(expression, name, "eval", flags, dont_inherit=True)
    return compile(tree, name, "exec", flags, dont_inherit=True), last


def _describe(error: BaseException) -> tuple[str, str, str]:
    kind = type(error).__name__
    try:
        told = traceback.TracebackException(type(error), error, _from_cell(error.__traceback__))
        told.stack = traceback.StackSummary.from_list([each for each in told.stack if _OURS not in each.filename])
        return kind, _clip(str(error), 2000), _clip("".join(told.format()))
    except BaseException as second:  # a hostile __str__, or no memory left: the type must do
        return kind, f"(its message could not be shown: {type(second).__name__})", kind


def _from_cell(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without the frames above the cell; all of it if no frame is a cell's."""
    start = trace
    while start is not None and not start.tb_frame.f_code.co_filename.startswith("<cell "):
        start = start.tb_next
    return start


def _clip(text: str, most: int = MOST_TEXT) -> str:
    """Head and tail of a text that is too long."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"
