from __future__ import annotations

import time

from cave_rl.rollouts.clock import ENVIRONMENT, GENERATION, Clock


def test_what_goes_on_at_once_counts_once() -> None:
    clock, started = Clock(), time.monotonic()
    with clock.within(ENVIRONMENT), clock.within(ENVIRONMENT):
        time.sleep(0.05)
    passed = time.monotonic() - started
    assert 0.05 <= clock.seconds["environment"] <= passed
    assert clock.seconds["blocked"] == clock.seconds["environment"]
    assert clock.seconds["generation"] == 0


def test_the_environment_blocks_only_while_nobody_waits_for_the_model() -> None:
    clock = Clock()
    with clock.within(ENVIRONMENT):
        with clock.within(GENERATION):
            time.sleep(0.05)
        before = clock.seconds["blocked"]
        assert before < 0.02
        time.sleep(0.05)
    assert clock.seconds["blocked"] >= 0.05
    assert clock.seconds["environment"] >= clock.seconds["generation"] + 0.05
    time.sleep(0.02)
    rest = dict(clock.seconds)
    with clock.within(GENERATION):
        pass
    assert clock.seconds["environment"] == rest["environment"], "between, nothing was going on"


def test_seconds_of_those_that_take_turns_are_added() -> None:
    clock = Clock()
    clock.add(2.0, 3.0)
    assert clock.seconds == {"environment": 2.0, "generation": 3.0, "blocked": 2.0}
