"""`cave-rl eval`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cave_rl.confinement import Confinement
from cave_rl.evaluation.bar import progress_bar
from cave_rl.evaluation.evaluate import Evaluation, Player, choose
from cave_rl.evaluation.evaluate import evaluate as run
from cave_rl.rollouts import traces
from cave_rl.rollouts.backends import Sampling
from cave_rl.rollouts.messages import POLICIES, play_messages
from cave_rl.runtime.pool import Pool
from cave_rl.tasks import registry
from cave_rl.tasks.config import EpisodeConfig, PromptConfig
from cave_rl.tasks.suite import SPLITS


def evaluate(
    suite: Annotated[str, typer.Argument(help="A suite: Types-v0, or module:attribute.")],
    model: Annotated[str, typer.Option("--model", "-m", help="A checkpoint or hub name, or gold, or noop.")],
    split: Annotated[str, typer.Option(help=f"One of {', '.join(SPLITS)}.")] = "test",
    tasks: Annotated[int, typer.Option("--tasks", "-n", min=1, help="How many tasks.")] = 100,
    rollouts: Annotated[int, typer.Option("--rollouts", "-r", min=1, help="Episodes of each task.")] = 1,
    tag: Annotated[list[str] | None, typer.Option(help="Only families with this tag; may be repeated.")] = None,
    family: Annotated[list[str] | None, typer.Option(help="Only this family; may be repeated.")] = None,
    temperature: Annotated[float, typer.Option("--temperature", "-t", min=0.0, help="0 is greedy.")] = 1.0,
    max_tokens: Annotated[int, typer.Option(min=1, help="Most tokens of one message.")] = 256,
    budget: Annotated[int | None, typer.Option(min=1, help="Most tokens of an episode after its prompt.")] = None,
    max_steps: Annotated[int, typer.Option(min=1, help="Messages before a turn is judged as it stands.")] = 8,
    style: Annotated[str, typer.Option(help="Prompt style: cave, or compact for small models.")] = "cave",
    examples: Annotated[int, typer.Option(min=0, help="Few-shot examples to show.")] = 0,
    dtype: Annotated[str, typer.Option(help="Of the model's weights: auto, float32, ...")] = "auto",
    seed: Annotated[int, typer.Option(help="Of the sampling and of the environments.")] = 0,
    concurrency: Annotated[int, typer.Option("--concurrency", "-c", min=1, help="Most episodes at once.")] = 64,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write traces.jsonl and summary.json here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Evaluate a checkpoint in the environment: every task is played, its state is judged.

    An episode that fails on our side is told, counted and left out; exit code 1 where none is left.

    Examples:
        cave-rl eval Types-v0 --model gold
        cave-rl eval Types-v0 --model outputs/quickstart/adapter --tag core --style compact --examples 3 --max-steps 1
    """
    found = registry.find(suite)
    chosen = choose(found, split, tasks, families=family, tags=tag or ())  # type: ignore[arg-type]
    console = Console(stderr=as_json)
    play = _player(model, Sampling(temperature=temperature, max_tokens=max_tokens), dtype, seed, budget)
    config = EpisodeConfig(max_steps=max_steps, prompt=PromptConfig(style=style, examples=examples))
    with Pool(Confinement()) as pool, progress_bar(console) as bar:
        shown = bar.add_task(f"{suite} {split}", total=tasks * rollouts, note="")
        evaluation = run(
            play,
            chosen,
            pool=pool,
            config=config,
            label=f"{suite} {split} {model}",
            rollouts=rollouts,
            seed=seed,
            examples=found.examples,
            concurrency=concurrency,
            progress=lambda done: bar.update(shown, completed=done),
        )
    if output is not None:
        (output / "traces.jsonl").unlink(missing_ok=True)
        traces.append(output / "traces.jsonl", evaluation.rows)
        (output / "summary.json").write_text(json.dumps(evaluation.summary(), indent=1))
    if as_json:
        print(json.dumps(evaluation.summary(), indent=1))
    else:
        console.print(_table(evaluation))
    if evaluation.faults:
        first = next(row["fault"] for row in evaluation.rows if row["fault"] is not None)
        told = f"{evaluation.faults} of {len(evaluation.rows)} episodes failed on our side, the first by {first}"
        typer.echo(f"cave-rl: {told}", err=True)
    if not evaluation.scored:
        raise typer.Exit(1)


def _player(model: str, sampling: Sampling, dtype: str, seed: int, budget: int | None) -> Player:
    if model in POLICIES:
        return lambda episodes: play_messages(episodes, POLICIES[model])
    from cave_rl.training import policy

    return policy.load(model, dtype).player(sampling, budget=budget, seed=seed)


def _table(evaluation: Evaluation) -> Table:
    summary = evaluation.summary()
    table = Table(title=evaluation.label)
    table.add_column("family")
    table.add_column("solved", justify="right")
    for family, share in summary["families"].items():
        table.add_row(family, f"{100 * share:.1f} %")
    table.add_section()
    table.add_row("all (95 % interval, clustered by family)", str(evaluation.success()) if evaluation.scored else "-")
    if len(summary["pass_at"]) > 1:
        table.add_row("pass@k", ", ".join(f"{k}: {100 * share:.1f} %" for k, share in summary["pass_at"].items()))
    stops = ", ".join(f"{name} {count}" for name, count in sorted(summary["stops"].items()))
    table.add_row("ended by", stops)
    table.add_row("faults (left out)", str(evaluation.faults))
    return table
