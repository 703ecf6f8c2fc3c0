"""`cave-rl validate`: is a suite sound?"""

from __future__ import annotations

from typing import Annotated, cast

import typer
from rich.console import Console

from cave_rl.cli import output
from cave_rl.confinement import Confinement, Level
from cave_rl.evaluation.bar import progress_bar
from cave_rl.runtime.pool import Pool
from cave_rl.tasks import registry
from cave_rl.tasks.suite import SPLITS, Split
from cave_rl.tasks.validation import FamilyReport, Report
from cave_rl.tasks.validation import validate as run

_SHOWN = 40


def validate(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="A suite's name, or where one lies: module:attribute.")],
    tasks: Annotated[int, typer.Option("--tasks", "-n", min=1, help="How many tasks of each family.")] = 20,
    split: Annotated[
        str | None,
        typer.Option(help=f"One of {', '.join(SPLITS)}.  [default: heldout for held-out families, or train]"),
    ] = None,
    family: Annotated[list[str] | None, typer.Option(help="Only this family; may be repeated.")] = None,
    hacks: Annotated[
        int, typer.Option(min=0, help="With how many tasks of each family tricks, leaks and repeats are tried.")
    ] = 3,
    seed: Annotated[int, typer.Option(help="Of the environments.")] = 0,
    concurrency: Annotated[int, typer.Option("--concurrency", "-c", min=1, help="Most tasks at once.")] = 16,
    require: Annotated[
        str, typer.Option(help="The confinement without which nothing runs: contained, limits or none.")
    ] = "contained",
    json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Tell whether a suite is sound: what must score 1 does, and nothing else.

    Every task is played: its gold, doing nothing, its near-misses, its gold with each cell left out. With the first
    tasks of each family a battery of reward hacks is tried, a rollout is searched for answers, and gold is played three
    times over. docs/validation.md tells what each check says. Exit code 1 if there is an error.

    Examples:
        cave-rl validate Types-v0
        cave-rl validate Types-v0 --family sort_list --tasks 200
        cave-rl validate my_suite.tasks:suite --tasks 2 --hacks 1
        cave-rl validate Types-v0 --json | jq '.findings[]'
    """
    found = registry.find(suite)
    console = Console(stderr=True)
    confinement = Confinement(require=cast(Level, require))
    names = family or (found.families if split is None else found.names(cast(Split, split)))
    with Pool(confinement, templates=2 * concurrency + 8) as pool, progress_bar(console) as bar:
        shown = bar.add_task("tasks", total=tasks * len(names), note="")
        report = run(
            found,
            tasks=tasks,
            split=cast(Split | None, split),
            families=family,
            hacks=hacks,
            seed=seed,
            concurrency=concurrency,
            pool=pool,
            progress=lambda done: bar.update(shown, completed=done),
        )
    if json:
        output.as_json(report.as_dict())
    else:
        _print(report)
    if not report.ok:
        raise typer.Exit(1)


def _print(report: Report) -> None:
    columns = ["family", "tasks", "errors", "warnings", "turns", "near-misses", "hacks", "prompt", "observation"]
    output.table(columns, [[name, *_row(family)] for name, family in report.families.items()])
    output.line("(prompt and observation: characters, the median and the most)", "dim")
    groups = report.grouped()
    if groups:
        output.heading("Findings")
    for finding, count in groups[:_SHOWN]:
        more = f" (and {count - 1} more of its kind)" if count > 1 else ""
        output.line(f"{finding}{more}", "red" if finding.severity == "error" else "yellow")
    if len(groups) > _SHOWN:
        output.line(f"... and {len(groups) - _SHOWN} more kinds; --json has them all", "dim")
    output.line()
    verdict = "sound" if report.ok else "NOT SOUND"
    counts = f"{len(report.errors)} errors, {len(report.warnings)} warnings in {len(report.notes)} tasks"
    output.line(f"{report.suite} is {verdict}: {counts}, {report.seconds:.1f} s", "bold")


def _row(family: FamilyReport) -> list[object]:
    checked = family.checked
    sizes = (f"{median}/{most}" for median, most in (family.prompt, family.observation))
    counts = (checked.get(name, 0) for name in ("gold", "near_miss", "hack"))
    return [family.tasks, family.errors, family.warnings, *counts, *sizes]
