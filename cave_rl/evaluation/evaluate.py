"""How good is a policy on a suite: every chosen task, played and judged in the environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from cave_rl.evaluation.statistics import Estimate, clustered_interval
from cave_rl.evaluation.summary import summarise
from cave_rl.rollouts.play import Rollout
from cave_rl.rollouts.traces import record
from cave_rl.runtime.pool import Pool
from cave_rl.tasks.config import EpisodeConfig
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.suite import Split, Suite
from cave_rl.tasks.task import Task

Player = Callable[[Sequence[Episode]], list[Rollout]]
"""Plays episodes to their end."""


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        label: what was evaluated, and how.
        rows: one a rollout, as `traces.jsonl` has it.
    """

    label: str
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def scored(self) -> list[dict[str, Any]]:
        """The rows without a fault: a fault is no failure of the policy."""
        return [row for row in self.rows if row["fault"] is None]

    @property
    def faults(self) -> int:
        """How many episodes failed on our side."""
        return len(self.rows) - len(self.scored)

    def success(self) -> Estimate:
        """The share of solved episodes, with its 95 % interval clustered by family."""
        rows = self.scored
        return clustered_interval([float(row["solved"]) for row in rows], [row["family"] for row in rows])

    def by_family(self) -> dict[str, float]:
        """The share of solved episodes of each family."""
        counts: dict[str, list[float]] = {}
        for row in self.scored:
            counts.setdefault(row["family"], []).append(float(row["solved"]))
        return {family: sum(values) / len(values) for family, values in sorted(counts.items())}

    def summary(self) -> dict[str, Any]:
        """Plain data: success, rewards, outcomes, tokens; see `cave_rl.evaluation.summary`."""
        return summarise(self.rows, self.label)


def choose(
    suite: Suite, split: Split, n: int, *, families: Sequence[str] | None = None, tags: Sequence[str] = ()
) -> list[Task]:
    """`n` tasks of a split, families in turn, those with all the tags.

    Raises:
        SuiteError: no such split or family, or no family has the tags.
    """
    return list(suite.tasks(split, n=n, families=suite.select(split, families=families, tags=tags)))


def evaluate(
    play: Player,
    tasks: Sequence[Task],
    *,
    pool: Pool,
    config: EpisodeConfig,
    label: str = "",
    rollouts: int = 1,
    seed: int = 0,
    examples: tuple[Task, ...] = (),
    concurrency: int = 64,
    progress: Callable[[int], None] = lambda done: None,
) -> Evaluation:
    """Plays every task `rollouts` times.

    Args:
        play: plays episodes to their end.
        tasks: what is played.
        pool: where templates are kept.
        config: how episodes are put, run and rewarded.
        label: names the evaluation in reports.
        rollouts: of each task, all from the same state.
        seed: of the environments.
        examples: few-shot tasks that prompts show.
        concurrency: most episodes alive at once.
        progress: is told how many episodes have ended, after each batch.
    """
    evaluation = Evaluation(label)
    waiting: Iterator[Task] = (task for task in tasks for _ in range(rollouts))
    while batch := list(islice(waiting, concurrency)):
        episodes = [Episode(task, pool=pool, config=config, seed=seed, examples=examples) for task in batch]
        try:
            evaluation.rows.extend(record(rollout, eval=label) for rollout in play(episodes))
        finally:
            for episode in episodes:
                episode.close()
        progress(len(evaluation.rows))
    return evaluation
