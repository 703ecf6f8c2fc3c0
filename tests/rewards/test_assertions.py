from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cave_rl.rewards import (
    Call,
    Evidence,
    State,
    answer_contains,
    call_count,
    called,
    close,
    deleted,
    equals,
    not_called,
    satisfies,
)
from cave_rl.rewards.assertions import Assertion, as_assertions
from cave_rl.rewards.statements import UsageError


def verdict(assertion: Assertion, state: dict[str, Any], answer: str = "") -> tuple[bool, str]:
    (found,) = assertion.check(Evidence(State(state), State({}), answer))
    assert found.name == assertion.names[0]
    return found.passed, found.message


@pytest.mark.parametrize(
    ("actual", "expected", "passes"),
    [
        (6, 6, True),
        (6, 6.0, False),
        (1, True, False),
        ([1, 2], [1, 2], True),
        ([1, 2], (1, 2), False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        (float("nan"), float("nan"), True),
        (0.0, -0.0, False),
        (np.int64(1), 1, False),
        (np.array([1, 2]), np.array([1, 2]), True),
        (np.array([1, 2]), np.array([1.0, 2.0]), False),
        (None, None, True),
    ],
)
def test_equals_is_exact_type_and_content(actual: Any, expected: Any, passes: bool) -> None:
    passed, message = verdict(equals("x", expected), {"x": actual})
    assert passed is passes
    assert bool(message) is not passes


def test_equals_tells_expected_and_actual() -> None:
    assert verdict(equals("x", 6.0), {"x": 6}) == (False, "x: expected float 6.0, got int 6")


@pytest.mark.parametrize(
    ("actual", "passes"),
    [
        (1.0, True),
        (1 + 1e-9, True),
        (1, True),
        (np.float64(1.0), True),
        (np.array(1.0), True),
        (1.01, False),
        (float("nan"), False),
        (float("inf"), False),
        (True, False),
        ("1.0", False),
        (1 + 0j, False),
        (None, False),
        (np.array([1.0]), False),
    ],
)
def test_close_is_a_number_within_a_tolerance(actual: Any, passes: bool) -> None:
    passed, message = verdict(close("x", 1.0), {"x": actual})
    assert passed is passes
    assert bool(message) is not passes


def test_close_takes_tolerances() -> None:
    assert verdict(close("x", 100, relative=0.02), {"x": 101})[0]
    assert verdict(close("x", 0, absolute=0.5), {"x": 0.4})[0]
    assert not verdict(close("x", 0), {"x": 0.4})[0]


def test_satisfies_wants_a_bool() -> None:
    assert verdict(satisfies("x", lambda x: x > 1, "above 1"), {"x": 2}) == (True, "")
    assert verdict(satisfies("x", lambda x: x > 1, "above 1"), {"x": 0}) == (False, "x: not above 1: int 0")
    assert verdict(satisfies("x", lambda x: np.bool_(True), "numpy's"), {"x": 1})[0]
    passed, message = verdict(satisfies("x", lambda x: x, "truthy"), {"x": [1]})
    assert not passed
    assert "the predicate returned list, not bool" in message


def test_deleted_wants_the_name_gone() -> None:
    assert verdict(deleted("x"), {}) == (True, "")
    assert verdict(deleted("x"), {"x": None}) == (False, "x still exists: None")


def test_answer_contains_ignores_case() -> None:
    assert verdict(answer_contains("Paris"), {}, "It is paris.") == (True, "")
    assert not verdict(answer_contains("Paris"), {}, "")[0]


def test_what_is_not_defined_raises_and_names_the_nearest() -> None:
    with pytest.raises(KeyError, match="'totl' is not defined in the runtime; did you mean 'total'"):
        equals("totl", 1).check(Evidence(State({"total": 1})))


def test_reads_are_the_variables_looked_at() -> None:
    for assertion in (equals("x", 1), close("x", 1), satisfies("x", bool, "b"), deleted("x")):
        assert assertion.reads == {"x"}
    assert answer_contains("a").reads == frozenset()


def test_messages_stay_short_whatever_the_value() -> None:
    passed, message = verdict(equals("x", 1), {"x": "y" * 10**6})
    assert not passed
    assert len(message) < 500
    assert len(verdict(equals("x", 1), {"x": [[list(range(100))] * 100] * 100})[1]) < 10_000


def test_one_or_many_data_or_functions_become_assertions() -> None:
    def check(state: State) -> None:
        assert state.x == 1

    assert [type(each).__name__ for each in as_assertions([equals("x", 1), check])] == ["Equals", "Statements"]
    assert len(as_assertions(equals("x", 1))) == 1


@pytest.mark.parametrize("given", [3, "x == 1", None, print])
def test_what_is_no_assertion_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match="an assertion is data such as"):
        as_assertions(given)


