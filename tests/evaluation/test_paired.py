"""The tests of a paired difference, against trying everything."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cave_rl.evaluation.paired import mcnemar, sign_flip

quarters = st.integers(-4, 4).map(lambda n: n / 4)


def every_sign(differences: list[float]) -> float:
    """The p-value by its definition: the share of all 2^n sign choices that are as far from 0."""
    observed = abs(sum(differences))
    means = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in product((1, -1), repeat=len(differences))
    ]
    return sum(each >= observed - 1e-9 for each in means) / len(means)


@given(st.lists(st.one_of(quarters, st.floats(-1, 1, width=16)), min_size=1, max_size=9))
def test_sign_flips_are_all_tried_where_there_are_few(differences: list[float]) -> None:
    assert sign_flip(differences) == pytest.approx(every_sign(differences))


@given(st.lists(quarters, min_size=1, max_size=9), st.integers(1, 30))
def test_tasks_that_did_not_change_say_nothing(differences: list[float], unchanged: int) -> None:
    assert sign_flip([*differences, *[0.0] * unchanged]) == pytest.approx(sign_flip(differences))
    assert sign_flip([0.0] * unchanged) == 1.0


@settings(max_examples=4, deadline=None)
@given(st.lists(quarters.filter(bool), min_size=17, max_size=18))
def test_draws_stand_for_all_signs_where_there_are_many(differences: list[float]) -> None:
    rows = np.array(list(product((1, -1), repeat=len(differences))), dtype=np.int8)
    exact = float(np.mean(np.abs(rows @ np.array(differences)) >= abs(sum(differences)) - 1e-9))
    assert sign_flip(differences, draws=40_000) == pytest.approx(exact, abs=0.012)


def test_a_p_value_is_never_below_what_its_draws_can_tell() -> None:
    assert sign_flip([1.0] * 60, draws=999) == pytest.approx(1 / 1000)
    assert sign_flip([1.0] * 60, draws=999, seed=1) == sign_flip([1.0] * 60, draws=999, seed=1)


def test_with_nothing_to_find_p_is_spread_evenly() -> None:
    rng = np.random.default_rng(0)
    found = [sign_flip(list(rng.normal(size=12)), draws=1) for _ in range(300)]
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(found) <= level) == pytest.approx(level, abs=3 * math.sqrt(level * (1 - level) / 300))


@given(st.integers(0, 12), st.integers(0, 12))
def test_mcnemar_is_the_binomial_test_of_the_tasks_that_changed(before: int, after: int) -> None:
    n, far = before + after, abs(before - after)
    splits = [bin(case).count("1") for case in range(2 ** min(n, 16))] if n <= 16 else None
    if splits is None:
        expected = sum(math.comb(n, k) for k in range(n + 1) if abs(2 * k - n) >= far) / 2**n
    else:
        expected = sum(abs(2 * k - n) >= far for k in splits) / len(splits)
    assert mcnemar(before, after) == pytest.approx(expected)
    assert mcnemar(before, after) == mcnemar(after, before)


@given(st.integers(0, 8), st.integers(0, 8))
def test_for_single_rollouts_both_are_one_test(before: int, after: int) -> None:
    differences = [-1.0] * before + [1.0] * after + [0.0]
    assert mcnemar(before, after) == pytest.approx(sign_flip(differences))


def test_large_counts_do_not_overflow() -> None:
    assert mcnemar(5_000, 5_000) == 1.0
    assert 0 <= mcnemar(0, 10_000) < 1e-300


@pytest.mark.parametrize("bad", [[], [math.nan], [0.5, math.inf]])
def test_what_is_no_difference_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="difference"):
        sign_flip(bad)
    with pytest.raises(ValueError, match="not below 0"):
        mcnemar(-1, 2)
