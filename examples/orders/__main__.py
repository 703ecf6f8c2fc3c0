"""Plays a task of each family by its gold, and by doing nothing."""

from __future__ import annotations

from cave_rl import EpisodeConfig
from cave_rl.rollouts import gold, noop, play_messages
from cave_rl.runtime import Pool
from cave_rl.tasks import Episode
from orders.tasks import suite

tasks = [*suite.tasks("train", n=len(suite.names("train"))), *suite.tasks("heldout", n=len(suite.names("heldout")))]
with Pool() as pool:
    for policy in (gold, noop):
        rollouts = play_messages([Episode(task, pool=pool, config=EpisodeConfig()) for task in tasks], policy)
        for rollout in rollouts:
            print(f"{policy.__name__} {rollout.episode.task.family}: reward {rollout.reward:g}")
            assert rollout.reward == float(policy is gold)
