"""Suites: named, versioned, split sets of families; a family is a generator `rng -> Task`.

A task's split is a function of its *content*: what it asks and holds is hashed, and the hash says to which split it
belongs. A family is asked again until the split fits, so no test task can ever be met in training, whatever the seeds.
Families marked `held_out` are never trained on: they are their own split.

>>> import random
>>> from cave_rl.rewards.assertions import equals
>>> from cave_rl.runtime.primitives import Variable
>>> from cave_rl.tasks.task import Task, Turn
>>> suite = Suite("Doubling-v0")
>>> @suite.family
... def double(rng: random.Random) -> Task:
...     n = rng.randrange(1000)
...     turn = Turn("Double n.", equals("n", 2 * n), changes=["n"], gold=["n *= 2"])
...     return Task([turn], variables=[Variable("n", n)])
>>> [task.family for task in suite.tasks("test", n=2)]
['double', 'double']
>>> suite.task("train", "double", 0).id == suite.task("train", "double", 0).id
True
"""

from __future__ import annotations

import hashlib
import itertools
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar, get_args, overload

from cave_rl.runtime.extras import advice
from cave_rl.runtime.nearest import nearest
from cave_rl.tasks.config import PromptConfig
from cave_rl.tasks.task import Task, TaskError

if TYPE_CHECKING:
    import datasets
    import numpy as np

Make = TypeVar("Make", bound=Callable[..., Task])
Split = Literal["train", "validation", "test", "heldout"]
SPLITS: tuple[Split, ...] = get_args(Split)

_SHARE = {"validation": (0, 10), "test": (10, 30), "train": (30, 100)}  # percent of the content hashes
_ATTEMPTS = 1000


class SuiteError(ValueError):
    """A suite that is malformed, or that was asked for something it does not have."""


@dataclass(frozen=True, slots=True)
class Family:
    """A generator of tasks.

    Attributes:
        name: unique in its suite.
        make: `rng -> Task`, or `(rng, difficulty) -> Task`; the same state of `rng` gives the same task.
        held_out: never trained on.
        tags: added to the tags of each of its tasks.
        difficulty: the easiest and the hardest level that `make` takes; None where it takes none.
    """

    name: str
    make: Callable[..., Task]
    held_out: bool = False
    tags: tuple[str, ...] = ()
    difficulty: tuple[int, int] | None = None


