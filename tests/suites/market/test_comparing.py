"""What the query says counts, what it does not say does not."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cave_rl.runtime.codec import Opaque
from cave_rl.suites.market.tasks.comparing import Column, Table, differs

pd = pytest.importorskip("pandas")

DAY = np.datetime64("2020-01-02")
DAYS = np.array(["2020-01-02", "2020-01-03"], "M8[D]")
SERIES = pd.Series([1.5, 2.5], index=pd.DatetimeIndex(DAYS))
FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [0.5, np.nan], "d": [True, False]})
WANTED = Table({"b": ["x", "y"], "a": np.array([1, 2]), "c": np.array([0.5, np.nan]), "d": np.array([True, False])})

SAME: list[tuple[Any, Any]] = [
    (1.5, 1.5 + 1e-10),
    (2, 2.0),
    (np.float64(1.5), 1.5),
    (np.int64(3), 3),
    (float("nan"), float("nan")),
    ("ABC", "ABC"),
    (pd.Timestamp("2020-01-02"), DAY),
    (datetime.date(2020, 1, 2), DAY),
    (datetime.datetime(2020, 1, 2), DAY),
    (np.datetime64("2020-01-02T00:00:00"), DAY),
    ({"b": 2.0, "a": np.float64(1)}, {"a": 1.0, "b": 2.0}),
    (["a", 1], ["a", 1]),
    (SERIES, Column(DAYS, np.array([1.5, 2.5]))),
    (SERIES.rename("close").rename_axis("date"), Column(DAYS, np.array([1.5, 2.5]))),
    (SERIES.set_axis(pd.DatetimeIndex(DAYS.astype("M8[us]"))), Column(DAYS, np.array([1.5, 2.5]))),
    (FRAME, WANTED),
    (FRAME[["d", "c", "b", "a"]], WANTED),
    (FRAME.astype({"b": "category", "a": "int32"}), WANTED),
    (FRAME.set_axis([5, 6]), WANTED),
    (FRAME, replace(WANTED, index=np.arange(2))),
]

DIFFERENT: list[tuple[Any, Any]] = [
    (1.5001, 1.5),
    (True, 1),
    (True, 1.0),
    (2.0, 2),
    ("1.5", 1.5),
    (None, 1.5),
    (1.5, float("nan")),
    (Opaque("m.T"), 1.5),
    (Opaque("m.T"), {"a": 1.0}),
    (pd.Timestamp("2020-01-02 10:00"), DAY),
    (pd.Timestamp("2020-01-02", tz="UTC"), DAY),
    ("2020-01-02", DAY),
    ({"a": 1.0}, {"a": 1.0, "b": 2.0}),
    ({"a": 1.0, "b": 2.0, "c": 0.0}, {"a": 1.0, "b": 2.0}),
    (pd.Series({"a": 1.0}), {"a": 1.0}),
    (("a",), ["a"]),
    (["b", "a"], ["a", "b"]),
    (SERIES[::-1], Column(DAYS, np.array([1.5, 2.5]))),
    (SERIES.reset_index(drop=True), Column(DAYS, np.array([1.5, 2.5]))),
    (SERIES.astype(str), Column(DAYS, np.array([1.5, 2.5]))),
    (SERIES.to_frame(), Column(DAYS, np.array([1.5, 2.5]))),
    (SERIES.tolist(), Column(DAYS, np.array([1.5, 2.5]))),
    (FRAME.drop(columns="d"), WANTED),
    (FRAME.assign(e=1), WANTED),
    (FRAME.fillna(0), WANTED),
    (FRAME.astype({"a": float}), WANTED),
    (FRAME.astype({"d": int}), WANTED),
    (FRAME[::-1], WANTED),
    (FRAME.iloc[:1], WANTED),
    (FRAME.set_axis([5, 6]), replace(WANTED, index=np.arange(2))),
    (FRAME.set_axis(["a", "a", "b", "c"], axis=1), WANTED),
    (FRAME.to_dict("list"), WANTED),
]


@pytest.mark.parametrize(("actual", "expected"), SAME, ids=lambda value: type(value).__name__)
def test_what_the_query_does_not_say_does_not_count(actual: Any, expected: Any) -> None:
    assert differs(actual, expected) == ""


@pytest.mark.parametrize(("actual", "expected"), DIFFERENT, ids=lambda value: type(value).__name__)
def test_what_the_query_says_counts(actual: Any, expected: Any) -> None:
    said = differs(actual, expected)
    assert said
    assert len(said) < 1000


def test_messages_say_where_and_how_much() -> None:
    assert differs({"a": 1.0, "b": 3.0}, {"a": 1.0, "b": 2.0}) == "['b']: expected float 2.0, got float 3.0"
    said = differs(SERIES + 1, Column(DAYS, np.array([1.5, 2.5])))
    assert said == "values, row 0: expected float64 1.5, got float64 2.5 (2 of 2 differ)"
    assert "on one side only: b" in differs({"a": 1.0}, {"a": 1.0, "b": 2.0})
