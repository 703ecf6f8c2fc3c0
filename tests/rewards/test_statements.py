from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from cave_rl.rewards import Evidence, State, Statements, Verdict
from cave_rl.rewards.statements import UsageError


def judged(
    function: Callable[..., None], state: dict[str, Any], before: dict[str, Any] | None = None, answer: str = ""
) -> dict[str, Verdict]:
    statements = Statements.of(function)
    found = statements.check(Evidence(State(state), State(before or {}), answer))
    assert tuple(verdict.name for verdict in found) == statements.names
    return {verdict.name: verdict for verdict in found}


def passed(function: Callable[..., None], state: dict[str, Any], **given: Any) -> dict[str, bool]:
    return {name: verdict.passed for name, verdict in judged(function, state, **given).items()}


def test_each_statement_is_judged_also_after_one_that_failed() -> None:
    def check(state: Any, before: Any) -> None:
        assert state.total == sum(before.prices), "total"
        assert len(state.prices) == 3, "count"
        assert state.prices[0] > 0

    found = passed(check, {"total": 0, "prices": [1, 2, 3]}, before={"prices": [1, 2, 3]})
    assert found == {"total": False, "count": True, "state.prices[0] > 0": True}


def test_messages_show_actual_values() -> None:
    def check(state: Any) -> None:
        assert state.total == 6, "total"
        assert sorted(state.xs) == state.xs, "sorted"
        assert state.name.startswith("A"), "name"

    found = judged(check, {"total": 5, "xs": [2, 1], "name": "Bo"})
    assert found["total"].message == "state.total is int 5"
    assert "state.xs is list [2, 1]" in found["sorted"].message
    assert "sorted(state.xs) is list [1, 2]" in found["sorted"].message
    assert not found["name"].passed


def test_equal_names_are_numbered() -> None:
    def check(state: Any) -> None:
        assert state.a, "same"
        assert state.b, "same"
        assert state.a

    assert list(passed(check, {"a": 1, "b": 0})) == ["same", "same #2", "state.a"]


def test_what_raises_has_failed_and_the_rest_is_judged() -> None:
    def check(state: Any) -> None:
        assert state.missing == 1, "missing"
        assert 1 / state.zero, "division"
        assert state.zero == 0, "zero"

    found = judged(check, {"zero": 0})
    assert [each.passed for each in found.values()] == [False, False, True]
    assert "'missing' is not defined" in found["missing"].message
    assert found["division"].message == "ZeroDivisionError: division by zero"


def test_a_statement_that_is_not_reached_has_failed() -> None:
    def check(state: Any) -> None:
        assert state.x == 1, "first"
        if state.x == 2:
            assert state.y == 1, "branch"
        state.nothing  # noqa: B018
        assert state.x == 1, "after"

    found = judged(check, {"x": 1})
    assert [each.passed for each in found.values()] == [True, False, False]
    assert found["branch"].message.startswith("not reached")
    assert "nothing" in found["after"].message


def test_an_early_return_passes_nothing() -> None:
    def check(state: Any) -> None:
        if not state.xs:
            return
        assert state.xs[0] == 1, "first"

    assert passed(check, {"xs": []}) == {"first": False}


def test_a_loop_passes_if_every_round_does_and_there_was_one() -> None:
    def check(state: Any) -> None:
        for x in state.xs:
            assert x > 0, "positive"

    assert passed(check, {"xs": [1, 2]}) == {"positive": True}
    assert passed(check, {"xs": [1, -1, 2]}) == {"positive": False}
    assert passed(check, {"xs": []}) == {"positive": False}
    assert judged(check, {"xs": [1, -1, -2]})["positive"].message == "x is int -1"


def test_closures_defaults_and_globals_are_those_of_the_function() -> None:
    limit = 3

    def check(state: Any) -> None:
        assert state.x < limit, "limit"
        assert abs(state.x) == HELPED(state.x), "helper"

    assert passed(check, {"x": 2}) == {"limit": True, "helper": True}


HELPED = abs


