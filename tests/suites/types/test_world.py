"""The classes of Types-v0 keep their invariants, and say when a state cannot have come about through their methods."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cave_rl.suites.types.world import Account, Point, Shelf, Stack


@given(st.lists(st.tuples(st.sampled_from(["deposit", "withdraw"]), st.integers(-50, 200)), max_size=20))
def test_whatever_is_called_an_account_stays_possible(calls: list[tuple[str, int]]) -> None:
    account = Account("Ada")
    for method, amount in calls:
        with suppress(ValueError):
            getattr(account, method)(amount)
        account.__validate_claim__()


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["add", "take"]), st.integers(-3, 9)), max_size=20))
def test_whatever_is_called_a_shelf_stays_possible(calls: list[tuple[str, str, int]]) -> None:
    shelf = Shelf()
    for item, method, count in calls:
        with suppress(ValueError):
            getattr(shelf, method)(item, count)
        shelf.__validate_claim__()


def test_a_stack_refuses_to_overflow_and_to_underflow() -> None:
    stack = Stack(1)
    stack.push(3)
    with pytest.raises(ValueError, match="full"):
        stack.push(4)
    assert stack.pop() == 3
    with pytest.raises(ValueError, match="empty"):
        stack.pop()


def test_a_point_moves_and_mirrors() -> None:
    point = Point(2, -1)
    point.move(3, 4)
    point.mirror()
    assert point == Point(3, 5)


@pytest.mark.parametrize(
    "impossible",
    [
        Account("Ada", 10, [5]),
        Account("Ada", -5, [-5]),
        Account("Ada", True, [1]),
        Account("Ada", 2, [1, 1.0]),  # type: ignore[list-item]
        Account(7, 0, []),  # type: ignore[arg-type]
        Account("Ada", 0, None),  # type: ignore[arg-type]
        Stack(1, [1, 2]),
        Stack(2, ["1"]),  # type: ignore[list-item]
        Stack(2, (1,)),  # type: ignore[arg-type]
        Point(1.0, 2),  # type: ignore[arg-type]
        Point(True, 2),
        Shelf({"fig": 0}),
        Shelf({"fig": 1.5}),  # type: ignore[dict-item]
        Shelf({1: 1}),  # type: ignore[dict-item]
        Shelf([]),  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_an_impossible_state_is_refused(impossible: Any) -> None:
    with pytest.raises(ValueError, match=r"is|are|has|holds|lists"):
        impossible.__validate_claim__()
