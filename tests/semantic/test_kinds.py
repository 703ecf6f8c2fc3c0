"""What JSON stands for a value: it comes back as it was, or is refused; and an answer can only tell what was asked."""

from __future__ import annotations

import datetime
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cave_rl.runtime.codec import same
from cave_rl.semantic.kinds import ContractError, Inexpressible, kind_of

NUMBERS = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=8)
PLAIN = st.recursive(
    SCALARS, lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=5), each, max_size=4)
)
DAYS = pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-05"])


def back(value: Any) -> Any:
    """A value told as JSON text, and made again."""
    kind = kind_of(value)
    return kind.take(json.loads(json.dumps(kind.give(value), allow_nan=False)))


@given(PLAIN)
@settings(max_examples=150, deadline=None)
def test_what_is_json_already_comes_back_as_it_was(value: Any) -> None:
    assert same(back(value), value)


@pytest.mark.parametrize(
    "value",
    [
        (1, "a", 2.5),
        (1, 2, 3),
        (),
        {1, 2, 3},
        frozenset({"a", "b"}),
        {3: "c", -1: "a"},
        {datetime.date(2020, 1, 2): 1.5},
        datetime.date(2020, 1, 2),
        datetime.datetime(2020, 1, 2, 3, 4, 5, 6),
        [datetime.date(2020, 1, 2), datetime.date(2021, 1, 2)],
        {"day": datetime.date(2020, 1, 2), "price": 1.5, "name": "a"},
        [("a", 1.5), ("b", 2.0)],
        {"a": (1.5, 2), "b": (0.5, 1)},
        np.float64(1.5),
        np.int32(7),
        np.datetime64("2020-01-02"),
        pd.Timestamp("2020-01-02"),
        pd.Timestamp("2020-01-02 10:30"),
        np.array([1, 2, 3]),
        np.array([[1.0, 2.0], [3.0, 4.0]]),
    ],
    ids=repr,
)
def test_python_and_numpy_values_come_back_with_their_types(value: Any) -> None:
    assert same(back(value), value)


@pytest.mark.parametrize(
    "value",
    [
        pd.Series([1.0, 2.5, float("nan")]),
        pd.Series([1.0, 2.5, 0.5], index=pd.Index(DAYS, name="date"), name="close"),
        pd.Series([1, 2], index=["a", "b"]),
        pd.DataFrame({"date": DAYS, "symbol": ["A", "B", "C"], "close": [1.0, 2.0, float("nan")], "n": [1, 2, 3]}),
        pd.DataFrame({"A": [1.0, 2.0, 3.0], "B": [True, False, True]}, index=pd.Index(DAYS, name="date")),
        pd.DataFrame({"A": pd.Categorical(["x", "y", "x"])}),
        pd.DataFrame({"A": np.array([], dtype=float)}),
    ],
    ids=["numbers", "by date", "by name", "rows", "wide", "categories", "empty"],
)
def test_frames_and_series_come_back_with_their_dtypes_and_index(value: Any) -> None:
    check = pd.testing.assert_series_equal if isinstance(value, pd.Series) else pd.testing.assert_frame_equal
    check(back(value), value)


@pytest.mark.parametrize(
    "value",
    [
        b"bytes",
        object(),
        print,
        float("nan"),
        float("inf"),
        {("a", 1): 2},
        {1: "a", "b": 2},
        [datetime.date(2020, 1, 2), 5],
        pd.Series([1, 2], index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        np.array([object()]),
    ],
    ids=repr,
)
def test_what_json_does_not_say_is_refused(value: Any) -> None:
    with pytest.raises(Inexpressible):
        back(value)


@pytest.mark.parametrize(
    ("right", "said"),
    [
        (6, 6.5),
        (6, True),
        (6, "6"),
        (6.5, True),
        (6.5, "6.5"),
        (6.5, None),
        (6.5, 10**400),
        (True, 1),
        ("a", 1),
        ([1], {"0": 1}),
        ([1], [1, "b"]),
        ((1, "a"), [1]),
        ({"a": 1}, [["a", 1]]),
        ({1: 2}, {"01": 2}),
        ({1: 2}, {"x": 2}),
        (datetime.date(2020, 1, 2), "2020-01-02T10:00"),
        (datetime.date(2020, 1, 2), "yesterday"),
        (pd.Series([1.0]), [[0, 1.0]]),
        (pd.DataFrame({"a": [1]}), {"a": [1]}),
        (pd.DataFrame({"a": [1]}), [{"a": 1}, {"b": 1}]),
        (pd.DataFrame({"a": [1]}), [{"a": [1]}]),
        (pd.DataFrame({"a": [1.0]}, index=pd.Index(["x"], name="k")), [{"a": 1.0}]),
    ],
    ids=lambda each: repr(each)[:30],
)
def test_json_of_another_type_is_refused(right: Any, said: Any) -> None:
    with pytest.raises(ContractError):
        kind_of(right).take(said)


def test_a_number_may_be_written_whole_or_not() -> None:
    assert same(kind_of(6.5).take(7), 7.0)
    assert same(kind_of(6).take(7.0), 7)


def test_what_is_told_of_a_kind_says_nothing_of_the_value() -> None:
    one, other = kind_of({"ABC": 1.5, "XYZ": 2.5}), kind_of({"Q": 9.0})
    assert one.told == other.told == "object from text to number"
    assert kind_of(pd.DataFrame({"secret": [1]})).told == kind_of(pd.DataFrame({"other": [2.5]})).told
    assert kind_of([3, 1]).told == kind_of([7]).told


def test_an_object_with_an_eq_of_its_own_is_no_kind() -> None:
    class Always:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    with pytest.raises(Inexpressible, match="Always"):
        kind_of([Always()])
