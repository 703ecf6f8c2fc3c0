from __future__ import annotations

import os
import time

import pytest

from benchmarks import work
from benchmarks.measure import CORES, Effort, Stats, pin, placed, repeat, resident
from benchmarks.metrics import METRICS, Metric


def test_percentiles_are_samples() -> None:
    stats = Stats.of([float(n) for n in range(100, 0, -1)])
    assert (stats.p50, stats.p99, stats.n) == (50.0, 99.0, 100)
    assert Stats.of([7.0]) == Stats(7.0, 7.0, 1)


def test_samples_stop_at_their_time_but_not_before_the_least() -> None:
    def slow() -> float:
        time.sleep(0.02)
        return 1.0

    assert len(repeat(Effort(seconds=0.01, least=3), slow, warm=0)) == 3
    assert len(repeat(Effort(seconds=10, most=5), slow, warm=1)) == 5


def test_processes_are_put_where_they_are_said_to_be_and_go_back() -> None:
    with placed("cross") as settle:
        child = os.fork()
        if child == 0:
            time.sleep(5)
            os._exit(0)
        settle()
        assert os.sched_getaffinity(child) == {CORES[-1]}
        assert os.sched_getaffinity(0) == {CORES[0]}
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert os.sched_getaffinity(0) == set(CORES)
    pin(CORES)


def test_memory_is_a_process_s_own() -> None:
    before = resident(os.getpid())
    held = bytearray(os.urandom(1 << 20) * 50)
    assert resident(os.getpid()) - before == pytest.approx(50, abs=10)
    del held


def test_rates_are_the_reciprocal_and_their_bad_end_is_the_slow_one() -> None:
    metric = Metric("rollout", "rollouts", "", "/s", 100)
    fast, slow = metric.shown([0.005, 0.005, 0.02]), metric.shown([0.02])
    assert (fast.p50, fast.p99) == (200.0, 50.0)
    assert metric.met(fast) is True
    assert metric.met(slow) is False
    assert metric.ratio(fast, slow) == 4.0


def test_what_is_quicker_is_better_and_meets_its_aim() -> None:
    metric = Metric("start", "start", "", "ms", 2.5)
    ours, theirs = metric.shown([0.002]), metric.shown([0.02])
    assert (ours.p50, metric.met(ours), metric.met(theirs)) == (2.0, True, False)
    assert metric.ratio(ours, theirs) == 10.0


def test_every_row_is_there_once() -> None:
    keys = [(metric.key, metric.place) for metric in METRICS]
    assert len(keys) == len(set(keys))


def test_a_state_has_the_size_that_it_says() -> None:
    pytest.importorskip("pandas")
    frame = work.state(10)["frame"]
    assert frame.memory_usage().sum() == pytest.approx(10_000_000, rel=0.01)
    assert "frame" not in work.state(0)
    with pytest.raises(AssertionError):
        work.same_table(work.table().head(3), work.table())
