"""Evaluation: how good a policy is, with honest intervals."""

from cave_rl.evaluation.evaluate import Evaluation, Player, choose, evaluate
from cave_rl.evaluation.statistics import (
    Estimate,
    clustered_interval,
    paired_difference,
    pass_at_k,
    pass_hat_k,
    wilson,
)

__all__ = [
    "Estimate",
    "Evaluation",
    "Player",
    "choose",
    "clustered_interval",
    "evaluate",
    "paired_difference",
    "pass_at_k",
    "pass_hat_k",
    "wilson",
]
