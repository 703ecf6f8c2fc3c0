"""What scored gold episodes cost, and what upstream's own evaluation of the same calls does."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.bfcl.playing import in_episodes
from benchmarks.bfcl.subjects import Subject
from cave_rl.runtime import Pool


@dataclass(frozen=True)
class Cost:
    """CPU seconds; ours are those of all processes, from the first that was started until the last has ended.

    Attributes:
        episodes: how many were played, and how many upstream judged.
        passed: those that earned 1.
        ours_s: set-up, cells, and verdict, upstream's included.
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
    """Plays the answers of tasks, each `group` times from one template, `together` episodes or one group at a time."""
    gold = {number: next(iter(subject.ways(number))) for number in numbers}
    tasks = {number: subject.task(number) for number in numbers}
    most = max(1, together // group)
    outcomes, before = {}, cpu_s()
    with Pool(templates=most) as pool:
        play = in_episodes(pool)
        for at in range(0, len(numbers), most):
            runs = [number for number in numbers[at : at + most] for _ in range(group)]
            for number, each in zip(runs, play([(tasks[each], gold[each].turns) for each in runs]), strict=True):
                outcomes.setdefault(number, []).append(each)
    played = cpu_s()
    for number, several in outcomes.items():
        for each in several:
            subject.theirs(number, gold[number], each.told)
    passed = sum(each.reward == 1.0 for several in outcomes.values() for each in several)
    return Cost(len(numbers) * group, passed, played - before, cpu_s() - played)


def cpu_s() -> float:
    """CPU seconds of this process, and of all its descendants that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
