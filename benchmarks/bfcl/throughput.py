"""What scored gold episodes cost, and what upstream's own evaluation of the same calls does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.bfcl.playing import JUDGES, Outcome, in_episodes
from benchmarks.bfcl.subjects import Subject
from benchmarks.measure import cpu_s
from benchmarks.mutations import Turns
from cave_rl.runtime import Pool
from cave_rl.tasks import Task

Run = tuple[Task, Turns]


@dataclass(frozen=True)
class Cost:
    """CPU seconds; ours are those of all processes.

    Attributes:
        episodes: how many were played, and how many upstream judged.
        passed: those that earned 1.
        ours_s: set-up, cells, and verdict, upstream's included; without what it takes to start a pool.
        theirs_s: upstream's evaluation alone.
    """

    episodes: int
    passed: int
    ours_s: float
    theirs_s: float

    @property
    def per_core(self) -> float:
        """Scored episodes a second that one core can give."""
        return self.episodes / self.ours_s


def cost(subject: Subject, numbers: Sequence[int], *, group: int = 1, together: int = 8) -> Cost:
    """Plays the answers of tasks, each `group` times from one template, about `together` episodes at a time."""
    gold = {number: next(iter(subject.ways(number))) for number in numbers}
    runs = [(number, (subject.task(number), gold[number].turns)) for number in numbers for _ in range(group)]
    most = max(1, together // group) * group
    batches = [[run for _, run in runs[at : at + most]] for at in range(0, len(runs), most)]
    first = [runs[0][1]]
    start_s, _ = _played([first])
    whole_s, outcomes = _played([first, *batches])
    before = cpu_s()
    for (number, _), outcome in zip(runs, outcomes[1:], strict=True):
        subject.theirs(number, gold[number], outcome.told)
    passed = sum(each.reward == 1.0 for each in outcomes[1:])
    return Cost(len(runs), passed, whole_s - start_s, cpu_s() - before)


def _played(batches: Sequence[Sequence[Run]]) -> tuple[float, list[Outcome]]:
    """CPU seconds from the first process of a pool until its last has ended, and what came of the runs."""
    before = cpu_s()
    with Pool(templates=max(map(len, batches)) + JUDGES) as pool:
        play = in_episodes(pool)
        outcomes = [each for batch in batches for each in play(batch)]
    return cpu_s() - before, outcomes
