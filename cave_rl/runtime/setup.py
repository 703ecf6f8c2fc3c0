"""What a Template is made from."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cave_rl.runtime.clock import moment_of
from cave_rl.runtime.errors import SetupFault
from cave_rl.runtime.hosted import ClassClash, classes_of, proxy_of
from cave_rl.runtime.primitives import Function, Hosted, Primitive, Type, Variable


@dataclass(frozen=True)
class Setup:
    """What is injected into a runtime, and what is run there before its first cell.

    Attributes:
        variables, functions, types: what is injected. Instances of the types come back as instances of the task's own
            class.
        hosted: objects that live in a trusted process beside each runtime, its World.
        clock: the moment at which the clock stands still in the runtime and its World, as a datetime or ISO 8601 text;
            without a timezone it is what the clock shows. Needs the extra `clock`.
        run: Python source, or a function of no arguments whose returned dict of names is added; after the injection.
    """

    variables: tuple[Variable, ...] = ()
    functions: tuple[Function, ...] = ()
    types: tuple[Type, ...] = ()
    run: str | Callable[[], dict[str, Any]] | None = None
    hosted: tuple[Hosted, ...] = ()
    clock: datetime.datetime | str | None = None

    def __post_init__(self) -> None:
        if self.clock is not None:
            moment_of(self.clock)
        for name in ("variables", "functions", "types", "hosted"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def injected(self) -> tuple[Primitive, ...]:
        """All primitives, in the order in which a model is told of them."""
        return (*self.functions, *self.variables, *self.hosted, *self.types)

    @cached_property
    def classes(self) -> dict[str, type]:
        """The classes that claims are rebuilt as, by name: injected ones, and those of hosted objects.

        Raises:
            SetupFault: two of them have the same name.
        """
        try:
            return classes_of(self.types, self.hosted)
        except ClassClash as clash:
            raise SetupFault(str(clash)) from None

    @cached_property
    def hosted_names(self) -> frozenset[str]:
        """The names of hosted objects."""
        return frozenset(each.name for each in self.hosted)

    @cached_property
    def targets(self) -> dict[str, tuple[str, str | None]]:
        """What may be called: `bank.transfer` -> the hosted object's name, and the method's (None: itself).

        Raises:
            SetupFault: two of them have the same name.
        """
        return _targets(self.hosted)

    @cached_property
    def user_targets(self) -> dict[str, tuple[str, str | None]]:
        """The same of what only a turn's user may call.

        Raises:
            SetupFault: one has the name of another, or of what cells may call.
        """
        found = _targets(filter(None, (each.for_user for each in self.hosted)))
        if twice := sorted(found.keys() & self.targets.keys()):
            raise SetupFault(f"hosted twice: {twice[0]}")
        return found

    @cached_property
    def callable_names(self) -> frozenset[str]:
        """The names by which the runtime calls what is hosted."""
        return frozenset(name for each in self.hosted for name in each.injected)

    def brief(self) -> dict[str, Any]:
        """What the Template's service is made with."""
        return {
            "variables": [(each.name, each.value) for each in self.variables],
            "functions": [(each.name, each.func) for each in self.functions],
            "types": [(each.name, each.cls) for each in self.types],
            "hosted": [proxy_of(each) for each in self.hosted],
            "setup": self.run,
            "clock": self._moment,
        }

    def world_brief(self) -> dict[str, Any]:
        """What the service of the World's Template is made with."""
        return {
            "objects": [(each.name, each.obj) for each in self.hosted],
            "types": [(each.name, each.cls) for each in self.types],
            "classes": self.classes,
            "targets": self.targets | self.user_targets,
            "clock": self._moment,
        }

    @property
    def _moment(self) -> tuple[str, str] | None:
        return None if self.clock is None else moment_of(self.clock)


def _targets(hosted: Iterable[Hosted]) -> dict[str, tuple[str, str | None]]:
    found: dict[str, tuple[str, str | None]] = {}
    for each in hosted:
        for target, method in each.targets.items():
            if target in found:
                raise SetupFault(f"hosted twice: {target}")
            found[target] = each.name, None if each.is_function else method
    return found
