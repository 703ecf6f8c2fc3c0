"""What a person sees of a run, and how they stop it."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from rich.progress import Progress, TaskID
from transformers import TrainerCallback

from cave_rl.rollouts import traces


class StepLog(TrainerCallback):  # type: ignore[misc]
    """Writes the trainer's log to a file, a line a step, and moves the bar. Off a terminal it prints plain lines.

    What comes after the checkpoint that a run goes on from would stand twice in its files: it is taken out of them.
    """

    def __init__(self, directory: Path, bar: Progress, task: TaskID) -> None:
        self._path = directory / "metrics.jsonl"
        self._traces = directory / "traces.jsonl"
        self._bar = bar
        self._task = task
        self._recent: list[float] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if not state.is_world_process_zero:
            return
        reached = state.global_step
        traces.keep(self._path, lambda row: row["step"] <= reached)
        traces.keep(self._traces, lambda row: row["train_step"] < reached)
        self._bar.update(self._task, completed=state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if not logs or "reward" not in logs or not state.is_world_process_zero:
            return
        entry = {"step": state.global_step, **{k: v for k, v in logs.items() if k != "step"}}
        traces.append(self._path, [entry])
        self._recent = [*self._recent[-9:], float(logs.get("solved", 0.0))]
        mean = sum(self._recent) / len(self._recent)
        note = f"solved {100 * self._recent[-1]:.0f} % (last {len(self._recent)}: {100 * mean:.0f} %)"
        self._bar.update(self._task, completed=state.global_step, note=note)
        if not self._bar.console.is_terminal:
            seconds = logs.get("step_time")
            timing = f", {seconds:.1f} s" if seconds else ""
            self._bar.console.print(f"step {state.global_step}/{state.max_steps}: {note}{timing}", highlight=False)


class Stopper(TrainerCallback):  # type: ignore[misc]
    """Ctrl-C ends training after the current step, saved; a second one ends it at once."""

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> Stopper:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.asked:
            control.should_save = True
            control.should_training_stop = True

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
