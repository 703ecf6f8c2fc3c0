"""What a Template is made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cave_rl.runtime.primitives import Function, Type, Variable


@dataclass(frozen=True)
class Setup:
    """What is injected into a runtime, and what is run there before its first cell.

    Attributes:
        variables, functions, types: what is injected. Instances of the types come back as instances of the task's own
            class.
        run: Python source, or a function of no arguments whose returned dict of names is added; after the injection.
    """

    variables: tuple[Variable, ...] = ()
    functions: tuple[Function, ...] = ()
    types: tuple[Type, ...] = ()
    run: str | Callable[[], dict[str, Any]] | None = None

    def __post_init__(self) -> None:
        for name in ("variables", "functions", "types"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    def classes(self) -> dict[str, type]:
        """The injected classes by the name that claims call them by."""
        return {each.name: each.cls for each in self.types}

    def brief(self) -> dict[str, Any]:
        """What the Template's service is made with."""
        return {
            "variables": [(each.name, each.value) for each in self.variables],
            "functions": [(each.name, each.func) for each in self.functions],
            "types": [(each.name, each.cls) for each in self.types],
            "setup": self.run,
        }
