"""Signs that a policy has collapsed, read from the trainer's log, and what to do about each.

A sign is told once it has been there for `patience` steps in a row. What it needs is the log alone, so a run that goes
on knows what one without a break would know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cave_rl.training.config import CollapsePart

Entry = Mapping[str, float | None]
"""A step's metrics by name."""

SHORT = 0.1
"""Of the length at the beginning, what is left of it when messages have become suspiciously short."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that should be looked at.

    Attributes:
        kind: `entropy`, `length` or `format`.
        step: after which step.
        told: what was seen.
        advice: what may help.
    """

    kind: str
    step: int
    told: str
    advice: str

    def __str__(self) -> str:
        return f"step {self.step}: {self.told}. {self.advice}"


@dataclass(frozen=True, slots=True)
class _Sign:
    kind: str
    seen: Callable[[Entry, Entry, CollapsePart], bool]
    told: str
    advice: str


def alerts(history: Sequence[Entry], part: CollapsePart) -> list[Alert]:
    """What the last step of a history gives reason to say.

    Args:
        history: the trainer's log, an entry a step with its `step`.
        part: from where on something is a sign.
    """
    scored = [entry for entry in history if entry.get("solved") is not None]  # of nothing but faults nothing is known
    if not scored or scored[-1] is not history[-1]:
        return []
    first, last = scored[0], scored[-1]
    found = []
    for sign in SIGNS:
        seen = [sign.seen(entry, first, part) for entry in scored[-part.patience - 1 :]]
        if seen[-part.patience :] == [True] * part.patience and (len(seen) == part.patience or not seen[0]):
            told = sign.told.format(patience=part.patience, part=part, **_numbers(last))
            found.append(Alert(sign.kind, int(last["step"] or 0), told, sign.advice))
    return found


def _certain(entry: Entry, first: Entry, part: CollapsePart) -> bool:
    """One that solves what it is asked may be certain of it."""
    entropy, solved = entry.get("entropy"), entry.get("solved")
    return entropy is not None and entropy < part.entropy and (solved or 0.0) < 1.0 - part.entropy


def _cut(entry: Entry, first: Entry, part: CollapsePart) -> bool:
    return (entry.get("cut") or 0.0) >= part.cut


def _short(entry: Entry, first: Entry, part: CollapsePart) -> bool:
    now, before = (each.get("completions/mean_length") for each in (entry, first))
    return now is not None and before is not None and now < SHORT * before and (entry.get("solved") or 0.0) < 0.5


def _malformed(entry: Entry, first: Entry, part: CollapsePart) -> bool:
    return (entry.get("outcome/malformed") or 0.0) >= part.malformed


SIGNS = (
    _Sign(
        "entropy",
        _certain,
        "for {patience} steps entropy has been below {part.entropy:g} ({entropy:.2g} now), with {solved:.0%} solved",
        "The policy no longer explores: lower train.learning_rate, raise rollout.temperature, add "
        "train.grpo.entropy_coef, or go back to an earlier checkpoint",
    ),
    _Sign(
        "length",
        _cut,
        "for {patience} steps {part.cut:.0%} of the episodes or more have been cut by the token limit",
        "Raise rollout.max_tokens or rollout.budget; if messages only ramble, lower train.learning_rate or charge "
        "env.reward.token_cost (with train.scale_rewards: none)",
    ),
    _Sign(
        "length",
        _short,
        "for {patience} steps episodes have had less than a tenth of the tokens that they had at first",
        "The policy has given up: look at traces.jsonl for what it says, and at env.reward for what pays it to be "
        "brief; lower train.learning_rate",
    ),
    _Sign(
        "format",
        _malformed,
        "for {patience} steps {part.malformed:.0%} of the messages or more could not be read as an action",
        "Look at traces.jsonl for what they are; show examples (env.prompt.examples), warm the model up on gold, or "
        "lower train.learning_rate",
    ),
)


def _numbers(entry: Entry) -> dict[str, float]:
    return {name: entry.get(name) or 0.0 for name in ("entropy", "solved")}
