"""Advantages, against hand-computed ones, and what must hold of any."""

from __future__ import annotations

import itertools
import math
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cave_rl.rewards.credit import (
    EPSILON,
    Advantages,
    branch_advantages,
    laid,
    mean,
    means_of_others,
    progress,
    returns_to_go,
    scaled,
    shaped,
    turn_advantages,
)

REWARDS = st.floats(-1, 1).map(lambda value: round(value, 3))
TURNS = st.lists(REWARDS, min_size=1, max_size=4)
GAMMA = st.floats(0.1, 1.0)
GROUPS = st.lists(st.none() | TURNS, min_size=1, max_size=5)


def near(value: Any) -> Any:
    return pytest.approx(value, abs=1e-9)


# turns


def test_by_hand() -> None:
    """Three members: both turns, the first alone, and one whose first failed and who never got to a second."""
    found = turn_advantages([[0.5, 0.5], [0.5, 0.0], [0.0]])
    # returns from the first turn on: 1, 0.5, 0; from the second on: 0.5, 0, and 0 for the turn that was not reached
    assert found == [[1 - 0.25, 0.5 - 0.0], [0.5 - 0.5, 0.0 - 0.25], [0.0 - 0.75]]


def test_by_hand_with_a_discount() -> None:
    found = turn_advantages([[0.0, 1.0], [0.5, 0.0]], gamma=0.5)
    assert found == [[0.5 - 0.5, 1.0 - 0.0], [0.5 - 0.5, 0.0 - 1.0]]


def test_what_a_turn_did_is_not_counted_for_the_turns_after_it() -> None:
    """Episode credit praises the second turn of one whose first was right; turn credit knows better."""
    (first, second), (other_first, other_second) = turn_advantages([[0.5, 0.0], [0.0, 0.0]])  # type: ignore[misc]
    assert (first, other_first) == (0.5, -0.5)
    assert second == other_second == 0.0


def test_a_fault_is_no_member_and_never_a_zero() -> None:
    assert turn_advantages([[0.5], None, [1.0]]) == [[-0.5], None, [0.5]]
    assert turn_advantages([[0.5], None, None]) == [None, None, None], "nothing to compare with"
    assert turn_advantages([None, None]) == [None, None]
    assert turn_advantages([]) == []


@given(GROUPS, GAMMA)
def test_a_fault_changes_nothing_for_the_others(group: list[list[float] | None], gamma: float) -> None:
    scored = [each for each in group if each is not None]
    found = turn_advantages(group, gamma)
    assert [each for each, rewards in zip(found, group, strict=True) if rewards is not None] == turn_advantages(
        scored, gamma
    )
    assert all(each is None for each, rewards in zip(found, group, strict=True) if rewards is None)


@given(st.lists(st.tuples(REWARDS).map(list), min_size=2, max_size=6))
def test_with_one_turn_it_is_leave_one_out(group: list[list[float]]) -> None:
    """And that is GRPO's deviation from the mean, times n / (n - 1)."""
    rewards = [reward for (reward,) in group]
    middle, n = statistics.fmean(rewards), len(rewards)
    expected = [[n / (n - 1) * (reward - middle)] for reward in rewards]
    assert turn_advantages(group) == [near(each) for each in expected]


@given(st.lists(st.lists(REWARDS, min_size=3, max_size=3), min_size=2, max_size=5), GAMMA)
def test_the_advantages_of_a_turn_that_all_reached_sum_to_nothing(group: list[list[float]], gamma: float) -> None:
    found = turn_advantages(group, gamma)
    for turn in range(3):
        assert math.fsum(each[turn] or 0.0 for each in found if each) == pytest.approx(0, abs=1e-9)


@given(TURNS, GROUPS, GAMMA, st.integers(0, 3))
def test_the_baseline_knows_nothing_of_the_member_itself(
    mine: list[float], others: list[list[float] | None], gamma: float, at: int
) -> None:
    """One more point in a turn is worth the same, whatever else the group is."""
    at %= len(mine)
    better = [*mine[:at], mine[at] + 1.0, *mine[at + 1 :]]
    before, after = (turn_advantages([each, *others], gamma)[0] for each in (mine, better))
    if before is None or after is None:
        assert all(each is None for each in others)
        return
    gained = [(new or 0.0) - (old or 0.0) for old, new in zip(before, after, strict=True)]
    assert gained == near([gamma ** (at - turn) if turn <= at else 0.0 for turn in range(len(mine))])


