"""Signs of collapse in a trainer's log, each told once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cave_rl.training.alerts import SIGNS, alerts
from cave_rl.training.config import CollapsePart

WELL: dict[str, Any] = {"solved": 0.4, "entropy": 0.5, "cut": 0.1, "completions/mean_length": 40.0}
PART = CollapsePart(patience=3)


def told(history: list[dict[str, Any]], part: CollapsePart = PART) -> list[tuple[str, int]]:
    """Every alert of a run, step after step."""
    steps = [{"step": i + 1, **entry} for i, entry in enumerate(history)]
    return [(each.kind, each.step) for i in range(len(steps)) for each in alerts(steps[: i + 1], part)]


BAD: list[tuple[str, dict[str, Any]]] = [
    ("entropy", {"entropy": 0.001}),
    ("length", {"cut": 0.95}),
    ("length", {"completions/mean_length": 2.0}),
    ("format", {"outcome/malformed": 0.6}),
]


@pytest.mark.parametrize(("kind", "sign"), BAD)
def test_a_sign_is_told_once_it_has_been_there_for_long_enough(kind: str, sign: dict[str, Any]) -> None:
    bad = {**WELL, **sign}
    assert told([WELL, bad, bad]) == []
    assert told([WELL, bad, bad, bad]) == [(kind, 4)]
    assert told([WELL, bad, bad, bad, bad, bad]) == [(kind, 4)], "once, not at every step"
    assert told([WELL, bad, bad, WELL, bad, bad]) == [], "in a row"
    assert told([WELL, *[bad] * 3, WELL, *[bad] * 3]) == [(kind, 4), (kind, 8)], "and again when it has come back"


def test_what_goes_well_is_no_alert() -> None:
    assert told([WELL] * 20) == []
    assert told([]) == []


def test_a_policy_that_solves_everything_may_be_certain() -> None:
    assert told([WELL, *[{**WELL, "entropy": 0.0001, "solved": 1.0}] * 5]) == []


def test_brief_messages_that_solve_are_no_collapse() -> None:
    assert told([WELL, *[{**WELL, "completions/mean_length": 2.0, "solved": 0.9}] * 5]) == []


def test_a_step_of_nothing_but_faults_says_nothing() -> None:
    """TRL logs an entropy of 0 then, and no success."""
    faults: dict[str, Any] = {"entropy": 0.0, "faults": 8}
    assert told([WELL, *[faults] * 5]) == []
    bad = {**WELL, "entropy": 0.001}
    assert told([WELL, bad, bad, faults, bad]) == [("entropy", 5)]


def test_it_says_what_was_seen_and_what_may_help() -> None:
    steps = [{"step": i, **WELL, "entropy": 0.001} for i in (1, 2, 3)]
    (alert,) = alerts(steps, PART)
    assert str(alert) == (
        "step 3: for 3 steps entropy has been below 0.005 (0.001 now), with 40% solved. The policy no longer explores: "
        "lower train.learning_rate, raise rollout.temperature, add train.grpo.entropy_coef, or go back to an earlier "
        "checkpoint"
    )
    assert all(sign.advice for sign in SIGNS)


@given(st.lists(st.sampled_from([WELL, {**WELL, "cut": 1.0}]), max_size=12), st.integers(1, 4))
def test_there_is_one_alert_for_each_streak_that_is_long_enough(history: list[dict[str, Any]], patience: int) -> None:
    expected, streak = [], 0
    for i, entry in enumerate(history):
        streak = streak + 1 if entry["cut"] == 1.0 else 0
        if streak == patience:
            expected.append(("length", i + 1))
    assert told(history, CollapsePart(patience=patience)) == expected
