"""Evaluation: how good a policy is, with honest intervals; runs that survive; is one better than another.

`carry_out` is a whole run in a directory, `evaluate` the same in memory. `compare` and `rescore` read runs.
"""

from cave_rl.evaluation.compare import Side, compare
from cave_rl.evaluation.config import EvalConfig
from cave_rl.evaluation.directory import RunDirectory, load
from cave_rl.evaluation.evaluate import Evaluation, Player, choose, evaluate
from cave_rl.evaluation.paired import mcnemar, sign_flip
from cave_rl.evaluation.plan import Planned, plan
from cave_rl.evaluation.players import in_batches, player, streamed
from cave_rl.evaluation.rescore import rescore
from cave_rl.evaluation.run import Outage, carry_out
from cave_rl.evaluation.statistics import (
    Estimate,
    clustered_interval,
    paired_difference,
    pass_at_k,
    pass_hat_k,
    wilson,
)
from cave_rl.evaluation.summary import summarise

__all__ = [
    "Estimate",
    "EvalConfig",
    "Evaluation",
    "Outage",
    "Planned",
    "Player",
    "RunDirectory",
    "Side",
    "carry_out",
    "choose",
    "clustered_interval",
    "compare",
    "evaluate",
    "in_batches",
    "load",
    "mcnemar",
    "paired_difference",
    "pass_at_k",
    "pass_hat_k",
    "plan",
    "player",
    "rescore",
    "sign_flip",
    "streamed",
    "summarise",
    "wilson",
]