def test_it_is_without_bias_where_the_policy_decides_how_many_turns_there_are() -> None:
    """A policy stops after the first turn or goes on to a coin. All groups of two, each with its probability: the mean
    of advantage times score must be the gradient of the mean return, which is (value of going on) * derivative."""
    stop, p = 0.3, 0.3
    outcomes = [([0.2], p), ([0.0, 1.0], (1 - p) / 2), ([0.0, 0.0], (1 - p) / 2)]
    gradient = 0.0
    for (mine, chance), (other, chance_other) in itertools.product(outcomes, repeat=2):
        (advantage, *_) = turn_advantages([mine, other])[0] or [0.0]
        score = 1 / stop if len(mine) == 1 else -1 / (1 - stop)  # d log pi(first turn) / d stop
        gradient += chance * chance_other * (advantage or 0.0) * score
    assert gradient == near(0.2 - 0.5)


# branches


def test_branch_credit_by_hand() -> None:
    assert branch_advantages([0.5, 0.0, 0.5], [0.4, 0.3, 0.1]) == near([0.5 + 0.3 - 0.4, 0.1 - 0.3, 0.5 - 0.1])
    assert branch_advantages([0.5, 0.5], [0.4, 0.2], gamma=0.5) == near([0.5 + 0.1 - 0.4, 0.5 - 0.2])


def test_a_state_without_a_value_joins_the_turns_around_it() -> None:
    assert branch_advantages([0.5, 0.25, 1.0], [0.4, None, 0.1], gamma=0.5) == near(
        [0.5 + 0.125 + 0.25 * 0.1 - 0.4] * 2 + [1.0 - 0.1]
    )
    assert branch_advantages([0.5, 0.25], [None, 0.1]) == [None, near(0.15)], "never as if it were worth 0"
    assert branch_advantages([0.5, 0.25], [None, None]) == [None, None]
    assert branch_advantages([], []) == []


@given(TURNS, st.lists(st.none() | REWARDS, min_size=4, max_size=4), GAMMA)
def test_branch_advantages_sum_to_the_return_less_what_was_expected(
    rewards: list[float], values: list[float | None], gamma: float
) -> None:
    """V of the end is 0, and all others cancel out."""
    values = values[: len(rewards)]
    found = branch_advantages(rewards, values, gamma)
    known = [k for k, value in enumerate(values) if value is not None]
    assert [k for k, each in enumerate(found) if each is None] == list(range(known[0] if known else len(rewards)))
    if known:
        first = known[0]
        total = math.fsum(gamma ** (k - first) * (found[k] or 0.0) for k in known)
        assert total == near(returns_to_go(rewards[first:], gamma)[0] - (values[first] or 0.0))


# shaping


@given(TURNS, st.lists(REWARDS, min_size=4, max_size=4), GAMMA)
def test_shaping_takes_the_potential_off_the_return_and_adds_nothing(
    rewards: list[float], potentials: list[float], gamma: float
) -> None:
    potentials = potentials[: len(rewards)]
    plain = returns_to_go(rewards, gamma)
    found = returns_to_go(shaped(rewards, potentials, gamma), gamma)
    assert found == near([value - potential for value, potential in zip(plain, potentials, strict=True)])


@given(TURNS, st.lists(REWARDS, min_size=4, max_size=4), st.lists(REWARDS, min_size=4, max_size=4), GAMMA)
def test_with_branch_credit_shaping_cancels_out(
    rewards: list[float], values: list[float], potentials: list[float], gamma: float
) -> None:
    """Shaped rewards come with shaped values, V - Phi. So it is refused there, and with episode credit."""
    values, potentials = values[: len(rewards)], potentials[: len(rewards)]
    less = [value - potential for value, potential in zip(values, potentials, strict=True)]
    plain = branch_advantages(rewards, values, gamma)
    assert branch_advantages(shaped(rewards, potentials, gamma), less, gamma) == near(plain)


