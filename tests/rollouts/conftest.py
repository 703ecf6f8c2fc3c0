"""What the tests of rollouts share: the tiny tokenizer's chat, and episodes that are closed in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cave_rl.rollouts import Chat
from cave_rl.runtime.pool import Pool
from cave_rl.tasks.config import EpisodeConfig
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.task import Task
from tests.training import tiny


@pytest.fixture(scope="session")
def chat() -> Chat:
    return Chat(tiny.tokenizer())


@pytest.fixture
def begin(pool: Pool) -> Iterator[Callable[..., Episode]]:
    """Makes episodes: `begin(task, max_steps=2)`."""
    made: list[Episode] = []

    def episode(task: Task, *, seed: int = 0, config: EpisodeConfig = tiny.COMPACT, **changes: Any) -> Episode:
        made.append(Episode(task, pool=pool, config=config.but(**{"max_steps": 4, **changes}), seed=seed))
        return made[-1]

    yield episode
    for each in made:
        each.close()
