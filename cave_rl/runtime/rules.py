r"""CodeRules: a filter on the source of a cell that teaches, not a wall.

A rule looks at the syntax tree of a cell before it runs and names what it does not allow, where, and what to do
instead; the model reads that and tries again. Covered: imports, calls of named functions (with simple aliases inside
the cell), attribute names, patterns on the source.

Not covered: anything a determined program can do. Names can be built at run time, aliases can be made in an earlier
cell, objects lead to other objects. What must not happen is prevented by confinement, not here.

>>> from cave_rl.runtime.rules import CodeRules, FunctionRule, ImportRule
>>> rules = CodeRules((ImportRule(deny={"os", "subprocess"}), FunctionRule({"eval", "open"})))
>>> for violation in rules.check("import os.path\nrun = eval\nrun('1')"):
...     print(violation)
line 1, column 1: import of 'os.path' is not allowed (ImportRule)
line 3, column 1: call of 'eval' (as 'run') is not allowed (FunctionRule)
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

__all__ = ["AttributeRule", "CodeRules", "FunctionRule", "ImportRule", "RegexRule", "Rule", "Violation"]


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing in a cell that a rule does not allow.

    Attributes:
        rule: the class name of the rule.
        name: the module, function, attribute or pattern.
        line: line in the cell, from 1.
        column: column in the line, from 1.
        message: what is not allowed.
        advice: what to do instead.
    """

    rule: str
    name: str
    line: int
    column: int
    message: str
    advice: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message} ({self.rule})"


@runtime_checkable
class Rule(Protocol):
    """What `CodeRules` asks of a rule; write your own by providing this method."""

    def check(self, tree: ast.Module, source: str) -> Iterable[Violation]:
        """Yield the violations in one cell."""
        ...


@dataclass(frozen=True, slots=True)
class CodeRules:
    """Rules that a cell must pass before it runs."""

    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", tuple(self.rules))
        for rule in self.rules:
            if isinstance(rule, type) or not callable(getattr(rule, "check", None)):
                raise TypeError(f"a rule needs a method check(tree, source); got {rule!r}")

    def check(self, code: str) -> tuple[Violation, ...]:
        """Return the violations in a cell, in order of place.

        Code that does not parse has none: the interpreter gives the better error. A rule that fails blocks the cell.
        """
        if not self.rules:
            return ()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(code)
        except (SyntaxError, ValueError):
            return ()
        except (RecursionError, MemoryError):
            return (_blocked("CodeRules", "the code is nested too deeply to be checked", "Write it in smaller steps."),)
        found: set[Violation] = set()
        for rule in self.rules:
            try:
                found.update(rule.check(tree, code))
            except Exception as error:  # a broken rule must not let the cell pass
                name = type(rule).__name__
                found.add(_blocked(name, f"{name} could not check the code: {type(error).__name__}: {error}", ""))
        return tuple(sorted(found, key=lambda item: (item.line, item.column, item.rule, item.name, item.message)))


def _blocked(rule: str, message: str, advice: str) -> Violation:
    return Violation(rule, "", 1, 1, message, advice)


# --- the rules --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ImportRule:
    """Deny some modules, or allow only some; submodules go with their top-level package.

    Imports by `__import__("x")` and `importlib.import_module("x")` count when the name is written out.

    Attributes:
        deny: top-level modules that may not be imported.
        allow: if given, the only top-level modules that may be.
    """

    deny: Collection[str] = frozenset()
    allow: Collection[str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "deny", _names(self.deny, "deny"))
        if self.allow is not None:
            object.__setattr__(self, "allow", _names(self.allow, "allow"))

    def check(self, tree: ast.Module, source: str) -> Iterator[Violation]:
        """Yield one violation for each import of a module that is not allowed."""
        for node, module in _imports(tree):
            top = module.partition(".")[0]
            if top in self.deny or (self.allow is not None and top not in self.allow):
                if self.allow:
                    advice = f"Modules you may import: {', '.join(sorted(self.allow))}."
                else:
                    advice = "Solve it without this module."
                yield _violation(self, node, module, f"import of {module!r} is not allowed", advice)


