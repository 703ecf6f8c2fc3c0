"""`cave-rl merge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def merge(
    run: Annotated[Path, typer.Argument(help="A training run, or a directory with an adapter.")],
    to: Annotated[Path, typer.Argument(help="A new directory for the whole model.")],
    dtype: Annotated[str, typer.Option(help="Of the weights: auto, float32, bfloat16, float16.")] = "auto",
) -> None:
    """Export a trained model as an ordinary checkpoint: adapters merged into their base.

    What it writes is loaded by transformers and by vLLM without PEFT.

    Examples:
        cave-rl merge outputs/quickstart outputs/merged
        cave-rl merge outputs/quickstart/adapter outputs/merged --dtype bfloat16
    """
    from cave_rl.training import policy

    typer.echo(str(policy.merge(run, to, dtype)))
