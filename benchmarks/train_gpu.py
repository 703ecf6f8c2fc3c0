"""What training comes to in a few minutes, on a GPU if there is one: what `benchmarks/train_gpu.sh` runs.

It is the comparison of `benchmarks.credit`, seed by seed for as long as there is time, with what each run cost. At the
end of the time a run is stopped after its current step and left out of the tables; the same command goes on with it.

What is not covered: generation by vLLM; several GPUs. The environment's share is of the rollouts that are trained on,
and its memory is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import credit
from cave_rl.evaluation.statistics import Difference, Estimate
from cave_rl.rollouts import traces
from cave_rl.training.config import TrainConfig

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run took.

    Attributes:
        samples_per_s: rollouts trained on, to the seconds of training.
        environment: the share of that time in which rollouts were in their environments and none was generated.
        rss_mib: the largest resident memory of the trainer's process.
        gpu_mib: the most that torch held of a GPU; None where there is none.
    """

    samples_per_s: float
    environment: float
    rss_mib: float
    gpu_mib: float | None


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs as many as there is time for, then writes results.md beside what `benchmarks.credit` writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="most of all runs together")
    parser.add_argument("--steps", type=int, default=30, help="optimizer steps of each run")
    parser.add_argument("--cold", action="store_true", help="begin with the model as it is, without a warm start")
    parser.add_argument("--seeds", default="0,1,2", help="comma-separated")
    parser.add_argument("--credits", default="episode,turn,branch", help="comma-separated")
    parser.add_argument("--config", type=Path, default=credit.CONFIG)
    parser.add_argument("--output", type=Path, default=Path("outputs/train_gpu"))
    parser.add_argument("overrides", nargs="*", help="dotted: model.name=... train.groups=8")
    asked = parser.parse_args(arguments)
    credits, seeds = asked.credits.split(","), [int(seed) for seed in asked.seeds.split(",")]
    end = time.monotonic() + 60 * asked.minutes
    warm = [] if asked.cold else credit.warmed(asked.config, asked.overrides, asked.output)
    configs = credit.planned(asked.config, [*asked.overrides, *warm], credits, seeds, asked.steps, asked.output)
    done = within(end - time.monotonic(), configs)
    if not done:
        raise SystemExit(f"no run was done after {asked.minutes:g} minutes; the same command goes on with the first")
    compared = credit.write(done, credits, asked.output)
    told = f"# {machine()}\n\n{success(done)}\n{costs(done)}\n{compared}"
    (asked.output / "results.md").write_text(told)
    print(told)


def within(seconds: float, configs: Sequence[TrainConfig]) -> list[TrainConfig]:
    """Runs one after the other for so long; those that are done."""
    from cave_rl.training.run import Interrupted

    end, done = time.monotonic() + seconds, []
    for config in configs:
        left = end - time.monotonic()
        if is_done(config):
            done.append(config)
            continue
        if left <= 0:
            break
        try:
            with interrupted_after(left):
                measured(config, [other for other in configs if other.seed == config.seed])
        except (Interrupted, KeyboardInterrupt) as stopped:
            print(f"{Path(config.output).name} is not done: {stopped or 'it was being measured'}", flush=True)
            break
        done.append(config)
    return done


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Ctrl-C, if it takes longer."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # by a shell, of what it starts in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(max(0.0, seconds), os.kill, (os.getpid(), signal.SIGINT))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def is_done(config: TrainConfig) -> bool:
    """Whether nothing is left to run of it."""
    return all((Path(config.output) / name).is_file() for name in ("summary.json", "cost.json"))


def measured(config: TrainConfig, same_seed: Sequence[TrainConfig]) -> None:
    """Trains one, or goes on with it, and writes down what it took."""
    import torch

    gpu = torch.cuda.is_available()
    if gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    Path("/proc/self/clear_refs").write_text("5")  # forgets the largest memory there was
    credit.run(config, same_seed)
    gpu_mib = torch.cuda.max_memory_reserved() / MIB if gpu else None
    found = asdict(cost(config, resident_mib(), gpu_mib))
    (Path(config.output) / "cost.json").write_text(json.dumps(found, indent=1))


def cost(config: TrainConfig, rss_mib: float, gpu_mib: float | None) -> Cost:
    """What a run took, by its log. The first step's trainer time is not in it, nor the time between two parts of a run
    that was stopped.
    """
    log = traces.read(Path(config.output) / "metrics.jsonl")
    seconds = sum(row["time/rollouts_s"] + row.get("time/trainer_s", 0.0) for row in log)
    blocked = sum(row["time/blocked_s"] for row in log)
    return Cost(len(log) * config.train.rollouts / seconds, blocked / seconds, rss_mib, gpu_mib)


def resident_mib() -> float:
    """The largest resident memory of this process since it was forgotten."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 1024


def success(done: Sequence[TrainConfig]) -> str:
    """A line a run and table: success before and after, and the difference, with their intervals."""
    lines = ["| run | tasks | before | after | difference |", "|---|---|---:|---:|---:|"]
    for config in done:
        for row in json.loads((Path(config.output) / "summary.json").read_text())["rows"]:
            before, after = Estimate(**numbers(row["before"])), Estimate(**numbers(row["after"]))
            cells = (Path(config.output).name, row["table"], before, after, Difference(**numbers(row["difference"])))
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def numbers(found: dict[str, Any]) -> dict[str, Any]:
    """As it was before it became JSON, which has no NaN."""
    return {name: float("nan") if value is None else value for name, value in found.items()}


def costs(done: Sequence[TrainConfig]) -> str:
    """A line a run: what it took."""
    lines = ["| run | samples/s | environment's share | peak GPU memory | peak RSS |", "|---|---:|---:|---:|---:|"]
    for config in done:
        found = Cost(**json.loads((Path(config.output) / "cost.json").read_text()))
        gpu = "none" if found.gpu_mib is None else f"{found.gpu_mib:,.0f} MiB"
        cells = (f"{found.samples_per_s:.2f}", f"{100 * found.environment:.1f} %", gpu, f"{found.rss_mib:,.0f} MiB")
        lines.append(f"| {Path(config.output).name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def machine() -> str:
    """What it ran on."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else f"no GPU, {os.cpu_count()} CPUs"
    return f"{gpu}, {platform.machine()}, torch {torch.__version__}"


if __name__ == "__main__":
    main()
