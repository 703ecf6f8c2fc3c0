"""Answers by contract: what keeps it becomes values, all else is refused, whatever it is made of."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cave_rl.semantic.contract import MOST_CHARS, MOST_DEPTH, Contract, ContractError
from cave_rl.semantic.kinds import kind_of

TOTAL = Contract({"total": kind_of(6), "names": kind_of(["a"])})
ANY = Contract({"x": kind_of([1, "a", {}])})


@pytest.mark.parametrize(
    "answer",
    [
        '{"total": 6, "names": ["b"]}',
        'The result:\n{"total": 6, "names": ["b"]}\nas asked.',
        '```json\n{"names": ["b"], "total": 6}\n```',
        '{"total": 6.0, "names": ["b"]}',
    ],
)
def test_an_object_is_found_in_an_answer(answer: str) -> None:
    assert TOTAL.take(answer) == {"total": 6, "names": ["b"]}


def test_names_may_be_missing() -> None:
    assert TOTAL.take('{"total": 6}') == {"total": 6}
    assert TOTAL.take("{}") == {}


def test_where_nothing_is_asked_for_any_answer_will_do() -> None:
    assert Contract().take('Done. {"x": 1}') == {}
    assert Contract().told() == ""


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "holds no JSON object"),
        ("Done.", "holds no JSON object"),
        ("[6]", "holds no JSON object"),
        ("} {", "holds no JSON object"),
        ('{"total": 6', "holds no JSON object"),
        ('{"total": 6}}', "no JSON"),
        ('{"total": 6} {"total": 7}', "no JSON"),
        ('{"total": 6, "total": 7}', "'total' comes twice"),
        ('{"total": NaN}', "NaN is no JSON"),
        ('{"total": Infinity}', "Infinity is no JSON"),
        ('{"total": -Infinity}', "-Infinity is no JSON"),
        ('{"totals": 6}', "'totals' was not asked for; did you mean 'total'"),
        ('{"total": 6, "xs": [1]}', "'xs' was not asked for"),
        ('{"total": "6"}', "total: expected a whole number, got str"),
        ('{"total": ' + "9" * 5000 + "}", "no JSON"),
        ("{'total': 6}", "no JSON"),
    ],
)
def test_what_does_not_keep_the_contract_is_refused_whole(answer: str, why: str) -> None:
    with pytest.raises(ContractError, match=why):
        TOTAL.take(answer)


def test_an_answer_of_ten_megabytes_is_refused_at_once() -> None:
    started = time.process_time()
    with pytest.raises(ContractError, match=f"more than {MOST_CHARS}"):
        ANY.take('{"x": ["' + "a" * 10_000_000 + '"]}')
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("depth", [MOST_DEPTH + 1, 900, 50_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    with pytest.raises(ContractError, match="deeper"):
        ANY.take('{"x": ' + "[" * depth + "]" * depth + "}")


def test_many_keys_that_come_twice_are_refused_in_time() -> None:
    started = time.process_time()
    with pytest.raises(ContractError, match="twice"):
        ANY.take("{" + ", ".join(f'"k{i % 10_000}": 1' for i in range(20_000)) + "}")
    assert time.process_time() - started < 2


def test_a_contract_is_told_by_its_names_and_kinds() -> None:
    assert TOTAL.told() == '{"total": <whole number>, "names": <list of text>}'


def test_the_answer_that_is_given_is_taken_again() -> None:
    values = {"total": 7, "names": ["x", "y"]}
    assert TOTAL.take(TOTAL.give(values)) == values


@given(st.text(max_size=60) | st.text('{}[]",:0123456789.eE+-ntf ul\\', max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_taken_or_refused(answer: str) -> None:
    try:
        found = ANY.take(answer)
    except ContractError:
        return
    json.dumps(found, allow_nan=False)
