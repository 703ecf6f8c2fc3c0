"""Does it matter which turn is given the credit? Runs with equal seeds, one a way of giving it.

    python -m benchmarks.credit --seeds 0,1,2 --steps 20
    python -m benchmarks.credit --seeds 0,1,2 --credits episode,turn,branch train.branches.most=64

Each run is a `cave-rl train` of `configs/credit.yaml` with another `train.credit` and seed; anything else can be set
by dotted overrides. All begin with one warm start (`cave-rl sft`), so that turns go now well, now badly: where all
members of a group do the same no credit teaches anything. Runs of one seed see the same tasks in the same order and are
measured on the same tasks, so they are compared pairwise. A run that was broken off goes on where it stopped, one that
is done is only read: the same command finishes the comparison.

What is not covered: one model, one suite, one learning rate for all. Another learning rate may suit another credit.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cave_rl.rollouts import traces
from cave_rl.training.config import TrainConfig, load

CONFIG = Path(__file__).parents[1] / "configs" / "credit.yaml"


@dataclass(frozen=True, slots=True)
class Result:
    """One run's table, after training.

    Attributes:
        credit: how it was given.
        seed: of the run.
        table: which tasks.
        before: the share that was solved before training.
        solved: the share that was solved after it.
        reward: the mean reward after it.
    """

    credit: str
    seed: int
    table: str
    before: float
    solved: float
    reward: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs what is missing, then writes results.json, results.md and results.png."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0,1,2", help="comma-separated")
    parser.add_argument("--steps", type=int, default=20, help="optimizer steps of each run")
    parser.add_argument("--cold", action="store_true", help="begin with the model as it is, without a warm start")
    parser.add_argument("--credits", default="episode,turn", help="episode, turn, branch; the first is compared with")
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--output", type=Path, default=Path("outputs/credit"))
    parser.add_argument("overrides", nargs="*", help="dotted: model.name=... train.scale_rewards=none")
    asked = parser.parse_args(arguments)
    credits, seeds = asked.credits.split(","), [int(seed) for seed in asked.seeds.split(",")]
    warm = [] if asked.cold else warmed(asked.config, asked.overrides, asked.output)
    configs = planned(asked.config, [*asked.overrides, *warm], credits, seeds, asked.steps, asked.output)
    for config in configs:
        run(config, [other for other in configs if other.seed == config.seed])
    print(write(configs, credits, asked.output))


def warmed(file: Path, overrides: Sequence[str], output: Path) -> list[str]:
    """The override by which runs begin with a warm start, which is made if it is not there."""
    from cave_rl.training import sft

    directory = output / "warm"
    if not (directory / "sft.json").is_file():
        sft.learn(load(file, [*overrides, f"output={directory}"]))
    return [f"model.name={directory / 'adapter'}"]


def planned(
    file: Path, overrides: Sequence[str], credits: Sequence[str], seeds: Sequence[int], steps: int, output: Path
) -> list[TrainConfig]:
    """The runs of a comparison, seed by seed."""
    return [
        load(
            file,
            [
                *overrides,
                f"train.credit={credit}",
                f"train.steps={steps}",
                f"seed={seed}",
                f"output={output / f'{credit}-seed{seed}'}",
            ],
        )
        for seed in seeds
        for credit in credits
    ]


def write(configs: Sequence[TrainConfig], credits: Sequence[str], output: Path) -> str:
    """Writes results.json, results.md and results.png of runs that are done; what stands in results.md."""
    found = [result for config in configs for result in results(config)]
    (output / "results.json").write_text(json.dumps([asdict(result) for result in found], indent=1))
    (output / "results.md").write_text(markdown(found, credits))
    curves = {credit: [history(config) for config in configs if config.train.credit == credit] for credit in credits}
    draw(found, curves, output / "results.png")
    return markdown(found, credits)


def run(config: TrainConfig, same_seed: Sequence[TrainConfig]) -> None:
    """Trains one, or goes on with it. What another run of its seed has measured before training is taken from there."""
    from cave_rl.training.run import train

    directory = Path(config.output)
    measured = [Path(other.output) / "before.jsonl" for other in same_seed if other is not config]
    ready = next((path for path in measured if path.is_file()), None)
    if ready is not None and not (directory / "before.jsonl").exists():
        directory.mkdir(parents=True, exist_ok=True)
        shutil.copy(ready, directory / "before.jsonl")
    print(f"== {config.train.credit}, seed {config.seed}", flush=True)
    train(config)


def results(config: TrainConfig) -> list[Result]:
    """What a finished run has come to, a table after the other."""
    summary = json.loads((Path(config.output) / "summary.json").read_text())
    found = []
    for row in summary["rows"]:
        after = rows_of(config, row["table"], row["decoding"])
        reward = sum(each["reward"] for each in after) / len(after)
        name = f"{row['table']}, {row['decoding']}"
        before, solved = row["before"]["mean"], row["after"]["mean"]
        found.append(Result(config.train.credit, config.seed, name, before, solved, reward))
    return found


def rows_of(config: TrainConfig, table: str, decoding: str) -> list[dict[str, Any]]:
    """The episodes of a table after training that have no fault."""
    lines = traces.read(Path(config.output) / "after.jsonl")
    return [line for line in lines if line["eval"] == f"{table}, {decoding}" and line["fault"] is None]


def history(config: TrainConfig) -> list[float]:
    """The mean reward of each training step."""
    return [row["reward"] for row in traces.read(Path(config.output) / "metrics.jsonl")]


def markdown(found: Sequence[Result], credits: Sequence[str]) -> str:
    """A line for each table and credit: success and reward over the seeds, and the difference to the first credit."""
    lines = [
        "| tasks | credit | seeds | before | solved | reward | reward, difference to the first |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for table in dict.fromkeys(result.table for result in found):
        first = [result for result in found if (result.table, result.credit) == (table, credits[0])]
        for credit in credits:
            mine = [result for result in found if (result.table, result.credit) == (table, credit)]
            means = [sum(getattr(each, name) for each in mine) / len(mine) for name in ("before", "solved", "reward")]
            cells = [table, credit, len(mine), *(f"{100 * value:.1f} %" for value in means)]
            lines.append(
                "| " + " | ".join(map(str, [*cells, _difference(first, mine) if mine != first else ""])) + " |"
            )
    return "\n".join(lines) + "\n\nDifferences are of rewards with equal seeds: the mean of all, and each seed's.\n"


def draw(found: Sequence[Result], curves: dict[str, list[list[float]]], path: Path) -> None:
    """Dots: a run each, those of one seed joined. Beside them the reward in training, a thin line a run."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    tables, credits = list(dict.fromkeys(result.table for result in found)), list(curves)
    figure, panels = pyplot.subplots(
        1, len(tables) + 1, figsize=(4.2 * (len(tables) + 1), 4), layout="constrained", squeeze=False
    )
    for axes, table in zip(panels.flat, tables, strict=False):
        shown = [result for result in found if result.table == table]
        for seed in dict.fromkeys(result.seed for result in shown):
            points = {result.credit: 100 * result.reward for result in shown if result.seed == seed}
            axes.plot(
                [credit for credit in credits if credit in points], list(points.values()), "o-", label=f"seed {seed}"
            )
        axes.set(title=table, ylabel="mean reward after training (%)", ylim=(0, 103))
        axes.margins(x=0.3)
    last = panels.flat[-1]
    for number, credit in enumerate(credits):
        for i, rewards in enumerate(curves[credit]):
            label = credit if i == 0 else None
            last.plot(
                range(1, len(rewards) + 1), [100 * r for r in rewards], color=f"C{number}", alpha=0.5, label=label
            )
    last.set(title="in training, sampled", xlabel="GRPO step", ylabel="mean reward (%)", ylim=(0, 103))
    for axes in panels.flat:
        axes.legend(frameon=False, fontsize=8)
        axes.grid(axis="y", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _difference(first: Sequence[Result], mine: Sequence[Result]) -> str:
    """The mean, and each seed's: a handful of seeds has no interval that is worth its name."""
    pairs = {result.seed: result.reward for result in first}
    each = [100 * (result.reward - pairs[result.seed]) for result in mine if result.seed in pairs]
    return f"{sum(each) / len(each):+.1f} points ({', '.join(f'{one:+.1f}' for one in each)})" if each else ""


if __name__ == "__main__":
    main()
