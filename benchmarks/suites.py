"""What tasks cost before a model has said a word: drawing them, setting them up, starting episodes of them.

    python -m benchmarks.suites [--suite Types-v0 --suite Market-v0] [--seconds 0.3] [--starts 50] [--json out.json]

Drawing is one process drawing task after task of a family, each for the first time, by its CPU seconds; building what
is injected counts. A set-up is made once for all episodes of a task. A start is a runtime forked from it that
has run a first cell; each suite's starts are measured where its set-up takes longest, and where it takes least.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # it may be started by its path

import typer

from benchmarks.measure import Stats, load, machine
from cave_rl.runtime import Pool
from cave_rl.tasks import Suite, Task, registry

LIGHT = 200
"""Tasks a second that a family without large data is meant to give."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Tasks a second of one family."""

    suite: str
    family: str
    rate: float


@dataclass(frozen=True, slots=True)
class Started:
    """One task's set-up and starts.

    Attributes:
        setup_s: the set-up, once.
        start: milliseconds of a start with its first cell.
    """

    suite: str
    family: str
    setup_s: float
    start: Stats


def families(suite: Suite) -> list[tuple[str, str]]:
    """The families of a suite, each with the split it is drawn from."""
    return [(split, family) for split in ("train", "heldout") for family in suite.names(split)]


def draw(suite: Suite, split: str, family: str, seconds: float) -> tuple[Drawn, Task]:
    """Draws tasks for so long, and one more before that, which imports what is needed."""
    found = suite.task(split, family, 0)
    count, begun = 0, time.process_time()
    while (spent := time.process_time() - begun) < seconds:
        count += 1
        suite.task(split, family, count)
    return Drawn(suite.name, family, count / spent), found


def start(pool: Pool, task: Task, starts: int) -> Started:
    """Sets a task up, and starts runtimes of it one after the other."""
    names = [*(each.name for each in task.preparation.variables), "None"]
    base = pool.base(task.modules)
    begun = time.perf_counter()
    with base.template(task.preparation) as template:
        taken, found = time.perf_counter() - begun, []
        for seed in range(starts):
            begun = time.perf_counter()
            with template.start(seed) as runtime:
                runtime.execute(f"_ = {names[0]}")
                found.append(1000 * (time.perf_counter() - begun))
    return Started(task.suite, task.family, taken, Stats.of(found))


def _first(tasks: list[Task], of: Started) -> Task:
    return next(task for task in tasks if (task.suite, task.family) == (of.suite, of.family))


def main(
    suite: Annotated[list[str] | None, typer.Option(help="Which suites; all that are installed if none.")] = None,
    seconds: Annotated[float, typer.Option(help="How long tasks of each family are drawn.")] = 0.3,
    starts: Annotated[int, typer.Option(help="How often a task is started.")] = 50,
    out: Annotated[Path | None, typer.Option("--json", help="Write the numbers.")] = None,
) -> None:
    """Measure, family by family."""
    before = load()
    drawn: list[Drawn] = []
    started: list[Started] = []
    print("| suite | families | tasks/s, median | slowest family | below 200/s |\n|---|---:|---:|---|---:|")
    with Pool() as pool:
        first: list[Task] = []
        for name in suite or registry.names():
            found = registry.find(name)
            rates, tasks = zip(*(draw(found, *each, seconds) for each in families(found)), strict=True)
            drawn += rates
            first += tasks
            slowest = min(rates, key=lambda each: each.rate)
            below = sum(each.rate < LIGHT for each in rates)
            median = statistics.median(each.rate for each in rates)
            print(
                f"| {name} | {len(rates)} | {median:,.0f} | {slowest.family} {slowest.rate:,.1f} | {below} |",
                flush=True,
            )
        print(
            "\n| suite | set-up, median | set-up, slowest | start from it, p50 (p99) | from the quickest, p50 (p99) |"
        )
        print("|---|---:|---:|---:|---:|")
        for name in dict.fromkeys(task.suite for task in first):
            setups = [start(pool, task, 1) for task in first if task.suite == name]
            slow, quick = (pick(setups, key=lambda each: each.setup_s) for pick in (max, min))
            heavy, light = (start(pool, _first(first, each), starts).start for each in (slow, quick))
            started += [replace(slow, start=heavy), replace(quick, start=light)]
            print(
                f"| {name} | {1000 * statistics.median(each.setup_s for each in setups):.0f} ms "
                f"| {slow.family} {1000 * slow.setup_s:.0f} ms | {heavy.p50:.1f} ({heavy.p99:.1f}) ms "
                f"| {quick.family} {light.p50:.1f} ({light.p99:.1f}) ms |",
                flush=True,
            )
    print(f"\n{machine()}; load {before} before, {load()} after")
    if out is not None:
        result = {"drawn": [asdict(each) for each in drawn], "started": [asdict(each) for each in started]}
        out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
