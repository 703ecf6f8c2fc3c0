"""`cave-rl compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cave_rl.cli import output
from cave_rl.cli.numbers import estimate
from cave_rl.evaluation.compare import Side, unfair
from cave_rl.evaluation.compare import compare as compared
from cave_rl.evaluation.statistics import Difference


def compare(
    before: Annotated[Path, typer.Argument(help="A run's directory.")],
    after: Annotated[Path, typer.Argument(help="Another's: is it better?")],
    flips: Annotated[int, typer.Option(min=0, help="How many tasks that changed are listed.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Compare two runs task by task, from the same states.

    Told are the difference of the success rates of tasks with its 95 % interval, two tests of it, the tasks that
    changed with where to read why, and what makes the comparison unfair: other prompts, other settings, faults.

    Examples:
        cave-rl compare outputs/before outputs/after
        cave-rl compare outputs/before outputs/after --json | jq .difference
    """
    found = compared(Side.read(before), Side.read(after))
    if json:
        output.as_json(found)
        return
    for told in unfair(found):
        output.line(f"! {told}", "yellow")
    rows: list[list[object]] = [
        [before, estimate(found["success"]["before"])],
        [after, estimate(found["success"]["after"])],
        ["difference (95 % interval over tasks)", _difference(found["difference"])],
        ["difference (95 % interval over families)", _difference(found["difference_over_families"])],
        ["sign-flip test over tasks", f"p = {found['sign_flip_p']:.4g}"],
        ["tasks", f"{found['tasks']}: {found['gained']} gained, {found['lost']} lost"],
    ]
    if found["mcnemar_p"] is not None:
        rows.insert(-1, ["McNemar's test", f"p = {found['mcnemar_p']:.4g}"])
    output.table(["", "solved"], rows)
    if found["flips"] and flips:
        output.heading("Tasks that changed")
        output.table(["task", "before", "after", "traces"], [_flip(each) for each in found["flips"][:flips]])
        if len(found["flips"]) > flips:
            output.line(f"and {len(found['flips']) - flips} more (--flips)")


def _flip(found: dict[str, Any]) -> list[str]:
    places = "  ".join(f"{each['file']}:{each['line']}" for each in found["traces"])
    return [found["task"], f"{100 * found['before']:.0f} %", f"{100 * found['after']:.0f} %", places]


def _difference(found: dict[str, Any]) -> str:
    values = {key: float("nan") if found[key] is None else found[key] for key in ("mean", "low", "high")}
    return str(Difference(**values, n=found["n"], clusters=found["clusters"]))
