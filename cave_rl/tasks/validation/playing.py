"""One turn of an episode, played by given cells and judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

from cave_rl.runtime.drive import Steps
from cave_rl.runtime.errors import Fault
from cave_rl.tasks.episode import Episode, StepResult
from cave_rl.tasks.user import Say, message_of

IDLE = "Done."
"""The answer of one who did nothing."""


@dataclass(frozen=True, slots=True)
class Played:
    """A turn that was played to its end.

    Attributes:
        score: the turn's.
        steps: what the environment said of each message.
        claims: what was claimed when it was judged of the variables that matter.
        own: the variables that the turn reads or changes.
    """

    score: float
    steps: tuple[StepResult, ...]
    claims: dict[str, bytes]
    own: frozenset[str]

    def leaves_the_state_of(self, other: Played) -> bool:
        """Whether the turn's own variables are claimed to be what another play of the turn left."""
        return all(self.claims.get(name) == other.claims.get(name) for name in self.own)

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        """The verdicts of the turn."""
        return list(self.steps[-1].info["verdicts"])

    @property
    def failed(self) -> dict[str, str]:
        """The messages of the verdicts that failed, by name."""
        return {verdict["name"]: verdict["message"] for verdict in self.verdicts if not verdict["passed"]}

    @property
    def raised(self) -> str:
        """What the first cell that did not run through ended in; empty if all did."""
        for step in self.steps:
            if step.info["outcome"] not in ("ok", "answered", "said"):
                return str(step.info.get("error") or step.info["outcome"])
        return ""

    def told(self) -> str:
        """Why it scored what it did, for messages."""
        why = "; ".join(f"{name}: {message}" for name, message in self.failed.items())
        raised = f"a cell ended in {self.raised}; " if self.raised else ""
        return f"{raised}{why[:600]}" or "every verdict passed, but all of them held before the turn"


def turn_steps(episode: Episode, cells: Sequence[str | Say], answer: str = IDLE) -> Steps[Played]:
    """Plays the current turn by cells and an answer.

    Args:
        episode: an episode between two turns.
        cells: the code, and what is said to the turn's user.
        answer: the last message, where the turn's step limit leaves room for one; a user is told it until the turn
            ends.

    Raises:
        Fault: our side failed.
    """
    turn = episode.task.turns[episode.turn]
    steps: list[StepResult] = []
    for message in chain(map(message_of, cells), repeat(answer)):
        steps.append((yield from episode.step_steps(message)))
        info = steps[-1].info
        if "fault" in info:
            raise Fault(f"{info['fault']['type']}: {info['fault']['message']}")
        if "verdicts" in info:
            break
    return Played(episode.scores[-1], tuple(steps), episode.claims, turn.reads | turn.changes)


def branch_steps(episode: Episode, cells: Sequence[str | Say], answer: str = IDLE) -> Steps[Played]:
    """Plays the current turn in a branch, which is closed; the episode stays where it stands.

    The branch shares the judge of the episode.

    Raises:
        Fault: our side failed.
    """
    (branch,) = yield from episode.fork_steps(trusted=True)
    try:
        return (yield from turn_steps(branch, cells, answer))
    finally:
        branch.close()
