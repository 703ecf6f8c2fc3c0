"""`cave-rl export`: tasks of a suite as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from cave_rl.cli import output
from cave_rl.evaluation.evaluate import choose
from cave_rl.tasks import registry, static
from cave_rl.tasks.suite import SPLITS, Split


def export(
    suite: Annotated[str, typer.Argument(help="A suite: Types-v0, or module:attribute, or a mixture.")],
    file: Annotated[Path, typer.Option("--output", "-o", help="Where to: a .jsonl file.")],
    split: Annotated[str, typer.Option(help=f"One of {', '.join(SPLITS)}.")] = "test",
    tasks: Annotated[int, typer.Option("--tasks", "-n", min=1, help="How many tasks.")] = 100,
    tag: Annotated[list[str] | None, typer.Option(help="Only families with this tag; may be repeated.")] = None,
    family: Annotated[list[str] | None, typer.Option(help="Only this family; may be repeated.")] = None,
) -> None:
    """Write tasks of a suite to a file, one JSON line each, with the suite's few-shot examples.

    A file of tasks is a suite in turn: every verb takes it. Only tasks that are data can be written; one that is not is
    told by task, field and reason, and then nothing is.

    Examples:
        cave-rl export Types-v0 --split test -n 200 -o types.jsonl
        cave-rl export Types-v0 --split heldout --tag core -o heldout.jsonl
        cave-rl eval types.jsonl --model gold -n 200
    """
    found = registry.find(suite)
    chosen = choose(found, cast(Split, split), tasks, families=family, tags=tag or ())
    count = static.dump(chosen, file, split=cast(Split, split), examples=found.examples)
    output.line(f"{file}: {count} tasks of {found.name}, split {split}")
