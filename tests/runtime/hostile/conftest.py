"""What every hostile test starts from: a task with a canary in its answers, and a sibling that must not notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cave_rl.confinement import RUNGS_OF_LEVEL
from cave_rl.rewards import Statements, close, equals
from cave_rl.runtime import Function, Limits, Runtime, Template, Type, Variable
from cave_rl.tasks import EpisodeConfig, Task, Turn
from tests.conftest import Play, python
from tests.runtime.world import Account, double

CONTAINED = pytest.mark.rung(*RUNGS_OF_LEVEL["contained"])
CANARY = "cAnArY_7f3a9c51"
"""Stands in gold, in an assertion and in an expected value: a rollout that holds it could read the answer."""

SHORT = Limits(cpu_s=1.0, wall_s=10, grace_s=0.3)
CONFIG = EpisodeConfig(limits=SHORT)


def check(state: Any) -> None:
    assert state.total == 6, "total"
    assert len(state.acc.entries) == 2, "entries"
    assert state.acc.total() == 9, "account"
    assert {6: True, CANARY: False}[state.total], "canary"


TASK = Task(
    [
        Turn(
            "Put the sum of xs in total, the mean in mean, and deposit 4 into acc.",
            [Statements.of(check), equals("total", 6), close("mean", 2.0), equals("xs", [3, 1, 2])],
            changes=["acc"],
            gold=f"total = sum(xs)\nmean = total / len(xs)\nacc.deposit(4)\n# {CANARY}",
        )
    ],
    variables=[Variable("xs", [3, 1, 2]), Variable("acc", Account("Ada", 5, [5]))],
    functions=[Function(double)],
    types=[Type(Account)],
)
GOLD = "total = sum(xs)\nmean = total / len(xs)\nacc.deposit(4)"


@pytest.fixture
def attack(play: Callable[..., Play]) -> Callable[..., Play]:
    """Plays cells, then an answer, against the task; whatever they do, it must end in time and be scored."""

    def attacked(*cells: str, answer: str | None = "done", task: Task = TASK, **given: Any) -> Play:
        config = given.pop("config", CONFIG)
        played = play(task, config=config)
        for cell in cells:
            if not played.episode.over:
                played.steps.append(_step(played, python(cell)))
        if answer is not None and not played.episode.over:
            played.steps.append(_step(played, answer))
        assert "fault" not in played.last.info, played.last.info["fault"]
        return played

    return attacked


def _step(played: Play, message: str) -> Any:
    from cave_rl.runtime import run

    return run(played.episode.step_steps(message))


@pytest.fixture
def sibling(template: Template[Runtime]) -> Iterator[Callable[[], None]]:
    """A second runtime of the same Template; called, it asserts that nothing has happened to it or to new ones."""
    with template.start(seed=9) as other:
        other.execute("xs.append(5)")

        def intact() -> None:
            assert other.execute("xs").value == "[3, 1, 2, 5]"
            with template.start() as fresh:
                assert fresh.execute("xs, total").value == "([3, 1, 2], 0)"

        yield intact
        intact()
