"""Tasks to a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cave_rl.rewards.assertions import Assertion
from cave_rl.rewards.statements import Statements
from cave_rl.tasks.static.portable import PortableError, reference, to_json
from cave_rl.tasks.static.read import Reader
from cave_rl.tasks.static.schema import (
    FUNCTION,
    FunctionLine,
    MissLine,
    StaticError,
    TaskLine,
    TurnLine,
    TypeLine,
    VariableLine,
    assertion_data,
    at,
    explain,
    kinds,
)
from cave_rl.tasks.suite import Split
from cave_rl.tasks.task import Task, Turn


def dump(tasks: Iterable[Task], file: str | Path, *, split: Split | None = None, examples: Iterable[Task] = ()) -> int:
    """Writes tasks to a file, whole or not at all; returns how many.

    Args:
        tasks: what is written.
        file: where to.
        split: to which split they belong; by default to that of their content.
        examples: few-shot tasks that go with them.

    Raises:
        StaticError: one cannot be written.
    """
    lines = [_written(task, split) for task in tasks]
    shown = [_written(task, "example") for task in examples]
    path = Path(file)
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text("".join(f"{line}\n" for line in [*shown, *lines]))
        os.replace(part, path)
    except OSError as error:
        raise StaticError(f"cannot write {file}: {error.strerror}") from error
    return len(lines)


def _written(task: Task, split: str | None) -> str:
    try:
        line = _line_of(task, split)
        data = line.model_dump(exclude_defaults=True)
        text = json.dumps(data, allow_nan=False)
        back = Reader(allow=None, setup=True).task(TaskLine.model_validate(json.loads(text)))
    except PortableError as error:
        raise StaticError(f"task {task.id} cannot be written: {error}") from error
    except ValidationError as error:
        raise StaticError(f"task {task.id} cannot be written: {explain(error)}") from None
    if back.content != task.content:  # each value came back, and together they do not
        raise StaticError(f"task {task.id} cannot be written: variables: two of them share an object")
    return text


def _line_of(task: Task, split: str | None) -> TaskLine:
    _only_known(task, {*TaskLine.model_fields, "setup"}, "")
    classes = {each.cls: each.name for each in task.types}
    setup = task.setup
    return TaskLine(
        version=1,
        suite=task.suite,
        family=task.family,
        seed=task.seed,
        split=split,  # type: ignore[arg-type]  # checked by the model
        tags=list(task.tags),
        difficulty=task.difficulty,
        counting=task.counting,
        modules=list(task.modules),
        setup=setup if isinstance(setup, str) else None,
        setup_function=at("setup", reference, setup) if setup is not None and not isinstance(setup, str) else None,
        types=[
            TypeLine(type=at(f"types.{each.name}", reference, each.cls), description=each.description)
            for each in task.types
        ],
        functions=[
            FunctionLine(
                function=at(f"functions.{each.name}", reference, each.func),
                name=each.name,
                description=each.description,
            )
            for each in task.functions
        ],
        variables=[
            VariableLine(
                name=each.name,
                value=at(f"variables.{each.name}", to_json, each.value, classes),
                description=each.description,
            )
            for each in task.variables
        ],
        turns=[_turn_line(turn, f"turns.{i}", classes) for i, turn in enumerate(task.turns)],
    )


def _turn_line(turn: Turn, where: str, classes: Mapping[type, str]) -> TurnLine:
    _only_known(turn, TurnLine.model_fields, f"{where}.")
    for miss in turn.near_misses:
        _only_known(miss, MissLine.model_fields, f"{where}.near_misses.")
    return TurnLine(
        query=turn.query,
        assertions=[
            at(f"{where}.assertions.{i}", _assertion_line, each, classes) for i, each in enumerate(turn.assertions)
        ],
        changes=sorted(turn.changes),
        gold=list(turn.gold_cells),
        near_misses=[
            MissLine(cells=[each for each in miss.cells if isinstance(each, str)], fails=miss.fails)
            for miss in turn.near_misses
        ],
        event=turn.event,
        max_steps=turn.max_steps,
        weight=turn.weight,
        refusal=turn.refusal,
    )


def _assertion_line(assertion: Assertion, classes: Mapping[type, str]) -> dict[str, Any]:
    if isinstance(assertion, Statements):
        try:
            function = reference(assertion.function)
        except PortableError as error:
            raise PortableError(
                f"{error}. Write the assertion as data, such as equals('x', 1), or let a "
                "function of a module read what it needs from `before`"
            ) from error
        reads = {"also_reads": sorted(assertion.also_reads)} if assertion.also_reads else {}
        names = list(assertion.names)
        return {"kind": "Statements", "function": function, "weight": assertion.weight, "names": names, **reads}
    kind = type(assertion).__name__
    if kinds().get(kind) is not type(assertion):
        raise PortableError(f"a {kind} is no assertion that is data; there are {', '.join(kinds())}")
    line: dict[str, Any] = {"kind": kind}
    classes = {**classes, **assertion_data()}
    for field in fields(assertion):  # type: ignore[arg-type]
        value = getattr(assertion, field.name)
        if field.init and not (field.default is not MISSING and value == field.default):
            line[field.name] = {FUNCTION: reference(value)} if field.name == "predicate" else to_json(value, classes)
    return line


def _only_known(item: Any, known: Iterable[str], where: str) -> None:
    """Refuses what a later version may add and this one would forget."""
    for field in fields(item):
        if field.name not in known and getattr(item, field.name):
            raise PortableError(f"{where}{field.name}: a file cannot hold it")
