"""`cave-rl sft`."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cave_rl.cli import output
from cave_rl.training.config import load


def sft(
    config: Annotated[Path, typer.Argument(help="A YAML file as for `cave-rl train`.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="Dotted overrides: sft.source=rollouts")] = None,
    json: Annotated[bool, typer.Option("--json", help="At the end print the numbers as JSON only.")] = False,
) -> None:
    """Warm a model up before GRPO: on gold, or on those of its own rollouts that solved their tasks.

    Loss is on the model's messages alone. `cave-rl train CONFIG model.name=OUTPUT/adapter` goes on from the result.

    Examples:
        cave-rl sft configs/quickstart.yaml output=outputs/warm
        cave-rl sft configs/quickstart.yaml output=outputs/filtered sft.source=rollouts sft.tasks=64 sft.rollouts=16
        cave-rl train configs/quickstart.yaml output=outputs/after model.name=outputs/warm/adapter
    """
    settings = load(config, overrides or [])
    from cave_rl.training import sft as warm

    logging.basicConfig(format="%(message)s")
    logging.getLogger("cave_rl").setLevel(logging.INFO)
    learned = warm.learn(settings, Console(stderr=json))
    if json:
        output.as_json(asdict(learned))
