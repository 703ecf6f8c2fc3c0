from __future__ import annotations

import json
import math
from itertools import combinations
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cave_rl.evaluation.statistics import (
    Difference,
    Estimate,
    clustered_interval,
    paired_difference,
    pass_at_k,
    pass_hat_k,
    wilson,
)

counts = st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n)))
rollouts = st.lists(st.tuples(st.sampled_from("abcde"), st.floats(0, 1, width=16)), min_size=1, max_size=30)


# pass@k and pass^k


@given(counts)
def test_pass_at_k_is_the_share_of_choices_with_a_solved_one(given: tuple[int, int, int]) -> None:
    n, c, k = given
    choices = list(combinations([True] * c + [False] * (n - c), k))
    assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, choices)) / len(choices), abs=1e-15)
    assert pass_hat_k(n, c, k) == pytest.approx(sum(map(all, choices)) / len(choices), abs=1e-15)


@given(counts)
def test_both_are_the_success_rate_at_k_1_and_part_from_there(given: tuple[int, int, int]) -> None:
    n, c, k = given
    assert pass_at_k(n, c, 1) == pass_hat_k(n, c, 1) == c / n
    assert pass_hat_k(n, c, k) <= c / n <= pass_at_k(n, c, k)


def test_pass_at_k_is_unbiased() -> None:
    p, n, k = 0.2, 12, 4
    rng = np.random.default_rng(0)
    found = [pass_at_k(n, int(c), k) for c in rng.binomial(n, p, size=20_000)]
    assert np.mean(found) == pytest.approx(1 - (1 - p) ** k, abs=0.01)


def test_k_beyond_n_is_unknown() -> None:
    assert math.isnan(pass_at_k(4, 4, 5))
    assert math.isnan(pass_hat_k(4, 4, 5))
    assert math.isnan(pass_at_k(0, 0, 1))


def test_large_counts_neither_overflow_nor_round_to_1() -> None:
    assert pass_at_k(5_000, 1, 2_500) == 0.5
    assert pass_hat_k(5_000, 4_999, 2_500) == 0.5


@pytest.mark.parametrize(("n", "c", "k"), [(3, 4, 1), (3, -1, 1), (3, 1, 0)])
def test_impossible_counts_are_refused(n: int, c: int, k: int) -> None:
    for estimator in (pass_at_k, pass_hat_k):
        with pytest.raises(ValueError, match=r"must be"):
            estimator(n, c, k)


# Wilson


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_wilson_bounds_are_where_the_score_test_turns(given: tuple[int, int], level: float) -> None:
    successes, n = given
    found = wilson(successes, n, level)
    z = NormalDist().inv_cdf((1 + level) / 2)
    assert 0 <= found.low <= found.mean == successes / n <= found.high <= 1
    for p in (found.low, found.high):
        if 0 < p < 1:
            assert abs(found.mean - p) == pytest.approx(z * math.sqrt(p * (1 - p) / n), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"), [(8, 10, 0.4902, 0.9433), (0, 10, 0, 0.2775), (81, 263, 0.2553, 0.3662)]
)
def test_wilson_agrees_with_published_values(successes: int, n: int, low: float, high: float) -> None:
    found = wilson(successes, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_wilson_has_width_at_the_ends() -> None:
    assert wilson(0, 20).low == 0.0
    assert wilson(0, 20).high > 0.1
    assert wilson(20, 20).high == 1.0
    assert wilson(20, 20).low < 0.9


# Clustered intervals


@given(rollouts)
@settings(max_examples=50)
def test_the_estimate_is_the_mean_of_all_values_within_its_interval(drawn: list[tuple[str, float]]) -> None:
    clusters, values = zip(*drawn, strict=True)
    found = clustered_interval(values, clusters, draws=200)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.n == len(values)
    assert found.clusters == len(set(clusters))
    assert 0 <= found.low <= found.high <= 1


@given(rollouts, st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_neither_order_nor_names_matter(drawn: list[tuple[str, float]], rng: object) -> None:
    shuffled = [(f"task {name}", value) for name, value in drawn]
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (
        clustered_interval([value for _, value in rows], [name for name, _ in rows], draws=100)
        for rows in (drawn, shuffled)
    )
    assert (one.mean, one.low, one.high) == pytest.approx((other.mean, other.low, other.high))


def test_the_bootstrap_agrees_with_all_resamples_enumerated() -> None:
    values, clusters = [0, 0, 1, 0, 1, 1, 1], ["a", "a", "b", "b", "c", "c", "c"]
    sums, sizes = np.array([0, 1, 3]), np.array([2, 2, 3])
    picks = np.array([(i, j, k) for i in range(3) for j in range(3) for k in range(3)])
    every = sums[picks].sum(1) / sizes[picks].sum(1)
    found = clustered_interval(values, clusters, level=0.8, draws=50_000)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(every, [0.1, 0.9])), abs=1e-12)


