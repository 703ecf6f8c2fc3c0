"""A fixed set of dialogues as a suite; what it is made of is read when it is first asked for.

Dialogue number 17 of one category is a variant of number 17 of the others, so the splits go by number, and are the same
in all four: nothing that is tested on in one is trained on in another.

>>> {split: sum(split_of(number) == split for number in range(200)) for split in ("train", "validation", "test")}
{'train': 140, 'validation': 20, 'test': 40}
"""

from __future__ import annotations

import functools
from typing import Literal

from cave_rl.rewards.compose import Counting
from cave_rl.runtime.nearest import nearest
from cave_rl.suites.third_party.bfcl.tasks.fixed import Fixed
from cave_rl.suites.third_party.bfcl.tasks.making import make
from cave_rl.tasks.suite import Split, SuiteError
from cave_rl.tasks.task import Task

INSTALL = "pip install --no-deps bfcl-eval==2026.3.23 && pip install mpmath==1.3.0 'cave-rl[clock]'"
"""How the package is installed without what only its model handlers need."""

CATEGORIES = {
    "base": ("Base", "every turn can be done as it is asked"),
    "miss_func": ("MissFunc", "a function that a turn needs comes only later"),
    "miss_param": ("MissParam", "a turn leaves out what only a later one tells"),
    "long_context": ("LongContext", "the same as Base among a great many files and records"),
}

FAMILIES = ("files", "vehicle", "trading", "travel")
"""The subjects, fifty dialogues each."""

_EACH = 50


class Dialogues(Fixed[int]):
    """The two hundred dialogues of a category.

    Args:
        category: `base`, `miss_func`, `miss_param` or `long_context`.
        official: score by upstream's own rules, and put all dialogues into the split `test`: to report numbers that can
            be compared with others'. Otherwise a turn in which nothing can be done is failed by calling anything, and
            the dialogues are split for training.
        style: `functions` injects the methods under their own names, `objects` the simulators.
        counting: `whole` pays 1 for a dialogue whose turns all pass, else 0; `prefix` pays the share of its turns
            before the first that does not.
    """

    def __init__(
        self,
        category: str,
        *,
        official: bool = False,
        style: Literal["functions", "objects"] = "functions",
        counting: Counting = "whole",
    ) -> None:
        if category not in CATEGORIES:
            raise SuiteError(f"BFCL has no multi-turn category {category!r}{nearest(category, CATEGORIES)}")
        title, told = CATEGORIES[category]
        reading = "-Official" if official else ""
        super().__init__(f"BFCL-MultiTurn-{title}{reading}-v0", description=f"200 dialogues of BFCL v4: {told}")
        self.category = category
        self.official = official
        self.style = style
        self.counting = counting
        for name in FAMILIES:
            self.family(name=name, tags=("bfcl", category))(functools.partial(self._any, name))

    def names(self, split: Split) -> list[str]:
        """The families of a split.

        Raises:
            SuiteError: no such split.
        """
        super().names(split)
        return list(FAMILIES) if self._numbers(split) else []

    def keys(self, split: Split, family: str) -> list[int]:
        """The numbers of the dialogues of a family in a split."""
        return [number for number in self._numbers(split) if family_of(number) == family]

    def made(self, key: int) -> Task:
        """`dialogue`."""
        return self.dialogue(key)

    def dialogue(self, number: int) -> Task:
        """The task made of upstream's dialogue of a number, from 0.

        Raises:
            SuiteError: there is none, or the package is not installed.
        """
        if not 0 <= number < _EACH * len(FAMILIES):
            raise SuiteError(f"{self.name} has the dialogues 0 to {_EACH * len(FAMILIES) - 1}, not {number}")
        flat, family = self.style == "functions", family_of(number)
        try:
            task = make(self.category, number, official=self.official, flat=flat, counting=self.counting)
        except ImportError as error:
            raise missing(error, self.name) from error
        return task.but(suite=self.name, family=family, tags=self.families[family].tags)

    def _numbers(self, split: str) -> list[int]:
        numbers = range(_EACH * len(FAMILIES))
        return [number for number in numbers if ("test" if self.official else split_of(number)) == split]


def missing(error: ImportError, suite: str) -> SuiteError:
    """What is said where the package is not installed."""
    name = (error.name or str(error)).partition(".")[0]
    return SuiteError(f"{name} is not installed, which {suite} needs: {INSTALL}")


def split_of(number: int) -> Split:
    """The split of a dialogue, in every category."""
    return {0: "test", 1: "test", 2: "validation"}.get(number % 10, "train")  # type: ignore[return-value]


def family_of(number: int) -> str:
    """The family of a dialogue, in every category."""
    return FAMILIES[number // _EACH]
