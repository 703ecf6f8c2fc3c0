"""What an evaluation costs beside its model: judged episodes a second and core, tracing on, a policy without latency.

    python -m benchmarks.evaluation --tasks 16 --rollouts 64 --concurrency 256

CPU seconds are those of this process and of all that it started (bases, templates, runtimes, judges). What the live
display takes of them is what its calls take: counting episodes, and drawing on a terminal in a thread of its own. On
a busy machine CPU seconds grow too: measure on a quiet one.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.measure import load
from cave_rl.evaluation.config import EvalConfig
from cave_rl.evaluation.directory import RunDirectory
from cave_rl.evaluation.live import Live
from cave_rl.evaluation.plan import plan
from cave_rl.evaluation.players import player
from cave_rl.evaluation.run import carry_out


@dataclass(frozen=True)
class Measured:
    """One run.

    Attributes:
        wall_s: from the first episode to the last, templates included.
        own_s, others_s: CPU seconds of this process, and of those that it started.
        display_s: CPU seconds of the display, among those of this process.
    """

    episodes: int
    wall_s: float
    own_s: float
    others_s: float
    display_s: float

    @property
    def per_core(self) -> float:
        """Episodes a second that one core can give."""
        return self.episodes / (self.own_s + self.others_s)

    @property
    def display_share(self) -> float:
        """What part of all CPU seconds the display took."""
        return self.display_s / (self.own_s + self.others_s)

    def __str__(self) -> str:
        wall = f"{self.episodes / self.wall_s:.0f} episodes/s in all"
        own, others = (1000 * each / self.episodes for each in (self.own_s, self.others_s))
        display = f"of which the display {100 * self.display_share:.2f} %"
        return (
            f"{self.per_core:.0f} episodes/s a core ({own:.2f} ms here, {others:.2f} ms elsewhere; {display}; {wall})"
        )


class Timed(Live):
    """The live display on a terminal that nobody looks at; it adds up the CPU seconds of its calls."""

    def __init__(self) -> None:
        super().__init__(Console(file=io.StringIO(), force_terminal=True, width=120), "benchmark")
        self.seconds = 0.0
        drawing = self._bar.live
        drawing.refresh = self._timed(drawing.refresh)  # type: ignore[method-assign]
        self.told = self._timed(self.progress)

    def _timed(self, call: Callable[..., None]) -> Callable[..., None]:
        def timed(*given: Any) -> None:
            before = time.thread_time()
            call(*given)
            self.seconds += time.thread_time() - before

        return timed


def measure(config: EvalConfig) -> Measured:
    """A whole run in a directory of its own."""
    planned, display = plan(config), Timed()
    with tempfile.TemporaryDirectory() as directory, RunDirectory.create(Path(directory) / "run", config) as run:
        before, started = _cpu(), time.monotonic()
        with display:
            summary = carry_out(run, planned, player(config), versions={}, begun=display.begun, progress=display.told)
        wall, after = time.monotonic() - started, _cpu()
        assert summary["success"]["mean"] == 1.0, summary["faults_by_type"]
    return Measured(len(planned), wall, after[0] - before[0], after[1] - before[1], display.seconds)


def _cpu() -> tuple[float, float]:
    """CPU seconds of this process, and of all its descendants that have ended."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime, others.ru_utime + others.ru_stime


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default="Types-v0")
    parser.add_argument("--tasks", type=int, default=16)
    parser.add_argument("--rollouts", type=int, default=64)
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--repeat", type=int, default=3, help="how many runs")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    config = EvalConfig.model_validate(
        {
            "suites": [given.suite],
            "tags": ["core"] if given.suite == "Types-v0" else [],
            "tasks": given.tasks,
            "rollouts": given.rollouts,
            "concurrency": given.concurrency,
            "model": {"name": "gold"},
        }
    )
    runs = []
    for _ in range(given.repeat):
        runs.append(measure(config))
        if not given.json:
            print(runs[-1], flush=True)
    result = {
        "per_core": statistics.median(each.per_core for each in runs),
        "display_share": statistics.median(each.display_share for each in runs),
        "cores": len(os.sched_getaffinity(0)),
        "load": load(),
        "runs": [asdict(each) for each in runs],
    }
    if given.json:
        print(json.dumps(result, indent=1))
    else:
        share = 100 * statistics.median(each.display_share for each in runs)
        print(f"median {result['per_core']:.0f} episodes/s a core; the live display takes {share:.2f} %; load {load()}")


if __name__ == "__main__":
    main()
