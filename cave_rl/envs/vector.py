"""CaveVectorEnv: many episodes stepped together, on one thread, by readiness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from cave_rl.confinement import Confinement
from cave_rl.envs.choosing import Chooser
from cave_rl.envs.env import chat_text
from cave_rl.envs.spaces import AnyText, AnyTexts
from cave_rl.runtime import drive
from cave_rl.runtime.drive import Steps
from cave_rl.runtime.errors import Fault
from cave_rl.runtime.pool import shared_pool
from cave_rl.tasks.config import EpisodeConfig
from cave_rl.tasks.episode import Episode, StepResult
from cave_rl.tasks.suite import Split, Suite
from cave_rl.tasks.task import Task


class CaveVectorEnv(VectorEnv[tuple[str, ...], tuple[str, ...], np.ndarray]):
    """`num_envs` episodes whose cells run at the same time: `gym.make_vec("cave_rl/Types-v0", num_envs=64)`.

    It has Gymnasium's vector interface with next-step autoreset: the step after an episode's end ignores its action
    and begins the next episode. Observations and actions are tuples of strings.

    Args:
        suite, task, split, families, config, confinement: as for `CaveEnv`.
        num_envs: how many.
        render_mode: `ansi` or None.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012  # as Gymnasium declares it
        "render_modes": ["ansi"],
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        suite: str | Suite | None = None,
        *,
        num_envs: int = 1,
        task: Task | None = None,
        split: Split = "train",
        families: list[str] | None = None,
        config: EpisodeConfig | None = None,
        confinement: Confinement | None = None,
        render_mode: str | None = None,
    ) -> None:
        super().__init__()
        if num_envs < 1:
            raise ValueError(f"num_envs must be at least 1, not {num_envs}")
        self.num_envs = num_envs
        self.single_action_space = self.single_observation_space = AnyText()
        self.action_space: AnyTexts = batch_space(self.single_action_space, num_envs)  # type: ignore[assignment]
        self.observation_space: AnyTexts = batch_space(self.single_observation_space, num_envs)  # type: ignore[assignment]
        self.render_mode = render_mode
        self.config = config or EpisodeConfig()
        self._choose = Chooser(suite, task, split, families)
        self._confinement = confinement
        self._generators: list[np.random.Generator] = []
        self._episodes: list[Episode] = []

    @property
    def episodes(self) -> list[Episode]:
        """The current episodes."""
        return self._episodes

    def reset(  # type: ignore[override]
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Begins an episode in each.

        Args:
            seed: one seed for each, or one from which they are counted on, as in Gymnasium.
            options: as `CaveEnv.reset`, the same for all.

        Raises:
            Fault: a runtime could not be started; then none is left.
            SuiteError: the options choose no task.
        """
        seeds = self._seeds(seed)
        if not self._generators:
            self._generators = [np.random.default_rng(each) for each in seeds]
        else:
            for i, each in enumerate(seeds):
                if each is not None:
                    self._generators[i] = np.random.default_rng(each)
        episodes = [self._draw(i, options) for i in range(self.num_envs)]
        self._close_episodes()
        self._episodes = episodes
        self.closed = False  # Gymnasium closes only once what it takes for closed
        try:
            begun = drive.run_all([episode.begin_steps() for episode in episodes])
        except BaseException:
            self._close_episodes()
            raise
        infos: dict[str, Any] = {}
        for i, result in enumerate(begun):
            infos = self._add_info(infos, result.info, i)
        return tuple(result.observation for result in begun), infos

    def step(  # type: ignore[override]
        self, actions: Sequence[str]
    ) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Takes one message for each; the cells run together.

        Raises:
            gymnasium.error.ResetNeeded: before the first reset, or after `close`.
        """
        if not self._episodes:
            raise gymnasium.error.ResetNeeded("call reset() before step()")
        if not self.action_space.contains(actions):
            raise ValueError(f"actions must be {self.num_envs} strings, got {actions!r}")
        results = drive.run_all([self._advance_steps(i, action) for i, action in enumerate(actions)])
        infos: dict[str, Any] = {}
        for i, result in enumerate(results):
            infos = self._add_info(infos, result.info, i)
        return (
            tuple(result.observation for result in results),
            np.array([result.reward for result in results], dtype=np.float64),
            np.array([result.terminated for result in results], dtype=np.bool_),
            np.array([result.truncated for result in results], dtype=np.bool_),
            infos,
        )

    def render(self) -> tuple[str, ...] | None:
        """The chats as text (`ansi`)."""
        if self.render_mode != "ansi":
            return None
        return tuple(chat_text(episode.messages) for episode in self._episodes)

    def close_extras(self, **kwargs: Any) -> None:
        """Ends all episodes' processes."""
        self._close_episodes()

    def _advance_steps(self, i: int, action: str) -> Steps[StepResult]:
        episode = self._episodes[i]
        if not episode.over:
            return (yield from episode.step_steps(action))
        episode.close()
        self._episodes[i] = self._draw(i, None)
        try:
            return (yield from self._episodes[i].begin_steps())
        except Fault as fault:  # the other episodes go on
            return self._episodes[i].fault(fault)

    def _draw(self, i: int, options: dict[str, Any] | None) -> Episode:
        task, run = self._choose(self._generators[i], options)
        pool = shared_pool(self._confinement)
        return Episode(task, pool=pool, config=self.config, seed=run, examples=self._choose.examples)

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, (int, np.integer)):
            return [int(seed) + i for i in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise ValueError(f"{len(seed)} seeds for {self.num_envs} environments")
        return list(seed)

    def _close_episodes(self) -> None:
        for episode in self._episodes:
            episode.close()
        self._episodes = []
