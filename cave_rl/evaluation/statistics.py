"""Estimates from rollouts, and how far to trust them.

Rollouts of one task resemble each other, so they are not independent observations: intervals are over *clusters*
(tasks), which are what was sampled. Faults have no value: leave them out before anything here is called.

>>> solved = [1, 1, 0, 1, 0, 0, 1, 1]
>>> task = ["a", "a", "b", "b", "c", "c", "d", "d"]
>>> print(clustered_interval(solved, task))
62.5 % [25.0, 100.0]
>>> round(pass_at_k(8, 5, 4), 3), round(pass_hat_k(8, 5, 4), 3)
(1.0, 0.071)
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_CELLS = 2**21  # most numbers drawn at once: bounds the memory of a bootstrap
_SAME = 1e-12  # means closer than this differ by rounding only


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its confidence interval.

    >>> print(Estimate(0.625, 0.55, 0.698, n=160, clusters=20))
    62.5 % [55.0, 69.8]

    Attributes:
        mean: the estimate, as a share (0.625, not 62.5).
        low, high: the interval; NaN where nothing can be said.
        n: how many values it rests on.
        clusters: how many independent things those values are of.
    """

    mean: float
    low: float
    high: float
    n: int
    clusters: int

    def __str__(self) -> str:
        return f"{100 * self.mean:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}]"

    def as_dict(self) -> dict[str, float | int | None]:
        """Plain data for JSON: NaN, which JSON lacks, is None."""
        return {name: None if math.isnan(value) else value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Difference(Estimate):
    """A difference of two means and its confidence interval.

    >>> difference = Difference(0.125, 0.031, 0.219, n=320, clusters=20)
    >>> print(difference, difference.significant)
    +12.5 points [+3.1, +21.9] True
    """

    def __str__(self) -> str:
        return f"{100 * self.mean:+.1f} points [{100 * self.low:+.1f}, {100 * self.high:+.1f}]"

    @property
    def significant(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def pass_at_k(n: int, c: int, k: int) -> float:
    """The chance that at least one of k rollouts solves a task, from n rollouts of which c did. Unbiased.

    `1 - C(n-c, k) / C(n, k)`: the share of all choices of k among the n that hold a solved one (Chen et al. 2021,
    "Evaluating Large Language Models Trained on Code", equation 1). Computed on whole numbers, so it is exact to the
    last bit. Average it over tasks.

    >>> pass_at_k(n=10, c=3, k=1), pass_at_k(n=10, c=3, k=8), pass_at_k(n=4, c=3, k=8)
    (0.3, 1.0, nan)

    Raises:
        ValueError: not 0 <= c <= n, or k below 1.
    """
    _check_counts(n, c, k)
    every = math.comb(n, k)
    return (every - math.comb(n - c, k)) / every if k <= n else math.nan


def pass_hat_k(n: int, c: int, k: int) -> float:
    """The chance that all of k rollouts solve a task, from n rollouts of which c did. Unbiased.

    `C(c, k) / C(n, k)`, "pass^k" (Yao et al. 2024, "tau-bench", section 3): it falls with k where `pass_at_k` rises,
    and tells whether one can rely on a policy. Average it over tasks.

    >>> pass_hat_k(n=10, c=3, k=1), pass_hat_k(n=10, c=10, k=8), pass_hat_k(n=4, c=3, k=8)
    (0.3, 1.0, nan)

    Raises:
        ValueError: not 0 <= c <= n, or k below 1.
    """
    _check_counts(n, c, k)
    return math.comb(c, k) / math.comb(n, k) if k <= n else math.nan


def wilson(successes: float, n: int, level: float = 0.95) -> Estimate:
    """A share of n independent trials, with Wilson's score interval.

    The interval holds every p that the data do not refute, `|share - p| <= z sqrt(p (1 - p) / n)` (Wilson 1927,
    "Probable inference, the law of succession, and statistical inference"). It says something at 0 and 100 %, where
    others have no width.

    >>> print(wilson(8, 10), wilson(0, 10))
    80.0 % [49.0, 94.3] 0.0 % [0.0, 27.8]

    Args:
        successes: how many succeeded; a sum of partial credits will do, and makes the interval wider than need be.
        n: how many trials.
        level: the share of such intervals that hold the truth.

    Raises:
        ValueError: no trials, or more successes than trials, or a level outside (0, 1).
    """
    if n < 1:
        raise ValueError("wilson: no trials, so nothing to estimate (were all of them faults?)")
    if not 0 <= successes <= n:
        raise ValueError(f"wilson: successes must be from 0 to n={n}, not {successes}")
    z = _z(level)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, centre - half)  # exact, where rounding would leave 1e-18
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Estimate(share, low, high, n, n)


def clustered_interval(
    values: Sequence[float],
    clusters: Sequence[Hashable],
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """The mean of all values, with a bootstrap over clusters.

    Each draw takes as many clusters as there are, with replacement, and all values of each; the interval is between
    the quantiles of the draws' means (the cluster bootstrap; Field & Welsh 2007, "Bootstrapping clustered data"). It
    is somewhat narrow for few clusters: below some 20, do not lean on it.

    Where all clusters have the same mean (0 and 100 % above all, and a single cluster) draws do not vary and the
    bootstrap says nothing. For values from 0 to 1 the interval is then Wilson's with n = the number of clusters: as
    if each task had been run once, which is the least that is known. For other values it is the mean itself, or NaN
    for a single cluster.

    Args:
        values: one number a rollout: solved or not, a reward, a count.
        clusters: for each value, what it is of (a task's id).
        level: the share of such intervals that hold the truth.
        draws: how many times to resample.
        seed: same data and seed, same interval, whatever the order of the data and the names of the clusters.

    Raises:
        ValueError: no values, values that are not finite, or not one cluster a value.
    """
    names, totals = _totals("values", values, clusters)
    sums, counts = totals.T
    mean = float(sums.sum() / counts.sum())
    if np.ptp(sums / counts) > _SAME:
        drawn = _resampled(totals, draws, seed)
        low, high = _quantiles(drawn[:, 0] / drawn[:, 1], level)
    elif _are_shares(values):
        fallback = _wilson_of(mean, len(names), level)
        low, high = fallback.low, fallback.high
    else:
        low = high = mean if len(names) > 1 else math.nan
    return Estimate(mean, low, high, len(values), len(names))


def paired_difference(
    before: Sequence[float],
    after: Sequence[float],
    clusters: Sequence[Hashable],
    after_clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> Difference:
    """By how much the mean grew from `before` to `after`, both on the same clusters (tasks).

    The bootstrap of `clustered_interval`, on the difference of the two means: a draw takes the same clusters on both
    sides, so what makes a task hard for both cancels out. Clusters that are on one side only are left out (`clusters`
    of the result tells how many stayed).

    Where all clusters differ by the same, and all values are from 0 to 1, the interval is Newcombe's hybrid of the
    sides' Wilson intervals with n = the number of clusters (Newcombe 1998, "Interval estimation for the difference
    between independent proportions", method 10), which takes the sides as independent and so is wide. For other
    values see `clustered_interval`.

    >>> before, after = [0, 0, 1, 0, 0, 1, 1, 0], [1, 0, 1, 1, 1, 1, 1, 0]
    >>> print(paired_difference(before, after, clusters=list("aabbccdd")))
    +37.5 points [+12.5, +50.0]

    Args:
        before: one number a rollout.
        after: the same of the other side, which may have more or fewer.
        clusters: for each value of `before` (and of `after`, unless told below), what it is of.
        after_clusters: for each value of `after`, what it is of.
        level: the share of such intervals that hold the truth.
        draws: how many times to resample.
        seed: same data and seed, same interval.

    Raises:
        ValueError: a side has no values, values that are not finite, or not one cluster a value; or no cluster is on
            both.
    """
    after_clusters = clusters if after_clusters is None else after_clusters
    names, totals_before = _totals("before", before, clusters)
    names_after, totals_after = _totals("after", after, after_clusters)
    row = {name: i for i, name in enumerate(names_after)}
    both = [(i, row[name]) for i, name in enumerate(names) if name in row]
    if not both:
        raise ValueError(f"before and after have no cluster in common: {names[0]!r}... and {names_after[0]!r}...")
    rows, rows_after = np.array(both).T
    totals = np.hstack([totals_before[rows], totals_after[rows_after]])
    mean, mean_after = (float(totals[:, i].sum() / totals[:, i + 1].sum()) for i in (0, 2))
    difference = mean_after - mean
    if np.ptp(_difference(totals)) > _SAME:
        low, high = _quantiles(_difference(_resampled(totals, draws, seed)), level)
    elif _are_shares(before) and _are_shares(after):
        old, new = (_wilson_of(share, len(both), level) for share in (mean, mean_after))
        low = difference - math.hypot(new.mean - new.low, old.high - old.mean)
        high = difference + math.hypot(new.high - new.mean, old.mean - old.low)
    else:
        low = high = difference if len(both) > 1 else math.nan
    return Difference(difference, low, high, int(totals[:, [1, 3]].sum()), len(both))


# --- what they share --------------------------------------------------------------------------------------------------


def _totals(what: str, values: Sequence[float], clusters: Sequence[Hashable]) -> tuple[list[Hashable], Floats]:
    """The clusters in order of appearance, and for each the sum and the number of its values."""
    given = np.asarray(values, dtype=np.float64)
    if len(given) == 0:
        raise ValueError(f"{what} is empty, so there is nothing to estimate (were all rollouts faults?)")
    if len(given) != len(clusters):
        raise ValueError(f"{what} has {len(given)} values but {len(clusters)} clusters: one cluster a value is needed")
    if not np.isfinite(given).all():
        at = int(np.argmin(np.isfinite(given)))
        raise ValueError(f"{what}[{at}] is {values[at]!r}: leave out what has no value (faults) before estimating")
    codes: dict[Hashable, int] = {}
    index = np.array([codes.setdefault(cluster, len(codes)) for cluster in clusters])
    return list(codes), np.column_stack([np.bincount(index, weights=given), np.bincount(index)]).astype(np.float64)


def _resampled(totals: Floats, draws: int, seed: int) -> Floats:
    """The column sums of `draws` resamples of the rows, with replacement: one row a draw."""
    if draws < 1:
        raise ValueError(f"draws must be at least 1, not {draws}")
    # Clusters with the same totals are drawn as one kind, so ten thousand tasks cost no more than a few do. Kinds are
    # sorted, so the order and the names of clusters do not matter.
    rows, counts = np.unique(totals, axis=0, return_counts=True)
    rng, size = np.random.default_rng(seed), len(totals)
    block = max(1, _CELLS // len(rows))
    shares = counts / size
    times = (rng.multinomial(size, shares, size=min(block, draws - start)) for start in range(0, draws, block))
    return np.concatenate([each @ rows for each in times])


def _difference(totals: Floats) -> Floats:
    before, counts_before, after, counts_after = totals.T
    difference: Floats = after / counts_after - before / counts_before
    return difference


def _quantiles(drawn: Floats, level: float) -> tuple[float, float]:
    _z(level)  # the check of the level
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _wilson_of(share: float, n: int, level: float) -> Estimate:
    exact = round(share) if abs(share - round(share)) <= _SAME else share  # 0 and 1 in spite of rounding
    return wilson(min(max(exact, 0.0), 1.0) * n, n, level)


def _are_shares(values: Sequence[float]) -> bool:
    return all(0 <= value <= 1 for value in values)


def _z(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1 (0.95, say), not {level}")
    return NormalDist().inv_cdf((1 + level) / 2)


def _check_counts(n: int, c: int, k: int) -> None:
    if not 0 <= c <= n:
        raise ValueError(f"c (solved) must be from 0 to n={n}, not {c}")
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
