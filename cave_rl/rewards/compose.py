"""From verdicts to rewards. All of it is here, and all of it is configuration.

A turn's score:

* a gate that fails: 0;
* `credit: partial` (the default): the weighted share of the statements that hold, measured from what held before the
  turn: `(held - idle) / (1 - idle)`, never below 0. So a turn that did nothing scores exactly 0, and one that did
  everything 1;
* `credit: all`: 1 if every statement holds, else 0;
* a turn that declares `refusal` is right when nothing was done: its score is the share that holds, unchanged.

An episode's reward is the mean of its turns' scores by their weights, less the costs. Costs apply to solved episodes
only (an unsolved episode must not be able to gain by being brief) and are 0 by default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from cave_rl.rewards.judge import Ruling


class RewardRules(BaseModel):
    """How verdicts become rewards. See the module for the formulas.

    Costs are subtracted from a solved episode's reward, never below 0. With advantages that are divided by the group's
    standard deviation a tiny cost becomes a large advantage: training refuses costs unless `scale_rewards` is `none`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    credit: Literal["partial", "all"] = Field("partial", description="what a turn that passes in part earns")
    malformed_cost: float = Field(0.0, ge=0, description="per message that could not be read as an action")
    violation_cost: float = Field(0.0, ge=0, description="per cell that CodeRules blocked")
    step_cost: float = Field(0.0, ge=0, description="per step beyond one a turn")
    token_cost: float = Field(0.0, ge=0, description="per generated token, where the rollout counts them")

    @property
    def has_costs(self) -> bool:
        """Whether any cost is charged."""
        return any((self.malformed_cost, self.violation_cost, self.step_cost, self.token_cost))


@dataclass(frozen=True, slots=True)
class Conduct:
    """What an episode did that may cost: counts."""

    malformed: int = 0
    violations: int = 0
    extra_steps: int = 0
    tokens: int = 0


def turn_score(ruling: Ruling, rules: RewardRules, *, refusal: bool = False) -> float:
    """The score of one turn, from 0 to 1."""
    statements = ruling.statements
    total = sum(verdict.weight for verdict in statements)
    if not ruling.gates_hold or not total:
        return 0.0
    held = sum(verdict.weight for verdict in statements if verdict.passed) / total
    if refusal:
        return held if rules.credit == "partial" else float(held == 1.0)
    idle = sum(verdict.weight for verdict, before in zip(statements, ruling.idle, strict=True) if before) / total
    if idle >= 1.0:
        return 0.0  # the turn asks for nothing that was not there: no credit for that
    if all(verdict.passed for verdict in statements):
        return 1.0
    return 0.0 if rules.credit == "all" else max(0.0, (held - idle) / (1.0 - idle))


Counting = Literal["each", "prefix", "whole"]
"""How the scores of turns make an episode's reward: each for itself; each until the first that is not 1; or all as one:
what is not solved whole earns nothing."""


def counted(scores: Sequence[float], counting: Counting) -> list[float]:
    """What the scores of all turns count for.

    >>> counted([1.0, 0.5, 1.0], "each"), counted([1.0, 0.5, 1.0], "prefix"), counted([1.0, 0.5, 1.0], "whole")
    ([1.0, 0.5, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0])
    """
    if counting == "each":
        return list(scores)
    solved = next((at for at, score in enumerate(scores) if score != 1.0), len(scores))
    if counting == "whole" and solved < len(scores):
        solved = 0
    return [1.0] * solved + [0.0] * (len(scores) - solved)


def episode_cost(conduct: Conduct, rules: RewardRules) -> float:
    """What a solved episode pays, before it is bounded by its reward."""
    return (
        rules.malformed_cost * conduct.malformed
        + rules.violation_cost * conduct.violations
        + rules.step_cost * conduct.extra_steps
        + rules.token_cost * conduct.tokens
    )


def episode_reward(scores: Sequence[float], weights: Sequence[float], cost: float = 0.0) -> float:
    """The weighted mean of the turns' scores; less the cost if every turn scored 1."""
    reward = sum(s * w for s, w in zip(scores, weights, strict=True)) / sum(weights)
    solved = all(score == 1.0 for score in scores)
    return max(0.0, reward - cost) if solved else reward
