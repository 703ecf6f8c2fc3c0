"""Gold played three times: observations, verdicts and claims must agree byte for byte.

The second and the third play have Templates of their own, and the third plays the task as its family makes it again. So
what differs from process to process in a set-up (a clock, a random number of its own, a hash), in a cell or in a
generator is seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cave_rl.runtime.drive import Steps
from cave_rl.runtime.pool import Pool
from cave_rl.tasks.config import EpisodeConfig
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.task import Task
from cave_rl.tasks.validation.playing import turn_steps
from cave_rl.tasks.validation.report import Notes

Record = list[tuple[list[str], list[dict[str, Any]], dict[str, bytes]]]
"""Of each turn: the observations, the verdicts, the claims."""


def repeats_steps(
    task: Task, make: Callable[[], Task], notes: Notes, *, pool: Pool, config: EpisodeConfig, seed: int
) -> Steps[None]:
    """Plays the gold of a task three times.

    Args:
        task: whose gold.
        make: makes the same task again.
        notes: where it is noted.
        pool: where templates are kept.
        config: how the episodes are put.
        seed: the environment's.

    Raises:
        Fault: our side failed.
    """
    notes.checked["repeat"] += 1
    again = make()
    if again.content != task.content:
        notes.error("generator", "its family made another task from the same seed: it must draw from its rng alone")
        return
    alone = [task.but(suite=""), again.but(suite="")]  # a task of no suite has a Template of its own
    first = yield from _record_steps(task, pool=pool, config=config, seed=seed)
    for play, other in enumerate(alone, 2):
        record = yield from _record_steps(other, pool=pool, config=config, seed=seed)
        if told := _difference(first, record):
            notes.error("repeat", f"play {play} is not as the first: {told}")
            return


def _record_steps(task: Task, *, pool: Pool, config: EpisodeConfig, seed: int) -> Steps[Record]:
    episode = Episode(task, pool=pool, config=config, seed=seed)
    record: Record = []
    try:
        yield from episode.begin_steps()
        for turn in task.turns:
            if episode.over:
                break
            played = yield from turn_steps(episode, turn.gold, turn.gold_answer)
            record.append(([step.observation for step in played.steps], played.verdicts, played.claims))
    finally:
        episode.close()
    return record


def _difference(first: Record, other: Record) -> str:
    for at, (one, two) in enumerate(zip(first, other, strict=False), 1):
        for number, (said, says) in enumerate(zip(one[0], two[0], strict=False), 1):
            if said != says:
                return f"turn {at}, cell {number} printed {says[:200]!r}, not {said[:200]!r}"
        if one[1] != two[1]:
            names = [a["name"] for a, b in zip(one[1], two[1], strict=False) if a != b]
            return f"turn {at} has other verdicts: {', '.join(names)}"
        if one[2] != two[2]:
            names = sorted(name for name in one[2] | two[2] if one[2].get(name) != two[2].get(name))
            return f"turn {at} leaves other values in {', '.join(names)}"
    return "" if len(first) == len(other) else f"{len(other)} turns were reached, not {len(first)}"
