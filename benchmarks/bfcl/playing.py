"""Plays BFCL's tasks by call strings, in the real environment or in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import here
from benchmarks.mutations import Turns
from cave_rl.rollouts import play_messages
from cave_rl.runtime import Pool
from cave_rl.semantic.parsing import fenced
from cave_rl.tasks import Episode, EpisodeConfig, Task

JUDGES = 8
"""Templates that a pool should keep beside those of the tasks that are played: of judges, by what they import."""


@dataclass(frozen=True)
class Outcome:
    """What came of a run: what is told of the dialogue, the reward, and why there is neither, if there is not."""

    told: dict[str, Any]
    reward: float | None
    why: str = ""


Play = Callable[[Sequence[tuple[Task, Turns]]], list[Outcome]]


def in_episodes(pool: Pool) -> Play:
    """Plays tasks by call strings, those of a turn as one cell, all together."""

    def play(runs: Sequence[tuple[Task, Turns]]) -> list[Outcome]:
        episodes = [Episode(task, pool=pool, config=EpisodeConfig()) for task, _ in runs]
        scripts = {id(episode): turns for episode, (_, turns) in zip(episodes, runs, strict=True)}

        def policy(episode: Episode) -> str:
            calls = scripts[id(episode)][episode.turn]
            return fenced("\n".join(calls)) if calls and episode.turn_steps == 0 else "Done."

        try:
            played = play_messages(episodes, policy)
        finally:
            for episode in episodes:
                episode.close()
        return [Outcome(each.infos[-1].get("bfcl", {}), each.reward, each.fault or each.stop) for each in played]

    return play


def in_process(runs: Sequence[tuple[Task, Turns]]) -> list[Outcome]:
    """The same without processes."""
    played = [here.play(task, turns) for task, turns in runs]
    return [Outcome(turns[-1], float(all(each["passed"] for each in turns))) for turns in played]
