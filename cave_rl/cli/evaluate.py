"""`cave-rl eval`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cave_rl.cli import numbers, output
from cave_rl.cli.doctor import versions
from cave_rl.evaluation import protocols
from cave_rl.evaluation.config import EvalConfig
from cave_rl.evaluation.directory import CONFIG, RunDirectory, fresh, load
from cave_rl.evaluation.live import Live
from cave_rl.evaluation.plan import Planned, plan
from cave_rl.evaluation.players import Play, player, settled
from cave_rl.evaluation.run import Outage, carry_out
from cave_rl.semantic.protocols import ProtocolName
from cave_rl.tasks import settings
from cave_rl.tasks.settings import ConfigError
from cave_rl.tasks.suite import SPLITS

KEYS = {
    "model": "model.name",
    "served": "model.served",
    "tokenizer": "model.tokenizer",
    "dtype": "model.dtype",
    "split": "split",
    "tasks": "tasks",
    "rollouts": "rollouts",
    "tag": "tags",
    "family": "families",
    "seed": "seed",
    "temperature": "sampling.temperature",
    "max_tokens": "sampling.max_tokens",
    "budget": "budget",
    "time": "time_s",
    "max_steps": "env.max_steps",
    "protocol": "env.protocol",
    "style": "env.prompt.style",
    "examples": "env.prompt.examples",
    "concurrency": "concurrency",
}
"""What each option sets in the configuration."""


def evaluate(
    ctx: typer.Context,
    suites: Annotated[
        list[str] | None,
        typer.Argument(help="Suites: Types-v0, or module:attribute. And dotted overrides: sampling.top_p=0.9"),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="A checkpoint, the URL of an OpenAI-compatible API, module:function, or gold, noop, random.",
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A YAML file; options and overrides go before it.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with this run: what is missing, or failed.")] = None,
    served: Annotated[
        str | None, typer.Option(help="The model's name at its endpoint, where that has several.")
    ] = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="For vLLM: send token ids of this tokenizer, not messages.")
    ] = None,
    split: Annotated[str | None, typer.Option(help=f"One of {', '.join(SPLITS)}. [default: test]")] = None,
    tasks: Annotated[int | None, typer.Option("--tasks", "-n", help="How many of each suite. [default: 100]")] = None,
    rollouts: Annotated[
        int | None, typer.Option("--rollouts", "-r", help="Episodes of each task. [default: 1]")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only families with this tag; may be repeated.")] = None,
    family: Annotated[list[str] | None, typer.Option(help="Only this family; may be repeated.")] = None,
    temperature: Annotated[float | None, typer.Option("--temperature", "-t", help="0 is greedy. [default: 1]")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Most tokens of one message. [default: 256]")] = None,
    budget: Annotated[int | None, typer.Option(help="Most tokens of an episode after its prompt.")] = None,
    time: Annotated[float | None, typer.Option(help="Most seconds that the messages of an episode may take.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Messages before a turn is judged. [default: 8]")] = None,
    protocol: Annotated[
        str | None,
        typer.Option(help="How actions are written: cave, codeact, json; some with commas between them, or all."),
    ] = None,
    style: Annotated[str | None, typer.Option(help="Prompt style: cave, or compact for small models.")] = None,
    examples: Annotated[int | None, typer.Option(help="Few-shot examples to show. [default: 0]")] = None,
    dtype: Annotated[str | None, typer.Option(help="Of a checkpoint's weights: auto, float32, ...")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the sampling and of the environments. [default: 0]")] = None,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", "-c", help="Most episodes at once. [default: 64]")
    ] = None,
    where: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The run's directory. [default: outputs/<suite>--<model>--<time>]"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON only.")] = False,
) -> None:
    """Evaluate a model in the environment: every task is played, its state is judged.

    All of it is kept in a directory as it happens. Interrupted or cut off from its endpoint, a run goes on with
    --resume. An episode that fails on our side or the endpoint's is told, counted and left out; exit code 1 where none
    is left, or where the endpoint gave out.

    Examples:
        cave-rl eval Types-v0 --model gold
        cave-rl eval Tools-v0 --model gold --protocol all --max-steps 40
        cave-rl eval Types-v0 --model http://127.0.0.1:8000/v1 -n 200 -r 8 sampling.top_p=0.95
        cave-rl eval --resume outputs/Types-v0--gold--20260101-120000
        cave-rl eval Types-v0 --model outputs/quickstart/adapter --tag core --style compact --examples 3 --max-steps 1
    """
    given = {KEYS[name]: value for name, value in ctx.params.items() if name in KEYS and value not in (None, [], ())}
    console = Console(stderr=as_json)
    if resume and (where or config):
        raise ConfigError("--resume goes on with the run as it is: --output and --config cannot be given")
    names = protocols.chosen(protocol) if protocol else []
    if len(names) > 1:
        del given["env.protocol"]
        asked = settled(_asked(config, suites or [], given))
        for name in names:
            _prepared(protocols.of_protocol(asked, name))
        path = where or fresh(asked, Path("outputs"))
        protocols.begin(path, asked, names)
        told = _together(path, asked, names, console)
    elif resume and (together := protocols.begun(resume)):
        if suites or given:
            raise ConfigError("--resume goes on with the comparison as it is: nothing else can be given")
        told = _together(resume, *together, console)
    else:
        opened = _resumed(resume, suites or [], given) if resume else _new(where, config, suites or [], given)
        path = opened[0].path
        told = _carried_out(*opened, console)
        if not as_json:
            console.print(numbers.table(told))
            console.print(f"kept in {path}", markup=False, highlight=False, soft_wrap=True)
        _tell_faults(path, told)
    if as_json:
        output.as_json(told)


def _together(path: Path, asked: EvalConfig, names: list[ProtocolName], console: Console) -> dict[str, Any]:
    """Carries out one run a protocol, or goes on with it; their comparison."""
    found: dict[ProtocolName, tuple[list[dict[str, Any]], dict[str, Any]]] = {}
    for name in names:
        below = path / name
        config = protocols.of_protocol(asked, name)
        run = RunDirectory.resume(below) if (below / CONFIG).is_file() else RunDirectory.create(below, config)
        summary = _carried_out(run, *_prepared(config), console, path)
        found[name] = load(below)[1], summary
        _tell_faults(below, summary)
    told = protocols.side_by_side(asked, found)
    protocols.finish(path, told)
    console.print(numbers.protocol_table(told))
    for line in numbers.protocol_notes(told):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(f"kept in {path}", markup=False, highlight=False, soft_wrap=True)
    return told


def _carried_out(
    run: RunDirectory, planned: list[Planned], play: Play, console: Console, whole: Path | None = None
) -> dict[str, Any]:
    """Carries out a run; its summary. `whole` is the comparison that it is a part of."""
    with run:
        try:
            with Live(console, run.config.label) as live:
                return carry_out(run, planned, play, versions=versions(), begun=live.begun, progress=live.progress)
        except (KeyboardInterrupt, Outage) as stopped:
            told = f"{stopped}\n" if isinstance(stopped, Outage) else ""
            typer.echo(f"cave-rl: {told}stopped; cave-rl eval --resume {whole or run.path} goes on", err=True)
            raise typer.Exit(1 if isinstance(stopped, Outage) else 130) from None


def _tell_faults(path: Path, summary: dict[str, Any]) -> None:
    if summary["faults"]:
        first = next(row["fault"] for row in load(path)[1] if row["fault"] is not None)
        told = f"{summary['faults']} of {summary['rollouts']} episodes failed on our side, the first by {first}"
        typer.echo(f"cave-rl: {told}", err=True)
        if summary["faults"] == summary["rollouts"]:
            raise typer.Exit(1)


def _new(
    where: Path | None, config: Path | None, arguments: list[str], given: dict[str, Any]
) -> tuple[RunDirectory, list[Planned], Play]:
    """A run from its options. Its directory is made last: what is wrong with a request leaves nothing behind."""
    parsed = settled(_asked(config, arguments, given))
    planned, play = _prepared(parsed)
    return RunDirectory.create(where or fresh(parsed, Path("outputs")), parsed), planned, play


def _asked(config: Path | None, arguments: list[str], given: dict[str, Any]) -> EvalConfig:
    """The configuration that the options ask for."""
    data = settings.read(config) if config else {}
    named = [each for each in arguments if "=" not in each]
    if named:
        data["suites"] = named
    for key, value in given.items():
        settings.put(data, key, value)
    for text in arguments:
        if "=" in text:
            settings.override(data, text)
    if not data.get("suites") or "model" not in data:
        wanted = "which model" if data.get("suites") else "which suite"
        raise ConfigError(f"say {wanted}: cave-rl eval Types-v0 --model gold")
    return settings.parse(EvalConfig, data)


def _resumed(path: Path, arguments: list[str], given: dict[str, Any]) -> tuple[RunDirectory, list[Planned], Play]:
    """A run that goes on."""
    named = [each for each in arguments if "=" not in each]
    if named or given.keys() - {"concurrency"}:
        what = named[0] if named else next(iter(given.keys() - {"concurrency"}))
        raise ConfigError(f"--resume goes on with the run as it is: {what} cannot be given")
    run = RunDirectory.resume(path, [*arguments, *(f"{key}={value}" for key, value in given.items())])
    try:
        return run, *_prepared(run.config)
    except BaseException:
        run.close()
        raise


def _prepared(config: EvalConfig) -> tuple[list[Planned], Play]:
    """The episodes of a run, and what plays them: all that may be wrong with a configuration is found here."""
    config.env.build_prompt()
    planned = plan(config)
    if config.model.kind == "checkpoint":
        from cave_rl.cli import checkpoints

        return planned, checkpoints.player(config)
    if config.model.kind == "callable":
        sys.path.append(os.getcwd())  # a script's path begins where it is installed
    return planned, player(config)
