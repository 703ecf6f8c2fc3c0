"""Rows in any order: every expected row is answered by a row of its own."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cave_rl.rewards.rows import differing, near, unmatched

CELLS = st.one_of(st.integers(-3, 3), st.sampled_from(["a", "b", ""]), st.none(), st.floats(width=16), st.booleans())
ROWS = st.lists(st.tuples(CELLS, CELLS), max_size=12)


@pytest.mark.parametrize(
    ("actual", "expected", "is_near"),
    [
        (1.0, 1.0 + 1e-12, True),
        (1.0, 1.1, False),
        (1e12, 1e12 + 1, True),
        (0.0, 1e-10, True),
        (0.0, -0.0, True),
        (float("nan"), float("nan"), True),
        (float("nan"), 1.0, False),
        (math.inf, math.inf, True),
        (math.inf, -math.inf, False),
        (1e300, math.inf, False),
        (math.inf, 1e300, False),
        (1, 1.0, True),
        (True, 1, False),
        ("1", 1, False),
    ],
)
def test_near_is_within_a_tolerance_relative_to_what_was_expected(actual: Any, expected: Any, is_near: bool) -> None:
    assert near(actual, expected, 1e-9) is is_near


def test_only_floats_have_a_tolerance() -> None:
    assert differing([1, 2.0, "a"], [1, 2.0 + 1e-12, "a"], 1e-9) == []
    assert differing([1, 2.0, "a"], [2, 2.0, "b"], 10.0) == [0, 2]
    assert differing([1, True], [1.0, 1], 10.0) == [0, 1]


@given(ROWS, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_any_order_of_the_same_rows_is_as_good(rows: list[tuple[Any, ...]], rng: random.Random) -> None:
    mixed = [tuple(cell * (1 + 1e-12) if type(cell) is float else cell for cell in row) for row in rows]
    rng.shuffle(mixed)
    assert unmatched(mixed, rows, 1e-6) is None


@given(ROWS.filter(bool), st.data())
@settings(max_examples=200, deadline=None)
def test_a_row_answers_once(rows: list[tuple[Any, ...]], data: st.DataObject) -> None:
    """With one row replaced by a copy of another that differs from it, one expected row is left over."""
    lost = data.draw(st.integers(0, len(rows) - 1))
    left = [row for at, row in enumerate(rows) if at != lost]
    assert unmatched(left, rows, 1e-6) is not None
    assert unmatched([*left, ("elsewhere", 99)], rows, 1e-6) is not None


def test_many_equal_rows_are_no_burden() -> None:
    rows = [("a", 1.0, float(i % 7)) for i in range(4000)]
    assert unmatched(rows[::-1], rows, 1e-9) is None
