"""How calls are judged: as upstream's checker has it, with what Python adds to calls brought to what it reads."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import pytest

from cave_rl.rewards.evidence import Call, Evidence, State
from cave_rl.suites.third_party.bfcl.stubs import Omitted
from cave_rl.suites.third_party.bfcl.tasks.single.answering import answer
from cave_rl.suites.third_party.bfcl.tasks.single.data import UNSOLVABLE, Entry, entries
from cave_rl.suites.third_party.bfcl.tasks.single.judging import UNFIT, Answers, given
from cave_rl.suites.third_party.bfcl.tasks.single.suite import CATEGORIES

RIDE = {
    "name": "uber.ride",
    "description": "",
    "parameters": {
        "type": "dict",
        "required": ["to"],
        "properties": {"to": {"type": "string"}, "kind": {"type": "string", "default": "plus"}},
    },
}


def entry(answers: tuple[Mapping[str, Any], ...], category: str = "simple_python", **changes: Any) -> Entry:
    return Entry("simple_python_0", category, (("user", "Home!"),), (RIDE,), answers, **changes)


def judged(of: Entry, *calls: Call) -> dict[str, Any]:
    from cave_rl.suites.third_party.bfcl.tasks.single.official import check

    (verdict,) = Answers(of, {"uber_ride": "uber.ride"}, check).check(Evidence(State({}), calls=calls))
    told = (verdict.told or {})["bfcl"]
    assert told["official"] == told["checker"]["valid"] == verdict.passed
    return dict(told["checker"]) | {"calls": told["calls"]}


def ride(**arguments: Any) -> Call:
    return Call("uber_ride", {"to": "Home", "kind": Omitted("'plus'")} | arguments)


HOME = {"uber.ride": {"to": ["home"], "kind": ["black", ""]}}


def test_a_default_is_no_argument_unless_it_is_given() -> None:
    assert judged(entry((HOME,)), ride()) == {"valid": True, "calls": ["uber.ride(to='Home')"]}
    assert judged(entry((HOME,)), ride(kind="black"))["valid"]
    assert judged(entry((HOME,)), ride(kind="plus"))["error_type"] == "value_error:string"
    must = {"uber.ride": {"to": ["home"], "kind": ["plus"]}}
    assert judged(entry((must,)), ride())["error_type"] == "simple_function_checker:missing_optional"


def test_a_call_that_did_not_fit_is_a_call_that_is_wrong() -> None:
    unfit = Call("uber_ride", {}, error="TypeError: got an unexpected keyword argument 'x'")
    free = {"uber.ride": {"to": [""]}}
    some = entry((free,))
    some.functions[0]["parameters"]["required"].clear()
    try:
        assert judged(some, Call("uber_ride", {"to": Omitted("...")}))["valid"]
        assert judged(some, unfit)["error_type"] == "simple_function_checker:unexpected_param"
    finally:
        some.functions[0]["parameters"]["required"].append("to")
    assert judged(entry((HOME,)), unfit, ride())["error_type"] == "simple_function_checker:wrong_count"
    assert given(Call("uber_ride", "too large to be told")) is UNFIT  # type: ignore[arg-type]


def test_calls_are_counted() -> None:
    assert judged(entry((HOME,)))["error_type"] == "simple_function_checker:wrong_count"
    assert judged(entry((HOME,)), ride(), ride())["error_type"] == "simple_function_checker:wrong_count"
    twice = entry((HOME, HOME), category="parallel")
    assert judged(twice, ride(), ride(kind="black"))["valid"]
    assert not judged(twice, ride())["valid"]


def test_where_none_may_be_called_any_call_is_wrong_and_where_one_must_any_is_right() -> None:
    unfit = Call("uber_ride", {}, error="TypeError: missing a required argument: 'to'")
    assert judged(entry((), "live_irrelevance"))["valid"]
    for call in (ride(), unfit):
        assert judged(entry((), "live_irrelevance"), call)["error_type"] == "irrelevance_error:decoder_success"
        assert judged(entry((), "live_relevance"), call)["valid"]
    assert judged(entry((), "live_relevance"))["error_type"] == "relevance_error:decoder_failed"


ODD = [10**5000, float("nan"), [{"a": object}], {"x": [1j]}, ("Home",), {"Home"}, True]


@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
def test_arguments_that_the_checker_does_not_expect_are_wrong_and_harm_nobody(value: Any) -> None:
    assert judged(entry((HOME,)), ride(to=value))["valid"] is False
    inner = {"uber.ride": {"to": [[{"a": ["x"]}]]}}
    assert judged(entry((inner,)), ride(to=value))["valid"] is False


def test_what_is_told_of_many_calls_is_bounded() -> None:
    told = judged(entry((HOME,)), *[ride(to="x" * 10_000)] * 200)["calls"]
    assert (len(told), {len(each) for each in told}) == (50, {2000})


def test_no_vendors_package_is_imported_and_none_is_kept_from_others() -> None:
    judged(entry((HOME,)), ride())
    assert "bfcl_eval.constants.model_config" not in sys.modules
    assert "bfcl_eval.eval_checker.ast_eval.ast_checker" not in sys.modules


def test_upstream_passes_an_answer_of_every_entry_but_four() -> None:
    from cave_rl.suites.third_party.bfcl.tasks.single.official import check

    failed = {
        each.id
        for category in CATEGORIES
        for each in entries(category)
        if not check(each, answer(each, check))["valid"]
    }
    assert failed == UNSOLVABLE
