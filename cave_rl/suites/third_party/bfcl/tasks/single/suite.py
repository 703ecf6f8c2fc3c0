"""The single-turn categories as a suite; what it is made of is read when it is first asked for."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator, Sequence

from cave_rl.suites.third_party.bfcl.tasks.fixed import Fixed
from cave_rl.suites.third_party.bfcl.tasks.single.data import UNSOLVABLE, Entry, entries
from cave_rl.suites.third_party.bfcl.tasks.single.making import make
from cave_rl.suites.third_party.bfcl.tasks.suite import missing
from cave_rl.tasks.suite import Split, SuiteError
from cave_rl.tasks.task import Task

CATEGORIES = (
    "simple_python",
    "multiple",
    "parallel",
    "parallel_multiple",
    "irrelevance",
    "live_simple",
    "live_multiple",
    "live_parallel",
    "live_parallel_multiple",
    "live_irrelevance",
    "live_relevance",
)
"""The families: upstream's categories, but for Java's and JavaScript's."""

STEPS = 5
"""Messages with code that a model may write to train: it may look at what there is, and split its calls."""


class Single(Fixed[Entry]):
    """Questions that calls of described functions answer; the functions do nothing but be called.

    Args:
        official: put all entries into the split `test`, and judge after one message with code, as upstream does: to
            report numbers that can be compared with others'. Otherwise they are split for training, without those that
            cannot be solved.
        max_steps: messages with code before a task is judged as it stands; by default 1 if official, else 5.
    """

    def __init__(self, *, official: bool = False, max_steps: int | None = None) -> None:
        reading = "-Official" if official else ""
        super().__init__(f"BFCL-Single{reading}-v0", description="3,491 questions of BFCL v4: which calls answer each")
        self.official = official
        self.max_steps = max_steps or (1 if official else STEPS)
        for name in CATEGORIES:
            live = "live" if name.startswith("live_") else "non_live"
            self.family(name=name, tags=("bfcl", "single", live))(functools.partial(self._any, name))

    def names(self, split: Split) -> list[str]:
        """The families of a split: all, or none.

        Raises:
            SuiteError: no such split.
        """
        known = super().names(split)
        return known if split != "heldout" and (split == "test" or not self.official) else []

    def turns(self, families: Sequence[str], rng: random.Random | None = None) -> Iterator[str]:
        """Whose turn it is: each family as often as it has tasks to train on, so that none has had all before others.

        Raises:
            SuiteError: the package is not installed.
        """
        split: Split = "test" if self.official else "train"
        whole = [family for family in families for _ in self.keys(split, family)]
        while whole:
            yield from whole if rng is None else rng.sample(whole, len(whole))

    def keys(self, split: Split, family: str) -> list[Entry]:
        """The entries of a family in a split.

        Raises:
            SuiteError: the package is not installed.
        """
        try:
            every = entries(family)
        except ImportError as error:
            raise missing(error, self.name) from error
        if self.official:
            return list(every) if split == "test" else []
        return [each for each in every if each.split == split and each.id not in UNSOLVABLE]

    def made(self, key: Entry) -> Task:
        """The task of an entry."""
        family = self.families[key.category]
        return make(key, self.max_steps).but(suite=self.name, family=family.name, tags=family.tags)

    def entry(self, name: str) -> Task:
        """The task of upstream's entry of a name, such as `live_simple_3-2-1`.

        Raises:
            SuiteError: there is none, or the package is not installed.
        """
        for family in CATEGORIES:
            if name.rpartition("_")[0] == family:
                for each in entries(family):
                    if each.id == name:
                        return self.made(each)
        raise SuiteError(f"{self.name} has no entry {name!r}: they are named as 'simple_python_0', 'live_simple_3-2-1'")
