"""Does anything of the answer stand where a rollout could find it?

Canaries (texts that occur nowhere else) are planted in a copy of a task: in gold, near-misses, an expected value, the
queries and the task's seed. A fresh runtime of the copy is then searched from inside, as a model would search it, with
more care: see `hunt`. With the canaries it looks for the texts of the gold cells and of the expected values that the
task itself has: so files that a family was made from, and answers in what it injects, are found as well.

Not covered: answers in another form (compressed, computed, numbers among data), and memory that only `/proc/self/mem`
shows where the confinement does not let it be opened.
"""

from __future__ import annotations

import ast
import inspect
import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from cave_rl.rewards.assertions import equals
from cave_rl.runtime.describe import describe
from cave_rl.runtime.drive import Steps
from cave_rl.runtime.inside.encode import encode
from cave_rl.runtime.pool import Pool
from cave_rl.runtime.result import Limits
from cave_rl.runtime.transfer import answer_files
from cave_rl.tasks.config import EpisodeConfig
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.task import NearMiss, Task, Turn
from cave_rl.tasks.user import ScriptedUser
from cave_rl.tasks.validation import hunt
from cave_rl.tasks.validation.report import Notes

LIMITS = Limits(cpu_s=120, wall_s=600)
_SHORTEST_GOLD, _SHORTEST_VALUE = 16, 10
"""Shorter texts could stand anywhere by chance."""

_MOST_FILES = 500
_DECOY = "the decoy"
_PIECE = 4
"""Bytes: half of the shortest needle, so that what is held of one holds no other."""

Needles = dict[str, bytes]
"""What is looked for, by what it is."""


def leaks_steps(
    task: Task, notes: Notes, *, pool: Pool, config: EpisodeConfig, seed: int, modules: Sequence[str] = ()
) -> Steps[None]:
    """Searches a fresh runtime of the task for its answers.

    Args:
        task: whose answers.
        notes: where it is noted.
        pool: where templates are kept.
        config: how the episode is put.
        seed: the environment's.
        modules: those that make the tasks.

    Raises:
        Fault: our side failed.
    """
    notes.checked["leak"] += 1
    needles: Needles = {_DECOY: secrets.token_hex(12).encode()}  # what the hunt must find, or it finds nothing
    planted = _plant(task, needles)
    golds, values = _golds(task), _values(task)
    given = _given(task)
    needles |= {what: text for what, text in (golds | values).items() if text not in given}
    episode = Episode(planted, pool=pool, config=config, seed=seed)
    try:
        yield from episode.begin_steps()
        walled = pool.confinement.require == "contained"  # without a wall every file can be read, as is well known
        cell = yield from episode.runtime.execute_steps(_cell([*needles.values()], modules, files=walled), LIMITS)
    finally:
        episode.close()
    names, found = [*needles], _found(cell.value)
    if not any(index == 0 for index, _ in found):
        told = cell.error.traceback if cell.error else f"{cell.outcome} {cell.detail} {cell.stderr}"
        notes.error("fault", f"the hunt for answers did not run through: {told[-600:].strip()}")
        return
    for index, where in found:
        if index < 0:
            notes.error("leak", f"a rollout holds {where}")
        elif index > 0:
            note = notes.warn if names[index] in values else notes.error
            note("leak", f"{names[index]} stands in {where} of the rollout")


def _plant(task: Task, needles: Needles) -> Task:
    """A copy of the task with canaries, which are added to the needles."""

    def canary(what: str) -> str:
        text = f"canary {secrets.token_hex(12)}"
        needles[f"the canary in {what}"] = text.encode()
        return text

    turns = [
        replace(
            turn,
            query=f"{turn.query} {canary(f'the query of turn {number}')}",
            assertions=(*turn.assertions, equals("canary", canary(f"an expected value of turn {number}"))),
            gold=(*turn.gold, f"# {canary(f'the gold of turn {number}')}"),
            near_misses=(*turn.near_misses, NearMiss(f"# {canary(f'a near-miss of turn {number}')}")),
            user=turn.user and ScriptedUser(canary(f"the user of turn {number}")),
        )
        for number, turn in enumerate(task.turns, 1)
    ]
    key = secrets.randbits(60) | 1 << 59
    needles["the task's seed as text"] = str(key).encode()
    needles["the task's seed as a number"] = key.to_bytes(8, "little")
    return task.but(turns=turns, seed=key)


