"""`cave-rl rescore`."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cave_rl.cli import output
from cave_rl.cli.numbers import estimate
from cave_rl.evaluation.directory import load
from cave_rl.evaluation.live import Live
from cave_rl.evaluation.rescore import rescore as rescored
from cave_rl.rollouts import traces

TOLD = 20


def rescore(
    run: Annotated[Path, typer.Argument(help="A run's directory.")],
    concurrency: Annotated[int, typer.Option("--concurrency", "-c", min=1, help="Most episodes at once.")] = 64,
    json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Score a run again, without its model: its cells run in fresh runtimes and are judged by today's assertions.

    The digests of the state that were recorded are checked step by step. Exit code 1 where one is not met: the cell
    did something that does not repeat, or what it ran on is no longer the same. rescored.jsonl and rescored.json in the
    run's directory hold the new traces and what came of them; the run itself stays as it is.

    Examples:
        cave-rl rescore outputs/Types-v0--gold--20260101-120000
    """
    config, rows = load(run)
    with Live(Console(stderr=json), f"rescore {config.label}") as live:
        live.begun(len(rows), [], [])
        found, new = rescored(config, rows, concurrency=concurrency, progress=live.progress)
    (run / "rescored.jsonl").unlink(missing_ok=True)
    traces.append(run / "rescored.jsonl", new)
    (run / "rescored.json").write_text(dumps(found, indent=1, allow_nan=False))
    if json:
        output.as_json(found)
    else:
        _print(found)
    if found["mismatches"]:
        raise typer.Exit(1)


def _print(found: dict[str, Any]) -> None:
    success = found["success"]
    output.table(
        ["", found["label"]],
        [
            ["replayed", f"{found['replayed']} of {found['episodes']} episodes"],
            ["met every digest", f"{found['exact']} ({found['checked_steps']} steps checked)"],
            ["solved, as recorded", estimate(success["before"])],
            ["solved, by today's assertions", estimate(success["after"])],
            ["  of those that met every digest", estimate(success["after_exact"])],
            ["scored otherwise than before", str(len(found["changed"]))],
        ],
    )
    for title, lines in (
        ("Not what was recorded", {key: ", ".join(map(_told, each)) for key, each in found["mismatches"].items()}),
        (
            "Scored otherwise",
            {key: "solved now" if solved else "not solved now" for key, solved in found["changed"].items()},
        ),
        ("Not replayed", found["skipped"] | found["faults"]),
    ):
        if lines:
            output.heading(title)
            output.table(["episode", ""], list(lines.items())[:TOLD])
            if len(lines) > TOLD:
                output.line(f"and {len(lines) - TOLD} more (rescored.json)")


def _told(mismatch: dict[str, Any]) -> str:
    if mismatch["what"] == "state":
        return f"step {mismatch['step']}: {', '.join(mismatch['names'])}"
    if mismatch["what"] == "code":
        return f"step {mismatch['step']}: another cell is read from the message"
    return f"step {mismatch['step']}: {mismatch['what']} {mismatch['before']}, now {mismatch['after']}"
