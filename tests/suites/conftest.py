"""Plays tasks in this process, on copies of what they inject: quick enough to play every family of a suite.

What is claimed goes through the real codec and is judged by the real judge's functions. That the same holds in a
confined rollout is the business of suite validation.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cave_rl.rewards.compose import RewardRules, turn_score
from cave_rl.rewards.court import judge
from cave_rl.rewards.evidence import Evidence, State
from cave_rl.rewards.judge import Ruling
from cave_rl.rewards.verdict import Verdict
from cave_rl.runtime.codec import ClaimError, decode, encode, same
from cave_rl.tasks.suite import Split, Suite
from cave_rl.tasks.task import Task

Cells = Sequence[str]


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a turn."""

    score: float
    verdicts: dict[str, bool]


def drawn(suite: Suite, family: str, n: int) -> list[Task]:
    """Tasks of a family: of both splits where it is trained."""
    splits: tuple[Split, ...] = ("heldout",) if suite.families[family].held_out else ("train", "test")
    return [suite.task(split, family, index) for split in splits for index in range(n)]


def gold(task: Task) -> list[Cells]:
    """The solution of every turn."""
    return [turn.gold for turn in task.turns]


def instead(task: Task, index: int, cells: Cells) -> list[Cells]:
    """The solution, but for one turn."""
    return [cells if at == index else turn.gold for at, turn in enumerate(task.turns)]


def play_cells(task: Task, played: Sequence[Cells]) -> list[Judged]:
    """Runs the cells of each turn and judges it, as an episode would."""
    scope: dict[str, Any] = copy.deepcopy({each.name: each.value for each in task.variables})
    scope |= {each.name: each.cls for each in task.types}
    classes = {each.name: each.cls for each in task.types}
    kept = set(scope)
    found = []
    for turn, cells in zip(task.turns, played, strict=True):
        watched = kept | turn.reads | turn.changes
        before = _claims(scope, watched, classes)
        _run(cells, scope)
        after = _claims(scope, watched, classes)
        gates = [_gate(name, before[name], after.get(name), classes) for name in kept & before.keys() - turn.changes]
        states = [State(claims, lambda claim: decode(claim, classes)) for claims in (before, after)]
        names = {cls: name for name, cls in classes.items()}
        idle = [v.passed for v in judge(turn.assertions, Evidence(states[0], states[0], classes=names))]
        verdicts = (*judge(turn.assertions, Evidence(states[1], states[0], classes=names)), *gates)
        score = turn_score(Ruling(verdicts, tuple(idle)), RewardRules(), refusal=turn.refusal)  # type: ignore[call-arg]
        found.append(Judged(score, {verdict.name: verdict.passed for verdict in verdicts}))
        kept |= (turn.reads | turn.changes) & after.keys()
    return found


def _run(cells: Cells, scope: dict[str, Any]) -> None:
    for cell in cells:
        try:
            exec(compile(cell, "<cell>", "exec"), scope)
        except Exception:
            return  # a cell that raises has done what it did until then


def _claims(scope: dict[str, Any], names: set[str], classes: dict[str, type]) -> dict[str, bytes]:
    known = {cls: name for name, cls in classes.items()}
    return {
        name: name.encode() if name in classes else encode(scope[name], known) for name in sorted(names & scope.keys())
    }


def _gate(name: str, before: bytes, after: bytes | None, classes: dict[str, type]) -> Verdict:
    try:
        kept = after is not None and (before == after or same(decode(before, classes), decode(after, classes)))
    except ClaimError:
        kept = False
    return Verdict(f"{name} unchanged", kept, 0.0, gate=True)
