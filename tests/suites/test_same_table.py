"""What counts as the same array, series or frame, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from cave_rl.rewards.evidence import Evidence, State
from cave_rl.runtime.codec import decode, encode
from cave_rl.suites.same_table import same_table

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")

FRAME = pd.DataFrame({"item": ["fig", "kiwi"], "price": [3, 4]})
SERIES = pd.Series([1.5, float("nan")], index=["a", "b"])
GRID = np.array([[1, 2], [3, 4]])


def message(actual: Any, expected: Any) -> str:
    verdict = same_table("x", expected).check(Evidence(State({"x": decode(encode(actual))})))[0]
    assert verdict.passed is (not verdict.message)
    return verdict.message


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (FRAME, FRAME),
        (FRAME.astype({"price": "int32"}), FRAME),
        (FRAME.astype({"price": float}), FRAME),
        (FRAME.astype({"item": object}), FRAME),
        (FRAME.rename_axis("row").rename_axis("column", axis=1), FRAME),
        (SERIES.rename("other"), SERIES),
        (SERIES.astype(object).where(SERIES.notna(), None), SERIES),
        (SERIES + 1e-12, SERIES),
        (GRID.astype("float32"), GRID),
        (GRID.copy("F"), GRID),
        (FRAME.set_index(["item", "price"]), FRAME.set_index(["item", "price"])),
    ],
    ids=lambda each: type(each).__name__,
)
def test_how_it_is_stored_does_not_matter(actual: Any, expected: Any) -> None:
    assert message(actual, expected) == ""


@pytest.mark.parametrize(
    ("actual", "expected", "why"),
    [
        (FRAME.to_dict(), FRAME, "expected a DataFrame"),
        (FRAME["price"], FRAME, "expected a DataFrame"),
        (FRAME.iloc[::-1], FRAME, "row label 0 is 1, not 0"),
        (FRAME[["price", "item"]], FRAME, "column 0"),
        (FRAME.iloc[:1], FRAME, "shape"),
        (FRAME.assign(price=[3, 5]), FRAME, "'price' of row 1 is 5, not 4"),
        (FRAME.assign(price=["3", "4"]), FRAME, "'price' of row 0"),
        (FRAME.assign(price=[3, None]), FRAME, "'price' of row 1 is nan"),
        (SERIES.reset_index(drop=True), SERIES, "row label"),
        (SERIES.fillna(0), SERIES, "item 1 is 0.0, not nan"),
        (SERIES + 1e-6, SERIES, "item 0"),
        (GRID.T, GRID, "item 1"),
        (GRID.reshape(-1), GRID, "shape"),
        (GRID > 0, np.ones((2, 2), int), "item 0 is True, not 1"),
        (GRID.tolist(), GRID, "expected a ndarray"),
        (FRAME.set_index(["item", "price"]), FRAME.assign(price=[3, 9]).set_index(["item", "price"]), "row label 1"),
    ],
    ids=lambda each: each if isinstance(each, str) else type(each).__name__,
)
def test_labels_order_and_items_do(actual: Any, expected: Any, why: str) -> None:
    assert why in message(actual, expected)


def test_what_could_not_be_carried_is_the_same_as_nothing() -> None:
    hostile = FRAME.copy()
    hostile["price"] = [object(), object()]
    assert "'price' of row 0" in message(hostile, FRAME)
    assert "expected a DataFrame" in message(type("Frame", (), {"shape": FRAME.shape})(), FRAME)


def test_a_variable_that_is_not_there_has_failed() -> None:
    with pytest.raises(KeyError, match="not defined"):
        same_table("x", FRAME).check(Evidence(State({})))
