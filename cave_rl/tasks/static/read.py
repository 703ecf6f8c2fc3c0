"""Tasks from a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cave_rl.rewards.assertions import Assertion
from cave_rl.rewards.statements import Statements
from cave_rl.runtime.nearest import nearest
from cave_rl.runtime.primitives import Function, Type, Variable
from cave_rl.runtime.transfer import hide
from cave_rl.tasks.static.fixed import StaticSuite
from cave_rl.tasks.static.portable import PortableError, from_json, permitted, resolve
from cave_rl.tasks.static.schema import FUNCTION, StaticError, TaskLine, TurnLine, assertion_data, at, explain, kinds
from cave_rl.tasks.suite import split_of
from cave_rl.tasks.task import NearMiss, Task, Turn

DATA_MODULES = ("numpy", "pandas", "matplotlib", "sqlite3")
"""What `Task.modules` may name without being allowed."""

OURS = "cave_rl.suites"
"""The package that may always be referred to."""


def load(file: str | Path, *, allow: Iterable[str] = (), setup: bool = False, name: str | None = None) -> StaticSuite:
    """The suite that a file holds. No rollout of this process may read the file from now on.

    Args:
        file: what `dump` wrote.
        allow: modules and packages that may be imported for its references and as its `modules`.
        setup: whether its tasks may have set-ups, which run unconfined: only for a file that you trust like a program.
        name: the suite's name; by default that of its tasks, where it is one.

    Raises:
        StaticError: it cannot be read, or wants what is not allowed; the message names the line.
    """
    reader = Reader(allow=[OURS, *allow], setup=setup)
    found: list[tuple[str, Task]] = []
    hide(file)
    try:
        lines = Path(file).read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise StaticError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StaticError(f"cannot read {file}: {error}") from error
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            line = TaskLine.model_validate(json.loads(text))
            task = reader.task(line)
        except ValidationError as error:
            raise StaticError(f"{file}, line {number}: {explain(error)}") from None
        except (ValueError, TypeError, RecursionError) as error:  # not JSON, not a task, or not allowed
            raise StaticError(f"{file}, line {number}: {error}") from error
        found.append((line.split or split_of(task), task))
    if not any(split != "example" for split, _ in found):
        raise StaticError(f"{file} holds no task")
    suites = {task.suite for split, task in found if split != "example"}
    return StaticSuite(name or (suites.pop() if len(suites) == 1 else "") or "Static-v0", found, str(file))


@dataclass(frozen=True, slots=True)
class Reader:
    """Makes tasks of lines.

    Attributes:
        allow: what may be imported; None for anything.
        setup: whether there may be set-ups.
    """

    allow: Sequence[str] | None
    setup: bool

    def task(self, line: TaskLine) -> Task:
        if not self.setup and (line.setup is not None or line.setup_function is not None):
            raise PortableError("setup: it would run unconfined: load(..., setup=True) for a file that you trust")
        for module in line.modules:
            if self.allow is not None and not permitted(module, [*DATA_MODULES, *self.allow]):
                raise PortableError(f"modules: {module} was not allowed: load(..., allow=[{module!r}]) if you trust it")
        types = [Type(self.refer(each.type, "types", type), each.description) for each in line.types]
        classes = {each.name: each.cls for each in types}
        source = line.setup
        return Task(
            turns=tuple(self.turn(turn, f"turns.{i}", classes) for i, turn in enumerate(line.turns)),
            variables=tuple(
                Variable(each.name, at(f"variables.{each.name}", from_json, each.value, classes), each.description)
                for each in line.variables
            ),
            functions=tuple(
                Function(self.refer(each.function, "functions"), each.description, each.name) for each in line.functions
            ),
            types=tuple(types),
            setup=source if line.setup_function is None else self.refer(line.setup_function, "setup_function"),
            modules=tuple(line.modules),
            tags=tuple(line.tags),
            difficulty=line.difficulty,
            counting=line.counting,
            suite=line.suite,
            family=line.family,
            seed=line.seed,
        )

    def turn(self, line: TurnLine, where: str, classes: Mapping[str, type]) -> Turn:
        return Turn(
            line.query,
            [at(f"{where}.assertions.{i}", self.assertion, each, classes) for i, each in enumerate(line.assertions)],
            changes=line.changes,
            gold=line.gold,
            near_misses=[NearMiss(miss.cells, miss.fails) for miss in line.near_misses],
            event=line.event,
            max_steps=line.max_steps,
            weight=line.weight,
            refusal=line.refusal,
        )

    def assertion(self, line: dict[str, Any], classes: Mapping[str, type]) -> Assertion:
        given = dict(line)
        kind = given.pop("kind", None)
        if kind == "Statements":
            return _made(self.statements, given)
        if kind not in kinds():
            raise PortableError(f"kind: no assertion {kind!r}{nearest(str(kind), [*kinds(), 'Statements'])}")
        known = [field.name for field in fields(kinds()[kind]) if field.init]
        classes = {**classes, **{name: cls for cls, name in assertion_data().items()}}
        for key, value in given.items():
            if key not in known:
                raise PortableError(f"{kind} has no {key!r}{nearest(key, known)}")
            given[key] = self.predicate(value) if key == "predicate" else from_json(value, classes)
        return _made(kinds()[kind], given)

    def statements(
        self, *, function: str, names: Sequence[str], weight: float = 1.0, also_reads: Sequence[str] = ()
    ) -> Statements:
        made = Statements.of(self.refer(function, "function"), weight=weight, reads=set(also_reads))
        if list(made.names) != list(names):
            raise PortableError(f"{function} asserts {list(made.names)} now, and did {list(names)} when it was written")
        return made

    def predicate(self, value: Any) -> Any:
        if not isinstance(value, dict) or set(value) != {FUNCTION}:
            raise PortableError(f"predicate: a reference looks like {{'{FUNCTION}': 'module:name'}}")
        return self.refer(value[FUNCTION], "predicate")

    def refer(self, text: Any, where: str, kind: type = object) -> Any:
        if not isinstance(text, str) or not all(text.partition(":")):
            raise PortableError(f"{where}: a reference looks like 'module:name', not {text!r}")
        try:
            found = resolve(text, [text.partition(":")[0]] if self.allow is None else self.allow)
        except PortableError as error:
            module = text.partition(":")[0]
            hint = "" if self.allow is None or permitted(module, self.allow) else f": load(..., allow=[{module!r}])"
            raise PortableError(f"{where}: {error}{hint}") from error
        if not isinstance(found, kind):
            raise PortableError(f"{where}: {text} is no {kind.__name__}")
        return found


def _made(make: Callable[..., Any], given: dict[str, Any]) -> Assertion:
    try:
        made: Assertion = make(**given)
    except TypeError as error:  # a field is missing, or there is none of that name
        raise PortableError(str(error)) from error
    return made
