"""An evaluation from its configuration to its summary; interrupted at any moment it goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cave_rl.clients.errors import ProviderError
from cave_rl.confinement import Confinement
from cave_rl.evaluation.directory import RunDirectory
from cave_rl.evaluation.plan import Planned
from cave_rl.evaluation.players import Play
from cave_rl.evaluation.protocols import inexpressible
from cave_rl.evaluation.summary import summarise
from cave_rl.rollouts.play import Rollout
from cave_rl.rollouts.traces import record
from cave_rl.runtime.pool import Pool
from cave_rl.tasks.episode import Episode, check_users

Row = dict[str, Any]

MODEL_FAULTS = {"PolicyError", "UserFault", "RefereeFault", *(kind.__name__ for kind in ProviderError.__subclasses__())}
"""The types of faults that come from where a model is asked: the one that is evaluated, one that plays a user, or
one that judges."""


class Outage(Exception):
    """The model's endpoint has failed so often in a row that the run was stopped. What was played is kept."""


def carry_out(
    run: RunDirectory,
    planned: Sequence[Planned],
    play: Play,
    *,
    versions: Mapping[str, str | None],
    begun: Callable[[int, Sequence[Row], Sequence[str]], None] = lambda planned, rows, changed: None,
    progress: Callable[[Row], None] = lambda row: None,
) -> dict[str, Any]:
    """Plays what is missing or failed on our side, and sums up.

    Args:
        run: where it is kept.
        planned: all its episodes.
        play: plays episodes.
        versions: of what is installed.
        begun: is told how many episodes there are in all, those that count already, and what has changed since.
        progress: is told of each episode as it ends.

    Returns:
        The summary, as written.

    Raises:
        ConfigError: a task is another one than when the run was begun, or its user cannot speak.
        Outage: too many episodes in a row failed on the endpoint.
    """
    config = run.config
    for item in planned:
        check_users(item.task, config.env)
    changed = run.note(versions, planned)
    kept = [row for row in run.rows() if row["fault"] is None]
    done = {row["key"] for row in kept}
    in_a_row = 0

    def tell(item: Planned, rollout: Rollout) -> None:
        nonlocal in_a_row
        row = row_of(item, rollout)
        run.append(row)
        progress(row)
        in_a_row = in_a_row + 1 if row["fault_type"] in MODEL_FAULTS else 0
        if in_a_row >= config.endpoint.give_up_after:
            raise Outage(f"{in_a_row} episodes in a row failed on the model's side, the last by {row['fault']}")

    with Pool(Confinement(require=config.confinement, memory_mb=config.memory_mb)) as pool:
        left_out = inexpressible(planned, pool, config)
        put = [item for item in planned if item.task.id not in left_out]
        begun(len(put), kept, changed)
        rest = [item for item in put if item.key not in done]

        def begin(item: Planned) -> Episode:
            return Episode(item.task, pool=pool, config=config.env, seed=config.seed, examples=item.examples)

        if rest:
            play(rest, begin, tell)
    summary = summarise(run.rows(), config.label, len(put))
    if config.env.protocol != "cave":
        summary |= {"protocol": config.env.protocol, "left_out": left_out}
    run.finish(summary)
    return summary


def row_of(item: Planned, rollout: Rollout) -> Row:
    """A planned episode's line of `traces.jsonl`."""
    return record(rollout, key=item.key, split=item.split, index=item.index, rollout=item.rollout)
