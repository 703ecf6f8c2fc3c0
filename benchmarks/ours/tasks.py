"""Whole episodes: messages in, observations and rewards out; of one task, and of tasks never seen before."""

from __future__ import annotations

import time
from itertools import islice

from benchmarks import work
from benchmarks.contender import Contender, Report
from benchmarks.measure import Effort, repeat
from benchmarks.ours.contender import MODULES
from cave_rl.rewards import equals
from cave_rl.runtime import Pool, Steps, Variable, run, run_all
from cave_rl.tasks import Episode, EpisodeConfig, Task, Turn, find

UNSEEN, ROLLOUTS, AT_ONCE = 64, 8, 8


def played_steps(episode: Episode, messages: list[str]) -> Steps[float]:
    """An episode from beginning to end; its reward."""
    try:
        yield from episode.begin_steps()
        for message in messages:
            if not episode.over:
                yield from episode.step_steps(message)
        return episode.reward
    finally:
        episode.close()


def solving(task: Task) -> list[str]:
    """The messages that solve a task."""
    return [message for turn in task.turns for message in (*(f"```python\n{cell}\n```" for cell in turn.gold), "Done.")]


def episodes(report: Report, effort: Effort) -> None:
    """An episode of five messages with code and an answer: parsing, prompts, observations, verdicts and all."""
    turn = Turn("Add 1, 2, 3, 4 and 5 to x.", equals("x", 15), changes=["x"], gold=work.STEPS)
    task = Task((turn,), variables=(Variable("x", 0),), modules=MODULES)
    config = EpisodeConfig()
    with Pool() as pool:

        def once() -> float:
            began = time.perf_counter()
            reward = run(played_steps(Episode(task, pool=pool, config=config, seed=1), solving(task)))
            if reward != 1.0:
                raise AssertionError(f"an episode that was solved has reward {reward}")
            return time.perf_counter() - began

        report.samples("episode", repeat(effort, once, most=2000))


def unseen(contender: Contender, report: Report, effort: Effort) -> None:
    """Tasks that no Template is there for, eight rollouts of each: Bases, set-ups, judges and verdicts included."""
    suite = find("cave_rl.suites.types.tasks:suite")
    count = UNSEEN // 8 if effort.quick else UNSEEN
    config = EpisodeConfig()
    tasks = list(islice(suite.tasks("test"), count))
    began = time.perf_counter()
    with Pool() as pool:
        for first in range(0, count, AT_ONCE):
            group = tasks[first : first + AT_ONCE]
            rewards = run_all(
                [
                    played_steps(Episode(task, pool=pool, config=config, seed=seed), solving(task))
                    for task in group
                    for seed in range(ROLLOUTS)
                ]
            )
            if set(rewards) != {1.0}:
                raise AssertionError(f"solved episodes have the rewards {sorted(set(rewards))}")
    took = time.perf_counter() - began
    report.samples("unseen", [took / (count * ROLLOUTS)])
