"""Plain functions of `assert` statements, each statement judged on its own.

    def check(state, before, answer):
        assert state.total == sum(before.prices), "total"
        assert len(state.prices) == 3

The function's source is rewritten so that every `assert` is recorded instead of raised: the statements after a failed
one are still judged, and the message shows the actual values of what was compared. A statement that is never reached
(a loop over an empty claim, an early return, a branch not taken, an exception before it) has *failed*: otherwise a
rollout could pass a check by emptying what it loops over.

The parameters are taken by name, any of `state`, `before`, `answer`, `calls` and `said` (see `Evidence`). Where the
source cannot be had (a script read from standard input), the whole function is one statement.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from cave_rl.rewards.evidence import Evidence, show
from cave_rl.rewards.verdict import Verdict

_PARAMETERS = ("state", "before", "answer", "calls", "said")
_RECORD, _TRIAL = "__cave_record__", "__cave_trial__"


class UsageError(TypeError):
    """An assertion function that cannot be used as one."""


@dataclass(frozen=True)
class Statements:
    """A function of `assert` statements as an assertion.

    Attributes:
        function: the function.
        source: its dedented source, or None where it cannot be had.
        weight: the weight of each of its statements.
        also_reads: variables it reads by a computed name, which its source does not show.
    """

    __cave_host_only__: ClassVar[bool] = True

    function: Callable[..., None]
    source: str | None
    weight: float = 1.0
    also_reads: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, function: Callable[..., None], *, weight: float = 1.0, reads: frozenset[str] | set[str] = frozenset()
    ) -> Statements:
        """Wraps a function; its parameters are any of `state`, `before`, `answer`, `calls`, `said`.

        Raises:
            UsageError: it takes another parameter, or holds no `assert`.
        """
        lazy = inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
        if function.__name__ == "<lambda>" or function.__code__.co_flags & lazy:
            raise UsageError(
                f"assertion {function.__qualname__} would assert nothing when it is called: write a plain def of "
                "assert statements, or satisfies(name, predicate, description)"
            )
        unknown = [name for name in inspect.signature(function).parameters if name not in _PARAMETERS]
        if unknown:
            raise UsageError(
                f"assertion {function.__qualname__} takes {unknown[0]!r}; it may take {', '.join(_PARAMETERS)}"
            )
        statements = cls(function, _source(function), weight, frozenset(reads))
        if statements.source is not None and not statements._asserts:
            raise UsageError(f"assertion {function.__qualname__} holds no assert statement")
        return statements

    @cached_property
    def _asserts(self) -> list[ast.Assert]:
        return _own_asserts(_definition(self.source)) if self.source is not None else []

    @cached_property
    def names(self) -> tuple[str, ...]:
        if not self._asserts:
            return (self.function.__name__,)
        names: list[str] = []
        for node in self._asserts:
            base = node.msg.value if _is_text(node.msg) else ast.unparse(node.test)  # type: ignore[union-attr]
            count = sum(1 for name in names if name == base or name.startswith(f"{base} #"))
            names.append(f"{base} #{count + 1}" if count else str(base))
        return tuple(names)

    @cached_property
    def reads(self) -> frozenset[str]:
        """The names after `state.` / in `state[...]` (and of `before`), found in the source."""
        found = set(self.also_reads)
        if self.source is None:
            return frozenset(found | _mentioned(self.function.__code__))
        for node in ast.walk(_definition(self.source)):
            if isinstance(node, ast.Attribute) and _is_state(node.value):
                found.add(node.attr)
            elif isinstance(node, ast.Subscript) and _is_state(node.value) and _is_text(node.slice):
                found.add(node.slice.value)  # type: ignore[attr-defined]
            elif isinstance(node, ast.Compare) and _is_text(node.left) and any(map(_is_state, node.comparators)):
                found.add(node.left.value)  # type: ignore[attr-defined]
        return frozenset(found)

    def check(self, evidence: Evidence) -> list[Verdict]:
        record = _Record(len(self.names))
        wanted = inspect.signature(self.function).parameters
        arguments = {name: getattr(evidence, name) for name in _PARAMETERS if name in wanted}
        stopped = "not reached"
        if self._asserts:
            function = _rewrite(self.function, self.source or "", record)
        else:
            function = record.whole(self.function)
        try:
            function(**arguments)
        except Exception as error:  # what a statement between the asserts raises ends the function
            stopped = f"not reached: {type(error).__name__}: {error}"
        return [
            Verdict(
                name, record.passed[i] is True, self.weight, record.messages[i] or _unless(record.passed[i], stopped)
            )
            for i, name in enumerate(self.names)
        ]


def _mentioned(code: types.CodeType) -> set[str]:
    """Every name that compiled code mentions, as a name or as text; the most that it can read."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _mentioned(constant)
        elif isinstance(constant, str) and constant.isidentifier():
            found.add(constant)
    return found


def _unless(passed: bool | None, message: str) -> str:
    return message if passed is None else ""


