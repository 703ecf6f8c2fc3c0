"""What the judge says of claims: the statements of a turn, and the gate on what it does not declare."""

from __future__ import annotations

from typing import Any

import pytest

from cave_rl.rewards import Evidence, State, Statements, call_count, called, equals, not_called, satisfies
from cave_rl.rewards.court import Court, judge
from cave_rl.runtime.codec import encode, encode_or_digest
from cave_rl.runtime.inside import frames
from cave_rl.runtime.transfer import pack, pack_bytes
from tests.runtime.world import Account

CLASSES = {Account: "Account"}


def rule(
    before: dict[str, bytes],
    after: dict[str, bytes],
    changes: set[str] = frozenset(),
    assertions: tuple[Any, ...] = (),  # type: ignore[assignment]
    calls: list[Any] = [],  # noqa: B006
) -> dict[str, dict[str, Any]]:
    court = Court({"modules": []})
    brief = pack(([(assertions, frozenset(changes))], {"Account": Account}), to_judge=True)
    court.handle(frames.JUDGE, {"index": brief.index}, [brief.fd])
    evidence = {"before": before, "after": after, "answer": "", "kept": sorted(before), "calls": calls}
    packed = pack_bytes(frames.pack(frames.JUDGE, bytes(frames.NONCE_BYTES), evidence))
    said = court.handle(frames.JUDGE, {"turn": 0, "evidence": packed.index}, [packed.fd])
    return {verdict["name"]: verdict for verdict in said["verdicts"]}


def gate(before: Any, after: Any, **given: Any) -> bool:
    verdict = rule({"x": encode(before, CLASSES)}, {"x": encode(after, CLASSES)}, **given)["x unchanged"]
    assert verdict["gate"]
    assert verdict["weight"] == 0.0
    assert bool(verdict["message"]) is not verdict["passed"]
    return bool(verdict["passed"])


