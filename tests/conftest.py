"""Processes that many tests share: a Base costs up to a second, a Template a tenth, a runtime a few milliseconds."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from cave_rl.runtime import Base, Pool, Runtime, Setup, Steps, Template, Variable, run
from cave_rl.tasks import Episode, EpisodeConfig, StepResult, Task

# The same examples each time, and no time for them, which a busy machine would exceed. New examples:
# pytest --hypothesis-profile explore
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile("same")

DATA = ("numpy", "pandas", "sqlite3")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "rung(*names): the confinement rungs that a test needs")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # by a shell, of what it starts in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)  # so do the processes that tests interrupt


def pytest_runtest_setup(item: pytest.Item) -> None:
    if any(item.iter_markers("rung")):
        from tests.confinement.conftest import pytest_runtest_setup as check

        check(item)


def python(code: str) -> str:
    """A model's message with one block."""
    return f"```python\n{code}\n```"


def descriptors() -> int:
    """How many descriptors this process holds."""
    return len(os.listdir("/proc/self/fd"))


def children() -> set[int]:
    """All that descends from this process."""
    found: set[int] = set()
    waiting = [os.getpid()]
    while waiting:
        pid = waiting.pop()
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                new = {int(each) for each in task.read_text().split()} - found
            except OSError:
                continue
            found |= new
            waiting += new
    return found


def settled(measure: Callable[[], Any], expected: Any, *, within: float = 10.0) -> Any:
    """What `measure` gives once it gives `expected`, or at last: what a kill ends is not gone at once."""
    until = time.monotonic() + within
    while (found := measure()) != expected and time.monotonic() < until:
        time.sleep(0.02)
    return found


@pytest.fixture(scope="session")
def base() -> Iterator[Base]:
    """A Base with nothing but the standard library."""
    with Base() as made:
        yield made


@pytest.fixture(scope="session")
def data_base() -> Iterator[Base]:
    """A Base with the data libraries."""
    with Base(DATA) as made:
        yield made


@pytest.fixture(scope="session")
def template(base: Base) -> Iterator[Template[Runtime]]:
    """A Template with two variables."""
    with base.template(Setup(variables=(Variable("xs", [3, 1, 2]), Variable("total", 0)))) as made:
        yield made


@pytest.fixture(scope="session")
def data_template(data_base: Base) -> Iterator[Template[Runtime]]:
    """A Template with the data libraries and nothing injected."""
    with data_base.template(Setup()) as made:
        yield made


@pytest.fixture
def runtime(template: Template[Runtime]) -> Iterator[Runtime]:
    """A runtime of `template`."""
    with template.start(seed=1) as made:
        yield made


@pytest.fixture
def data_runtime(data_template: Template[Runtime]) -> Iterator[Runtime]:
    """A runtime of `data_template`."""
    with data_template.start(seed=1) as made:
        yield made


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    """The Bases and Templates of all episodes in the tests."""
    with Pool() as made:
        yield made


class Play:
    """An episode that was played by a list of messages."""

    def __init__(self, episode: Episode, steps: list[StepResult]) -> None:
        self.episode = episode
        self.steps = steps

    @property
    def last(self) -> StepResult:
        return self.steps[-1]

    @property
    def reward(self) -> float:
        return sum(step.reward for step in self.steps)

    @property
    def verdicts(self) -> dict[str, bool]:
        """The verdicts of the turn that was judged last, by name."""
        judged = [step.info["verdicts"] for step in self.steps if "verdicts" in step.info]
        return {verdict["name"]: verdict["passed"] for verdict in judged[-1]}


@pytest.fixture
def play(pool: Pool) -> Iterator[Callable[..., Play]]:
    """Plays a task by messages: `play(task, "```python...", "Done.", config=...)`."""
    begun: list[Episode] = []

    def drive(steps: Steps[StepResult]) -> StepResult:
        return run(steps)

    def played(task: Task, *messages: str, config: EpisodeConfig | None = None, seed: int = 0, **given: Any) -> Play:
        episode = Episode(task, pool=given.pop("pool", pool), config=config or EpisodeConfig(), seed=seed)
        begun.append(episode)
        steps = [drive(episode.begin_steps())]
        steps += [drive(episode.step_steps(message, **given)) for message in messages]
        return Play(episode, steps)

    yield played
    for episode in begun:
        episode.close()
