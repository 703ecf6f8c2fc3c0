"""Advantages for each turn, laid on the tokens that the model wrote in it.

TRL computes one advantage an episode. Its loss takes one for each token as well, so nothing of it is copied: what it
has computed is replaced before the loss sees it. `cave_rl.rewards.credit` has the formulas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import gather_object
from trl import GRPOTrainer

from cave_rl.rewards.credit import (
    Advantages,
    branch_advantages,
    laid,
    means_of_others,
    progress,
    returns_to_go,
    scaled,
    shaped,
    turn_advantages,
)
from cave_rl.rollouts.play import Rollout
from cave_rl.training.config import TrainPart


@dataclass(frozen=True, slots=True)
class Told:
    """What credit needs of a rollout: numbers, for a group may be spread over several processes.

    Attributes:
        rewards: of each turn that was reached; None for a fault.
        progress: how much was done before each of them.
        values: what the state was worth in which each of them began; None where it was not measured.
    """

    rewards: list[float] | None
    progress: list[float]
    values: list[float | None]


class TokenCredit(GRPOTrainer):  # type: ignore[misc]
    """A GRPO trainer with advantages of its own.

    Attributes:
        part: how credit is given.
    """

    part: TrainPart

    def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)
        if not self.model.training:
            return batch
        rollouts = [environment._rollout for environment in self.environments]
        every = advantages(gather_object([tell(rollout) for rollout in rollouts]), self.part, self.num_generations)
        first = self.accelerator.process_index * len(rollouts)
        width = batch["completion_ids"].size(1)
        tokens = [
            laid(found, rollout.spans, width)
            for found, rollout in zip(every[first : first + len(rollouts)], rollouts, strict=True)
        ]
        batch["advantages"] = torch.tensor(tokens, device=batch["advantages"].device)
        groups = [every[start : start + self.num_generations] for start in range(0, len(every), self.num_generations)]
        silent = [not any(value for each in group for value in each or ()) for group in groups]
        self._metrics["train"]["groups/without_advantages"].append(sum(silent) / len(silent))
        return batch


def tell(rollout: Rollout) -> Told:
    """The numbers of a rollout."""
    rewards = rollout.turn_rewards
    turns = range(len(rewards or ()))
    judged = [[each for each in rollout.verdicts if each["turn"] == turn] for turn in turns]
    weights = [turn.weight for turn in rollout.episode.task.turns]
    return Told(rewards, progress(judged, weights), [rollout.values.get(turn) for turn in turns])


def advantages(told: Sequence[Told], part: TrainPart, size: int) -> list[Advantages]:
    """The advantages of all rollouts of a step, which come group after group.

    Args:
        told: of each rollout.
        part: how credit is given; not by episode, which is TRL's.
        size: of a group.
    """
    groups = [told[start : start + size] for start in range(0, len(told), size)]
    credit = _by_turn if part.credit == "turn" else _by_branch
    found = scaled([credit(group, part) for group in groups], part.scale_rewards)
    return [each for group in found for each in group]


def _by_turn(group: Sequence[Told], part: TrainPart) -> list[Advantages]:
    rewards = []
    for each in group:
        potentials = [part.shaping * done for done in each.progress]
        rewards.append(None if each.rewards is None else shaped(each.rewards, potentials, part.gamma))
    return turn_advantages(rewards, part.gamma)


def _by_branch(group: Sequence[Told], part: TrainPart) -> list[Advantages]:
    """The other members are continuations of the state in which all began: it takes no branches of its own."""
    returns = [None if each.rewards is None else returns_to_go(each.rewards, part.gamma)[0] for each in group]
    openings = means_of_others(returns)
    found: list[Advantages] = []
    for each, opening in zip(group, openings, strict=True):
        values = [opening, *each.values[1:]]
        found.append(None if each.rewards is None else branch_advantages(each.rewards, values, part.gamma))
    return found
