"""`cave-rl serve-model`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cave_rl.training.config import load


def serve_model(
    config: Annotated[Path, typer.Argument(help="A YAML file with generation.url.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Dotted overrides: generation.url=http://127.0.0.1:8001/v1")
    ] = None,
    show: Annotated[bool, typer.Option("--print", help="Print the command, and start nothing.")] = False,
) -> None:
    """Start the vLLM server that a training configuration asks, and keep it until Ctrl-C.

    It says when the server answers; then `cave-rl train CONFIG` can begin, in another terminal or on another machine.
    vLLM may live in an environment of its own: generation.server.python, or CAVE_RL_VLLM_PYTHON.

    Examples:
        cave-rl serve-model configs/qwen25_coder_0.5b.yaml
        cave-rl serve-model configs/qwen25_coder_0.5b.yaml --print
        cave-rl serve-model configs/qwen25_coder_7b_80gb.yaml generation.url=http://10.0.0.2:8000/v1
    """
    from cave_rl.training import models, serve

    settings = load(config, overrides or [])
    if show:
        typer.echo(str(serve.launch(settings)))
        return
    serve.launch(settings)  # what is wrong with it is told before anything is downloaded
    launched = serve.launch(settings, models.obtain(settings.model.name))
    typer.echo(str(launched), err=True)
    process = serve.start(
        launched,
        within_s=settings.generation.server.health_s,
        told=lambda seconds: typer.echo(f"still starting after {seconds:.0f} s", err=True),
    )
    typer.echo(f"ready: {launched.url}", err=True)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        serve.end(process)
    raise typer.Exit(code)
