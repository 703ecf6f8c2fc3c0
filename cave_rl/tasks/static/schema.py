"""What a line of a file of tasks may say."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

import cave_rl.rewards as rewards
from cave_rl.rewards.compose import Counting
from cave_rl.rewards.statements import Statements
from cave_rl.runtime.nearest import nearest
from cave_rl.tasks.static.portable import PortableError
from cave_rl.tasks.suite import SuiteError

FUNCTION = "$function"
"""The key under which an assertion refers to a function."""


class StaticError(SuiteError):
    """A task that cannot be written to a file, or a file that cannot be read; the message says where and why."""


@functools.cache
def _data() -> dict[str, type]:
    """The dataclasses of `cave_rl.rewards`, by name."""
    found: dict[str, type] = {}
    for each in pkgutil.iter_modules(rewards.__path__, f"{rewards.__name__}."):
        for name, cls in vars(importlib.import_module(each.name)).items():
            if isinstance(cls, type) and is_dataclass(cls) and cls.__module__ == each.name and not name.startswith("_"):
                found[name] = cls
    return found


def kinds() -> dict[str, type]:
    """The assertions that are data, by the name that a file calls them by."""
    return {name: cls for name, cls in _data().items() if hasattr(cls, "check") and cls is not Statements}


def assertion_data() -> dict[type, str]:
    """What else such an assertion may be made of, with the names that claims call it by."""
    return {cls: f"{rewards.__name__}.{name}" for name, cls in _data().items() if not hasattr(cls, "check")}


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class VariableLine(_Line):
    """A variable; `value` as `cave_rl.tasks.static.portable` writes it."""

    name: str
    value: Any
    description: str | None = None


class FunctionLine(_Line):
    """A function, by reference."""

    function: str
    name: str
    description: str | None = None


class TypeLine(_Line):
    """A class, by reference."""

    type: str
    description: str | None = None


class MissLine(_Line):
    """A near-miss."""

    cells: list[str]
    fails: str | None = None


class TurnLine(_Line):
    """A turn. An assertion has a `kind` (see `kinds`, or `Statements`) and that assertion's own fields."""

    query: str
    assertions: list[dict[str, Any]]
    changes: list[str] = []
    gold: list[str] = []
    near_misses: list[MissLine] = []
    event: str | None = None
    max_steps: int | None = None
    weight: int | float = 1.0
    refusal: bool = False


class TaskLine(_Line):
    """A line of a file. What is left out has its default; `split` is by content where it is left out."""

    version: Literal[1]
    suite: str = ""
    family: str = ""
    seed: int | None = None
    split: Literal["train", "validation", "test", "heldout", "example"] | None = None
    tags: list[str] = []
    difficulty: int | float | None = None
    counting: Counting = "each"
    modules: list[str] = []
    setup: str | None = None
    setup_function: str | None = None
    types: list[TypeLine] = []
    functions: list[FunctionLine] = []
    variables: list[VariableLine] = []
    turns: list[TurnLine]


_SECTIONS = {
    "turns": TurnLine,
    "variables": VariableLine,
    "functions": FunctionLine,
    "types": TypeLine,
    "near_misses": MissLine,
}


def explain(error: ValidationError) -> str:
    """Where a line is wrong, and how."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        section: Any = TaskLine
        for part in first["loc"][:-1]:
            if isinstance(part, str):
                section = _SECTIONS[part]
        return f"{where}: there is no such key{nearest(str(first['loc'][-1]), section.model_fields)}"
    return f"{where}: {first['msg']}"


def at(where: str, make: Callable[..., Any], *given: Any) -> Any:
    """What `make` makes; what it cannot is told with its place."""
    try:
        return make(*given)
    except PortableError as error:
        raise PortableError(f"{where}: {error}") from error
