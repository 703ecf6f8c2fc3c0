"""Hosted methods that come with a later turn, what assertions see of earlier turns, and how turns make the reward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from cave_rl import Hosted, Task, Turn, called, equals
from cave_rl.rewards.evidence import Evidence
from cave_rl.rewards.verdict import Verdict
from cave_rl.tasks import EpisodeConfig
from cave_rl.tasks.task import TaskError
from tests.conftest import Play, python
from tests.tasks.lamp import Lamp


@dataclass(frozen=True)
class Noted:
    """Passes, and tells of the calls that it sees."""

    __cave_host_only__: ClassVar[bool] = True

    weight: float = 1.0
    reads: frozenset[str] = field(default=frozenset(), init=False)
    names: tuple[str, ...] = field(default=("noted",), init=False)

    def check(self, evidence: Evidence) -> list[Verdict]:
        seen = [[call.name for call in turn] for turn in (*evidence.earlier, evidence.calls)]
        told: Mapping[str, Any] = {"seen": seen, "outcome": "not this one: it is ours"}
        return [Verdict("noted", bool(evidence.calls), told=told)]


def task(flat: bool, **given: Any) -> Task:
    wash = "wash" if flat else "lamp.wash"
    turns = [
        Turn("Set the lamp to 5.", equals("lamp", Lamp(5)), changes=["lamp"]),
        Turn("Wash it.", called(wash), changes=["lamp"], offers=[wash]),
        Turn("Set it to 7.", equals("lamp", Lamp(7)), changes=["lamp"]),
    ]
    return Task(turns, hosted=[Hosted(Lamp(), flat=flat)], **given)


def cell(flat: bool, call: str) -> str:
    return python(call if flat else f"lamp.{call}")


@pytest.mark.parametrize("flat", [False, True])
def test_what_a_turn_offers_is_told_of_with_its_query(play: Callable[..., Play], flat: bool) -> None:
    played = play(task(flat), cell(flat, "dim(5)"), "Done.")
    assert "def wash" not in played.steps[0].info["messages"][0]["content"]
    query = played.last.observation
    assert query.startswith("Wash it.")
    assert "def wash() -> None" in query
    assert "def dim" not in query


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("checkpoint", [False, True])
def test_what_a_turn_offers_can_be_called_from_then_on(play: Callable[..., Play], flat: bool, checkpoint: bool) -> None:
    wash, dim = cell(flat, "wash()"), cell(flat, "dim(5)")
    messages = [wash, dim, "Done.", wash, "Done.", wash, cell(flat, "dim(7)"), "Done."]
    played = play(task(flat), *messages, config=EpisodeConfig(checkpoint=checkpoint))
    assert [step.info.get("error") for step in played.steps] == [None, "NameError"] + [None] * 7
    assert played.reward == 1.0
    assert [len(step["calls"]) for step in played.episode.trace if "calls" in step] == [1] * 4


def test_a_turn_offers_only_what_is_hosted() -> None:
    with pytest.raises(TaskError, match=r"offers 'lamp.wsh'.*lamp.wash"):
        Task([Turn("Wash it.", called("lamp.wash"), offers=["lamp.wsh"])], hosted=[Hosted(Lamp())])


def test_an_object_of_which_nothing_is_offered_yet_is_not_told_of() -> None:
    offered = Turn("Wash it.", called("lamp.wash"), offers=["lamp.wash", "lamp.dim"])
    made = Task([Turn("Wait.", Noted(), refusal=True), offered], hosted=[Hosted(Lamp())])
    assert made.told(0) == ()
    assert [each.name for each in made.told(1)] == ["lamp"]
    assert made.withheld(0) == {"lamp.wash", "lamp.dim"}
    assert made.withheld(1) == frozenset()
    assert made.content != made.but(turns=[made.turns[0], Turn("Wash it.", called("lamp.wash"))]).content


@pytest.mark.parametrize(
    ("counting", "rewards"),
    [("each", [2 / 3, 2 / 3, 1.0]), ("prefix", [2 / 3, 1 / 3, 1.0]), ("whole", [0.0, 0.0, 1.0])],
)
def test_turns_make_the_reward_as_the_task_says(play: Callable[..., Play], counting: str, rewards: list[float]) -> None:
    first, second, third = [python("dim(5)"), "Done."], [python("wash()"), "Done."], [python("dim(7)"), "Done."]
    last = play(task(True, counting=counting), *first, *second, "Done.")
    middle = play(task(True, counting=counting), *first, "Done.", *third)
    whole = play(task(True, counting=counting), *first, *second, *third)
    assert [each.reward for each in (last, middle, whole)] == pytest.approx(rewards)
    assert [each.last.info["solved"] for each in (last, middle, whole)] == [False, False, True]


def test_assertions_see_the_calls_of_earlier_turns_and_may_tell_more(play: Callable[..., Play]) -> None:
    turns = [Turn(f"Do {number}.", Noted(), changes=["lamp"]) for number in range(3)]
    made = Task(turns, hosted=[Hosted(Lamp(), flat=True)])
    played = play(made, python("dim(1)\nwash()"), "Done.", "Done.", python("dim(2)"), "Done.")
    seen = [step.info["seen"] for step in played.steps if "verdicts" in step.info]
    assert seen == [[["dim", "wash"]], [["dim", "wash"], []], [["dim", "wash"], [], ["dim"]]]
    assert played.last.info["outcome"] == "answered", "what is told takes the place of nothing"
    assert "seen" not in str(played.last.observation)