class _Record:
    """What happened to each statement: passed (in every execution), failed (in one), or None (never reached)."""

    def __init__(self, count: int) -> None:
        self.passed: list[bool | None] = [None] * count
        self.messages = [""] * count

    def __call__(self, index: int) -> _Trial:
        return _Trial(self, index)

    def note(self, index: int, passed: bool, message: str) -> None:
        """What one execution of a statement gave; the first that failed stays."""
        if self.passed[index] is not False:
            self.passed[index] = passed
            self.messages[index] = "" if passed else message or "is false"

    def whole(self, function: Callable[..., None]) -> Callable[..., None]:
        def run(**arguments: Any) -> None:
            try:
                function(**arguments)
                self.passed[0] = True
            except AssertionError as error:
                self.passed[0], self.messages[0] = False, str(error) or "an assert failed"

        return run


class _Trial:
    """One execution of one statement, as a context: what its expression raises on a claim is that it failed."""

    def __init__(self, record: _Record, index: int) -> None:
        self._record = record
        self._index = index
        self._values: dict[str, Any] = {}
        self.test: Any = False

    def __enter__(self) -> _Trial:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        passed, message = False, ""
        try:
            if error is None:
                passed = bool(self.test)  # may raise as well: the truth of a frame, say
                message = ", ".join(f"{source} is {show(value)}" for source, value in self._values.items())
        except Exception as second:
            error = second
        if error is not None:
            passed, message = False, f"{type(error).__name__}: {error}"
        self._record.note(self._index, passed, message)
        return error is None or isinstance(error, Exception)

    def keep(self, source: str, value: Any) -> Any:
        """The value, kept for the message."""
        self._values[source] = value
        return value


def _source(function: Callable[..., None]) -> str | None:
    try:
        source = textwrap.dedent(inspect.getsource(function))
        _definition(source)
    except (OSError, TypeError, SyntaxError, UsageError):
        return None
    return source


def _definition(source: str | None) -> ast.FunctionDef:
    body = ast.parse(source or "").body
    if len(body) != 1 or not isinstance(body[0], ast.FunctionDef):
        raise UsageError("an assertion is written with def")
    return body[0]


def _own_asserts(definition: ast.FunctionDef) -> list[ast.Assert]:
    """The asserts of the function itself, in source order, not those of functions defined inside it."""
    found: list[ast.Assert] = []

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Assert):
                found.append(child)
            elif not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
                visit(child)

    visit(definition)
    return found


def _is_text(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_state(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("state", "before")


class _Capture(ast.NodeTransformer):
    """Wraps the operands of comparisons and the arguments of calls so that their values are kept for the message."""

    def keep(self, node: ast.expr) -> ast.expr:
        if isinstance(node, (ast.Constant, ast.Starred, ast.GeneratorExp, ast.Lambda)):
            return node
        source = ast.Constant(ast.unparse(node))
        call = ast.Call(ast.Attribute(ast.Name(_TRIAL, ast.Load()), "keep", ast.Load()), [source, node], [])
        return ast.copy_location(call, node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        node.left = self.keep(node.left)
        node.comparators = [self.keep(each) for each in node.comparators]
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        node.args = [self.keep(each) for each in node.args]
        return node

    def stop(self, node: ast.AST) -> ast.AST:  # names bound inside these do not exist outside
        return node

    visit_Lambda = visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = stop


def _rewrite(function: Callable[..., None], source: str, record: _Record) -> Callable[..., None]:
    """The function with each assert replaced by a call of `record`, bound to the same globals and closure."""
    definition = _definition(source)
    definition.decorator_list, definition.returns = [], None
    for argument in definition.args.args + definition.args.kwonlyargs:
        argument.annotation = None
    index = {id(node): i for i, node in enumerate(_own_asserts(definition))}

    class Replace(ast.NodeTransformer):
        def visit_Assert(self, node: ast.Assert) -> ast.AST:
            if id(node) not in index:
                return node
            trial = ast.Call(ast.Name(_RECORD, ast.Load()), [ast.Constant(index[id(node)])], [])
            test = ast.Assign(
                [ast.Attribute(ast.Name(_TRIAL, ast.Load()), "test", ast.Store())], _Capture().visit(node.test)
            )
            tried = ast.With([ast.withitem(trial, ast.Name(_TRIAL, ast.Store()))], [test])
            return ast.fix_missing_locations(ast.copy_location(tried, node))

    Replace().visit(definition)
    free = function.__code__.co_freevars
    parameters = [ast.arg(name) for name in (*free, _RECORD)]
    outer = ast.FunctionDef(
        name="__cave_outer__",
        args=ast.arguments(posonlyargs=[], args=parameters, kwonlyargs=[], kw_defaults=[], defaults=[]),
        body=[definition, ast.Return(ast.Name(definition.name, ast.Load()))],
        decorator_list=[],
    )
    module = ast.fix_missing_locations(ast.Module([outer], []))
    if hasattr(outer, "type_params"):
        outer.type_params = []
    scope: dict[str, Any] = {}
    exec(compile(module, f"<assertion {function.__name__}>", "exec"), function.__globals__, scope)
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    rewritten = scope["__cave_outer__"](*cells, record)
    assert isinstance(rewritten, types.FunctionType)
    return rewritten
