"""Tests of a paired difference: is it more than chance would give, were both sides the same?

>>> sign_flip([0.5, 0.25, 0.0, 1.0, 0.25])
0.125
>>> mcnemar(only_before=1, only_after=8)
0.0390625
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

_EXACT = 16
"""Up to so many differences that are not 0 all signs are tried: 65,536 of them."""

_BLOCK = 2**22
_SAME = 1e-12


def sign_flip(differences: Sequence[float], draws: int = 100_000, seed: int = 0) -> float:
    """Two-sided p-value of the mean of paired differences, one a task.

    Were both sides the same, each difference would as likely have the other sign: the p-value is the share of all
    sign choices whose mean is at least as far from 0 (Fisher's randomisation test). All are tried where at most 16
    differences are not 0; else `draws` of them are drawn, and the observed one is counted among them, so that p is
    never below what the draws can tell.

    Args:
        differences: of the two sides' rates, one for each task.
        draws: how many sign choices are drawn where there are too many to try.
        seed: of the draws.

    Raises:
        ValueError: there are no differences, or one is not finite.
    """
    given = np.asarray(differences, dtype=np.float64)
    if not len(given):
        raise ValueError("no differences: the two sides have no task in common")
    if not np.isfinite(given).all():
        raise ValueError("a difference is not finite: leave out tasks that one side did not score")
    moved = given[np.abs(given) > _SAME]
    observed = abs(float(moved.sum())) - _SAME * max(1, len(moved))
    if len(moved) <= _EXACT:
        signs = 1 - 2 * ((np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved))) & 1)
        return float(np.mean(np.abs(signs @ moved) >= observed))
    rng = np.random.default_rng(seed)
    rows = max(1, _BLOCK // len(moved))
    far = 0
    for start in range(0, draws, rows):
        signs = rng.integers(0, 2, size=(min(rows, draws - start), len(moved)), dtype=np.int8) * 2 - 1
        far += int(np.count_nonzero(np.abs(signs @ moved) >= observed))
    return (far + 1) / (draws + 1)


def mcnemar(only_before: int, only_after: int) -> float:
    """Two-sided exact p-value for one rollout a task: of the tasks that only one side solved, is the split uneven?

    The binomial test of McNemar (1947) with a chance of 1/2, exact on whole numbers.

    Args:
        only_before: how many tasks only the first side solved.
        only_after: how many only the second.

    Raises:
        ValueError: a count is below 0.
    """
    if min(only_before, only_after) < 0:
        raise ValueError(f"counts are not below 0: {only_before}, {only_after}")
    n, least = only_before + only_after, min(only_before, only_after)
    ways = tail = 1  # of choosing i of n, and the sum of them from 0 to i
    for i in range(least):
        ways = ways * (n - i) // (i + 1)
        tail += ways
    return min(1.0, float(Fraction(2 * tail, 2**n)))