def test_expressions_of_all_kinds_keep_their_meaning() -> None:
    def check(state: Any) -> None:
        assert (n := state.x) > 1, "walrus"
        assert n == 2, "bound before"
        assert all(y > n for y in state.ys), "generator"
        assert {y: n for y in state.ys} == {3: 2, 4: 2}, "comprehension"
        assert (lambda z: z + n)(1) == 3, "lambda"
        assert 1 < state.x < 3 <= state.ys[0], "chain"
        assert state.x == 2 or state.undefined, "short circuit"
        assert not (state.x == 1 and state.undefined), "not"
        assert max(*state.ys) == 4, "star"
        assert f"{state.x!r}" == "2", "f-string"
        assert [*state.ys][-1:] == [4], "slice"

    found = judged(check, {"x": 2, "ys": [3, 4]})
    assert all(each.passed for each in found.values()), {k: v.message for k, v in found.items() if not v.passed}


def test_the_truth_of_a_value_may_raise() -> None:
    import numpy as np

    def check(state: Any) -> None:
        assert state.a == state.a, "ambiguous"
        assert (state.a == state.a).all(), "all"

    found = judged(check, {"a": np.array([1, 2])})
    assert not found["ambiguous"].passed
    assert "ValueError" in found["ambiguous"].message
    assert found["all"].passed


def test_asserts_in_functions_inside_are_theirs() -> None:
    def check(state: Any) -> None:
        def positive(x: int) -> bool:
            assert x > 0
            return True

        assert positive(state.x), "positive"

    assert passed(check, {"x": 1}) == {"positive": True}
    assert passed(check, {"x": -1}) == {"positive": False}


def test_decorated_and_annotated_functions_work() -> None:
    def nothing(function: Any) -> Any:
        return function

    @nothing
    def check(state: dict[str, Undefined], answer: str = "") -> None:  # type: ignore[name-defined]  # noqa: F821
        assert "yes" in answer, "answer"

    assert passed(check, {}, answer="oh yes") == {"answer": True}


def test_the_answer_and_the_state_before_are_given_by_name() -> None:
    def check(answer: str, before: Any) -> None:
        assert answer == str(before.x), "answer"

    assert passed(check, {}, before={"x": 3}, answer="3") == {"answer": True}


def test_other_parameters_are_refused() -> None:
    def check(states: Any) -> None:
        assert states.x

    with pytest.raises(UsageError, match="takes 'states'; it may take state, before, answer"):
        Statements.of(check)


def test_reads_are_found_in_the_source() -> None:
    def check(state: Any, before: Any) -> None:
        assert state.a == before.b
        assert state["c"] == before["d"]
        assert "e" in state
        assert "f" not in state
        for x in state.g:
            assert x.other == 1

    assert Statements.of(check).reads == {"a", "b", "c", "d", "e", "f", "g"}
    assert Statements.of(check, reads={"z"}).reads >= {"z"}


def test_statements_carry_their_weight() -> None:
    def check(state: Any) -> None:
        assert state.a, "a"
        assert state.b, "b"

    found = Statements.of(check, weight=2.5).check(Evidence(State({"a": 1, "b": 1})))
    assert [each.weight for each in found] == [2.5, 2.5]


def test_without_its_source_a_function_is_one_statement() -> None:
    code = """
from cave_rl.rewards import Evidence, State, Statements
def check(state):
    assert state.a == 1
    assert state.b == 2, "b"
s = Statements.of(check)
print(s.names, sorted(s.reads & {"a", "b"}))
for state in ({"a": 1, "b": 2}, {"a": 1, "b": 3}, {"a": 1}):
    print([(v.passed, v.message) for v in s.check(Evidence(State(state)))])
"""
    done = subprocess.run([sys.executable, "-"], input=code, capture_output=True, text=True, check=True)
    first, *rest = done.stdout.splitlines()
    assert first == "('check',) ['a', 'b']"
    assert rest[0] == "[(True, '')]"
    assert rest[1] == "[(False, 'b')]"
    assert "not reached: UnknownVariable" in rest[2]


def test_without_source_every_mentioned_name_is_read() -> None:
    scope: dict[str, Any] = {}
    exec("def check(state):\n    assert state['n'] == 1\n    assert all(state.m > p for p in state.ps)", scope)
    assert {"n", "m", "ps"} <= Statements.of(scope["check"]).reads
