"""`cave-rl show`: one task, as the model sees it and as it is judged."""

from __future__ import annotations

from typing import Annotated, Any, cast

import typer

from cave_rl.cli import output, play
from cave_rl.cli.pick import pick
from cave_rl.confinement import Confinement, Level
from cave_rl.tasks import registry
from cave_rl.tasks.config import EpisodeConfig, PromptConfig, UserConfig
from cave_rl.tasks.opening import opening
from cave_rl.tasks.task import Turn
from cave_rl.tasks.user import Say, plain


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
    chosen_split, family, number = pick(found, task, split, index)
    chosen = found.task(chosen_split, family, number)
    config = EpisodeConfig(prompt=PromptConfig(style=style), user=UserConfig(scripted=True))
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


def _turn(turn: Turn) -> dict[str, Any]:
    return {
        "query": turn.query,
        "user": None if turn.user is None else plain(turn.user),
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
        "gold": [_action(each) for each in turn.gold],
        "near_misses": [
            {"cells": [_action(each) for each in miss.cells], "fails": miss.fails} for miss in turn.near_misses
        ],
    }


def _action(action: str | Say) -> str | dict[str, str]:
    return action if isinstance(action, str) else {"say": action.text}


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
    output.line(f"Query: {turn['query'] or '(what the user says first)'}")
    if turn["user"] is not None:
        kind, held = turn["user"]
        output.line(f"User: {kind}")
        for name, value in (held or {}).items():
            output.line(f"  {name}: {value}")
    output.line(f"May change: {', '.join(turn['changes']) or 'nothing'} (new names are free)")
    if turn["refusal"]:
        output.line("Doing nothing is right here.")
    output.line("Asserts:")
    for each in turn["assertions"]:
        output.line(f"  {each['name']} (weight {each['weight']:g}, reads {', '.join(each['reads']) or 'the answer'})")
    output.line("Gold:" if turn["gold"] else "Gold: none")
    for action in turn["gold"]:
        _print_action(action)
    for miss in turn["near_misses"]:
        output.line(f"Near-miss, must fail {miss['fails'] or 'something'}:")
        for action in miss["cells"]:
            _print_action(action)


def _print_action(action: str | dict[str, str]) -> None:
    if isinstance(action, str):
        output.code(action)
    else:
        output.line(f"Says: {action['say']}")


def _print_run(run: dict[str, Any]) -> None:
    output.heading("Gold, played in the environment")
    for step in run["steps"]:
        output.line("[assistant]", "cyan")
        output.line(step["message"])
        if step["observation"]:
            output.line(f"[observation, {step['outcome']}]", "cyan")
            output.line(step["observation"])
        for verdict in step["verdicts"]:
            play.tell_verdict(verdict)
    output.line(f"reward {run['reward']:g}, {'solved' if run['solved'] else 'NOT SOLVED'}", "bold")
