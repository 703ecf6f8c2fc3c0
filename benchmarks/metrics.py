"""The rows of the table: what is measured, in which unit, what it aims at, and whom it is compared with."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.measure import Place, Stats

_SCALE = {"µs": 1e6, "ms": 1e3, "s": 1.0, "MB": 1.0, "%": 100.0}


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table.

    Attributes:
        key: how contenders report it.
        section: what `--only` names.
        label: what it is.
        unit: of the shown numbers. `/s` is the reciprocal of seconds: there more is better.
        aim: for the median, hardened, in this unit; None where nothing is aimed at.
        place: where host and runtime run.
        against: the peers' metric that it is compared with, if another.
    """

    key: str
    section: str
    label: str
    unit: str
    aim: float | None = None
    place: Place = "any"
    against: str = ""

    @property
    def more(self) -> bool:
        """Whether more is better."""
        return self.unit == "/s"

    def shown(self, samples: list[float]) -> Stats:
        """The statistics in the shown unit. The 99th percentile is the bad end also where more is better."""
        stats = Stats.of(samples)
        if self.more:
            return Stats(1 / stats.p50, 1 / stats.p99, stats.n)
        scale = _SCALE[self.unit]
        return Stats(stats.p50 * scale, stats.p99 * scale, stats.n)

    def met(self, stats: Stats) -> bool | None:
        """Whether the aim is met; None where there is none."""
        if self.aim is None:
            return None
        return stats.p50 >= self.aim if self.more else stats.p50 <= self.aim

    def ratio(self, ours: Stats, theirs: Stats) -> float | None:
        """How many times better ours is."""
        if self.unit == "%" or ours.p50 <= 0 or theirs.p50 <= 0:
            return None
        return ours.p50 / theirs.p50 if self.more else theirs.p50 / ours.p50


def _placed(
    key: str, section: str, label: str, unit: str, same: float | None, cross: float | None = None, against: str = ""
) -> list[Metric]:
    return [
        Metric(key, section, f"{label}, same core", unit, same, "same", against),
        Metric(key, section, f"{label}, across cores", unit, cross, "cross", against),
    ]


METRICS: tuple[Metric, ...] = (
    *_placed("floor.ping", "floor", "floor: socket round trip of two Pythons", "µs", None),
    Metric("floor.fork", "floor", "floor: fork of a Python with pandas, to its first byte", "ms"),
    *_placed("warm.raw", "warm", "warm cell, channel and child alone", "µs", 25, 80, "warm"),
    *_placed("warm", "warm", "warm cell, `execute`", "µs", 25, 80),
    *_placed("warm.nodiff", "warm", "warm cell, `execute` without the state diff", "µs", None, None, "warm"),
    *_placed("warm.table", "warm", "warm cell, a table of 1k rows in the state", "µs", None),
    *_placed("retrieve", "warm", "retrieve a frame of 1k rows", "ms", None),
    Metric("base", "start", "a Base with pandas, once per process", "ms"),
    Metric("prepare.100", "start", "a Template with 100 MB, once per task", "ms"),
    Metric("prepare.1000", "start", "a Template with 1 GB, once per task", "ms"),
    Metric("start.0", "start", "start, no data", "ms", 2.5),
    Metric("start.100", "start", "start from 100 MB", "ms", 2.5),
    Metric("start.1000", "start", "start from 1 GB", "ms", 2.5),
    *_placed("start.placed", "start", "start, no data", "ms", 2.5, 2.5, "start.0"),
    Metric("first.0", "start", "start and first cell, no data", "ms"),
    Metric("first.100", "start", "start and first cell, 100 MB", "ms"),
    Metric("first.1000", "start", "start and first cell, 1 GB", "ms"),
    Metric("many.16.100", "many", "16 at once from 100 MB", "ms", 60),
    Metric("many.64.100", "many", "64 at once from 100 MB", "ms", 220),
    Metric("many.64.1000", "many", "64 at once from 1 GB", "ms", 220),
    Metric("memory.16.100", "many", "memory of each of 16, 100 MB", "MB", 3),
    Metric("memory.64.100", "many", "memory of each of 64, 100 MB", "MB", 3),
    Metric("memory.64.1000", "many", "memory of each of 64, 1 GB", "MB", 3),
    Metric("reset", "reset", "reset and first cell", "ms"),
    Metric("reset.spares", "reset", "reset from spares and first cell", "ms", 0.3, "any", "reset"),
    Metric("overrun", "deadline", "over the deadline until interrupted", "ms", 5),
    Metric("replace", "deadline", "kill, replacement and its first cell", "ms", 10),
    Metric("save", "snapshot", "snapshot, 100 MB", "ms", 2.5),
    Metric("restore", "snapshot", "restore, 100 MB", "ms", 2.5),
    Metric("rollout", "rollouts", "rollouts of 5 steps per second and core", "/s", 220),
    Metric("rollout.verdict", "rollouts", "the same with a scalar verdict", "/s", 120, "any", "rollout"),
    Metric("episode", "rollouts", "whole episodes of 5 steps per second and core", "/s", None, "any", "rollout"),
    *_placed("verdict.scalar", "verdict", "verdict on a scalar, judge forked for it", "ms", 3, 3),
    *_placed("verdict.scalar.again", "verdict", "verdict on a scalar, later turns", "ms", None),
    *_placed("verdict.frame", "verdict", "verdict on a frame of 1k rows, judge forked for it", "ms", 10, 10),
    *_placed("verdict.frame.again", "verdict", "verdict on a frame of 1k rows, later turns", "ms", None),
    *_placed("hosted", "hosted", "call of a hosted object", "µs", 20, 60),
    Metric("tax.cell", "tax", "isolation tax on a warm cell", "%", 5),
    Metric("tax.files", "tax", "isolation tax on a cell that opens and writes files", "%"),
    Metric("tax.start", "tax", "isolation tax on a start", "%"),
    Metric("unseen", "unseen", "rollouts per second on 64 unseen tasks x 8, set-up included", "/s"),
)

SECTIONS = tuple(dict.fromkeys(metric.section for metric in METRICS))
