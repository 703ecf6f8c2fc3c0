"""What can go wrong, by whose doing.

A *failure* was caused by the rollout: it is data (an outcome, a dead runtime), and scores as a failure. A *fault* was
caused by the host, a template, a world or a simulator: it is never a reward.
"""

from __future__ import annotations


class Fault(Exception):
    """Our side failed. The episode is unscorable: its reward is undefined, not zero."""


class SpawnFault(Fault):
    """A Base could not be started, or is gone."""


class SetupFault(Fault):
    """A task's set-up failed in its Template."""


class ConfinementFault(SetupFault):
    """This machine cannot confine a runtime as its policy requires."""


class HostLimitFault(Fault):
    """The host is out of something (descriptors, memory, processes)."""


class TransferError(Fault):
    """Something cannot be handed to a runtime: it cannot be pickled, or it holds tasks or assertions."""


class RuntimeGone(Exception):
    """The rollout's process is gone or can no longer be trusted: a failure, and nothing more can be asked of it.

    Attributes:
        outcome: `killed`, `crashed` or `tampered`.
        detail: what is known of how it ended.
    """

    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(f"{outcome}: {detail}")
        self.outcome = outcome
        self.detail = detail
