"""What a task is judged by: each part of upstream's evaluation, as upstream reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from cave_rl.rewards.evidence import Call, Evidence, State
from cave_rl.rewards.verdict import Verdict
from cave_rl.suites.third_party.tau2.tasks.data import Action, Scenario
from cave_rl.suites.third_party.tau2.tasks.judging import Resolved
from cave_rl.suites.third_party.tau2.world.desk import Desk

pytestmark = pytest.mark.without_tau2

MOVED = {"orders/#W1": '{"status": "cancelled"}'}
ASSERTED = {"func_name": "assert_can_send_mms", "arguments": {"expected_status": True}, "assert_value": True}


def scenario(*basis: str, communicated: Sequence[str] = (), actions: Sequence[Action] = ()) -> Scenario:
    return Scenario(
        id="1",
        domain="retail",
        customer="",
        ticket="",
        scene=(),
        actions=tuple(actions),
        asserted=(ASSERTED,),
        communicated=tuple(communicated),
        basis=frozenset(basis),
        not_judged=(),
    )


def judged(
    of: Scenario, *, changed: dict[str, str] | None = None, answers: Sequence[Any] = (True,), **evidence: Any
) -> Verdict:
    desk = Desk()
    desk.changed, desk.answers = dict(changed or {}), list(answers)
    desk.unsettled = evidence.pop("unsettled", False)
    (verdict,) = Resolved(of, "desk", MOVED).check(Evidence(State({"desk": desk}), **evidence))
    assert (verdict.told or {})["tau2"]["reward"] == float(verdict.passed)
    return verdict


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (MOVED, ""),
        ({}, "orders/#W1 did not change"),
        ({"orders/#W1": "{}"}, "orders/#W1 is not as it should be"),
        ({**MOVED, "orders/#W2": "{}"}, "orders/#W2 should not have changed"),
        ({"orders/#W2": "{}", "orders/#W3": "{}"}, "orders/#W1 did not change and 2 more"),
    ],
)
def test_databases_must_be_as_the_answers_leave_them(changed: dict[str, str], why: str) -> None:
    verdict = judged(scenario("DB"), changed=changed)
    assert verdict.passed is not bool(why)
    assert verdict.message == (why and f"DB: {why}")


@pytest.mark.parametrize(
    ("said", "passed"),
    [("It is $1,628.50 in all.", True), ("IT IS 1628.50", True), ("1628", False), ("", False), ("16 28.50", False)],
)
def test_what_is_to_be_communicated_is_looked_for_without_case_and_commas(said: str, passed: bool) -> None:
    assert judged(scenario("COMMUNICATE", communicated=["1628.50"]), answer=said).passed is passed


def test_all_that_is_to_be_communicated_must_be() -> None:
    both = scenario("COMMUNICATE", communicated=["camera", "481.5"])
    assert judged(both, answer="A Camera for 481.50").passed
    assert not judged(both, answer="A camera").passed


@pytest.mark.parametrize(("answer", "passed"), [(True, True), (False, False), (None, False)])
def test_what_is_asked_of_the_toolkits_must_be_answered_as_it_should(answer: Any, passed: bool) -> None:
    assert judged(scenario("ENV_ASSERTION"), answers=[answer]).passed is passed


@pytest.mark.parametrize(
    ("compared", "given", "passed"),
    [
        (None, {"id": "L1", "reason": "x"}, True),
        (None, {"id": "L1", "reason": "y"}, False),
        (("id",), {"id": "L1", "reason": "y"}, True),
        (("id",), {"id": "L2", "reason": "x"}, False),
        ((), {}, True),
    ],
)
def test_the_answers_calls_must_have_been_made(
    compared: tuple[str, ...] | None, given: dict[str, str], passed: bool
) -> None:
    wanted = Action("suspend_line", {"id": "L1", "reason": "x"}, "assistant", compared)
    of = scenario("ACTION", actions=[wanted])
    assert judged(of, calls=[Call("suspend_line", given)]).passed is passed
    assert judged(of, calls=[Call("suspend_line", given, error="ValueError: no")]).passed is passed, (
        "as upstream has it"
    )
    assert not judged(of, calls=[Call("resume_line", given)]).passed


def test_all_parts_must_hold_and_those_that_are_not_in_the_basis_need_not() -> None:
    of = scenario("DB", "COMMUNICATE", communicated=["10"])
    verdict = judged(of, changed=MOVED, answers=[False], answer="10")
    assert verdict.passed
    assert (verdict.told or {})["tau2"]["parts"] == {"COMMUNICATE": True, "DB": True}
    verdict = judged(of, changed=MOVED, answer="ten")
    assert not verdict.passed
    assert (verdict.told or {})["tau2"]["parts"] == {"COMMUNICATE": False, "DB": True}


def test_what_a_limit_ends_has_failed() -> None:
    assert "by a limit" in judged(scenario("DB"), changed=MOVED, limited=[True]).message
    assert judged(scenario("DB"), changed=MOVED, limited=[False]).passed


def test_a_desk_that_nobody_knows_has_failed() -> None:
    assert "broken off" in judged(scenario("DB"), changed=MOVED, unsettled=True).message


def test_what_model_is_left_to_judge_is_told() -> None:
    of = replace(scenario("DB"), not_judged=("NL_ASSERTION",))
    assert (judged(of, changed=MOVED).told or {})["tau2"]["not_judged"] == ["NL_ASSERTION"]


def test_too_many_calls_are_told_in_part_and_counted() -> None:
    calls = [Call("calculate", {"expression": "1" * 1000})] * 100
    told = (judged(scenario("DB"), calls=calls).told or {})["tau2"]
    assert 0 < len(told["calls"]) < 100
    assert len(told["calls"]) + told["calls_left_out"] == 100
