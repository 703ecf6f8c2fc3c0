"""`cave-rl doctor`: what this machine can confine with, and which versions are installed."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer

from cave_rl import confinement
from cave_rl.cli import output

PACKAGES = ("cave-rl", "gymnasium", "numpy", "pandas", "torch", "transformers", "trl", "peft", "vllm")


def doctor(json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False) -> None:
    """Tell whether model code can be confined here.

    Each rung is something a kernel may offer. `require="contained"`, the default, runs nothing where one of its rungs
    is missing; the others are used where they are there. The versions of what is installed follow. Exit code 1 where
    `contained` cannot be had.

    Examples:
        cave-rl doctor
        cave-rl doctor --json | jq .level
        cave-rl doctor > /dev/null && cave-rl train configs/quickstart.yaml
    """
    report = confinement.doctor()
    needed = confinement.RUNGS_OF_LEVEL["contained"]
    missing = [rung for rung in report.rungs if rung.name in needed and not rung.available]
    if json:
        output.as_json(_data(report, missing))
    else:
        _print(report, missing, needed)
    if missing:
        raise typer.Exit(1)


def versions() -> dict[str, str | None]:
    """The installed versions, without importing anything; None for what is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _refusals(missing: list[confinement.Rung]) -> list[str]:
    return [str(confinement.ConfinementError(rung.name, rung.detail)) for rung in missing]


def _data(report: confinement.Report, missing: list[confinement.Rung]) -> dict[str, Any]:
    machine = {name: value for name, value in asdict(report).items() if name != "rungs"}
    return {
        **machine,
        "level": report.level,
        "contained": not missing,
        "refusals": _refusals(missing),
        "rungs": [asdict(rung) for rung in report.rungs],
        "versions": versions(),
    }


def _print(report: confinement.Report, missing: list[confinement.Rung], needed: tuple[str, ...]) -> None:
    output.line(f"Linux {report.kernel} on {report.machine}, user {report.uid}")
    output.heading("Confinement")
    rows = [
        [rung.name, "yes" if rung.available else "no", "needed" if rung.name in needed else "", rung.gives, rung.detail]
        for rung in report.rungs
    ]
    output.table(["rung", "here", "contained", "gives", "found"], rows)
    output.line()
    if not missing:
        output.line('require="contained" (the default) runs here: all its rungs are there.', "green")
    else:
        output.line('require="contained" (the default) runs nothing here:', "red")
        for told in _refusals(missing):
            output.line(f"  {told}")
        weaker = f'The most that can be had is Confinement(require="{report.level}")'
        output.line(f"{weaker}: only for code you trust, never for training.")
    output.heading("Versions")
    output.table(["package", "version"], [[name, found or "not installed"] for name, found in versions().items()])
