from __future__ import annotations

import pytest

from cave_rl.rewards import equals
from cave_rl.runtime import Function, Type, Variable
from cave_rl.tasks import NearMiss, Task, TaskError, Turn
from tests.runtime.world import Account, double

TURN = Turn("Double n.", equals("n", 2), changes=["n"], gold="n *= 2")


def test_a_turn_takes_one_or_many_of_everything() -> None:
    turn = Turn(
        "q",
        [equals("a", 1), equals("b", 2)],
        changes="a",
        gold="a = 1",
        near_misses=["a = 2", NearMiss("b = 1", "b equals")],
    )
    assert turn.changes == {"a"}
    assert turn.gold == ("a = 1",)
    assert [each.cells for each in turn.near_misses] == [("a = 2",), ("b = 1",)]
    assert turn.reads == {"a", "b"}
    assert Turn("q", equals("a", 1), changes=("a", "b"), gold=["a = 1", "b = 2"]).gold == ("a = 1", "b = 2")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"assertions": []}, "asserts nothing"),
        ({"weight": 0}, "weights must be positive"),
        ({"assertions": equals("x", 1, weight=-1)}, "weights must be positive"),
        ({"max_steps": 0}, "max_steps must be at least 1, not 0"),
        ({"event": "prices["}, "its event is not Python"),
    ],
)
def test_a_turn_that_could_not_be_run_is_refused_by_name(given: dict[str, object], told: str) -> None:
    arguments = {"assertions": equals("x", 1), **given}
    with pytest.raises(TaskError, match=f"turn 'the query'.*{told}"):
        Turn("the query", **arguments)  # type: ignore[arg-type]


def test_a_task_needs_turns_and_distinct_names() -> None:
    with pytest.raises(TaskError, match="at least one turn"):
        Task([])
    with pytest.raises(TaskError, match="injected twice: n"):
        Task([TURN], variables=[Variable("n", 1)], functions=[Function(double, name="n")])


def test_an_unknown_field_is_named_with_those_there_are() -> None:
    with pytest.raises(TaskError, match=r"no field 'turn'; it has .*turns"):
        Task([TURN]).but(turn=TURN)
    assert Task([TURN]).but(difficulty=2.0).difficulty == 2.0


def test_a_task_lists_all_it_injects() -> None:
    task = Task([TURN], variables=[Variable("n", 1)], functions=[Function(double)], types=[Type(Account)])
    assert [each.name for each in task.injected] == ["double", "n", "Account"]


def test_content_tells_tasks_apart_by_what_they_ask_and_hold() -> None:
    def make(n: int = 1, query: str = "Double n.", **given: object) -> Task:
        return Task([Turn(query, equals("n", 2), gold="n *= 2")], variables=[Variable("n", n)], **given)  # type: ignore[arg-type]

    assert make().content == make().content
    assert make().id == f"task/{make().content}"
    different = [make(), make(2), make(query="Treble n."), make(setup="m = 1"), make(family="f")]
    assert len({each.content for each in different}) == 5
    assert make(tags=("a",)).content == make(seed=5).content == make().content


def test_tasks_and_turns_are_kept_from_runtimes() -> None:
    assert Task.__cave_host_only__
    assert Turn.__cave_host_only__
