"""Whether what samples and what is trained are the same policy: their log-probabilities, compared at every step.

TRL computes the comparison where it corrects for it: `sampling/sampling_logp_difference/mean` and `/max`, over the
tokens that the model wrote. In float32 the mean is of the order of 1e-5; in bfloat16 kernels differ by some 0.02 to
0.04. More than that means that the server has other weights, another dtype or another sampling than the trainer.
"""

from __future__ import annotations

import logging
from typing import Any

from transformers import TrainerCallback

MEAN = "sampling/sampling_logp_difference/mean"
ALERT = "sampling/alert"

logger = logging.getLogger(__name__)


class Agreement(TrainerCallback):  # type: ignore[misc]
    """Warns of a step whose sampled and trained log-probabilities differ, and puts `sampling/alert` into its log.

    Args:
        most: the largest mean difference that is not warned of.
    """

    def __init__(self, most: float) -> None:
        self._most = most

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if not logs or MEAN not in logs:
            return
        logs[ALERT] = float(not logs[MEAN] <= self._most)  # nan is no agreement either
        if state.log_history:
            state.log_history[-1][ALERT] = logs[ALERT]
        if logs[ALERT]:
            logger.warning(
                "step %d: sampled and trained log-probabilities differ by %.3g on average (generation.agreement is "
                "%g): compare the server's weights, dtype and sampling with the trainer's",
                state.global_step,
                logs[MEAN],
                self._most,
            )
