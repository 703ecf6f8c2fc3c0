"""`cave-rl train`."""

from __future__ import annotations

import importlib.util
import logging
from json import loads
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cave_rl.cli import output
from cave_rl.training.config import TrainConfig, dump, load


def train(
    config: Annotated[Path, typer.Argument(help="A YAML file, such as configs/quickstart.yaml.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="Dotted overrides: train.steps=50 seed=1")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would run, and stop.")] = False,
    json: Annotated[bool, typer.Option("--json", help="At the end print the table as JSON only.")] = False,
) -> None:
    """Train a model in the environment by GRPO, evaluated before and after.

    Interrupted with Ctrl-C it stops after the current step; the same command goes on from there.

    Examples:
        cave-rl train configs/quickstart.yaml
        cave-rl train configs/quickstart.yaml seed=1 output=outputs/seed1 train.steps=60
        cave-rl train configs/quickstart.yaml --dry-run
        cave-rl train configs/quickstart.yaml --json | jq '.[].difference.mean'
    """
    settings = load(config, overrides or [])
    if dry_run:
        typer.echo(plan(settings))
        return
    from cave_rl.training import run

    logging.basicConfig(format="%(message)s")
    logging.getLogger("cave_rl").setLevel(logging.INFO)  # what a first run downloads and converts
    try:
        run.train(settings, Console(stderr=json))
    except (KeyboardInterrupt, run.Interrupted) as stopped:
        typer.echo(str(stopped) or f"stopped; the same command goes on from {settings.output}", err=json)
        raise typer.Exit(130) from None
    if json:
        output.as_json(loads((Path(settings.output) / "summary.json").read_text())["rows"])


def plan(config: TrainConfig) -> str:
    """What a run would do, in numbers, and what memory it would want. Where TRL is not installed it has no say.

    Raises:
        ConfigError, SuiteError, TaskError, PromptFileError: what the run would refuse; see `cave_rl.training.check`.
    """
    from cave_rl.training.check import check

    part = config.train
    suite = check(config, trl=importlib.util.find_spec("trl") is not None)
    families = suite.select("train", families=config.suite.families, tags=config.suite.tags)
    micro = part.micro_batch or part.rollouts
    decodings = 2 if config.eval.greedy else 1
    evaluated = 2 * decodings * sum(table.rollouts for table in config.eval.tables)
    budget = config.rollout.tokens
    sampled = part.steps * part.rollouts
    lines = [
        dump(config),
        f"suite           {suite.name}: {len(families)} families to train on",
        f"rows            {part.steps * part.groups} tasks ({part.groups} a step for {part.steps} steps)",
        f"rollouts        {sampled} in training ({part.group_size} a task), {evaluated} in evaluation",
        *further(config, max(len(suite.task("train", family, 0).turns) for family in families)),
        f"tokens          at most {(sampled + evaluated) * budget} generated, {budget} an episode",
        f"memory          about {_logits_gib(micro, budget):.1f} GiB for logits and their gradients in one backward "
        f" pass of {micro} rollouts, beside the model and its optimizer",
        f"                and at most {part.rollouts} runtimes of a few MiB each, each allowed {config.memory_mb} MiB",
        f"output          {config.output}",
    ]
    return "\n".join(lines)


def further(config: TrainConfig, turns: int) -> list[str]:
    """What is played beside that: continuations that value states, and evaluations while training."""
    part, during = config.train, config.eval.during
    told = []
    if part.credit == "branch":
        states = part.rollouts * (turns - 1) * part.branches.continuations
        told.append(f"                at most {min(states, part.branches.most or states)} continuations a step")
    if during is not None:
        times = -(-part.steps // during.every)
        told.append(f"                {times * during.rollouts} in {times} evaluations while training")
    return told


def _logits_gib(rollouts: int, tokens: int, vocabulary: int = 50_000) -> float:
    """Logits in float32, twice for their gradients, with a vocabulary of the usual size."""
    return 2 * 4 * rollouts * tokens * vocabulary / 2**30
