"""Agreement with other people's checkers: the same runs, judged by us and by them.

    python -m benchmarks.parity [--here] [--categories base,miss_func] [--first 20] [--json FILE] [--markdown FILE]
    python -m benchmarks.parity --throughput 50 [--group 8] [--categories multi]

BFCL: the answers of each task, and ways to get them wrong (`benchmarks.mutations`), are played as cells in the real
environment. Our verdicts are compared with upstream's, which its code gives in this process: of a dialogue's recorded
calls `multi_turn_checker` and `multi_turn_irrelevance_checker`, of a single turn the runner and its AST checker, which
read the calls as a model's text. With `--here` the cells run in this process as well, by the code of World and judge: a
minute for all, and no processes.

An interrupt (Ctrl-C) ends it with the table of what was done by then.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # it may be started by its path

import typer
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from benchmarks.bfcl.comparing import Parity, compare, table
from benchmarks.bfcl.playing import JUDGES, Play, in_episodes, in_process
from benchmarks.bfcl.subjects import MULTI, SINGLE, subject
from benchmarks.bfcl.throughput import cost
from benchmarks.measure import CORES, cpu_s, load
from cave_rl.runtime import Pool

GROUPS = {"multi": MULTI, "single": SINGLE}
_TELL_S = 30.0
"""How often a line is written where there is no terminal to draw a bar on."""


def main(
    categories: Annotated[str, typer.Option(help="Which, with commas between; `multi` and `single` are groups.")] = (
        "multi"
    ),
    without_processes: Annotated[bool, typer.Option("--here", help="Run the cells in this process.")] = False,
    first: Annotated[int | None, typer.Option(help="Only so many tasks of each.")] = None,
    start: Annotated[int, typer.Option(help="The number of the first of them.")] = 0,
    together: Annotated[int, typer.Option(help="Tasks that are played at a time, each in all ways.")] = 2,
    throughput: Annotated[int, typer.Option(help="Instead measure what so many gold episodes of each cost.")] = 0,
    group: Annotated[int, typer.Option(help="With --throughput: episodes of a task.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all counts there.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the table there.")] = None,
) -> None:
    """Plays BFCL's tasks in all ways, and compares the verdicts. Fails if any differs."""
    named = [each for name in categories.split(",") for each in GROUPS.get(name, (name,))]
    console = Console() if sys.stdout.isatty() else Console(width=200)
    if throughput:
        _show(console, [_costs(named, throughput, group, console)], markdown)
        return
    found: dict[str, Parity] = {}
    before, interrupted = cpu_s(), False
    try:
        with Pool(templates=together + JUDGES) as pool:
            play = in_process if without_processes else in_episodes(pool)
            for category in named:
                found[category] = Parity()
                _one(category, found[category], play, start, first, together, console)
    except KeyboardInterrupt:
        interrupted = True
        console.print("interrupted: what follows is of the tasks that were done")
    if json_file is not None:
        json_file.write_text(json.dumps({name: asdict(each) for name, each in found.items()}, indent=1))
    tables = [table({name: found[name] for name in part if name in found}) for part in GROUPS.values()]
    _show(console, [each for each in tables if len(each) > 1], markdown)
    tasks = sum(each.tasks for each in found.values())
    console.print(
        f"{tasks} tasks, {(cpu_s() - before) / max(1, tasks):.2f} CPU s each; load {load()}, {len(CORES)} cores"
    )
    raise typer.Exit(130 if interrupted else any(each.disagreements for each in found.values()))


def _one(
    category: str, found: Parity, play: Play, start: int, first: int | None, together: int, console: Console
) -> None:
    """Plays one category, and tells of it."""
    played = subject(category)
    numbers = range(played.size)[start:][:first]
    try:
        with Progress(console=console, transient=True) as bar:
            shown = bar.add_task(category, total=len(numbers))
            told = _bar(bar, shown) if console.is_terminal else _lines(category, len(numbers), console)
            compare(played, numbers, play, found, together=together, progress=told)
    finally:
        console.print(f"{category}: {len(found.disagreements)} disagreements", *found.disagreements, sep="\n")
        if found.failed_gold:
            console.print(f"{category}: upstream fails its own answers of {', '.join(found.failed_gold)}")


def _bar(bar: Progress, task: TaskID) -> Callable[[Parity], None]:
    return lambda found: bar.update(task, completed=found.tasks)


def _lines(category: str, total: int, console: Console) -> Callable[[Parity], None]:
    """Tells of progress by lines, some time apart."""
    began = told = time.monotonic()

    def progress(found: Parity) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= _TELL_S:
            told = now
            done = f"{category}: {found.tasks} of {total} tasks, {len(found.disagreements)} disagreements"
            console.print(f"{done}, {now - began:.0f} s", highlight=False)

    return progress


def _costs(categories: list[str], episodes: int, group: int, console: Console) -> list[list[str]]:
    rows = [["category", "episodes", "passed", "a second a core", "CPU ms each", "upstream's CPU ms each", "load"]]
    for category in categories:
        played = subject(category)
        stride = max(1, played.size * group // episodes)
        numbers = range(played.size)[::stride][: max(1, episodes // group)]
        before = load()
        found = cost(played, numbers, group=group)
        each, theirs = 1000 * found.ours_s / found.episodes, 1000 * found.theirs_s / found.episodes
        counts = [str(found.episodes), str(found.passed), f"{found.per_core:.1f}"]
        rows.append([category, *counts, f"{each:.0f}", f"{theirs:.1f}", f"{before:g} to {load():g}"])
        console.print(", ".join(rows[-1]), highlight=False)
    return rows


def _show(console: Console, tables: list[list[list[str]]], markdown: Path | None) -> None:
    lines = []
    for heading, *rows in tables:
        shown = Table(*heading)
        for row in rows:
            shown.add_row(*row)
        console.print(shown)
        lines += [heading, ["---"] * len(heading), *rows, []]
    if markdown is not None:
        markdown.write_text("".join(f"| {' | '.join(line)} |\n" if line else "\n" for line in lines))


if __name__ == "__main__":
    typer.run(main)
