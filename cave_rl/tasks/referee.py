"""A referee: a model that judges statements in words, where a turn has such and an endpoint is configured for it.

What the Judge says of state comes first. The referee is asked only where a turn then has a score to lose, and can only
take it away: each of its statements becomes a gate. It is asked by the host, since the Judge has no network.

>>> opinion = Opinion((Finding("The total was told.", False, "It was not."),))
>>> [(verdict.name, verdict.passed, verdict.gate) for verdict in opinion.verdicts]
[('opinion 1: The total was told.', False, True)]
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

from cave_rl.rewards.judge import Ruling
from cave_rl.rewards.verdict import Verdict
from cave_rl.runtime.drive import Steps
from cave_rl.runtime.errors import Fault
from cave_rl.semantic.prompt import Message
from cave_rl.tasks.config import JudgeConfig


class RefereeFault(Fault):
    """A referee gave no opinion: the episode is unscorable."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """What a referee is told of a turn.

    Attributes:
        turn: its index.
        seed: of the referee's sampling.
        config: how referees are asked.
        lines: what was said in it, as a chat: `user` is the user, `assistant` the model. No code is in it.
        told: what the Judge's verdicts tell.
    """

    turn: int
    seed: int
    config: JudgeConfig
    lines: tuple[Message, ...]
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a referee says of one statement."""

    statement: str
    met: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a referee says of a turn.

    Attributes:
        findings: one for each statement.
        prompt_tokens, completion_tokens: what it took; None where nobody counted.
        details: what else is known of how it came about, for the trace alone: seconds, retries.
    """

    findings: tuple[Finding, ...]
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        """Whether every statement is."""
        return all(each.met for each in self.findings)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One gate for each statement."""
        return tuple(
            Verdict(f"opinion {at}: {each.statement}", each.met, 0.0, "" if each.met else each.reason, gate=True)
            for at, each in enumerate(self.findings, 1)
        )

    def info(self) -> dict[str, Any]:
        """As `info` and the trace tell it."""
        findings = [dataclasses.asdict(each) for each in self.findings]
        counted = {"prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens}
        return {"met": self.met, "findings": findings, **counted}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Opinion:
        """An opinion as the trace has it."""
        findings = tuple(Finding(**each) for each in told["findings"])
        return cls(findings, told["prompt_tokens"], told["completion_tokens"])


@runtime_checkable
class Referee(Protocol):
    """Who judges a turn's statements in words. A frozen dataclass of plain data: it is part of what its task asks."""

    def opinion_steps(self, hearing: Hearing) -> Steps[Opinion]:
        """What it says of a turn.

        Raises:
            RefereeFault: nothing.
        """

    def told(self, told: Mapping[str, Any], opinion: Opinion) -> Mapping[str, Any]:
        """What the Judge's verdicts tell, under the same keys, as it is with the opinion."""


Opinions = Callable[[Hearing], Steps[Opinion]]
"""Gives opinions in a referee's place: those of a recorded episode, say."""


def told_by(ruling: Ruling) -> dict[str, Any]:
    """What the verdicts of a ruling tell, in `info`'s keys."""
    told: dict[str, Any] = {}
    for verdict in ruling.verdicts:
        told = {**(verdict.told or {}), **told}
    return told


def heeded(ruling: Ruling, referee: Referee, opinion: Opinion) -> Ruling:
    """A ruling with an opinion: its gates come last, and what the verdicts tell takes note of it."""
    told = referee.told(told_by(ruling), opinion)
    noted = (each.told and {key: told[key] for key in each.told} for each in ruling.verdicts)
    verdicts = [replace(each, told=own) for each, own in zip(ruling.verdicts, noted, strict=True)]
    return replace(ruling, verdicts=(*verdicts, *opinion.verdicts))
