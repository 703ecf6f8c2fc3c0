"""Which task an environment plays next."""

from __future__ import annotations

from typing import Any

import numpy as np

from cave_rl.tasks import registry
from cave_rl.tasks.suite import Split, Suite, SuiteError
from cave_rl.tasks.task import Task

_INDICES = 1_000_000
"""Tasks that a seed draws from, per family."""


class Chooser:
    """Draws tasks of a suite's split by a generator; or gives the one task there is.

    Raises:
        SuiteError: neither or both of suite and task are given, or the split has no such family.
    """

    def __init__(self, suite: str | Suite | None, task: Task | None, split: Split, families: list[str] | None) -> None:
        if (suite is None) == (task is None):
            raise SuiteError("give a suite or a task: CaveEnv('Types-v0') or CaveEnv(task=...)")
        self.suite = registry.find(suite) if isinstance(suite, str) else suite
        self._task = task
        self._split = split
        self._families: list[str] = []
        if self.suite is not None:
            self._families = self.suite.select(split, families=families)

    @property
    def examples(self) -> tuple[Task, ...]:
        """The suite's few-shot examples."""
        return self.suite.examples if self.suite is not None else ()

    def __call__(self, rng: np.random.Generator, options: dict[str, Any] | None) -> tuple[Task, int]:
        """A task, and the seed of its run.

        Raises:
            SuiteError: an unknown option, one that does not fit, or a task that is not there.
        """
        options = dict(options or {})
        drawn = self.suite.pick(self._families, rng) if self.suite is not None else ""
        index, run = (int(rng.integers(bound)) for bound in (_INDICES, 2**31))
        given = options.pop("task", None)
        name, number, level = (options.pop(key, None) for key in ("family", "index", "difficulty"))
        if options:
            raise SuiteError(f"unknown reset option {next(iter(options))!r}: task, family, index, difficulty")
        if given is not None and not isinstance(given, Task):
            raise SuiteError(f"options['task'] is a Task, not {type(given).__name__}")
        single = given if given is not None else self._task
        if single is not None:
            if any(each is not None for each in (name, number, level)):
                raise SuiteError("family, index and difficulty choose from a suite: here a task is given")
            return single, run
        if name is not None and not isinstance(name, str):
            raise SuiteError(f"options['family'] is a family's name, not {name!r}")
        if number is not None and (not isinstance(number, (int, np.integer)) or number < 0):
            raise SuiteError(f"options['index'] is a task's number in its family, from 0, not {number!r}")
        if level is not None and not isinstance(level, (int, np.integer)):
            raise SuiteError(f"options['difficulty'] is a level of the family, a whole number, not {level!r}")
        assert self.suite is not None
        return self.suite.task(
            self._split,
            drawn if name is None else name,
            index if number is None else int(number),
            difficulty=None if level is None else int(level),
        ), run
