"""Plays tasks in real episodes, by cells for each turn."""

from __future__ import annotations

from collections.abc import Sequence

from cave_rl.rollouts import play_messages
from cave_rl.rollouts.play import Rollout
from cave_rl.runtime import Pool
from cave_rl.semantic.parsing import fenced
from cave_rl.tasks import Episode, EpisodeConfig, Task
from cave_rl.tasks.suite import Suite

Cells = Sequence[Sequence[str]]


def drawn(suite: Suite, family: str, n: int = 1) -> list[Task]:
    """Some tasks of a family."""
    split = "heldout" if suite.families[family].held_out else "train"
    return [suite.task(split, family, index) for index in range(n)]


def gold(task: Task) -> list[Sequence[str]]:
    """The solution of every turn."""
    return [turn.gold for turn in task.turns]


def instead(task: Task, index: int, cells: Sequence[str]) -> list[Sequence[str]]:
    """The solution, but for one turn."""
    return [cells if at == index else turn.gold for at, turn in enumerate(task.turns)]


def play(pool: Pool, played: Sequence[tuple[Task, Cells]]) -> list[Rollout]:
    """Plays each task by its cells, all together; none of them may end in a fault."""
    episodes = [Episode(task, pool=pool, config=EpisodeConfig()) for task, _ in played]
    scripts = {id(episode): cells for episode, (_, cells) in zip(episodes, played, strict=True)}

    def policy(episode: Episode) -> str:
        cells = scripts[id(episode)][episode.turn]
        return fenced(cells[episode.turn_steps]) if episode.turn_steps < len(cells) else "Done."

    rollouts = play_messages(episodes, policy)
    for episode in episodes:
        episode.close()
    assert [each.fault for each in rollouts] == [None] * len(rollouts)
    return rollouts


def failed(rollout: Rollout, turn: int) -> set[str]:
    """The verdicts that a turn failed."""
    return {each["name"] for each in rollout.verdicts if each["turn"] == turn and not each["passed"]}
