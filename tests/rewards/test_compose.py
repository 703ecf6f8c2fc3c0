"""What every configuration of rewards must keep, whatever the verdicts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cave_rl.rewards import Conduct, RewardRules, Ruling, Verdict, episode_cost, episode_reward, turn_score

RULES = st.sampled_from([RewardRules(credit="partial"), RewardRules(credit="all")])
STATEMENTS = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.floats(0.01, 10)), min_size=1, max_size=8
)  # held before, holds now, weight
GATES = st.lists(st.booleans(), max_size=3)
SCORES = st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0.1, 5)), min_size=1, max_size=5)
CONDUCT = st.builds(Conduct, *(st.integers(0, 20) for _ in range(4)))
COSTS = st.builds(
    RewardRules,
    malformed_cost=st.floats(0, 2),
    violation_cost=st.floats(0, 2),
    step_cost=st.floats(0, 2),
    token_cost=st.floats(0, 2),
)


def ruling(statements: list[tuple[bool, bool, float]], gates: list[bool] = []) -> Ruling:  # noqa: B006
    verdicts = [Verdict(f"s{i}", now, weight) for i, (_, now, weight) in enumerate(statements)]
    verdicts += [Verdict(f"g{i}", held, 0.0, gate=True) for i, held in enumerate(gates)]
    return Ruling(tuple(verdicts), tuple(before for before, _, _ in statements))


@given(STATEMENTS, GATES, RULES)
def test_a_score_lies_between_0_and_1(
    statements: list[tuple[bool, bool, float]], gates: list[bool], rules: RewardRules
) -> None:
    for refusal in (False, True):
        assert 0.0 <= turn_score(ruling(statements, gates), rules, refusal=refusal) <= 1.0


@given(STATEMENTS, RULES)
def test_doing_nothing_scores_exactly_0(statements: list[tuple[bool, bool, float]], rules: RewardRules) -> None:
    idle = [(before, before, weight) for before, _, weight in statements]
    assert turn_score(ruling(idle, [True]), rules) == 0.0


@given(STATEMENTS, RULES)
def test_doing_everything_scores_exactly_1(statements: list[tuple[bool, bool, float]], rules: RewardRules) -> None:
    done = [(before, True, weight) for before, _, weight in statements]
    expected = 0.0 if all(before for before, _, _ in statements) else 1.0
    assert turn_score(ruling(done, [True]), rules) == expected


@given(STATEMENTS, RULES)
def test_only_doing_everything_scores_1(statements: list[tuple[bool, bool, float]], rules: RewardRules) -> None:
    score = turn_score(ruling(statements), rules)
    assert (score == 1.0) == (all(now for _, now, _ in statements) and not all(before for before, _, _ in statements))


@given(STATEMENTS, GATES, RULES, st.booleans())
def test_gates_only_take_away(
    statements: list[tuple[bool, bool, float]], gates: list[bool], rules: RewardRules, refusal: bool
) -> None:
    free = turn_score(ruling(statements), rules, refusal=refusal)
    gated = turn_score(ruling(statements, gates), rules, refusal=refusal)
    assert gated == (free if all(gates) else 0.0)


@given(STATEMENTS, RULES, st.data())
def test_one_statement_more_never_scores_less(
    statements: list[tuple[bool, bool, float]], rules: RewardRules, data: st.DataObject
) -> None:
    i = data.draw(st.integers(0, len(statements) - 1))
    before, _, weight = statements[i]
    worse, better = list(statements), list(statements)
    worse[i], better[i] = (before, False, weight), (before, True, weight)
    for refusal in (False, True):
        low, high = (turn_score(ruling(each), rules, refusal=refusal) for each in (worse, better))
        assert low <= high + 1e-12


@given(STATEMENTS)
def test_undoing_what_held_is_never_credit(statements: list[tuple[bool, bool, float]]) -> None:
    undone = [(before, False, weight) for before, _, weight in statements]
    assert turn_score(ruling(undone), RewardRules()) == 0.0


@given(STATEMENTS)
def test_a_refusal_is_right_when_all_still_holds(statements: list[tuple[bool, bool, float]]) -> None:
    kept = [(True, True, weight) for _, _, weight in statements]
    for credit in ("partial", "all"):
        rules = RewardRules(credit=credit)  # type: ignore[arg-type]
        assert turn_score(ruling(kept, [True]), rules, refusal=True) == 1.0
        assert turn_score(ruling(kept, [False]), rules, refusal=True) == 0.0


def test_partial_credit_is_measured_from_what_held_before() -> None:
    # two of four held already; one more was reached: half of what was left to do
    statements = [(True, True, 1.0), (True, True, 1.0), (False, True, 1.0), (False, False, 1.0)]
    assert turn_score(ruling(statements), RewardRules()) == 0.5
    assert turn_score(ruling(statements), RewardRules(credit="all")) == 0.0


@given(SCORES, CONDUCT, COSTS)
def test_costs_take_from_solved_episodes_only_and_never_below_0(
    turns: list[tuple[float, float]], conduct: Conduct, rules: RewardRules
) -> None:
    scores, weights = zip(*turns, strict=True)
    free = episode_reward(scores, weights)
    paid = episode_reward(scores, weights, episode_cost(conduct, rules))
    assert 0.0 <= paid <= free <= 1.0 + 1e-12
    if any(score < 1.0 for score in scores):
        assert paid == free


def test_costs_are_0_by_default() -> None:
    assert not RewardRules().has_costs
    assert episode_cost(Conduct(9, 9, 9, 9), RewardRules()) == 0.0
    assert RewardRules(step_cost=0.1).has_costs


def test_an_episode_is_the_weighted_mean_of_its_turns() -> None:
    assert episode_reward([1.0, 0.0], [3.0, 1.0]) == 0.75
    assert episode_reward([1.0, 1.0, 1.0], [0.1, 0.2, 0.7]) == 1.0


@pytest.mark.parametrize("wrong", [{"credit": "some"}, {"step_cost": -1}, {"steps_cost": 1}])
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        RewardRules(**wrong)  # type: ignore[arg-type]
