"""CaveEnv: a Gymnasium environment whose state is a live Python runtime and whose actions are code."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from cave_rl.confinement import Confinement
from cave_rl.envs.choosing import Chooser
from cave_rl.envs.spaces import AnyText
from cave_rl.runtime import drive
from cave_rl.runtime.pool import shared_pool
from cave_rl.runtime.runtime import Runtime
from cave_rl.semantic.prompt import Message
from cave_rl.tasks.config import EpisodeConfig
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.suite import Split, Suite
from cave_rl.tasks.task import Task


class CaveEnv(gymnasium.Env[str, str]):
    r"""One episode at a time over a task's runtime.

    An action is a whole message of the model; a message with one fenced block of Python is executed, one without code
    ends the turn. An observation is the content of the next user message. `info` holds the outcome, the state diff,
    the verdicts when a turn was judged, and `messages`, the whole chat, for those who run their own loop. The table
    of outcomes stands in `cave_rl.tasks.episode`.

    >>> import cave_rl, gymnasium
    >>> from cave_rl import Task, Turn, Variable, equals
    >>> task = Task([Turn("Sort xs in place.", equals("xs", [1, 2, 3]), changes=["xs"])], [Variable("xs", [3, 1, 2])])
    >>> env = gymnasium.make("cave_rl/Task-v0", task=task)
    >>> observation, info = env.reset(seed=0)
    >>> print(observation)
    Sort xs in place.
    >>> _ = env.step("```python\nxs.sort()\n```")
    >>> _, reward, terminated, truncated, info = env.step("Done.")
    >>> reward, terminated, info["solved"]
    (1.0, True, True)
    >>> env.close()

    Args:
        suite: a suite or mixture, its name, or `module:attribute`.
        task: a single task instead of a suite.
        split: which of the suite's tasks are drawn.
        families: only these families of the suite.
        config: how episodes are put, run and rewarded.
        confinement: how runtimes are confined. By default what cannot be contained does not run.
        render_mode: `ansi` (the chat as text), `human` (the same, printed), or None.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "human"]}  # noqa: RUF012  # as Gymnasium declares it

    def __init__(
        self,
        suite: str | Suite | None = None,
        *,
        task: Task | None = None,
        split: Split = "train",
        families: list[str] | None = None,
        config: EpisodeConfig | None = None,
        confinement: Confinement | None = None,
        render_mode: str | None = None,
    ) -> None:
        self.action_space = AnyText()
        self.observation_space = AnyText()
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"render_mode is one of {', '.join(self.metadata['render_modes'])}, not {render_mode!r}")
        self.render_mode = render_mode
        self.config = config or EpisodeConfig()
        self._choose = Chooser(suite, task, split, families)
        self._confinement = confinement
        self._episode: Episode | None = None

    @property
    def episode(self) -> Episode:
        """The current episode.

        Raises:
            gymnasium.error.ResetNeeded: before the first reset.
        """
        if self._episode is None:
            raise gymnasium.error.ResetNeeded("call reset() before step() or render()")
        return self._episode

    @property
    def runtime(self) -> Runtime:
        """The live runtime, to look into or to snapshot."""
        return self.episode.runtime

    @property
    def messages(self) -> list[Message]:
        """The chat so far."""
        return self.episode.messages

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Begins an episode.

        Args:
            seed: draws the task and seeds the runtime; the same seed gives the same episode, byte for byte.
            options: `task` (a `Task`), or `family`, `index` and `difficulty` of a task of the split; else the seed
                draws one.

        Returns:
            The first user message's content, and `info`.

        Raises:
            Fault: the runtime could not be started.
            SuiteError: the options choose no task.
        """
        super().reset(seed=int(seed) if isinstance(seed, np.integer) else seed)
        task, run = self._choose(self.np_random, options)
        self.close()
        self._episode = None  # what cannot begin cannot be stepped
        episode = Episode(
            task, pool=shared_pool(self._confinement), config=self.config, seed=run, examples=self._choose.examples
        )
        try:
            begun = drive.run(episode.begin_steps())
        except BaseException:
            episode.close()
            raise
        self._episode = episode
        self._show()
        return begun.observation, begun.info

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Takes one message of the model. See `cave_rl.tasks.episode` for what each message comes to.

        Raises:
            gymnasium.error.ResetNeeded: the episode is over, or never began.
        """
        if self.episode.over:
            raise gymnasium.error.ResetNeeded("the episode is over: call reset()")
        if not isinstance(action, str):
            raise TypeError(f"an action is a message of the model, a str, not {type(action).__name__}")
        result = drive.run(self.episode.step_steps(action))
        self._show()
        return result.observation, result.reward, result.terminated, result.truncated, result.info

    def render(self) -> str | None:  # type: ignore[override]
        """The chat as text (`ansi`)."""
        return chat_text(self.episode.messages) if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Ends the episode's processes. What is shared between environments stays warm until the process ends."""
        if self._episode is not None:
            self._episode.close()

    def _show(self) -> None:
        if self.render_mode == "human":
            print(chat_text(self.episode.messages[-2:]))


def chat_text(messages: list[Message]) -> str:
    """A chat as plain text.

    >>> print(chat_text([{"role": "user", "content": "Sort xs."}]))
    [user]
    Sort xs.
    """
    return "\n".join(f"[{message['role']}]\n{message['content']}" for message in messages)
