"""Plays a task's gold solution through the real environment."""

from __future__ import annotations

from typing import Any

from cave_rl.confinement import Confinement
from cave_rl.envs.env import CaveEnv
from cave_rl.rollouts import messages
from cave_rl.runtime.errors import Fault
from cave_rl.tasks.config import EpisodeConfig
from cave_rl.tasks.task import Task, TaskError


def gold(task: Task, *, config: EpisodeConfig, confinement: Confinement, seed: int = 0) -> dict[str, Any]:
    """The steps of one episode in which every turn's gold cells are sent, then an answer; and what it earned.

    Raises:
        TaskError: a turn has no gold, and something is to be done in it.
        Fault: our side failed.
    """
    env = CaveEnv(task=task, config=config, confinement=confinement)
    steps: list[dict[str, Any]] = []
    try:
        for number, turn in enumerate(task.turns, 1):
            if not turn.gold and not turn.refusal:
                raise TaskError(f"turn {number} of {task.id} has no gold to play")
        env.reset(seed=seed)
        while not env.episode.over:
            steps.append(_step(env, messages.gold(env.episode)))
        return {"steps": steps, "reward": env.episode.reward, "solved": env.episode.solved}
    finally:
        env.close()


def _step(env: CaveEnv, message: str) -> dict[str, Any]:
    observation, reward, _, _, info = env.step(message)
    if "fault" in info:
        raise Fault(f"{info['fault']['type']}: {info['fault']['message']}")
    return {
        "message": message,
        "outcome": info["outcome"],
        "observation": observation,
        "reward": reward,
        "verdicts": info.get("verdicts", []),
    }
