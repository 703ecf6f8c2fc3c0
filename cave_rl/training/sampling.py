"""Rows that are chosen as training goes: each step's by what has been measured until then.

TRL takes its rows from a data set that is fixed before training begins. Here they are replaced as a batch is about to
be sampled, in every process by the same ones. The state of the choice stands in each checkpoint, so a run that goes on
from one is given the rows that it would have been given.
"""

from __future__ import annotations

from typing import Any

from accelerate.utils import gather_object
from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState
from trl import GRPOTrainer

from cave_rl.tasks.draws import Draws
from cave_rl.training.config import ConfigError


class DrawnRows(GRPOTrainer):  # type: ignore[misc]
    """A GRPO trainer whose rows a curriculum draws.

    Attributes:
        draws: where they come from.
    """

    draws: Draws

    def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
        if not self.model.training:
            evaluated: dict[str, Any] = super()._generate_and_score_completions(inputs)
            return evaluated
        size, here = self.num_generations, len(inputs)
        weights = self.draws.curriculum.weights()
        rows = self.draws.draw(here * self.accelerator.num_processes // size)
        first = self.accelerator.process_index * here
        given = [dict(rows[(first + i) // size]) for i in range(here)]
        batch: dict[str, Any] = super()._generate_and_score_completions(given)
        rollouts = [environment._rollout for environment in self.environments]
        solved = gather_object([None if each.fault is not None else each.episode.solved for each in rollouts])
        for number, row in enumerate(rows):
            scored = [each for each in solved[number * size : (number + 1) * size] if each is not None]
            self.draws.observe(row, sum(scored), len(scored))
        for (family, level), weight in weights.items():
            name = family if level is None else f"{family}/level_{level}"
            self._metrics["train"][f"curriculum/{name}"].append(weight)
        return batch


class DrawsState(TrainerCallback, ExportableState):  # type: ignore[misc]
    """Keeps the state of the draws with the trainer's own."""

    def __init__(self, draws: Draws) -> None:
        self._draws = draws

    def state(self) -> dict[str, Any]:
        """What is written into a checkpoint."""
        return {"args": {}, "attributes": {"draws": self._draws.state_dict()}}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == 0:
            return
        kept = state.stateful_callbacks.get(type(self).__name__)
        if not isinstance(kept, dict):
            raise ConfigError(f"the checkpoint of step {state.global_step} holds no state of a curriculum")
        self._draws.load_state_dict(kept["attributes"]["draws"])
