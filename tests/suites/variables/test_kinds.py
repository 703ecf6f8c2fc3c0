"""What the steps of a kind say they do is what their code does."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest

from cave_rl.runtime.codec import same
from cave_rl.suites.variables.kinds import ALIKE, HOLDERS, KINDS, change, kind_of
from cave_rl.suites.variables.world import Gauge

STEPS = [(name, step) for name, kind in KINDS.items() for step in kind.steps]


@pytest.mark.parametrize(("name", "step"), STEPS, ids=lambda each: each if isinstance(each, str) else each.ask)
def test_the_code_of_a_step_does_what_the_step_says(name: str, step: Any) -> None:
    rng, kind = random.Random(1), KINDS[name]
    for _ in range(20):
        value = kind.draw(rng)
        n = kind.argument(rng, value)
        scope = {"x": copy.deepcopy(value)}
        before = copy.deepcopy(value)
        expected = step.apply(value, n)
        exec(step.cell("x", n), scope)
        assert same(scope["x"], expected)
        assert same(value, before), "what is expected is worked out without touching the value"
        assert "{" not in step.query("x", n).replace("{x}", "")


@pytest.mark.parametrize("name", list(KINDS))
def test_a_drawn_change_changes_and_its_mistake_comes_to_something_else(name: str) -> None:
    rng = random.Random(2)
    for _ in range(20):
        value = KINDS[name].draw(rng)
        assert kind_of(value) == name
        right, wrong = change(rng, "x", value)
        assert not same(right.value, value)
        assert not same(wrong.value, right.value)


def test_the_kinds_that_are_named_are_kinds() -> None:
    assert {*ALIKE, *HOLDERS} <= set(KINDS)


@pytest.mark.parametrize("impossible", [Gauge(0, 10, 11), Gauge(0, 10, -1), Gauge(0, 10, 1.5), Gauge(0, True, 0)])  # type: ignore[arg-type]
def test_an_impossible_gauge_is_refused(impossible: Gauge) -> None:
    with pytest.raises(ValueError, match="limits"):
        impossible.__validate_claim__()


def test_a_gauge_stays_between_its_limits() -> None:
    gauge = Gauge(0, 10, 5)
    gauge.turn_up(5)
    with pytest.raises(ValueError, match="not between"):
        gauge.turn_up(1)
    gauge.turn_down(10)
    with pytest.raises(ValueError, match="not between"):
        gauge.turn_down(1)
    assert gauge == Gauge(0, 10, 0)
