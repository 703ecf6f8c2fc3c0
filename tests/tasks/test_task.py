from __future__ import annotations

import datetime

import pytest

from cave_rl.rewards import called, equals
from cave_rl.runtime import Function, Hosted, Type, Variable
from cave_rl.tasks import NearMiss, Task, TaskError, Turn
from tests.runtime.world import Account, Bank, double, ping

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


# --- hosted objects -------------------------------------------------------------------------------------------------


def hosting(*hosted: Hosted, **given: object) -> Task:
    turn = Turn("q", equals("n", 1), event=given.pop("event", None))  # type: ignore[arg-type]
    return Task([turn], hosted=hosted or [Hosted(Bank(a=1))], **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: hosting(variables=[Variable("bank", 1)]), "injected twice: bank"),
        (lambda: hosting(Hosted(Bank(), flat=True), functions=[Function(double, name="audit")]), "twice: audit"),
        (lambda: hosting(Hosted(Bank()), Hosted(Bank())), "injected twice: bank"),
        (lambda: hosting(Hosted(Bank(), classes=(type("Bank", (), {}),))), "two classes are called Bank"),
        (lambda: hosting(event="bank.store(n)", variables=[Variable("n", 1)]), "names 'n', which is in the runtime"),
        (lambda: hosting(event="ping(double(2))", functions=[Function(double)]).but(hosted=[Hosted(ping)]), "'double'"),
    ],
)
def test_what_is_hosted_must_not_clash_or_mix_with_the_runtime(make: object, told: str) -> None:
    with pytest.raises(TaskError, match=told):
        make()  # type: ignore[operator]


def test_an_event_on_hosted_objects_may_use_types_and_names_of_its_own() -> None:
    task = hosting(event="n = Account('x')\nbank.store(n)", types=[Type(Account)])
    assert task.hosts_event(task.turns[0])
    flat = hosting(Hosted(Bank(), flat=True), event="store(5)")
    assert flat.hosts_event(flat.turns[0])
    assert not hosting(event="n = 5").hosts_event(hosting(event="n = 5").turns[0])


@pytest.mark.parametrize(
    ("assertion", "told"),
    [
        (called("bank.transfr"), "no such method is hosted; did you mean 'bank.transfer'"),
        (called("bank.transfer", ammount=1), "has no parameter 'ammount'; did you mean 'amount'"),
        (called("bank.transfer", self=1), "has no parameter 'self'"),
    ],
)
def test_assertions_on_calls_must_name_what_is_there(assertion: object, told: str) -> None:
    with pytest.raises(TaskError, match=told):
        Task([Turn("q", assertion)], hosted=[Hosted(Bank())])  # type: ignore[arg-type]
    assert Task([Turn("q", called("bank.transfer", source="a", amount=1))], hosted=[Hosted(Bank())])
    assert Task([Turn("q", called("ping", times=2))], hosted=[Hosted(ping)])


def test_content_holds_the_state_of_hosted_objects() -> None:
    assert hosting(Hosted(Bank(a=1))).content == hosting(Hosted(Bank(a=1))).content
    different = [
        hosting(Hosted(Bank(a=1))),
        hosting(Hosted(Bank(a=2))),
        hosting(Hosted(Bank(a=1), name="b")),
        hosting(Hosted(Bank(a=1), expose="audit")),
        hosting(Hosted(Bank(a=1), flat=True)),
        hosting(Hosted(ping)),
        Task([Turn("q", equals("n", 1))]),
    ]
    assert len({each.content for each in different}) == len(different)
    assert [each.name for each in hosting(types=[Type(Account)], variables=[Variable("n", 1)]).injected] == [
        "n",
        "bank",
        "Account",
    ]


def test_a_clock_is_part_of_what_a_task_holds() -> None:
    with pytest.raises(TaskError, match="clock 'noon' is not a moment"):
        Task([TURN], clock="noon")
    told = Task([TURN], clock="2024-05-01").content
    assert told == Task([TURN], clock=datetime.datetime(2024, 5, 1)).content
    assert told != Task([TURN]).content
