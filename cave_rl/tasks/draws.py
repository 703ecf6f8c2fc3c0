"""Rows that a curriculum chooses as training goes.

`draw_rows` makes the rows of a whole run before it begins; here those of a step are made when it begins, of the
families that have been most instructive until then. No task comes twice in a step, nor while its family has another
that has not been met; a family that has none left begins again.

>>> from cave_rl.tasks import Curriculum, find
>>> suite = find("Types-v0")
>>> draws = Draws(suite, Curriculum.of(suite, families=["sort_list", "increase"]))
>>> rows = draws.draw(4)
>>> len({row["task"] for row in rows})
4
>>> for row in rows:
...     draws.observe(row, successes=3, rollouts=8)
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from typing import Any

from cave_rl.tasks.config import PromptConfig
from cave_rl.tasks.curriculum import Arm, Curriculum
from cave_rl.tasks.rows import Row, row_of, unmet
from cave_rl.tasks.suite import Split, Suite, SuiteError
from cave_rl.tasks.task import Task


class DrawnRow(Row):
    """A row with the level that was asked of `Suite.task`; None where none was.

    Attributes:
        level: the level.
    """

    level: int | None


class Draws:
    """The rows of step after step.

    Its state is plain data: what is drawn after it was loaded is what would have been drawn then.

    Args:
        suite: where the tasks come from.
        curriculum: says which family, and which level of it, is next.
        split: of which split.
        seed: draws the tasks and the seeds of their environments.
        prompt: how the tasks are put.
    """

    def __init__(
        self,
        suite: Suite,
        curriculum: Curriculum,
        *,
        split: Split = "train",
        seed: int = 0,
        prompt: PromptConfig | None = None,
    ) -> None:
        self.suite = suite
        self.curriculum = curriculum
        self._split = split
        self._seed = seed
        self._prompt = prompt or PromptConfig()
        self._shown = {task.content for task in suite.examples}
        self._next: dict[Arm, int] = {}
        self._met: dict[Arm, set[str]] = {}

    def draw(self, n: int) -> list[DrawnRow]:
        """The rows of a step.

        Raises:
            SuiteError: a family has too few distinct tasks for one step.
        """
        here: set[str] = set()
        return [self._row(self.curriculum.draw(), here) for _ in range(n)]

    def observe(self, row: DrawnRow, successes: int, rollouts: int) -> None:
        """Takes in how many rollouts of a row were solved. Those with a fault are no rollouts."""
        self.curriculum.observe((row["family"], row["level"]), successes, rollouts)

    def state_dict(self) -> dict[str, Any]:
        """The state, as plain data."""
        arms = [[*arm, index, sorted(self._met[arm])] for arm, index in self._next.items()]
        return {"curriculum": self.curriculum.state_dict(), "arms": arms}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state.

        Raises:
            SuiteError: it is the state of another curriculum.
        """
        self.curriculum.load_state_dict(state["curriculum"])
        self._next = {Arm(family, level): index for family, level, index, _ in state["arms"]}
        self._met = {Arm(family, level): set(met) for family, level, _, met in state["arms"]}

    def _row(self, arm: Arm, here: set[str]) -> DrawnRow:
        first = self._seed * 1_000_000
        met = self._met.setdefault(arm, set())
        try:
            index, task = self._unmet(arm, self._next.get(arm, first), met | here)
        except SuiteError:
            met.clear()
            index, task = self._unmet(arm, first, here)
        met.add(task.content)
        here.add(task.content)
        self._next[arm] = index + 1
        seed = random.Random(f"{self._seed}/{task.id}/{index}").randrange(2**31)
        row = row_of(self.suite, task, self._split, arm.family, index, seed, self._prompt)
        return {**row, "level": arm.difficulty}

    def _unmet(self, arm: Arm, start: int, met: set[str]) -> tuple[int, Task]:
        indices = itertools.count(start)
        return unmet(self.suite, self._split, arm.family, indices, met | self._shown, difficulty=arm.difficulty)
