"""What of a frame counts, and what an author may declare not to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cave_rl.rewards import Evidence, State, frame_equals
from cave_rl.runtime import Variable
from cave_rl.runtime.codec import decode, encode, encode_or_digest
from cave_rl.tasks import Task, Turn
from tests.conftest import Play, python

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")

LOOSE = {"check_order": False, "check_index": False, "check_names": False, "check_dtype": False}
SALES = pd.DataFrame({"item": ["pear", "fig", "kiwi"], "price": [1.5, 2.0, 0.1 + 0.2], "count": [3, 1, 2]})


def message(expected: Any, actual: Any, **given: Any) -> str:
    (verdict,) = frame_equals("df", expected, **given).check(Evidence(State({"df": decode(encode(actual))})))
    assert verdict.passed is not bool(verdict.message)
    assert len(verdict.message) < 1000
    return str(verdict.message)


def passes(expected: Any, actual: Any, **given: Any) -> bool:
    return not message(expected, actual, **given)


def test_the_same_frame_passes_and_the_last_digits_do_not_count() -> None:
    assert passes(SALES, SALES.copy())
    assert passes(SALES, SALES.assign(price=[1.5, 2.0, 0.3]))
    assert not passes(SALES, SALES.assign(price=[1.5, 2.0, 0.3]), tolerance=0.0)
    assert passes(SALES, SALES.assign(price=[1.5, 2.0, 0.31]), tolerance=0.05)


@pytest.mark.parametrize(
    ("change", "excused_by"),
    [
        (lambda df: df.iloc[::-1], {"check_order": False}),
        (lambda df: df.iloc[::-1].reset_index(drop=True), {"check_order": False, "check_index": False}),
        (lambda df: df[["price", "item", "count"]], {"check_order": False}),
        (lambda df: df.set_axis(["a", "b", "c"]), {"check_index": False}),
        (lambda df: df.rename_axis("row"), {"check_names": False}),
        (lambda df: df.astype({"count": "int32"}), {"check_dtype": False}),
        (lambda df: df.astype({"count": "float64"}), {"check_dtype": False}),
        (lambda df: df.assign(extra=1), {"columns": ["item", "price", "count"]}),
        (lambda df: df[["price", "count", "item"]], {"columns": ["item", "price", "count"]}),
    ],
)
def test_what_does_not_matter_is_declared(change: Callable[[Any], Any], excused_by: dict[str, Any]) -> None:
    assert not passes(SALES, change(SALES))
    assert passes(SALES, change(SALES), **excused_by)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda df: df.iloc[:2], "expected 3 rows, got 2"),
        (lambda df: pd.concat([df, df]), "expected 3 rows, got 6"),
        (lambda df: df.drop(columns="count"), "expected the columns"),
        (lambda df: df.assign(count=[3, 1, 3]), "1 of 3 differ"),
        (lambda df: df["price"], "expected a DataFrame, got Series"),
        (lambda df: df.to_dict("list"), "expected a DataFrame, got dict"),
        (lambda df: None, "expected a DataFrame, got None"),
        (lambda df: df.to_numpy(), "expected a DataFrame, got ndarray"),
        (lambda df: df.set_axis(["item", "price", "price"], axis=1), "expected the columns"),
    ],
)
def test_what_is_wrong_is_told(change: Callable[[Any], Any], told: str) -> None:
    assert told in message(SALES, change(SALES))


def test_no_declaration_excuses_wrong_cells() -> None:
    for wrong in (SALES.assign(count=[3, 1, 9]), SALES.assign(item="pear"), SALES.assign(price=float("nan"))):
        assert not passes(SALES, wrong, **LOOSE)
    assert "no row like dict {'count': 2.0, 'item': 'kiwi'" in message(SALES, SALES.assign(count=[3, 1, 9]), **LOOSE)


def test_the_first_difference_is_told_with_both_values() -> None:
    told = message(SALES, SALES.assign(count=[3, 7, 7]))
    assert told == "df: column 'count', row 1: expected int 1, got int 7 (2 of 3 differ)"


def test_rows_in_any_order_keep_their_cells_together() -> None:
    """Each column alone has the right values: they stand in the wrong rows."""
    assert not passes(SALES, SALES.assign(count=[1, 2, 3]), **LOOSE)


def test_a_row_may_not_answer_twice() -> None:
    twice = pd.DataFrame({"a": [1, 1, 2]})
    assert not passes(twice, pd.DataFrame({"a": [1, 2, 2]}), check_order=False, check_index=False)
    assert passes(twice, pd.DataFrame({"a": [2, 1, 1]}), check_order=False, check_index=False)


def test_a_chosen_column_must_be_there_once() -> None:
    twice = SALES.set_axis(["item", "price", "price"], axis=1)
    assert not passes(SALES, twice, columns=["price"])
    assert passes(SALES, twice, columns=["item"])


def test_missing_values_are_the_same_as_missing_values() -> None:
    frame = pd.DataFrame({"a": [1.0, None], "b": ["x", None], "when": pd.to_datetime(["2024-01-01", None])})
    assert passes(frame, frame.copy())
    assert passes(frame, frame.iloc[::-1], check_order=False)
    assert not passes(frame, frame.assign(a=[1.0, 0.0]))
    assert passes(pd.DataFrame({"a": [1, None]}, dtype="Int64"), pd.DataFrame({"a": [1.0, None]}), check_dtype=False)


def test_a_series_counts_by_its_name_and_index_too() -> None:
    totals = SALES.groupby("item")["count"].sum()
    assert passes(totals, totals.copy())
    assert passes(totals, totals.sort_values(), check_order=False)
    assert not passes(totals, totals.rename("n"))
    assert passes(totals, totals.rename("n"), check_names=False)
    assert not passes(totals, totals.reset_index(drop=True), check_names=False)
    assert passes(totals, totals.reset_index(drop=True), check_names=False, check_index=False)
    assert "series, row 0" in message(totals, totals + 1)


def test_groups_of_a_multi_index_are_told_by_level() -> None:
    frame = SALES.set_index(["item", "count"])
    assert passes(frame, frame.copy())
    assert passes(frame, frame.iloc[::-1], check_order=False)
    assert "index level 1, row 0" in message(frame, SALES.assign(count=[9, 1, 2]).set_index(["item", "count"]))


def test_a_frame_too_large_to_cross_whole_passes_only_exactly() -> None:
    large = pd.DataFrame({"a": np.arange(100_000)})
    for frame, passed in ((large, True), (large + 1, False)):
        crossed = decode(encode_or_digest(frame, max_bytes=1000))
        (verdict,) = frame_equals("df", large).check(Evidence(State({"df": crossed})))
        assert verdict.passed is passed
    assert "more than cross whole" in verdict.message


def test_what_cannot_be_expected_is_refused() -> None:
    with pytest.raises(TypeError, match="expects a pandas DataFrame or Series, not list"):
        frame_equals("df", [1, 2])
    with pytest.raises(ValueError, match="no column 'prise'; did you mean 'price'"):
        frame_equals("df", SALES, columns=["prise"])
    with pytest.raises(ValueError, match="a column twice"):
        frame_equals("df", SALES.set_axis(["a", "a", "b"], axis=1))
    with pytest.raises(TypeError, match="no columns to choose"):
        frame_equals("s", SALES["item"], columns=["item"])


# In the judge


def double(play: Callable[..., Play], code: str) -> float:
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})
    wanted = frame_equals("df", frame.assign(a=[2, 4, 6]), **LOOSE)
    turn = Turn("Double a in df.", wanted, changes=["df"], gold="df['a'] *= 2")
    return play(Task([turn], variables=[Variable("df", frame)], modules=("pandas",)), python(code), "done").reward


@pytest.mark.parametrize("code", ["df['a'] *= 2", "df = df.assign(a=df.a * 2.0).iloc[::-1]"])
def test_honest_work_is_rewarded(play: Callable[..., Play], code: str) -> None:
    assert double(play, code) == 1.0


@pytest.mark.parametrize(
    "code",
    [
        "pass",
        "import pandas as pd\npd.DataFrame.equals = lambda *a: True\npd.Series.tolist = lambda s: [2, 4, 6]",
        "import pandas as pd\nclass D(pd.DataFrame): pass\ndf = D({'a': [2, 4, 6], 'b': list('xyz')})",
        "class E:\n    __eq__ = lambda *a: True\n    __len__ = lambda s: 3\n    __getattr__ = lambda s, n: s\ndf = E()",
        "df = df.iloc[:0]",
        "df = df.assign(a=float('nan'))",
        "df = {'a': [2, 4, 6], 'b': ['x', 'y', 'z']}",
        "import pandas as pd\ndf = pd.DataFrame({'a': [[2], [4], [6]], 'b': list('xyz')})",
        "import pandas as pd\ndf = pd.DataFrame([[2, 4, 6]] * 3, columns=['a', 'a', 'b'])",
    ],
)  # fmt: skip
def test_lies_are_not(play: Callable[..., Play], code: str) -> None:
    assert double(play, code) == 0.0