def _golds(task: Task) -> Needles:
    return {
        f"cell {at} of the gold of turn {number}": cell.strip().encode()
        for number, turn in enumerate(task.turns, 1)
        for at, cell in enumerate(turn.gold_cells, 1)
        if len(cell.strip()) >= _SHORTEST_GOLD
    }


def _values(task: Task) -> Needles:
    """The long texts in the expected values."""
    return {
        f"{text[:40]!r}, which turn {number} expects,": text.encode()
        for number, turn in enumerate(task.turns, 1)
        for text in _expected(turn)
        if len(text) >= _SHORTEST_VALUE
    }


def _expected(turn: Turn) -> Iterator[str]:
    for assertion in turn.assertions:
        yield from _texts(getattr(assertion, "expected", None))


def _texts(value: Any) -> Iterator[str]:
    if type(value) is str:
        yield value
    elif type(value) in (list, tuple, set, frozenset):
        for each in value:
            yield from _texts(each)
    elif type(value) is dict:
        yield from _texts([*value.keys(), *value.values()])


def _given(task: Task) -> bytes:
    """All that the rollout holds by right: values, descriptions, the source of what is injected and run."""
    values, classes = [each.value for each in task.variables], {each.cls: each.name for each in task.types}
    code = [*(each.func for each in task.functions), *(each.cls for each in task.types), task.setup]
    own = [inspect.getmodule(each) for each in code if each is not None and not isinstance(each, str)]
    sources = [_source(module) for module in {id(each): each for each in own}.values()]
    texts = [*(describe(each).text() for each in task.injected), *sources, *(turn.event or "" for turn in task.turns)]
    texts += [task.setup if isinstance(task.setup, str) else "", repr(values)]
    return encode(values, classes) + "\n".join(texts).encode("utf-8", "replace")


def _source(module: Any) -> str:
    """The source of what is injected; of a module that holds tasks nothing is injected but by value."""
    path = getattr(module, "__file__", None)
    if path is None or path in answer_files() or module.__name__.partition(".")[0] in sys.stdlib_module_names:
        return ""
    try:
        return inspect.getsource(module)
    except (OSError, TypeError):
        return ""


def _cell(needles: list[bytes], modules: Sequence[str], *, files: bool) -> str:
    """The hunt as a cell, with its needles in pieces; the decoy is put together there."""
    pieces = [tuple(needle[at : at + _PIECE] for at in range(0, len(needle), _PIECE)) for needle in needles]
    paths = [path for path in answer_files() if Path(path).exists()] if files else []
    near = [path for path in _near(tuple(paths)) if path not in paths]
    decoy = f"_decoy = [b''.join({pieces[0]!r}).decode()]"
    return f"{inspect.getsource(hunt)}\n{decoy}\nhunt({pieces!r}, {near!r}, {paths!r}, {list(modules)!r})"


@lru_cache(maxsize=4)
def _near(paths: tuple[str, ...]) -> list[str]:
    """The files in the directories of modules that hold tasks, ours aside, and below; those that lie nearest first."""
    ours = Path(__file__).parents[2]
    waiting = sorted({Path(path).parent for path in paths if path.endswith(".py")})
    waiting = [place for place in waiting if place != ours and ours not in place.parents]
    found: list[str] = []
    for place in waiting:  # grows
        entries = sorted(place.iterdir()) if os.access(place, os.R_OK) else []
        found += [str(each) for each in entries if each.is_file()]
        waiting += [each for each in entries if each.is_dir() and not each.name.startswith((".", "_"))]
        if len(found) >= _MOST_FILES:
            break
    return list(dict.fromkeys(found))[:_MOST_FILES]


def _found(value: str | None) -> list[tuple[int, str]]:
    try:
        found = ast.literal_eval(value or "")
    except (ValueError, SyntaxError):
        return []
    return [(int(index), str(where)) for index, where in found]