def test_the_seed_decides_the_draws() -> None:
    values, clusters = list(np.random.default_rng(0).random(60)), [i // 4 for i in range(60)]
    assert clustered_interval(values, clusters, seed=1) == clustered_interval(values, clusters, seed=1)
    assert clustered_interval(values, clusters, seed=1) != clustered_interval(values, clusters, seed=2)


def test_rollouts_of_one_task_are_not_counted_as_tasks() -> None:
    solved = [i % 2 for i in range(20)]
    alone = clustered_interval(solved, range(20))
    eightfold = clustered_interval(solved * 8, [*range(20)] * 8)
    assert (eightfold.low, eightfold.high) == pytest.approx((alone.low, alone.high))
    assert eightfold.n == 8 * alone.n


@pytest.mark.parametrize("share", [0.0, 1.0, 0.25, 0.1])
def test_where_clusters_agree_it_is_wilson_over_clusters(share: float) -> None:
    found = clustered_interval([share] * 40, [i // 4 for i in range(40)])
    reference = wilson(share * 10, 10)
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high))
    assert (found.n, found.clusters) == (40, 10)


def test_one_cluster_says_little() -> None:
    found = clustered_interval([1, 1, 1, 0], ["a"] * 4)
    assert found.low < 0.3
    assert found.high > 0.9
    steps = clustered_interval([3.0, 5.0], ["a", "a"])
    assert steps.mean == 4.0
    assert math.isnan(steps.low)


def test_values_need_not_be_shares() -> None:
    found = clustered_interval([3.0, 5.0, 9.0], ["a", "b", "c"])
    assert 3 <= found.low < found.mean < found.high <= 9
    same = clustered_interval([3.0, 3.0], ["a", "b"])
    assert (same.low, same.high) == (3.0, 3.0)


@pytest.mark.parametrize(
    ("values", "clusters", "told"),
    [
        ([], [], "empty"),
        ([1.0, math.nan], ["a", "b"], r"values\[1\] is nan"),
        ([1.0, None], ["a", "b"], r"values\[1\] is None"),
        ([1.0], ["a", "b"], "1 values but 2 clusters"),
    ],
)
def test_what_cannot_be_estimated_is_refused(values: list[float], clusters: list[str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        clustered_interval(values, clusters)


def test_levels_are_shares() -> None:
    for level in (0.0, 1.0, 95):
        with pytest.raises(ValueError, match="level"):
            clustered_interval([0, 1], ["a", "b"], level)


def _rewards(rng: np.random.Generator, tasks: int, each: int) -> tuple[np.ndarray, np.ndarray]:
    """Solved or not, of tasks that differ in difficulty; the true mean is 0.5."""
    difficulty = rng.beta(1, 1, size=tasks)
    return rng.binomial(1, np.repeat(difficulty, each)), np.repeat(np.arange(tasks), each)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    held = []
    for _ in range(400):
        found = clustered_interval(*_rewards(rng, 30, 4), level=0.9, draws=400)
        held.append(found.low <= 0.5 <= found.high)
    assert 0.85 <= np.mean(held) <= 0.95, np.mean(held)


# Differences


def test_a_difference_holds_its_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    held = []
    for _ in range(400):
        difficulty = rng.beta(1, 1, size=30)
        sides = [rng.binomial(1, np.repeat(p, 4)) for p in (difficulty, difficulty * 0.7 + 0.3)]
        found = paired_difference(*sides, np.repeat(np.arange(30), 4), level=0.9, draws=400)
        held.append(found.low <= 0.15 <= found.high)
    assert 0.85 <= np.mean(held) <= 0.95, np.mean(held)


def test_pairing_takes_out_what_makes_tasks_hard() -> None:
    hard = np.repeat([0.0, 1.0], 10)
    after = np.clip(hard + np.tile([0.0, 0.2], 10), 0, 1)
    found = paired_difference(hard, after, range(20))
    alone = clustered_interval(after, range(20))
    assert found.mean == pytest.approx(0.05)
    assert found.high - found.low < (alone.high - alone.low) / 3


@given(rollouts, rollouts)
@settings(max_examples=50)
def test_swapping_sides_swaps_the_sign(one: list[tuple[str, float]], other: list[tuple[str, float]]) -> None:
    (names, values), (names_other, values_other) = zip(*one, strict=True), zip(*other, strict=True)
    if not set(names) & set(names_other):
        with pytest.raises(ValueError, match="no cluster in common"):
            paired_difference(values, values_other, names, names_other)
        return
    there = paired_difference(values, values_other, names, names_other, draws=2_000)
    back = paired_difference(values_other, values, names_other, names, draws=2_000)
    assert there.mean == pytest.approx(-back.mean)
    assert there.low == pytest.approx(-back.high, abs=0.15)
    assert (there.n, there.clusters) == (back.n, len(set(names) & set(names_other)))


def test_sides_that_agree_everywhere_still_have_width() -> None:
    nothing = paired_difference([0] * 40, [0] * 40, [i // 4 for i in range(40)])
    assert nothing.mean == 0.0
    assert nothing.low < -0.2
    assert nothing.high > 0.2
    everything = paired_difference([0] * 40, [1] * 40, [i // 4 for i in range(40)])
    assert everything.mean == everything.high == 1.0
    assert 0.5 < everything.low < 0.8


def test_sides_may_differ_in_length_and_only_common_clusters_count() -> None:
    found = paired_difference([0, 1, 1], [1, 1, 1, 1], ["a", "b", "lost"], ["a", "a", "b", "new"])
    assert (found.mean, found.n, found.clusters) == (0.5, 5, 2)


def test_an_empty_side_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="after is empty"):
        paired_difference([1.0], [], ["a"], [])


def test_significance_is_leaving_out_zero() -> None:
    assert Difference(0.1, 0.01, 0.2, 10, 5).significant
    assert Difference(-0.1, -0.2, -0.01, 10, 5).significant
    assert not Difference(0.1, -0.01, 0.2, 10, 5).significant


# Telling


def test_estimates_read_as_percent() -> None:
    assert str(Estimate(0.625, 0.55, 0.698, 160, 20)) == "62.5 % [55.0, 69.8]"
    assert str(Difference(-0.05, -0.1, 0.0, 160, 20)) == "-5.0 points [-10.0, +0.0]"


def test_estimates_become_strict_json() -> None:
    told = Estimate(4.0, math.nan, math.nan, 2, 1).as_dict()
    expected = {"mean": 4.0, "low": None, "high": None, "n": 2, "clusters": 1}
    assert json.loads(json.dumps(told, allow_nan=False)) == expected
