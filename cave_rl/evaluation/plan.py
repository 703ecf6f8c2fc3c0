"""Which episodes an evaluation is made of, in order, each with a key that names it in every run."""

from __future__ import annotations

from dataclasses import dataclass

from cave_rl.evaluation.config import EvalConfig
from cave_rl.evaluation.evaluate import choose
from cave_rl.tasks import registry
from cave_rl.tasks.suite import Split, Suite
from cave_rl.tasks.task import Task


@dataclass(frozen=True, slots=True)
class Planned:
    """One episode to be played.

    Attributes:
        task: what is played.
        split, index: where its suite has it: `suite.task(split, task.family, index)`.
        rollout: its number among those of its task.
        examples: few-shot tasks that its prompt may show.
    """

    task: Task
    split: Split
    index: int
    rollout: int
    examples: tuple[Task, ...] = ()

    @property
    def key(self) -> str:
        """Names the episode, the same in every run: `Types-v0/test/sort_list/0#3`."""
        return f"{self.task.suite}/{self.split}/{self.task.family}/{self.index}#{self.rollout}"


def plan(config: EvalConfig) -> list[Planned]:
    """All episodes of an evaluation: suite by suite, task by task.

    Raises:
        SuiteError: there is no such suite, split or family, or none has the tags.
        TaskError: a family makes something that is no task.
    """
    return [
        Planned(task, config.split, index, rollout, suite.examples)
        for suite in map(registry.find, config.suites)
        for task, index in _numbered(suite, config)
        for rollout in range(config.rollouts)
    ]


def _numbered(suite: Suite, config: EvalConfig) -> list[tuple[Task, int]]:
    """The tasks, each with its number in its family."""
    counts: dict[str, int] = {}
    found = []
    for task in choose(suite, config.split, config.tasks, families=config.families, tags=config.tags):
        index = counts.get(task.family, 0)
        counts[task.family] = index + 1
        found.append((task, index))
    return found
