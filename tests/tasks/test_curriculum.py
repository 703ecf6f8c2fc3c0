"""A curriculum draws what teaches, forgets nothing, and goes on from its state as if it had never stopped."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cave_rl.suites.types.tasks import suite as types
from cave_rl.tasks import Arm, Curriculum, SuiteError
from tests.tasks.test_suite import levelled

ARMS = ("a", "b", "c")
HISTORY = st.lists(
    st.tuples(st.sampled_from(ARMS), st.integers(1, 16)).flatmap(
        lambda each: st.tuples(st.just(each[0]), st.integers(0, each[1]), st.just(each[1]))
    ),
    max_size=40,
)


def after(history: list[tuple[str, int, int]], **settings: Any) -> Curriculum:
    curriculum = Curriculum(ARMS, **settings)
    for family, successes, rollouts in history:
        curriculum.observe(family, successes, rollouts)
    return curriculum


@given(HISTORY, st.floats(0, 1))
def test_weights_are_a_distribution_with_a_floor(history: list[tuple[str, int, int]], floor: float) -> None:
    weights = after(history, floor=floor).weights()
    assert list(weights) == [Arm(name) for name in ARMS]
    assert sum(weights.values()) == pytest.approx(1)
    assert min(weights.values()) >= floor / len(ARMS) - 1e-12


@given(st.integers(4, 64), st.integers(0, 64), st.integers(0, 64))
def test_of_two_arms_the_one_nearer_to_a_half_is_drawn_more(rollouts: int, one: int, other: int) -> None:
    one, other = min(one, rollouts), min(other, rollouts)
    weights = after([("a", one, rollouts), ("b", other, rollouts)]).weights()
    nearer = abs(one / rollouts - 0.5) - abs(other / rollouts - 0.5)
    assert (weights[Arm("a")] - weights[Arm("b")]) * nearer <= 1e-12


def test_what_always_passes_or_always_fails_is_drawn_less_and_not_never() -> None:
    curriculum = after([("a", 64, 64), ("b", 32, 64), ("c", 0, 64)], floor=0.15)
    drawn = Counter(curriculum.draw().family for _ in range(2000))
    assert drawn["b"] > 1400
    assert 60 < drawn["a"] < 350
    assert 60 < drawn["c"] < 350


def test_before_anything_is_known_all_are_drawn_alike_and_then_the_unknown_first() -> None:
    curriculum = Curriculum(ARMS)
    assert list(curriculum.weights().values()) == pytest.approx([1 / 3] * 3)
    assert curriculum.success("a") is None
    curriculum.observe("a", 1, 8)
    assert curriculum.success("a") == 0.125
    assert curriculum.weights()[Arm("b")] > curriculum.weights()[Arm("a")]


def test_what_is_long_ago_fades() -> None:
    curriculum = Curriculum(ARMS, memory=32)
    for _ in range(20):
        curriculum.observe("a", 0, 8)
    hopeless = curriculum.weights()[Arm("a")]
    for _ in range(12):
        curriculum.observe("a", 4, 8)
    assert curriculum.success("a") == pytest.approx(0.5, abs=0.05)
    assert curriculum.weights()[Arm("a")] > 2 * hopeless


@given(HISTORY, HISTORY, st.integers(0, 20), st.integers(0, 3))
def test_it_goes_on_from_its_state_as_if_it_had_never_stopped(
    first: list[tuple[str, int, int]], then: list[tuple[str, int, int]], draws: int, seed: int
) -> None:
    whole = after(first, seed=seed)
    for _ in range(draws):
        whole.draw()
    resumed = Curriculum(ARMS)
    resumed.load_state_dict(json.loads(json.dumps(whole.state_dict())))
    for curriculum in (whole, resumed):
        for each in then:
            curriculum.observe(*each)
    assert [whole.draw() for _ in range(10)] == [resumed.draw() for _ in range(10)]
    assert whole.state_dict() == resumed.state_dict()


def test_what_is_not_drawn_for_long_becomes_promising_again() -> None:
    curriculum = after([("a", 0, 64)])
    hopeless = curriculum.weights()[Arm("a")]
    for _ in range(60):
        curriculum.observe("b", 4, 8)
    assert curriculum.weights()[Arm("a")] > 1.5 * hopeless


def test_the_seed_draws() -> None:
    drawn = [
        [curriculum.draw() for _ in range(20)] for curriculum in map(lambda s: Curriculum(ARMS, seed=s), (0, 0, 1))
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_family_with_levels_is_an_arm_for_each() -> None:
    suite = levelled()
    curriculum = Curriculum.of(suite, families=["longer", "plain"])
    arms = list(curriculum.weights())
    assert arms == [Arm("longer", 2), Arm("longer", 3), Arm("longer", 4), Arm("longer", 5), Arm("plain")]
    for level, successes in ((2, 8), (3, 4), (4, 0), (5, 0)):
        for _ in range(8):
            curriculum.observe(("longer", level), successes, 8)
    weights = curriculum.weights()
    assert max(arms[:4], key=lambda arm: weights[arm]) == Arm("longer", 3)
    arm = curriculum.draw()
    assert suite.task("train", arm.family, 0, difficulty=arm.difficulty).difficulty in (2, 3, 4, 5, 7.5)


def test_as_a_learner_gets_better_harder_levels_come_up() -> None:
    rng, skill = random.Random(0), 1.0
    curriculum = Curriculum([("longer", level) for level in range(1, 9)], seed=1)
    seen = []
    for _ in range(600):
        arm = curriculum.draw()
        assert arm.difficulty is not None
        chance = 1 / (1 + 4 ** (arm.difficulty - skill))
        curriculum.observe(arm, sum(rng.random() < chance for _ in range(8)), 8)
        skill += 0.01
        seen.append(arm.difficulty)
    early, late = sum(seen[100:200]) / 100, sum(seen[-100:]) / 100
    assert early < 3.8 < 5 < late


def test_the_families_of_a_suite_can_be_narrowed() -> None:
    names = [arm.family for arm in Curriculum.of(types, tags=["core"]).weights()]
    assert names == types.select("train", tags=["core"])
    with pytest.raises(SuiteError, match="no family in split 'train' with the tags"):
        Curriculum.of(types, tags=["cor"])


@pytest.mark.parametrize(
    ("ask", "error", "told"),
    [
        (lambda: Curriculum([]), ValueError, "one arm or more"),
        (lambda: Curriculum(["a", ("a", None)]), ValueError, "each once"),
        (lambda: Curriculum(ARMS, floor=1.5), ValueError, "floor is a share from 0 to 1, not 1.5"),
        (lambda: Curriculum(ARMS, memory=0), ValueError, "memory is a number of rollouts"),
        (lambda: Curriculum(ARMS).observe("a", 9, 8), ValueError, "9 successes of 8 rollouts"),
        (lambda: Curriculum(ARMS).observe("a", -1, 8), ValueError, "-1 successes"),
        (lambda: Curriculum(["sort", "add"]).observe("sorts", 1, 1), SuiteError, "did you mean 'family sort'"),
        (lambda: Curriculum([("a", 1)]).observe(("a", 2), 1, 1), SuiteError, "no family a at level 2; did you mean"),
        (lambda: Curriculum(ARMS).load_state_dict(Curriculum(["a"]).state_dict()), SuiteError, "nothing of family b"),
        (lambda: Curriculum(["a"]).load_state_dict(Curriculum(ARMS).state_dict()), SuiteError, "no family b"),
    ],
)
def test_what_does_not_fit_is_told(ask: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        ask()
