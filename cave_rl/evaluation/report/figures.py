"""The numbers of a report: what was reached, at what cost, and where two sides differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from cave_rl.evaluation.report.runs import TOKENS, Episode, Run
from cave_rl.evaluation.statistics import (
    Difference,
    Estimate,
    clustered_interval,
    paired_difference,
    pass_at_k,
    pass_hat_k,
)

SLOWEST = 15
FAILED_MOST = 15


@dataclass(frozen=True, slots=True)
class Side:
    """What is compared: the episodes of one run under one protocol."""

    label: str
    episodes: tuple[Episode, ...]

    @property
    def scored(self) -> list[Episode]:
        """Those without a fault: a fault is no failure of the policy."""
        return [each for each in self.episodes if each.solved is not None]

    def of(self, part: str) -> Side:
        """Only one part of it."""
        return Side(self.label, tuple(each for each in self.episodes if each.part == part))


@dataclass(frozen=True, slots=True)
class PassAt:
    """The chance that one (`any`) or all (`every`) of k rollouts solve a task, a mean over the tasks with as many."""

    k: int
    any: float
    every: float
    tasks: int


@dataclass(frozen=True, slots=True)
class Slow:
    """A task and the mean of its seconds; `slowest` is its slowest episode."""

    task: str
    seconds: float
    rollouts: int
    slowest: Episode


def sides(runs: Sequence[Run]) -> list[Side]:
    """The sides of some runs, in order of appearance."""
    found: list[Side] = []
    for run in runs:
        protocols = list(dict.fromkeys(each.protocol for each in run.episodes))
        for protocol in protocols or [""]:
            played = tuple(each for each in run.episodes if each.protocol == protocol)
            names = [*([run.name] if len(runs) > 1 or not protocol else []), *([protocol] if protocol else [])]
            found.append(Side(" ".join(dict.fromkeys(names)), played))
    return found


def parts(runs: Sequence[Run]) -> list[str]:
    """The evaluations that a file holds one after the other; a single one where every file holds one."""
    several = any(len({each.part for each in run.episodes}) > 1 for run in runs)
    return list(dict.fromkeys(each.part for run in runs for each in run.episodes)) if several else []


def success(episodes: Sequence[Episode]) -> Estimate | None:
    """The share of solved episodes, its interval clustered by task; None where none was scored."""
    scored = [each for each in episodes if each.solved is not None]
    return clustered_interval([float(each.solved or 0) for each in scored], _tasks(scored)) if scored else None


def at_worst(episodes: Sequence[Episode]) -> Estimate | None:
    """The same with every fault counted as a failure: what success is at least."""
    return clustered_interval([float(each.solved or 0) for each in episodes], _tasks(episodes)) if episodes else None


def difference(before: Side, after: Side) -> Difference | None:
    """By how much success grew, on the tasks that both have played; None where there are none."""
    old, new = before.scored, after.scored
    if not {each.task for each in old} & {each.task for each in new}:
        return None
    solved, solved_now = ([float(each.solved or 0) for each in episodes] for episodes in (old, new))
    return paired_difference(solved, solved_now, _tasks(old), _tasks(new))


def pass_curve(episodes: Iterable[Episode]) -> list[PassAt]:
    """Unbiased pass@k and pass^k for powers of two up to the most rollouts of a task."""
    cases: dict[tuple[str, str], list[bool]] = {}
    for each in episodes:
        if each.solved is not None:
            cases.setdefault((each.part, each.case), []).append(each.solved)
    counts = [(len(solved), sum(solved)) for solved in cases.values()]
    curve = []
    for k in (2**i for i in range(max((n for n, _ in counts), default=0).bit_length())):
        enough = [(n, c) for n, c in counts if n >= k]
        any_of, all_of = (fmean(of(n, c, k) for n, c in enough) for of in (pass_at_k, pass_hat_k))
        curve.append(PassAt(k, any_of, all_of, len(enough)))
    return curve


def families(found: Sequence[Side]) -> list[str]:
    """All families, by name."""
    return sorted({each.family for side in found for each in side.episodes})


def reward(side: Side) -> float | None:
    """The mean reward."""
    return _mean(each.reward for each in side.episodes)


def steps(side: Side) -> float | None:
    """Messages an episode."""
    return _mean(len(each.outcomes) for each in side.scored)


def seconds(side: Side) -> float | None:
    """Seconds of environment an episode."""
    return _mean(each.seconds for each in side.scored)


def tokens(side: Side) -> dict[str, float | None]:
    """Tokens an episode, by kind; None where they were not counted."""
    return {kind: _mean(each.tokens.get(kind) for each in side.scored) for kind in TOKENS}


def counts(side: Side, of: Callable[[Episode], Iterable[str]]) -> Counter[str]:
    """How often each of something occurs in the episodes of a side."""
    return Counter(name for each in side.episodes for name in of(each))


def slowest(found: Sequence[Side]) -> list[Slow]:
    """The tasks whose episodes took longest, over all sides."""
    tasks: dict[str, list[Episode]] = {}
    for side in found:
        for each in side.episodes:
            if each.seconds is not None:
                tasks.setdefault(each.task, []).append(each)
    slow = [
        Slow(task, fmean(each.seconds or 0 for each in played), len(played), max(played, key=lambda e: e.seconds or 0))
        for task, played in tasks.items()
    ]
    return sorted(slow, key=lambda each: (-each.seconds, each.task))[:SLOWEST]


def failed_verdicts(side: Side) -> list[tuple[str, str, int, int]]:
    """The statements that failed most often: family, name, how often they failed, how often they were judged."""
    judged: Counter[tuple[str, str]] = Counter()
    failed: Counter[tuple[str, str]] = Counter()
    for each in side.scored:
        for verdict in each.row.get("verdicts") or ():
            if isinstance(verdict, dict):
                key = each.family, str(verdict.get("name"))
                judged[key] += 1
                failed[key] += not verdict.get("passed")
    most = sorted(failed.items(), key=lambda item: (-item[1], item[0]))[:FAILED_MOST]
    return [(*key, count, judged[key]) for key, count in most if count]


def flips(runs: Sequence[Run], found: Sequence[Side]) -> dict[tuple[str, str], str]:
    """The tasks whose result is not the same on all sides: `gained` or `lost` between two, `differs` between more.

    A task's result is the share of its episodes that were solved. The key is the part, if files have several, and the
    task.
    """
    split = bool(parts(runs))
    results: dict[tuple[str, str], dict[int, list[float]]] = {}
    for index, side in enumerate(found):
        for each in side.scored:
            played = results.setdefault(flip_key(each, split), {})
            played.setdefault(index, []).append(float(each.solved or 0))
    flipped: dict[tuple[str, str], str] = {}
    for key, played in results.items():
        shares = [fmean(played[index]) for index in sorted(played)]
        if len(shares) > 1 and len(set(shares)) > 1:
            flipped[key] = "differs" if len(found) > 2 else "gained" if shares[1] > shares[0] else "lost"
    return flipped


def flip_key(episode: Episode, split: bool) -> tuple[str, str]:
    """What is the same task on all sides."""
    return (episode.part if split else "", episode.task)


def _tasks(episodes: Iterable[Episode]) -> list[str]:
    return [each.task for each in episodes]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
