"""`cave-rl list`: the suites that can be found, or the families of one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cave_rl.cli import output
from cave_rl.tasks import registry
from cave_rl.tasks.suite import SPLITS, Suite, SuiteError


def list_suites(
    families: Annotated[
        str | None, typer.Option(metavar="SUITE", help="List the families of this suite instead.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """List the suites of tasks, or the families of one.

    A suite is a named, versioned set of families; a family generates tasks. Tasks are split into train, validation and
    test by their content; held-out families are never trained on. `cave-rl show` shows a task.

    Examples:
        cave-rl list
        cave-rl list --families Types-v0
        cave-rl list --families my_suite.tasks:suite
        cave-rl list --families tasks.jsonl
        cave-rl list --json | jq '.[].name'
    """
    if families is not None:
        _list_families(registry.find(families), json)
        return
    suites = [_suite(name) for name in registry.names()]
    if json:
        output.as_json(suites)
    elif not suites:
        output.line("No suite is installed. docs/tasks.md tells how to write one.")
    else:
        rows = [[each["name"], *_counts(each), each["module"], each["description"]] for each in suites]
        output.table(["suite", *SPLITS, "module", "description"], rows)
        output.line("(families per split; `cave-rl list --families SUITE` lists them)", "dim")


def _suite(name: str) -> dict[str, Any]:
    try:
        suite = registry.find(name)
    except Exception as error:  # someone's broken suite is told in its row and does not hide the others
        told = f"cannot be loaded: {type(error).__name__}: {error}"
        return {"name": name, "description": told, "families": None, "module": None}
    makers = [getattr(family.make, "func", family.make) for family in suite.families.values()]  # they may be partial
    return {
        "name": suite.name,
        "description": suite.description,
        "families": {split: len(suite.names(split)) for split in SPLITS},
        "module": makers[0].__module__ if makers else None,
    }


def _counts(suite: dict[str, Any]) -> list[object]:
    return [suite["families"][split] if suite["families"] else "-" for split in SPLITS]


def _list_families(suite: Suite, json: bool) -> None:
    found = [
        {
            "name": family.name,
            "splits": [split for split in SPLITS if family.name in suite.names(split)],
            "tags": list(family.tags),
            "example": _example(suite, family.name),
        }
        for family in suite.families.values()
    ]
    if json:
        output.as_json(found)
    else:
        rows = [
            [each["name"], "heldout" if each["splits"] == ["heldout"] else "", ", ".join(each["tags"]), each["example"]]
            for each in found
        ]
        output.table(["family", "", "tags", "asks, for example"], rows)


def _example(suite: Suite, family: str) -> str:
    """What a task of the family asks, on one line."""
    try:
        task = suite.task(suite.first_split(family), family, 0)
    except SuiteError as error:
        if isinstance(error.__cause__, ImportError):
            return f"(needs {error.__cause__.name})"
        raise
    return " / ".join(" ".join(turn.query.split()) or "(its user begins)" for turn in task.turns)
