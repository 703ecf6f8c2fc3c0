"""What is told of a step: `info`, which is deterministic, and the entries of the trace, which have timings too."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cave_rl.rewards.evidence import show
from cave_rl.rewards.judge import Ruling
from cave_rl.runtime.calls import CallRecord
from cave_rl.runtime.codec import ClaimError, decode
from cave_rl.runtime.result import CellResult, Outcome
from cave_rl.semantic.prompt import Message
from cave_rl.tasks.task import Task

_TOLD_BYTES = 4096
"""The largest arguments of a call that the trace shows."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What came of one message, as Gymnasium's five-tuple has it."""

    observation: str
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]


def step_info(
    task: Task,
    outcome: str,
    *,
    turn: int,
    step: int,
    scores: Sequence[float],
    solved: bool,
    messages: Sequence[Message],
    cell: CellResult | None = None,
    ruling: Ruling | None = None,
) -> dict[str, Any]:
    """The `info` of a step.

    Args:
        task: what is to be done.
        outcome: what the message came to.
        turn: its turn.
        step: its number in the episode.
        scores: of the turns that were judged.
        solved: whether all were, and scored 1.
        messages: the chat so far.
        cell: what its code came to, if it had any.
        ruling: what the judge said, if the turn ended.
    """
    info: dict[str, Any] = {
        "outcome": outcome,
        "turn": turn,
        "step": step,
        "task": {"suite": task.suite, "family": task.family, "id": task.id, "seed": task.seed},
        "diff": (cell.diff if cell else CellResult(Outcome.OK).diff).as_dict(),
        "scores": list(scores),
        "solved": solved,
        "messages": [dict(message) for message in messages],
    }
    if cell is not None and cell.error is not None:
        info["error"] = cell.error.type
    if ruling is not None:
        info["verdicts"] = [verdict.as_dict() for verdict in ruling.verdicts]
        for verdict in ruling.verdicts:
            info |= {key: told for key, told in (verdict.told or {}).items() if key not in info}
    return info


def trace_entry(
    outcome: str,
    *,
    turn: int,
    step: int,
    cell: CellResult | None = None,
    calls: Sequence[CallRecord] = (),
    classes: Mapping[str, type],
) -> dict[str, Any]:
    """The entry of a step, or of a host event, in the trace; see `cave_rl.rollouts.traces`.

    Args:
        outcome: what it came to.
        turn: its turn.
        step: its number in the episode.
        cell: what its code came to, if it had any.
        calls: of hosted objects, made by it.
        classes: the injected classes, by the name that claims call them by.
    """
    entry: dict[str, Any] = {"turn": turn, "step": step, "outcome": outcome}
    if cell is not None:
        entry |= {
            "wall_s": cell.wall_s,
            "cpu_s": cell.cpu_s,
            "peak_kb": cell.peak_kb,
            "diff": cell.diff.as_dict(),
            "error": cell.error.type if cell.error else None,
            "detail": cell.detail,
        }
    if calls:
        entry["calls"] = [_called(each, classes) for each in calls]
    return entry


def digests(claims: Mapping[str, bytes]) -> dict[str, str]:
    """12 hex digits for each variable, of what the process claims it to be."""
    return {name: hashlib.blake2b(claim, digest_size=6).hexdigest() for name, claim in sorted(claims.items())}


def _called(call: CallRecord, classes: Mapping[str, type]) -> dict[str, Any]:
    told: dict[str, str] | str = f"({len(call.arguments)} bytes)"
    if len(call.arguments) <= _TOLD_BYTES:
        try:
            told = {name: show(value) for name, value in decode(call.arguments, classes).items()}
        except ClaimError as error:
            told = f"({error})"
    return {"name": call.name, "cell": call.cell, "arguments": told, "error": call.error}
