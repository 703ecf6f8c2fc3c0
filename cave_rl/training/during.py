"""What is measured and watched while a run trains: the evaluator on tasks it is not trained on, and signs of collapse.

TRL's own evaluation is a mean of the means of its batches, of which the last is filled up with repeats. This is the
evaluator that `cave-rl evaluate` has: every chosen task once, faults left out, an interval beside the mean. It has
randomness of its own, so a run that is measured learns the very same as one that is not. Where a server generates, it
does so here too, by the weights of the step, which it is given before.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from cave_rl.evaluation.evaluate import Evaluation
from cave_rl.rollouts import traces
from cave_rl.training import files
from cave_rl.training.alerts import Alert, alerts
from cave_rl.training.config import CollapsePart, DuringPart


class Measured(TrainerCallback):  # type: ignore[misc]
    """Every so many steps, and after the last, measures the policy; keeps the best.

    Args:
        part: how often.
        directory: of the run; `evaluations.jsonl` and `best/` go there.
        measure: plays the chosen tasks by a model.
        save: writes a model to a directory.
        tell: is told each result.
    """

    def __init__(
        self,
        part: DuringPart,
        directory: Path,
        measure: Callable[[Any], Evaluation],
        save: Callable[[Any, Path], None],
        tell: Callable[[str], None],
    ) -> None:
        self.report: Callable[..., Any] | None = None  # hands values to the trainer's loggers
        self.refresh: Callable[[], None] = lambda: None  # called by every rank before the first one measures
        self._part = part
        self._path = directory / "evaluations.jsonl"
        self._best = directory / "best"
        self._measure = measure
        self._save = save
        self._tell = tell

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        reached = state.global_step
        traces.keep(self._path, lambda row: row["step"] <= reached)

    def on_step_end(self, args: Any, state: Any, control: Any, *, model: Any, **kwargs: Any) -> None:
        step = state.global_step
        if step % self._part.every and step != state.max_steps:
            return
        started = time.monotonic()
        self.refresh()
        if not state.is_world_process_zero:
            return
        evaluation = self._measure(model)
        entry: dict[str, Any] = {"step": step, "faults": evaluation.faults, "seconds": time.monotonic() - started}
        if not evaluation.scored:
            self._tell(f"step {step}: nothing could be measured: every episode failed on our side")
            traces.append(self._path, [entry | {"pass@1": None}])
            return
        success = evaluation.success()
        best = success.mean > self._reached(step)
        told = success.as_dict()
        entry |= {"pass@1": told.pop("mean"), **told, "by_family": evaluation.by_family(), "best": best}
        traces.append(self._path, [entry])
        if best:
            kept = self._best / "evaluation.json"
            kept.unlink(missing_ok=True)  # a run that is killed now has no best model
            self._save(model, self._best)
            files.write(kept, json.dumps({"step": step, "pass@1": success.mean}))
        self._tell(f"step {step}: pass@1 {success} on {self._part.split}{', the best so far' if best else ''}")
        if self.report is not None:
            values = {"eval_pass@1": success.mean, "eval_pass@1_low": success.low, "eval_pass@1_high": success.high}
            due = control.should_log  # the step's own log is still to come: reporting would take it for done
            self.report(args, state, control, {name: v for name, v in values.items() if not math.isnan(v)})
            control.should_log = due

    def _reached(self, step: int) -> float:
        """The success of the model that is kept; one of a later step is of a run that was broken off, and is none."""
        path = self._best / "evaluation.json"
        kept = json.loads(path.read_text()) if path.is_file() else {"step": math.inf, "pass@1": 0.0}
        reached: float = kept["pass@1"] if kept["step"] < step else -1.0
        return reached


class Watched(TrainerCallback):  # type: ignore[misc]
    """Looks at each step's log for signs of collapse, tells them, and ends the run where that is wanted.

    Args:
        part: what is a sign, and whether to stop.
        directory: of the run; `alerts.jsonl` goes there.
        tell: is told each alert.

    Attributes:
        stopped: the alert that ended the run.
    """

    def __init__(self, part: CollapsePart, directory: Path, tell: Callable[[str], None]) -> None:
        self.stopped: Alert | None = None
        self._part = part
        self._metrics = directory / "metrics.jsonl"
        self._path = directory / "alerts.jsonl"
        self._tell = tell
        self._history: list[dict[str, Any]] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        reached = state.global_step
        self._history = [row for row in traces.read(self._metrics) if row["step"] <= reached]
        traces.keep(self._path, lambda row: row["step"] <= reached)
        if any(row["stopped"] and row["step"] == reached for row in traces.read(self._path)):
            raise StoppedBefore(f"an alert ended this run after step {reached}")

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if not logs or "reward" not in logs:
            return
        self._history.append({**logs, "step": state.global_step})
        for alert in alerts(self._history, self._part):
            self._tell(str(alert))
            stops = self._part.stop
            traces.append(self._path, [{**asdict(alert), "stopped": stops}])
            if stops:
                self.stopped = alert
                control.should_save = control.should_training_stop = True


class StoppedBefore(Exception):
    """The run goes on from where an alert has ended its training: there is nothing left to train."""