def verdict(passed: bool, weight: float = 1.0, *, gate: bool = False) -> dict[str, Any]:
    return {"passed": passed, "weight": weight, "gate": gate}


def test_progress_is_the_share_that_holds_of_the_turns_before() -> None:
    turns = [[verdict(True), verdict(False)], [verdict(True, 3.0), verdict(False, 1.0)], [verdict(True)]]
    assert progress(turns, [1.0, 2.0, 1.0]) == near([0.0, 0.125, 0.125 + 0.375])


def test_a_failed_gate_is_no_progress() -> None:
    turns = [[verdict(True), verdict(False, 0.0, gate=True)], []]
    assert progress(turns, [1.0, 1.0]) == [0.0, 0.0]
    turns = [[verdict(True), verdict(True, 0.0, gate=True)], []]
    assert progress(turns, [1.0, 1.0]) == [0.0, 0.5]


# scale and place


@given(st.lists(st.tuples(REWARDS).map(list), min_size=2, max_size=6))
def test_scaled_in_tasks_of_one_turn_it_is_grpo_s_own_advantage(group: list[list[float]]) -> None:
    rewards = [reward for (reward,) in group]
    middle, spread, n = statistics.fmean(rewards), statistics.stdev(rewards), len(rewards)
    (found,) = scaled([turn_advantages(group)], "group")
    inflation = n / (n - 1)  # of both, advantage and spread: only the epsilon tells them apart
    assert found == [near([inflation * (r - middle) / (inflation * spread + EPSILON)]) for r in rewards]


def test_members_that_earn_the_same_in_different_turns_are_not_blown_up() -> None:
    """Their rewards do not vary; divided by their standard deviation the advantages would be in the thousands."""
    (found,) = scaled([turn_advantages([[0.5, 0.0], [0.0, 0.5]])], "group")
    assert found == [
        near([0.0, -0.5 / (math.sqrt(0.5 / 3) + EPSILON)]),
        near([0.0, 0.5 / (math.sqrt(0.5 / 3) + EPSILON)]),
    ]


def test_a_scale_is_of_a_group_of_all_or_of_nothing() -> None:
    groups: list[list[Advantages]] = [[[1.0], [-1.0], None], [[0.1, None], [-0.1]]]
    assert scaled(groups, "none") == groups
    of_groups, of_all = scaled(groups, "group"), scaled(groups, "batch")
    assert of_groups[0] == [near([1 / (math.sqrt(2) + EPSILON)]), near([-1 / (math.sqrt(2) + EPSILON)]), None]
    assert of_groups[1][0] == [near(0.1 / (math.sqrt(0.02) + EPSILON)), None]
    assert of_all[1][1] == near([-0.1 / (math.sqrt(2.02 / 3) + EPSILON)])


def test_a_group_that_all_scored_alike_stays_at_zero() -> None:
    groups = [turn_advantages([[1.0, 0.0]] * 4)]
    for scale in ("group", "batch", "none"):
        assert scaled(groups, scale) == [[[0.0, 0.0]] * 4]  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3), st.integers(0, 2)), max_size=6))
def test_every_token_of_a_turn_has_its_advantage_and_no_other_has_any(parts: list[tuple[int, int, int]]) -> None:
    """Messages of 1 to 3 tokens, observations of 0 to 3 after each, turns that never go back."""
    advantages: list[float | None] = [1.5, -2.5, None]
    spans: list[tuple[int, int, int]] = []
    expected: list[float] = []
    for (written, observed, _), turn in zip(parts, sorted(turn for *_, turn in parts), strict=True):
        spans.append((len(expected), len(expected) + written, turn))
        expected += [advantages[turn] or 0.0] * written + [0.0] * observed
    assert laid(advantages, spans, len(expected) + 2) == [*expected, 0.0, 0.0]
    assert laid(None, spans, len(expected)) == [0.0] * len(expected)


@given(st.lists(st.none() | REWARDS, max_size=5))
def test_means_leave_out_what_has_no_value(values: list[float | None]) -> None:
    known = [value for value in values if value is not None]
    assert mean(values) == (near(statistics.fmean(known)) if known else None)
    for i, found in enumerate(means_of_others(values)):
        assert found == mean(values[:i] + values[i + 1 :])