def test_what_would_assert_nothing_is_refused() -> None:
    async def later(state: State) -> None:
        assert state.x == 1

    def lazy(state: State) -> Any:
        yield state.x == 1
        assert state.x == 1

    def empty(state: State) -> None:
        state.x  # noqa: B018

    for function in (lambda state: state.x == 1, later, lazy):
        with pytest.raises(UsageError, match="would assert nothing"):
            as_assertions(function)
    with pytest.raises(UsageError, match="no assert statement"):
        as_assertions(empty)


def of_calls(assertion: Assertion, *calls: Call) -> bool:
    (found,) = assertion.check(Evidence(State({}), calls=calls))
    assert found.name == assertion.names[0]
    assert bool(found.message) is not found.passed
    return found.passed


PAID = Call("bank.pay", {"to": "b", "amount": 5, "notes": [1]}, result=True)


@pytest.mark.parametrize(
    ("assertion", "calls", "passes"),
    [
        (called("bank.pay"), (), False),
        (called("bank.pay"), (PAID,), True),
        (called("bank.pay", amount=5), (PAID,), True),
        (called("bank.pay", amount=5, to="b", notes=[1]), (PAID,), True),
        (called("bank.pay", amount=5.0), (PAID,), False),  # exact types, as everywhere
        (called("bank.pay", amount=True), (Call("bank.pay", {"amount": 1}),), False),
        (called("bank.pay", amount=6), (PAID,), False),
        (called("bank.pay", more=None), (PAID,), False),  # a name that it does not have
        (called("bank.pay"), (Call("other.pay", {}),), False),
        (called("bank.pay"), (Call("bank.pay", {}, error="ValueError: no"),), False),  # attempts do not count
        (not_called("bank.pay"), (), True),
        (not_called("bank.pay"), (PAID,), False),
        (not_called("bank.pay"), (Call("bank.pay", {}, error="ValueError: no"),), True),
        (not_called("bank.pay", amount=6), (PAID,), True),
        (call_count("bank.pay", 1), (PAID,), True),
        (call_count("bank.pay", 1), (PAID, PAID), False),
        (call_count("bank.pay", 2, amount=5), (PAID, Call("bank.pay", {"amount": 6}), PAID), True),
        (call_count("bank.pay", 0), (), True),
    ],
)
def test_calls_are_counted_by_what_they_were_given(assertion: Assertion, calls: tuple[Call, ...], passes: bool) -> None:
    assert of_calls(assertion, *calls) is passes
    assert assertion.reads == frozenset()


def test_assertions_on_calls_say_what_was_called() -> None:
    assertion = called("bank.pay", to="c")
    assert assertion.names == ("bank.pay called with to='c'",)
    assert call_count("f", 2).names == ("f called 2 times",)
    assert not_called("f", x=None).names == ("f not called with x=None",)
    failed = Call("bank.pay", {"to": "d"}, error="ValueError: no")
    (found,) = assertion.check(Evidence(State({}), calls=(PAID, failed)))
    assert "0 calls are such" in found.message
    assert "{'to': 'd'} raised ValueError: no" in found.message


def test_a_method_s_own_parameters_may_have_any_name() -> None:
    assert of_calls(called("f", target=1, count=2), Call("f", {"target": 1, "count": 2}))
    assert called("f", weight=3.0).weight == 3.0  # but one: it says what the assertion weighs
