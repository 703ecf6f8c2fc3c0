"""Suites of tasks that are given, rather than drawn: each task is in one split, and there are no more."""

from __future__ import annotations

import itertools
import random
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from typing import Generic, TypeVar

from cave_rl.tasks.suite import SPLITS, Split, Suite, SuiteError
from cave_rl.tasks.task import Task

Key = TypeVar("Key", bound=Hashable)


class Fixed(Suite, ABC, Generic[Key]):
    """A suite of tasks that are given.

    Whoever derives from it says which there are (`keys`) and makes them (`made`), and registers the families.
    """

    @abstractmethod
    def keys(self, split: Split, family: str) -> Sequence[Key]:
        """What the tasks of a family in a split are told apart by, in their order."""

    @abstractmethod
    def made(self, key: Key) -> Task:
        """The task of a key.

        Raises:
            SuiteError: it needs a package that is not installed.
        """

    def task(self, split: Split, family: str, index: int, *, difficulty: int | None = None) -> Task:
        """The task number `index` of a family in a split; after the last, the first comes again.

        Raises:
            SuiteError: no such split or family, a level is asked for, or the package is not installed.
        """
        self.select(split, families=[family])
        if difficulty is not None:
            raise SuiteError(f"{self.name} is a fixed set of tasks: no level can be asked for")
        own = self.keys(split, family)
        return self.made(own[index % len(own)])

    def tasks(self, split: Split, *, n: int | None = None, families: Sequence[str] | None = None) -> Iterator[Task]:
        """The tasks of a split in their order, each once; `n` of them, families in turn, or all.

        Raises:
            SuiteError: no such split or family, there are fewer, or the package is not installed.
        """
        own = [self.keys(split, family) for family in self.select(split, families=families)]
        there = sum(map(len, own))
        if n is not None and n > there:
            told = f"{self.name} is a fixed set of tasks: it has {there} of split {split!r}, not {n}"
            raise SuiteError(f"{told}; ask for {there} or fewer (--tasks)")
        in_turn = (key for each in itertools.zip_longest(*own) for key in each if key is not None)
        yield from map(self.made, itertools.chain(*own) if n is None else itertools.islice(in_turn, n))

    def _any(self, family: str, rng: random.Random) -> Task:
        """Some task of a family, of its first split."""
        return self.made(rng.choice(self.keys(next(each for each in SPLITS if family in self.names(each)), family)))
