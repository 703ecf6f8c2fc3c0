"""Plays tasks of a suite in this process, and judges them as an episode does, with claims that cross the codec.

For suites with many tasks: it costs a millisecond a turn. That the same holds in a confined rollout is the business of
suite validation, and of one test of each suite.
"""

from __future__ import annotations

import contextlib
import copy
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cave_rl.rewards.compose import RewardRules, turn_score
from cave_rl.rewards.court import judge
from cave_rl.rewards.evidence import Evidence, State
from cave_rl.rewards.judge import Ruling
from cave_rl.rewards.verdict import Verdict
from cave_rl.runtime.codec import decode, encode_or_digest, same
from cave_rl.runtime.result import Limits
from cave_rl.tasks.suite import Split, Suite
from cave_rl.tasks.task import NearMiss, Task, Turn

RULES = RewardRules()
Claims = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a turn: its score, and what each verdict says (empty where it holds)."""

    score: float
    verdicts: Mapping[str, str]
    idle: tuple[bool, ...]
    error: str = ""


def tasks(suite: Suite, family: str, n: int) -> list[Task]:
    """Some tasks of a family."""
    split: Split = "heldout" if suite.families[family].held_out else "train"
    return [suite.task(split, family, index) for index in range(n)]


def gold(task: Task) -> list[Sequence[str]]:
    """The gold cells of each turn."""
    return [turn.gold for turn in task.turns]


def misses(task: Task) -> list[tuple[int, NearMiss]]:
    """Every near-miss, with the index of its turn."""
    return [(index, miss) for index, turn in enumerate(task.turns) for miss in turn.near_misses]


def instead(task: Task, index: int, cells: Sequence[str]) -> list[Sequence[str]]:
    """Gold in all turns but one."""
    return [cells if at == index else turn.gold for at, turn in enumerate(task.turns)]


def play(task: Task, cells: Sequence[Sequence[str]]) -> list[Played]:
    """Plays a task by cells for each turn; a cell that raises has done what it did until then."""
    scope: dict[str, Any] = {each.name: copy.deepcopy(each.value) for each in task.variables}
    scope |= {each.name: each.cls for each in task.types} | {each.name: each.func for each in task.functions}
    if isinstance(task.setup, str):
        exec(compile(task.setup, "<setup>", "exec"), scope)
    elif task.setup is not None:
        scope.update(task.setup())
    watched = {each.name for each in task.injected}.union(*(turn.reads | turn.changes for turn in task.turns))
    known = _claims(task, scope, watched)
    kept = set(known)
    found = []
    for turn, its in zip(task.turns, cells, strict=True):
        if turn.event:
            exec(compile(turn.event, "<event>", "exec"), scope)
            known |= _claims(task, scope, set(re.findall(r"\w+", turn.event)) & watched)
        error = _run(its, scope)
        after = _claims(task, scope, watched)
        found.append(_judged(task, turn, known, after, kept, error))
        known = after
        kept |= (turn.reads | turn.changes) & after.keys()
    return found


def _run(cells: Sequence[str], scope: dict[str, Any]) -> str:
    for cell in cells:
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(cell, "<cell>", "exec"), scope)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return ""


def _claims(task: Task, scope: Mapping[str, Any], names: set[str]) -> Claims:
    classes = {each.cls: each.name for each in task.types}
    return {name: encode_or_digest(scope[name], classes, Limits().claim_bytes) for name in names if name in scope}


def _judged(task: Task, turn: Turn, before: Claims, after: Claims, kept: set[str], error: str) -> Played:
    classes = {each.name: each.cls for each in task.types}
    states = [State(each, lambda claim: decode(claim, classes)) for each in (before, after)]
    held = judge(turn.assertions, Evidence(states[1], states[0]))
    idle = tuple(verdict.passed for verdict in judge(turn.assertions, Evidence(states[0], states[0])))
    gates = []
    for name in sorted(kept & before.keys() - turn.changes):
        as_before = name in after and (before[name] == after[name] or same(states[0][name], states[1][name]))
        gates.append(Verdict(f"{name} unchanged", as_before, 0.0, "" if as_before else "it changed", gate=True))
    ruling = Ruling((*held, *gates), idle)
    told = {verdict.name: "" if verdict.passed else verdict.message or "failed" for verdict in ruling.verdicts}
    return Played(turn_score(ruling, RULES, refusal=turn.refusal), told, idle, error)