@dataclass(frozen=True, slots=True)
class FunctionRule:
    """Deny calls of named functions.

    A plain name (`eval`) is the built-in or a name of that spelling, never a method that happens to be called so; a
    dotted name (`os.system`) is resolved through the imports of the cell. Aliases made by assignment in the same cell
    are followed.

    Attributes:
        deny: names of functions that may not be called.
    """

    deny: Collection[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "deny", _names(self.deny, "deny"))

    def check(self, tree: ast.Module, source: str) -> Iterator[Violation]:
        """Yield one violation for each call of a denied function."""
        aliases = _aliases(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            written = _dotted(node.func)
            for name in sorted(_resolve(written, aliases) & set(self.deny)):
                shown = repr(name) if name == written else f"{name!r} (as {written!r})"
                yield _violation(self, node, name, f"call of {shown} is not allowed", "Solve it without this function.")


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """Deny attribute names, such as those that lead out of an object into the interpreter.

    `getattr(x, "name")` and bare names of the same spelling count as well.

    Attributes:
        deny: attribute names that may not be used.
    """

    deny: Collection[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "deny", _names(self.deny, "deny"))

    def check(self, tree: ast.Module, source: str) -> Iterator[Violation]:
        """Yield one violation for each use of a denied attribute name."""
        for node in ast.walk(tree):
            name: object = None
            if isinstance(node, ast.Attribute):
                name = node.attr
            elif isinstance(node, ast.Name):
                name = node.id
            elif isinstance(node, ast.Call) and len(node.args) > 1 and _dotted(node.func) in _GETTERS:
                name = getattr(node.args[1], "value", None)
            if isinstance(name, str) and name in self.deny:
                yield _violation(
                    self, node, name, f"attribute {name!r} is not allowed", "Use the object's public attributes."
                )


@dataclass(frozen=True, slots=True)
class RegexRule:
    """Deny regular expressions on the source of the cell, comments and strings included.

    Attributes:
        patterns: one pattern or several.
        advice: what to do instead, for the model.
    """

    patterns: str | re.Pattern[str] | Iterable[str | re.Pattern[str]]
    advice: str = "Write it in another way."

    def __post_init__(self) -> None:
        patterns = (self.patterns,) if isinstance(self.patterns, (str, re.Pattern)) else self.patterns
        object.__setattr__(self, "patterns", tuple(re.compile(pattern) for pattern in patterns))

    def check(self, tree: ast.Module, source: str) -> Iterator[Violation]:
        """Yield one violation for the first match of each pattern."""
        patterns: tuple[re.Pattern[str], ...] = self.patterns  # type: ignore[assignment]  # since __post_init__
        for pattern in patterns:
            if (match := pattern.search(source)) is not None:
                line = source.count("\n", 0, match.start()) + 1
                column = match.start() - source.rfind("\n", 0, match.start())
                message = f"the pattern {pattern.pattern!r} is not allowed"
                yield Violation("RegexRule", pattern.pattern, line, column, message, self.advice)


# --- looking into a cell ----------------------------------------------------------------------------------------------

_GETTERS = frozenset({"getattr", "setattr", "delattr", "hasattr", "builtins.getattr", "object.__getattribute__"})


def _violation(rule: Rule, node: ast.AST, name: str, message: str, advice: str) -> Violation:
    line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
    return Violation(type(rule).__name__, name, line, column, message, advice)


def _names(names: Collection[str], what: str) -> frozenset[str]:
    # A lone string is a collection of characters: as a rule it would silently deny nothing.
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"{what} must be a collection of names such as {{'os', 'sys'}}, got {names!r}")
    return frozenset(names)


def _imports(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    aliases = _aliases(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                yield node, item.name
        elif isinstance(node, ast.ImportFrom):
            yield node, "." * node.level + (node.module or "")
        elif isinstance(node, ast.Call) and _resolve(_dotted(node.func), aliases) & _IMPORTERS:
            values = [*node.args[:1], *(item.value for item in node.keywords if item.arg == "name")]
            for value in values:
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield node, value.value


_IMPORTERS = frozenset({"__import__", "importlib.import_module", "importlib.__import__"})


def _dotted(node: ast.expr) -> str:
    """`a.b.c` as written, or an empty string for what is not a chain of names."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _aliases(tree: ast.Module) -> dict[str, set[str]]:
    """What each name of the cell may stand for, by its imports and its plain assignments, in no order."""
    aliases: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                if item.asname:
                    aliases.setdefault(item.asname, set()).add(item.name)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for item in node.names:
                aliases.setdefault(item.asname or item.name, set()).add(f"{node.module}.{item.name}")
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                _alias_assignment(target, node.value, aliases)
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            _alias_assignment(node.target, node.value, aliases)
    return aliases


def _alias_assignment(target: ast.expr, value: ast.expr, aliases: dict[str, set[str]]) -> None:
    if isinstance(target, ast.Name) and (source := _dotted(value)):
        aliases.setdefault(target.id, set()).add(source)
    elif isinstance(target, (ast.Tuple, ast.List)) and isinstance(value, (ast.Tuple, ast.List)):
        for inner_target, inner_value in zip(target.elts, value.elts, strict=False):
            _alias_assignment(inner_target, inner_value, aliases)


def _resolve(name: str, aliases: dict[str, set[str]]) -> set[str]:
    """Every name that `name` may stand for, itself included; built-ins by their plain name."""
    found: set[str] = set()
    pending = [name] if name else []
    while pending:
        current = pending.pop()
        for module in ("builtins.", "__builtins__."):
            current = current.removeprefix(module)
        # A cell may make a name stand for something longer than itself (`a = a.b`), in many ways at once; the bounds
        # end that, the second one by blocking the cell.
        if current in found or current.count(".") > _LONGEST_CHAIN:
            continue
        if len(found) == _MOST_NAMES:
            raise ValueError(f"too many aliases lead to {name[:80]!r}")
        found.add(current)
        first, dot, rest = current.partition(".")
        pending.extend(target + dot + rest for target in aliases.get(first, ()))
    return found


_LONGEST_CHAIN = 8
_MOST_NAMES = 64
