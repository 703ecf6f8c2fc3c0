"""Tasks as rows of a dataset: which task, how it is put, and the seed of its environment.

There is one shape, for `Suite.to_dataset` and for training. A row names its task rather than holding it, so it is plain
data; whoever has the suite gets the task back:

>>> from cave_rl.tasks import find
>>> suite = find("Types-v0")
>>> (row,) = draw_rows(suite, "train", 1, families=["sort_list"])
>>> row["suite"], row["split"], row["family"], row["index"], row["tags"]
('Types-v0', 'train', 'sort_list', 0, ['core', 'list'])
>>> [message["role"] for message in row["prompt"]]
['system', 'user']
>>> task_of(suite, row).id == row["task"]
True
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypedDict

from cave_rl.semantic.prompt import Message
from cave_rl.tasks.config import PromptConfig
from cave_rl.tasks.opening import opening
from cave_rl.tasks.suite import Split, Suite, SuiteError
from cave_rl.tasks.task import Task

_ATTEMPTS = 1000
"""Tasks of a family that are looked at for one that is new."""


class Row(TypedDict):
    """What a trainer is given of one task; an episode is a pure function of it.

    Attributes:
        prompt: the chat before the model's first message; what a user begins with is not in it.
        suite: where the task comes from.
        split, family, index: the arguments of `Suite.task`.
        seed: of the environment.
        task: the task's id, which says whether two rows ask the same.
        tags, difficulty: as the task has them.
    """

    prompt: list[Message]
    suite: str
    split: Split
    family: str
    index: int
    seed: int
    task: str
    tags: list[str]
    difficulty: float | None


def draw_rows(
    suite: Suite,
    split: Split,
    n: int,
    *,
    families: Sequence[str] | None = None,
    tags: Sequence[str] = (),
    seed: int = 0,
    prompt: PromptConfig | None = None,
) -> list[Row]:
    """`n` rows of a split, families in turn in an order drawn by the seed.

    No task comes twice, and none that is among the suite's examples. Another seed gives other tasks.

    Args:
        suite: where the tasks come from.
        split: of which split.
        n: how many.
        families: only these families.
        tags: only families with all of these tags.
        seed: draws the order, the tasks and the seeds of the environments.
        prompt: how the tasks are put.

    Raises:
        SuiteError: no family fits, or one has too few distinct tasks.
    """
    rng = random.Random(seed)
    prompt = prompt or PromptConfig()
    names = suite.select(split, families=families, tags=tags)
    indices = {name: itertools.count(seed * 1_000_000) for name in names}
    met = {task.content for task in suite.examples}
    found: list[Row] = []
    for family in suite.turns(names, rng):
        if len(found) == n:
            break
        index, task = unmet(suite, split, family, indices[family], met)
        met.add(task.content)
        found.append(row_of(suite, task, split, family, index, rng.randrange(2**31), prompt))
    return found


def row_of(suite: Suite, task: Task, split: Split, family: str, index: int, seed: int, prompt: PromptConfig) -> Row:
    """The row of a task that `Suite.task` gave for these arguments."""
    return {
        "prompt": opening(task, prompt, suite.examples),
        "suite": task.suite,
        "split": split,
        "family": family,
        "index": index,
        "seed": seed,
        "task": task.id,
        "tags": list(task.tags),
        "difficulty": task.difficulty,
    }


def task_of(suite: Suite, row: Row | Mapping[str, Any]) -> Task:
    """The task that a row names.

    Raises:
        SuiteError: the suite has no such task.
    """
    named: Mapping[str, Any] = row
    return suite.task(row["split"], row["family"], row["index"], difficulty=named.get("level"))


def unmet(
    suite: Suite,
    split: Split,
    family: str,
    indices: Iterator[int],
    met: Collection[str],
    *,
    difficulty: int | None = None,
) -> tuple[int, Task]:
    """The next task of a family whose content is not among those that were met, with its number.

    Raises:
        SuiteError: the family has too few distinct tasks.
    """
    for index in itertools.islice(indices, _ATTEMPTS):
        task = suite.task(split, family, index, difficulty=difficulty)
        if task.content not in met:
            return index, task
    raise SuiteError(
        f"family {family!r} of {suite.name} gave no new task in {_ATTEMPTS} tries: it has too few distinct tasks of "
        f"split {split!r} for that many; let it draw from more, or ask for fewer"
    )
