"""Compares verdicts: ours of what was played, and upstream's of the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.bfcl.playing import Outcome, Play
from benchmarks.bfcl.subjects import Subject, Way

_AGAIN = 3
"""How often a run is played again that a fault of the host's has ended: it says nothing of the verdicts."""


@dataclass
class Count:
    """What came of the runs of one kind.

    Attributes:
        runs: how many.
        reward: those that our environment paid 1 for (strict).
        official: those that our verdict passes, read as upstream does.
        checker: those that upstream's checker passes.
        disagreements: what differs, of each run where something does.
    """

    runs: int = 0
    reward: int = 0
    official: int = 0
    checker: int = 0
    disagreements: list[str] = field(default_factory=list)


@dataclass
class Parity:
    """The runs of one category.

    Attributes:
        kinds: by kind of run.
        tasks: how many there were.
        failed_gold: those whose answers do not pass.
        faults: runs that failed on our side, and were played again.
        ours_s: wall seconds in the environment, from set-up to verdict.
        checker_s: those that upstream's checker took for the same calls.
    """

    kinds: dict[str, Count] = field(default_factory=dict)
    tasks: int = 0
    failed_gold: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    ours_s: float = 0.0
    checker_s: float = 0.0

    @property
    def runs(self) -> int:
        """How many runs there were."""
        return sum(count.runs for count in self.kinds.values())

    @property
    def disagreements(self) -> list[str]:
        """All of them."""
        return [f"{kind}: {each}" for kind, count in self.kinds.items() for each in count.disagreements]


def compare(
    subject: Subject,
    numbers: Sequence[int],
    play: Play,
    found: Parity,
    *,
    together: int = 1,
    progress: Callable[[Parity], None] = lambda found: None,
) -> None:
    """Plays tasks in all ways, and compares the verdicts.

    Args:
        subject: which tasks.
        numbers: those of them.
        play: how they are played.
        found: what comes of them is added there, some tasks after the others: it stands if this is interrupted.
        together: how many tasks are played at a time.
        progress: is told when some are done.
    """
    for at in range(0, len(numbers), together):
        some = numbers[at : at + together]
        runs = [(number, way) for number in some for way in subject.ways(number)]
        tasks = {number: subject.task(number) for number in some}
        started = time.perf_counter()
        faults: list[str] = []
        outcomes = play([(tasks[number], way.turns) for number, way in runs])
        for _ in range(_AGAIN):
            again = [at for at, each in enumerate(outcomes) if each.reward is None]
            if not again:
                break
            faults += [f"{subject.name(runs[at][0])}: {outcomes[at].why}" for at in again]
            replayed = play([(tasks[runs[at][0]], runs[at][1].turns) for at in again])
            for at, outcome in zip(again, replayed, strict=True):
                outcomes[at] = outcome
        found.faults += faults
        found.ours_s += time.perf_counter() - started
        for (number, way), outcome in zip(runs, outcomes, strict=True):
            _count(found, subject, number, way, outcome)
        found.tasks += len(some)
        progress(found)


def _count(found: Parity, subject: Subject, number: int, way: Way, outcome: Outcome) -> None:
    count = found.kinds.setdefault(way.kind, Count())
    started = time.perf_counter()
    ended = "checker" in outcome.told
    theirs = subject.theirs(number, way, outcome.told) if ended else {"checker": False, "strict": False}
    found.checker_s += time.perf_counter() - started
    count.runs += 1
    count.reward += outcome.reward == 1.0
    count.official += outcome.told.get("official") is True
    count.checker += theirs["checker"]
    if way.kind == "gold" and not theirs["checker"]:
        found.failed_gold.append(subject.name(number))
    if wrong := "; ".join(_differing(outcome, theirs)):
        count.disagreements.append(f"{subject.name(number)}: {wrong}")


def _differing(outcome: Outcome, theirs: Mapping[str, bool]) -> Iterator[str]:
    told = outcome.told
    if "checker" not in told:
        yield f"it has no verdict: {outcome.why}"
        return
    strict = told.get("strict", told["official"])  # of single turns there is one reading
    if told["official"] != theirs["checker"]:
        yield f"official {told['official']}, the checker {theirs['checker']}"
    if told["checker"]["valid"] != theirs["checker"]:
        yield f"the checker says {told['checker']} in the judge and {theirs['checker']} here"
    if strict != theirs["strict"]:
        yield f"strict {strict}, the checker with the irrelevance checker {theirs['strict']}"
    if outcome.reward != float(strict):
        yield f"reward {outcome.reward}, strict {strict}"
    if not told.get("replayed", True):
        yield "the calls do not lead to the live state"


def table(found: Mapping[str, Parity]) -> list[list[str]]:
    """Rows of text, a heading first: category by category, the kinds of its runs and what they took.

    Runs that pass are told once where all say the same of them, and else as: strict / official / upstream's checker.
    """
    kinds = list(dict.fromkeys(kind for each in found.values() for kind in each.kinds))
    rows = [["category", *kinds, "disagreements", "faults, played again", "ms a run: ours", "upstream's"]]
    for name, each in found.items():
        counts = [each.kinds.get(kind, Count()) for kind in kinds]
        spent = [f"{1000 * seconds / max(1, each.runs):.1f}" for seconds in (each.ours_s, each.checker_s)]
        told = f"{len(each.disagreements)} of {each.runs:,}"
        rows.append([name, *map(_passed, counts), told, str(len(each.faults)), *spent])
    return rows


def _passed(count: Count) -> str:
    passed = [count.reward, count.official, count.checker]
    shown = " / ".join(map(str, passed if len(set(passed)) > 1 else passed[:1]))
    return f"{shown} of {count.runs}" if count.runs else "-"
