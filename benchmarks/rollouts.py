"""A batch of episodes whose cells wait: ours, and TRL's own tool loop over the same episodes, beside it.

    python -m benchmarks.rollouts [--episodes 32] [--wait 1.0] [--json out.json]

Every episode runs one cell, `time.sleep(WAIT)`, in a runtime of its own that has been started. TRL's loop is
`GRPOTrainer._tool_call_loop`, called with completions that hold one tool call each and no room for more, so it runs the
tools, once, and generates nothing. Ours is driven with the same messages; nothing is generated there either. The model
is a random one of 90k weights, which neither asks.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # it may be started by its path
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

import typer

from benchmarks.measure import load, machine
from cave_rl.rewards import equals
from cave_rl.rollouts.play import Rollout, act, begin
from cave_rl.runtime import Variable, drive
from cave_rl.runtime.pool import Pool
from cave_rl.semantic.parsing import fenced
from cave_rl.tasks import Episode, EpisodeConfig, Task, Turn

TASK = Task([Turn("Wait.", equals("x", 1))], variables=[Variable("x", 0)])


def started(pool: Pool, count: int) -> list[Rollout]:
    """Episodes whose runtimes are there."""
    config = EpisodeConfig(max_steps=4)
    rollouts = [Rollout(Episode(TASK, pool=pool, config=config, seed=i)) for i in range(count)]
    begin(rollouts)
    return rollouts


def ours(rollouts: list[Rollout], code: str) -> float:
    """Seconds until every cell has run."""
    at = time.monotonic()
    act(rollouts, [(fenced(code), True, 0)] * len(rollouts))
    return time.monotonic() - at


def trl(trainer: Any, rollouts: list[Rollout], code: str) -> float:
    """Seconds until TRL's loop has run every cell."""

    def tool(rollout: Rollout) -> Callable[[str], str]:
        return lambda code: str(drive.run(rollout.episode.step_steps(fenced(code))).observation)

    call = {"type": "function", "function": {"name": "run_python", "arguments": {"code": code}}}
    trainer._sync_tool_dicts = [{"run_python": tool(rollout)} for rollout in rollouts]
    trainer._async_tool_dicts = [{} for _ in rollouts]
    prompts: list[Any] = [[{"role": "user", "content": "Wait."}] for _ in rollouts]
    completions: list[Any] = [[{"role": "assistant", "content": "", "tool_calls": [call]}] for _ in rollouts]
    at = time.monotonic()
    trainer._tool_call_loop(prompts, [[1]] * len(rollouts), [[2]] * len(rollouts), completions, None, None, {})
    return time.monotonic() - at


def run_python(code: str) -> str:
    """Run Python code.

    Args:
        code: what is run.

    Returns:
        What it printed.
    """
    return code


def trainer_of() -> Any:
    """A GRPOTrainer with a tool."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    from cave_rl.training.grpo import TOOL_TEMPLATE
    from tests.training import tiny

    tokenizer = tiny.tokenizer()
    tokenizer.chat_template = TOOL_TEMPLATE
    tokenizer.response_template = {"defaults": {"role": "assistant"}, "fields": {"content": {"content": "text"}}}
    arguments = GRPOConfig(
        output_dir=tempfile.mkdtemp(),
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        report_to="none",
        per_device_train_batch_size=2,
        num_generations=2,
        max_completion_length=1,
    )
    rows = [{"prompt": [{"role": "user", "content": "Wait."}]}]
    return GRPOTrainer(
        model=tiny.blank(),
        processing_class=tokenizer,
        args=arguments,
        train_dataset=Dataset.from_list(rows),
        reward_funcs=[lambda completions, **_: [0.0] * len(completions)],
        tools=[run_python],
    )


def main(
    episodes: Annotated[int, typer.Option(help="How many at once.")] = 32,
    wait: Annotated[float, typer.Option(help="Seconds that each cell waits.")] = 1.0,
    out: Annotated[Path | None, typer.Option("--json", help="Write the numbers.")] = None,
) -> None:
    """Measure both, one after the other."""
    code = f"import time\ntime.sleep({wait})"
    trainer, before = trainer_of(), load()
    with Pool() as pool:
        for rollout in started(pool, 1):  # the template is made
            rollout.episode.close()
        found = {}
        ways: dict[str, Callable[[list[Rollout]], float]] = {
            "ours": lambda rollouts: ours(rollouts, code),
            "TRL's tool loop": lambda rollouts: trl(trainer, rollouts, code),
        }
        for name, way in ways.items():
            rollouts = started(pool, episodes)
            found[name] = way(rollouts)
            assert all(rollout.episode.turn_steps == 1 for rollout in rollouts), "every cell has run"
            for rollout in rollouts:
                rollout.episode.close()
            typer.echo(f"{name:16} {found[name]:6.2f} s for {episodes} cells of {wait:g} s")
    if out is not None:
        told = {"episodes": episodes, "wait_s": wait, "seconds": found, "load": before, "machine": machine()}
        out.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    typer.run(main)
