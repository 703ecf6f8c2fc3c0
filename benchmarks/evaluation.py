"""What an evaluation costs beside its model: judged episodes a second and core, tracing on, a policy without latency.

    python -m benchmarks.evaluation --tasks 16 --rollouts 64 --concurrency 256

CPU seconds are those of this process and of all that it started (bases, templates, runtimes, judges). The live display
is measured by turns: one run with it, one without. On a busy machine CPU seconds grow too: measure on a quiet one.
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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

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
    """

    episodes: int
    wall_s: float
    own_s: float
    others_s: float

    @property
    def per_core(self) -> float:
        """Episodes a second that one core can give."""
        return self.episodes / (self.own_s + self.others_s)

    def __str__(self) -> str:
        wall = f"{self.episodes / self.wall_s:.0f} episodes/s in all"
        cpu = (
            f"{1000 * self.own_s / self.episodes:.2f} ms here, {1000 * self.others_s / self.episodes:.2f} ms elsewhere"
        )
        return f"{self.per_core:.0f} episodes/s a core ({cpu} of CPU an episode; {wall})"


def measure(config: EvalConfig, *, shown: bool = False) -> Measured:
    """A whole run in a directory of its own."""
    planned = plan(config)
    with tempfile.TemporaryDirectory() as directory, RunDirectory.create(Path(directory) / "run", config) as run:
        display = Live(Console(file=io.StringIO(), force_terminal=True, width=120), "benchmark")
        told: dict[str, Any] = {"begun": display.begun, "progress": display.progress} if shown else {}
        before, started = _cpu(), time.monotonic()
        if shown:
            with display:
                summary = carry_out(run, planned, player(config), versions={}, **told)
        else:
            summary = carry_out(run, planned, player(config), versions={}, **told)
        wall, after = time.monotonic() - started, _cpu()
        assert summary["success"]["mean"] == 1.0, summary["faults_by_type"]
    return Measured(len(planned), wall, after[0] - before[0], after[1] - before[1])


def _cpu() -> tuple[float, float]:
    """CPU seconds of this process, and of all its descendants that have ended."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime, others.ru_utime + others.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default="Types-v0")
    parser.add_argument("--tasks", type=int, default=16)
    parser.add_argument("--rollouts", type=int, default=64)
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--repeat", type=int, default=3, help="runs with the display, and as many without")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
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
    runs: dict[bool, list[Measured]] = {False: [], True: []}
    for _ in range(given.repeat):
        for shown in runs:
            runs[shown].append(measure(config, shown=shown))
            if not given.json:
                print("with display:   " if shown else "without display:", runs[shown][-1], flush=True)
    cost = {shown: statistics.median(1 / each.per_core for each in found) for shown, found in runs.items()}
    result = {
        "per_core": statistics.median(each.per_core for each in runs[False]),
        "display_share": cost[True] / cost[False] - 1,
        "cores": len(os.sched_getaffinity(0)),
        "runs": {"with" if shown else "without": [asdict(each) for each in found] for shown, found in runs.items()},
    }
    if given.json:
        print(json.dumps(result, indent=1))
    else:
        share = 100 * result["display_share"]
        print(f"median {result['per_core']:.0f} episodes/s a core; the live display adds {share:.1f} %")


if __name__ == "__main__":
    main()
