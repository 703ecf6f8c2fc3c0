"""`cave-rl show`: one task, as the model sees it and as it is judged."""

from __future__ import annotations

from typing import Annotated, Any, cast

import typer

from cave_rl.cli import output, play
from cave_rl.cli.suites import first_split
from cave_rl.confinement import Confinement, Level
from cave_rl.runtime.nearest import nearest
from cave_rl.tasks import registry
from cave_rl.tasks.config import EpisodeConfig, PromptConfig
from cave_rl.tasks.opening import opening
from cave_rl.tasks.suite import SPLITS, Split, Suite, SuiteError
from cave_rl.tasks.task import Turn


def show(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="A suite's name, or where one lies: module:attribute.")],
    task: Annotated[str | None, typer.Argument(metavar="FAMILY[/INDEX]", help="Which task.")] = None,
    split: Annotated[
        str | None,
        typer.Option(help="train, validation, test or heldout.  [default: train; heldout for a held-out family]"),
    ] = None,
    index: Annotated[int, typer.Option(min=0, help="The task's number in its family.")] = 0,
    style: Annotated[str, typer.Option(help="How it is put: cave, or compact for small models.")] = "cave",
    run: Annotated[bool, typer.Option("--run", help="Play the gold solution in the real environment.")] = False,
    seed: Annotated[int, typer.Option(help="With --run: seeds the runtime.")] = 0,
    require: Annotated[
        str, typer.Option(help="With --run: the confinement without which nothing runs: contained, limits or none.")
    ] = "contained",
    json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Show one task, as a model sees it and as it is judged.

    The model sees names, types and queries, never values; the gold solution, the near-misses (plausible and wrong)
    and the assertions are shown to you only. Exit code 1 if --run plays a gold solution that does not solve the task.

    Examples:
        cave-rl show Types-v0                             the first task of the first family
        cave-rl show Types-v0 sort_list/3                 number 3 of a family
        cave-rl show Types-v0 sort_list --split test      from another split
        cave-rl show Types-v0 sort_list --style compact   as small models are told
        cave-rl show Types-v0 sort_list --run             play the gold solution for real
        cave-rl show my_suite.tasks:suite --run --json    a suite of your own, for a program
    """
    found = registry.find(suite)
    chosen_split, family, number = _choose(found, task, split, index)
    chosen = found.task(chosen_split, family, number)
    config = EpisodeConfig(prompt=PromptConfig(style=style))
    told: dict[str, Any] = {
        "suite": found.name,
        "split": chosen_split,
        "family": family,
        "index": number,
        "id": chosen.id,
        "tags": list(chosen.tags),
        "difficulty": chosen.difficulty,
        "messages": opening(chosen, config.prompt),
        "turns": [_turn(turn) for turn in chosen.turns],
    }
    if run:
        confinement = Confinement(require=cast(Level, require))
        told["run"] = play.gold(chosen, config=config, confinement=confinement, seed=seed)
    if json:
        output.as_json(told)
    else:
        _print(told)
    if run and not told["run"]["solved"]:
        raise typer.Exit(1)


def _choose(suite: Suite, path: str | None, split: str | None, index: int) -> tuple[Split, str, int]:
    """The split, family and number that were asked for.

    Raises:
        SuiteError: the suite has no such family, or that is no number.
    """
    family, _, number = (path or "").partition("/")
    if not family:
        chosen = cast(Split, split or next((each for each in SPLITS if suite.names(each)), "train"))
        names = suite.names(chosen)
        if not names:
            raise SuiteError(f"{suite.name} has no family in split {chosen!r}")
        return chosen, names[0], index
    if family not in suite.families:
        hint = nearest(family, suite.families) or f"; `cave-rl list --families {suite.name}` lists them"
        raise SuiteError(f"{suite.name} has no family {family!r}{hint}")
    if number and not number.isdecimal():
        raise SuiteError(f"a task is FAMILY/INDEX with a number from 0, such as {family}/3, not {path!r}")
    held_out = suite.families[family].held_out
    if held_out and split in SPLITS and split != "heldout":
        raise SuiteError(
            f"family {family!r} of {suite.name} is held out: it has no tasks in split {split!r}, only in heldout"
        )
    return cast(Split, split or first_split(suite, family)), family, int(number or index)


def _turn(turn: Turn) -> dict[str, Any]:
    return {
        "query": turn.query,
        "event": turn.event,
        "changes": sorted(turn.changes),
        "refusal": turn.refusal,
        "max_steps": turn.max_steps,
        "weight": turn.weight,
        "assertions": [
            {"name": name, "weight": each.weight, "reads": sorted(each.reads)}
            for each in turn.assertions
            for name in each.names
        ],
        "gold": list(turn.gold),
        "near_misses": [{"cells": list(miss.cells), "fails": miss.fails} for miss in turn.near_misses],
    }


def _print(told: dict[str, Any]) -> None:
    output.line(f"{told['suite']} {told['split']} {told['family']}/{told['index']} ({told['id']})", "bold")
    if told["tags"]:
        output.line(f"tags: {', '.join(told['tags'])}", "dim")
    output.heading("What the model sees")
    for message in told["messages"]:
        output.line(f"[{message['role']}]", "cyan")
        output.line(message["content"])
    for number, turn in enumerate(told["turns"], 1):
        _print_turn(turn, f"Turn {number} of {len(told['turns'])}")
    if "run" in told:
        _print_run(told["run"])


def _print_turn(turn: dict[str, Any], title: str) -> None:
    output.heading(title)
    if turn["event"]:
        output.line("The host first does:")
        output.code(turn["event"])
    output.line(f"Query: {turn['query']}")
    output.line(f"May change: {', '.join(turn['changes']) or 'nothing'} (new names are free)")
    if turn["refusal"]:
        output.line("Doing nothing is right here.")
    output.line("Asserts:")
    for each in turn["assertions"]:
        output.line(f"  {each['name']} (weight {each['weight']:g}, reads {', '.join(each['reads']) or 'the answer'})")
    output.line("Gold:" if turn["gold"] else "Gold: none")
    for cell in turn["gold"]:
        output.code(cell)
    for miss in turn["near_misses"]:
        output.line(f"Near-miss, must fail {miss['fails'] or 'something'}:")
        for cell in miss["cells"]:
            output.code(cell)


def _print_run(run: dict[str, Any]) -> None:
    output.heading("Gold, played in the environment")
    for step in run["steps"]:
        output.line("[assistant]", "cyan")
        output.line(step["message"])
        if step["observation"]:
            output.line(f"[observation, {step['outcome']}]", "cyan")
            output.line(step["observation"])
        for verdict in step["verdicts"]:
            kind = "gate" if verdict["gate"] else "assertion"
            message = f": {verdict['message']}" if verdict["message"] else ""
            output.line(f"{'pass' if verdict['passed'] else 'FAIL'}  {kind}  {verdict['name']}{message}")
    output.line(f"reward {run['reward']:g}, {'solved' if run['solved'] else 'NOT SOLVED'}", "bold")
