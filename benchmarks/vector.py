"""Steps many environments: `CaveVectorEnv` beside Gymnasium's own `AsyncVectorEnv`, at 4 and 64, and alone at 512.

    python -m benchmarks.vector [--quick] [--json out.json] [--markdown out.md]

The same tasks and the same messages: a cell that solves the task, then the answer, episode after episode. One is one
process with forks; the other is a process of its own for each environment, with a `CaveEnv` in it. Rewards are checked.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # it may be started by its path

import gymnasium
import typer
from gymnasium.vector import AsyncVectorEnv, VectorEnv
from rich.console import Console
from rich.table import Table

from benchmarks.measure import load, machine, resident
from benchmarks.results import number
from cave_rl.confinement import descendants
from cave_rl.envs import CaveEnv, CaveVectorEnv
from cave_rl.rewards import equals
from cave_rl.runtime import Variable
from cave_rl.tasks import Task, Turn

ROOT = Path(__file__).resolve().parents[1]
TASK = Task(
    (Turn("Sort xs in place.", equals("xs", [1, 2, 3]), changes=["xs"], gold="xs.sort()"),),
    variables=(Variable("xs", [3, 1, 2]),),
)
MESSAGES = ("```python\nxs.sort()\n```", "Done.")


@dataclass(frozen=True)
class Row:
    """What one vector environment gave.

    Attributes:
        first_s: seconds until all of them had begun their first episode, processes included.
        again_s: seconds of a later reset of all.
        steps: messages per second, all environments together: a cell or a verdict, and beginnings of episodes between.
        memory_mb: megabytes that all processes below this one add to the machine.
        processes: how many those are.
        why: instead of all that, why it could not be measured.
    """

    name: str
    envs: int
    first_s: float = 0.0
    again_s: float = 0.0
    steps: float = 0.0
    memory_mb: float | None = None
    processes: int = 0
    why: str = ""


def measure(name: str, envs: int, seconds: float) -> Row:
    """One row."""
    began = time.monotonic()
    made = _make(name, envs)
    try:
        made.reset(seed=0)
        first = time.monotonic() - began
        _episode(made, envs)
        began = time.monotonic()
        made.reset(seed=1)
        again = time.monotonic() - began
        memory, processes = _memory()
        began, steps = time.monotonic(), 0
        while steps == 0 or time.monotonic() - began < seconds:
            steps += envs * _episode(made, envs)
        took = time.monotonic() - began
    finally:
        made.close()
    return Row(name, envs, first, again, steps / took, memory, processes)


def _make(name: str, envs: int) -> VectorEnv[Any, Any, Any]:
    if name == "CaveVectorEnv":
        return CaveVectorEnv(task=TASK, num_envs=envs)

    def one() -> gymnasium.Env[str, str]:
        return CaveEnv(task=TASK)

    return AsyncVectorEnv([one] * envs, shared_memory=False)


def _episode(made: VectorEnv[Any, Any, Any], envs: int) -> int:
    """Plays an episode in each, to the beginning of the next; how many steps each took.

    Raises:
        AssertionError: one was solved, and its reward is not 1.
    """
    made.step((MESSAGES[0],) * envs)
    _, rewards, terminated, _, _ = made.step((MESSAGES[1],) * envs)
    if not (terminated.all() and (rewards == 1.0).all()):
        raise AssertionError(f"episodes that were solved have rewards {sorted(set(rewards.tolist()))}")
    made.step(("",) * envs)  # autoreset: the message is ignored
    return 3


def _memory() -> tuple[float | None, int]:
    found, count = 0.0, 0
    for pid in descendants(os.getpid()):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            try:
                found += resident(pid)
            except PermissionError:
                return None, len(descendants(os.getpid()))
            count += 1
    return found, count


def _apart(name: str, envs: int, seconds: float, longest: float) -> Row:
    """Measures in a process of its own: what one leaves warm is not the other's."""
    command = [sys.executable, "-m", "benchmarks.vector", "--one", f"{name}:{envs}:{seconds}"]
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **threads}, cwd=ROOT) as process:
        try:
            told, _ = process.communicate(timeout=longest)
        except subprocess.TimeoutExpired:
            for pid in (*descendants(process.pid), process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return Row(name, envs, why=f"it took longer than {longest:.0f} s")
    return Row(**json.loads(told)) if told else Row(name, envs, why=f"its process ended with {process.returncode}")


def _one(given: str) -> None:
    """Measures what `_apart` asks for, and prints it as JSON."""
    name, envs, seconds = given.split(":")
    try:
        row = measure(name, int(envs), float(seconds))
    except Exception as error:
        row = Row(name, int(envs), why=f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
    print(json.dumps(asdict(row)))


_COLUMNS = ("", "environments", "first reset, s", "later resets, s", "steps/s", "memory, MB", "processes")


def _cells(row: Row) -> list[str]:
    if row.why:
        return [row.name, str(row.envs), "-", "-", "-", "-", "-"]
    memory = "-" if row.memory_mb is None else f"{row.memory_mb:,.0f}"
    return [
        row.name, str(row.envs), number(row.first_s), number(row.again_s), f"{row.steps:,.0f}", memory,
        str(row.processes),
    ]  # fmt: skip


def main(
    quick: Annotated[bool, typer.Option("--quick", help="4 environments and 16, one second each")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="all numbers")] = None,
    markdown_file: Annotated[Path | None, typer.Option("--markdown", help="the table for the documentation")] = None,
    one: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Steps many environments, ours and Gymnasium's way."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # 512 runtimes and judges hold ten descriptors each
    if one:
        return _one(one)
    sizes = (4, 16) if quick else (4, 64)
    wanted = [(name, envs) for envs in sizes for name in ("CaveVectorEnv", "AsyncVectorEnv")]
    wanted += [] if quick else [("CaveVectorEnv", 512)]
    before, rows = load(), []
    console, told = Console(), Console(stderr=True)
    with told.status("") as status:
        for name, envs in wanted:
            status.update(f"{name}, {envs} environments")
            rows.append(_apart(name, envs, 1.0 if quick else 5.0, 180.0))
    about = {**machine(), "descriptors": hard, "load_before": before, "load_after": load()}
    drawn = Table(*_COLUMNS)
    for row in rows:
        drawn.add_row(*_cells(row))
    console.print(drawn)
    console.print(
        f"{about['cpu']}, {about['cores']} cores; load average {before:g} before, {about['load_after']:g} after"
    )
    for row in rows:
        if row.why:
            console.print(f"- {row.name}, {row.envs}: {row.why}", markup=False)
    if json_file is not None:
        json_file.write_text(json.dumps({**about, "rows": [asdict(row) for row in rows]}, indent=2) + "\n")
    if markdown_file is not None:
        lines = ["| " + " | ".join(_COLUMNS) + " |", "|---|" + "---:|" * (len(_COLUMNS) - 1)]
        markdown_file.write_text("\n".join([*lines, *("| " + " | ".join(_cells(row)) + " |" for row in rows), ""]))
    if any(row.why for row in rows if row.name == "CaveVectorEnv"):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