class Suite:
    """A named, versioned, split set of families.

    Args:
        name: `Name-v0`; with namespace `cave_rl/` it is the Gymnasium id.
        description: one line for `cave-rl list`.
        examples: few-shot tasks (with gold) for prompts that show some; they must not come from held-out families.
    """

    __cave_host_only__: ClassVar[bool] = True

    def __init__(self, name: str, *, description: str = "", examples: tuple[Task, ...] = ()) -> None:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*-v\d+", name):
            raise SuiteError(f"a suite's name looks like 'Shop-v0' (letters, digits, '-', a version), not {name!r}")
        self.name = name
        self.description = description
        self.examples = examples
        self.families: dict[str, Family] = {}

    def __repr__(self) -> str:
        return f"Suite({self.name!r}, families={len(self.families)})"

    @overload
    def family(self, make: Make, /) -> Make: ...

    @overload
    def family(
        self,
        /,
        *,
        name: str | None = None,
        held_out: bool = False,
        tags: tuple[str, ...] = (),
        difficulty: tuple[int, int] | None = None,
    ) -> Callable[[Make], Make]: ...

    def family(  # type: ignore[misc]
        self,
        make: Make | None = None,
        /,
        *,
        name: str | None = None,
        held_out: bool = False,
        tags: tuple[str, ...] = (),
        difficulty: tuple[int, int] | None = None,
    ) -> object:
        """Registers a generator, as a decorator with or without arguments.

        Args:
            make: `rng -> Task`; with `difficulty` given, `(rng, difficulty) -> Task`.
            name: the family's; by default the function's.
            held_out: whether it is never trained on.
            tags: added to those of its tasks.
            difficulty: the easiest and the hardest level. Where none is asked for, each task's is drawn.

        Raises:
            SuiteError: the suite has a family of that name, or the levels are no range.
        """
        if difficulty is not None and (len(difficulty) != 2 or difficulty[0] > difficulty[1]):
            raise SuiteError(f"difficulty is the easiest and the hardest level, such as (1, 5), not {difficulty}")

        def register(make: Make) -> Make:
            key = name or make.__name__
            if key in self.families:
                raise SuiteError(f"{self.name} has a family {key!r} already")
            self.families[key] = Family(key, make, held_out, tuple(tags), difficulty)
            return make

        return register if make is None else register(make)

    def names(self, split: Split) -> list[str]:
        """The families of a split: the held-out ones for `heldout`, the others for the rest.

        Raises:
            SuiteError: no such split.
        """
        if split not in SPLITS:
            raise SuiteError(f"no split {split!r}: {', '.join(SPLITS)}{nearest(str(split), SPLITS)}")
        return [name for name, family in self.families.items() if family.held_out == (split == "heldout")]

    def first_split(self, family: str) -> Split:
        """The first split in which a family has tasks.

        Raises:
            SuiteError: no such family.
        """
        if family not in self.families:
            raise SuiteError(f"{self.name} has no family {family!r}{nearest(family, self.families)}")
        return next(split for split in SPLITS if family in self.names(split))

    def select(self, split: Split, *, families: Sequence[str] | None = None, tags: Sequence[str] = ()) -> list[str]:
        """The families of a split, narrowed to those named and to those that have all the tags.

        Raises:
            SuiteError: no such split or family, or none is left.
        """
        known = self.names(split)
        chosen = known if families is None else list(families)
        for name in chosen:
            if name not in known:
                raise SuiteError(f"{self.name} has no family {name!r} in split {split!r}{nearest(name, known)}")
        left = [name for name in chosen if set(tags) <= set(self.families[name].tags)]
        if not left:
            every = sorted({tag for family in self.families.values() for tag in family.tags})
            wanted = f" with the tags {', '.join(tags)} (there are {', '.join(every)})" if tags else ""
            raise SuiteError(f"{self.name} has no family in split {split!r}{wanted}")
        return left

    def turns(self, families: Sequence[str], rng: random.Random | None = None) -> Iterator[str]:
        """Which family's turn it is, without end: round after round, each in an order that `rng` draws if given."""
        while families:
            yield from families if rng is None else rng.sample(families, len(families))

    def pick(self, families: Sequence[str], rng: np.random.Generator) -> str:
        """One of some families by chance, each as likely as any other."""
        return families[int(rng.integers(len(families)))]

    def task(self, split: Split, family: str, index: int, *, difficulty: int | None = None) -> Task:
        """The task number `index` of a family in a split; a pure function of its arguments.

        Args:
            split: of which split.
            family: of which family.
            index: its number, from 0.
            difficulty: its level, where the family takes one; None leaves it to be drawn.

        Raises:
            SuiteError: no such split, family or level, the family has too few distinct tasks to fill the split, or it
                needs a module that is not installed.
        """
        self.select(split, families=[family])
        level = () if difficulty is None else (f"level {difficulty}",)
        for attempt in range(_ATTEMPTS):
            seed = _seed(self.name, split, family, index, attempt, *level)
            task = self._make(family, seed, difficulty)
            if split == "heldout" or split_of(task) == split:
                return task
        raise SuiteError(
            f"family {family!r} of {self.name} gave no task of split {split!r} in {_ATTEMPTS} tries: it has too few "
            f"distinct tasks; let it draw from more"
        )

    def tasks(self, split: Split, *, n: int | None = None, families: Sequence[str] | None = None) -> Iterator[Task]:
        """The tasks of a split, families in turn; `n` of them, or without end.

        Raises:
            SuiteError: no such split or family, or the split has no family.
        """
        indices: Counter[str] = Counter()
        for family in itertools.islice(self.turns(self.select(split, families=families)), n):
            yield self.task(split, family, indices[family])
            indices[family] += 1

    def to_dataset(
        self,
        split: Split,
        n: int,
        *,
        families: Sequence[str] | None = None,
        tags: Sequence[str] = (),
        seed: int = 0,
        prompt: PromptConfig | None = None,
    ) -> datasets.Dataset:
        """`n` tasks of a split as a `datasets.Dataset`, as TRL wants it; `cave_rl.tasks.rows` has the columns.

        Args:
            split: of which split.
            n: how many.
            families: only these families.
            tags: only families with all of these tags.
            seed: draws the order, the tasks and the seeds of the environments.
            prompt: how the tasks are put.

        Raises:
            SuiteError: no family fits, one has too few distinct tasks, or `datasets` is not installed.
        """
        from cave_rl.tasks.rows import draw_rows

        try:
            import datasets
        except ModuleNotFoundError as error:
            raise SuiteError(advice("datasets") or str(error)) from error
        rows = draw_rows(self, split, n, families=families, tags=tags, seed=seed, prompt=prompt)
        return datasets.Dataset.from_list(rows)

    def _make(self, name: str, seed: int, difficulty: int | None = None) -> Task:
        family, rng = self.families[name], random.Random(seed)
        level = _level(family, rng, difficulty)
        try:
            task = family.make(rng) if level is None else family.make(rng, level)
        except ImportError as error:
            told = advice(error.name or "") or f"{type(error).__name__}: {error}"
            raise SuiteError(f"family {name!r} of {self.name}: {told}") from error
        if not isinstance(task, Task):
            raise TaskError(f"family {name!r} of {self.name} must return a Task, not {type(task).__name__}")
        told_level = level if task.difficulty is None else task.difficulty
        tags = (*family.tags, *task.tags)
        return task.but(suite=self.name, family=name, seed=seed, tags=tags, difficulty=told_level)


def _level(family: Family, rng: random.Random, wanted: int | None) -> int | None:
    """The level at which a task is made: what is asked for, or drawn; None where the family takes none."""
    if family.difficulty is None:
        if wanted is not None:
            raise SuiteError(f"family {family.name!r} takes no difficulty, so there is no level {wanted} of it")
        return None
    low, high = family.difficulty
    if wanted is None:
        return rng.randint(low, high)
    if not low <= wanted <= high:
        raise SuiteError(f"family {family.name!r} has the levels {low} to {high}, not {wanted}")
    return wanted


def split_of(task: Task) -> Split:
    """The split to which a task belongs by its content (held-out families aside)."""
    percent = int(task.content[:8], 16) % 100
    for split, (low, high) in _SHARE.items():
        if low <= percent < high:
            return split  # type: ignore[return-value]
    raise AssertionError(percent)


def _seed(*parts: str | int) -> int:
    return int.from_bytes(hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=6).digest(), "little")