@pytest.mark.parametrize(
    ("before", "after", "unchanged"),
    [
        (1, 1, True),
        (1, 2, False),
        (1, 1.0, False),
        (1, True, False),
        ([1, 2], [2, 1], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": {"c": 1, "d": 2}}, {"a": {"d": 2, "c": 1}}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({1, 2}, {2, 1}, True),
        (float("nan"), float("nan"), True),
        (Account("A", 1, [1]), Account("A", 1, [1]), True),
        (Account("A", 1, [1]), Account("A", 2, [2]), False),
        (Account("A", 1, [1]), Account("A", 5, [1]), False),  # a state that its class does not allow
        (print, print, True),  # opaque: by its type
        (print, len, True),
        (print, Account, False),
        (print, 1, False),
    ],
)
def test_what_a_turn_does_not_declare_must_be_as_it_was(before: Any, after: Any, unchanged: bool) -> None:
    assert gate(before, after) is unchanged


def test_deletion_is_change() -> None:
    verdict = rule({"x": encode(1)}, {})["x unchanged"]
    assert not verdict["passed"]
    assert verdict["message"] == "x: it was deleted"


def test_what_is_declared_has_no_gate_and_new_names_are_free() -> None:
    assert rule({"x": encode(1), "y": encode(1)}, {"x": encode(2), "y": encode(1), "z": encode(3)}, {"x"}).keys() == {
        "y unchanged"
    }


def test_being_read_by_an_assertion_exempts_nothing() -> None:
    found = rule({"x": encode(1)}, {"x": encode(2)}, assertions=(equals("x", 2),))
    assert found["x equals"]["passed"]
    assert not found["x unchanged"]["passed"]


def test_large_values_compare_by_digest() -> None:
    one, same, other = (encode_or_digest([n] * 10_000, {}, 100) for n in (1, 1, 2))
    assert rule({"x": one}, {"x": same})["x unchanged"]["passed"]
    assert not rule({"x": one}, {"x": other})["x unchanged"]["passed"]


@pytest.mark.parametrize("claim", [b"", b"garbage", b"\x02" + b"\xff" * 40, b"\x01\xc1", b"\x80\x04K\x01."])
def test_a_claim_that_cannot_be_read_fails_what_looks_at_it_and_nothing_else(claim: bytes) -> None:
    found = rule(
        {"x": encode(1), "y": encode(1)}, {"x": claim, "y": encode(2)}, {"y"}, (equals("x", 1), equals("y", 2))
    )
    assert not found["x equals"]["passed"]
    assert "ClaimError" in found["x equals"]["message"]
    assert not found["x unchanged"]["passed"]
    assert found["y equals"]["passed"]


def test_a_missing_variable_fails_its_statement_with_the_nearest_name() -> None:
    found = rule({}, {"totle": encode(1)}, assertions=(equals("total", 1),))
    assert not found["total equals"]["passed"]
    assert "did you mean 'totle'" in found["total equals"]["message"]


def test_methods_called_on_a_claim_are_the_tasks_own() -> None:
    def check(state: Any) -> None:
        assert type(state.x) is Account, "class"
        assert state.x.total() == 3, "total"

    found = rule({}, {"x": encode(Account("A", 3, [1, 2]), CLASSES)}, assertions=(Statements.of(check),))
    assert found["class"]["passed"]
    assert found["total"]["passed"]


def test_equal_names_of_different_assertions_are_made_unique() -> None:
    verdicts = judge((equals("x", 1), equals("x", 2)), Evidence(State({"x": 1})))
    assert [(verdict.name, verdict.passed) for verdict in verdicts] == [("x equals", True), ("x equals #2", False)]


def test_an_assertion_that_raises_has_failed_in_all_its_statements() -> None:
    class Broken:
        names = ("a", "b")
        weight = 2.0
        reads: frozenset[str] = frozenset()

        def check(self, evidence: Evidence) -> list[Any]:
            raise RecursionError("deep")

    verdicts = judge((Broken(), satisfies("x", lambda x: 1 / x, "ok")), Evidence(State({"x": 0})))  # type: ignore[arg-type, return-value]
    assert [(verdict.name, verdict.passed) for verdict in verdicts] == [("a", False), ("b", False), ("x ok", False)]
    assert verdicts[0].weight == 2.0
    assert "RecursionError: deep" in verdicts[0].message


def test_a_verdict_that_is_not_exactly_true_has_failed() -> None:
    class Vague:
        names = ("a",)
        weight = 1.0
        reads: frozenset[str] = frozenset()

        def check(self, evidence: Evidence) -> list[Any]:
            from cave_rl.rewards import Verdict

            return [Verdict("a", 1)]  # type: ignore[arg-type]

    assert judge((Vague(),), Evidence(State({})))[0].passed is False  # type: ignore[arg-type]


def test_messages_are_bounded() -> None:
    found = rule({}, {"x": encode("y" * 10**6)}, assertions=(equals("x", "z" * 10**6),))
    assert len(found["x equals"]["message"]) <= 2000


# --- calls of hosted objects ----------------------------------------------------------------------------------------


def on_record(state: Any, calls: Any) -> None:
    assert [each.name for each in calls] == ["pay", "pay"], "names"
    assert calls[0].arguments == {"account": Account("A", 1, [1])}, "decoded"
    assert (calls[0].result, calls[0].error, calls[0].cell) == (7, None, 1), "result"
    assert (calls[1].result, calls[1].error) == (None, "ValueError: no"), "error"
    assert len(calls[1:]) == 1
    for each in calls:
        assert each.cell < 5, "each"


def test_calls_are_decoded_where_they_are_looked_at() -> None:
    arguments = encode({"account": Account("A", 1, [1])}, CLASSES)
    told = [(1, "pay", arguments, encode(7), None), (2, "pay", encode({}), None, "ValueError: no")]
    found = rule({}, {}, assertions=(Statements.of(on_record), called("pay"), call_count("pay", 1)), calls=told)
    assert {name: verdict["message"] for name, verdict in found.items() if not verdict["passed"]} == {}
    idle = rule({}, {}, assertions=(Statements.of(on_record), called("pay")))
    assert not any(verdict["passed"] for verdict in idle.values())  # a loop over no calls asserts nothing, so it failed


def test_a_call_that_cannot_be_shown_is_nothing_against_the_others() -> None:
    broken = encode(Account("A", 5, [1]), CLASSES)  # a state that its class refuses
    told = [(1, "open", encode({}), broken, None), (1, "pay", encode({"n": 1}), encode(None), None)]
    found = rule({}, {}, assertions=(called("pay", n=1), called("open")), calls=told)
    assert all(verdict["passed"] for verdict in found.values())


def test_before_a_turn_there_were_no_calls() -> None:
    court = Court({"modules": []})
    brief = pack(([((not_called("pay"), called("pay")), frozenset())], {}), to_judge=True)
    court.handle(frames.JUDGE, {"index": brief.index}, [brief.fd])
    told = [(1, "pay", encode({}), encode(None), None)]
    evidence = {"before": {}, "after": {}, "answer": "", "kept": [], "calls": told}
    packed = pack_bytes(frames.pack(frames.JUDGE, bytes(frames.NONCE_BYTES), evidence))
    said = court.handle(frames.JUDGE, {"turn": 0, "evidence": packed.index}, [packed.fd])
    assert [verdict["passed"] for verdict in said["verdicts"]] == [False, True]
    assert said["idle"] == [True, False]
