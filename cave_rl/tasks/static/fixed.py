"""A fixed set of tasks, as a suite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from cave_rl.tasks.suite import SPLITS, Family, Split, Suite, SuiteError
from cave_rl.tasks.task import Task


class StaticSuite(Suite):
    """A fixed set of tasks, as a suite.

    Args:
        name: the suite's.
        tasks: the tasks with their splits; those of `example` become the few-shot examples.
        origin: where they come from.
    """

    def __init__(self, name: str, tasks: Iterable[tuple[str, Task]], origin: str = "") -> None:
        found = list(tasks)
        super().__init__(
            name,
            description=f"the tasks in {origin}" if origin else "",
            examples=tuple(task for split, task in found if split == "example"),
        )
        self._order: dict[str, list[Task]] = {split: [] for split in SPLITS}
        self._own: dict[tuple[str, str], list[Task]] = {}
        for split, task in found:
            if split != "example":
                self._order[split].append(task)
                self._own.setdefault((split, _family(task)), []).append(task)
        for family in dict.fromkeys(family for _, family in self._own):
            own = [task for (_, name), each in self._own.items() if name == family for task in each]
            shared = [tag for tag in own[0].tags if all(tag in task.tags for task in own)]
            held_out = all(split == "heldout" for split, name in self._own if name == family)
            self.families[family] = Family(family, lambda rng, own=own: rng.choice(own), held_out, tuple(shared))

    def names(self, split: Split) -> list[str]:
        """The families that have tasks of a split.

        Raises:
            SuiteError: no such split.
        """
        super().names(split)
        return [name for name in self.families if (split, name) in self._own]

    def task(self, split: Split, family: str, index: int, *, difficulty: int | None = None) -> Task:
        """The task number `index` of a family in a split; after the last, the first comes again.

        Raises:
            SuiteError: no such split or family, or a level is asked for.
        """
        self.select(split, families=[family])
        if difficulty is not None:
            raise SuiteError(f"{self.name} is a fixed set of tasks: no level can be asked for")
        own = self._own[split, family]
        return own[index % len(own)]

    def tasks(self, split: Split, *, n: int | None = None, families: Sequence[str] | None = None) -> Iterator[Task]:
        """The tasks of a split in their order, each once; the first `n`, or all.

        Raises:
            SuiteError: no such split or family, or there are fewer.
        """
        chosen = self.select(split, families=families)
        own = [task for task in self._order[split] if _family(task) in chosen]
        if n is not None and n > len(own):
            told = f"{self.name} is a fixed set of tasks: it has {len(own)} of split {split!r}, not {n}"
            raise SuiteError(f"{told}; ask for {len(own)} or fewer (--tasks)")
        yield from islice(own, n)


def _family(task: Task) -> str:
    return task.family or "task"
