"""numpy, pandas, sqlite and matplotlib values cross by content, whatever their layout in memory."""

from __future__ import annotations

import datetime
import sqlite3
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from cave_rl.runtime.codec import FigureClaim, Opaque, SqliteClaim, decode, encode, same

pd = pytest.importorskip("pandas")

DTYPES = [
    "?",
    "i1",
    "i2",
    "i4",
    "i8",
    "u1",
    "u2",
    "u4",
    "u8",
    "f2",
    "f4",
    "f8",
    "c8",
    "c16",
    ">i4",
    ">f8",
    "M8[D]",
    "M8[ns]",
    "m8[us]",
    "m8[25s]",
    "S3",
    "U2",
    ">U2",
]


def there_and_back(value: Any) -> Any:
    claimed = encode(value)
    back = decode(claimed)
    assert type(back) is type(value), back
    assert encode(back) == claimed
    assert same(back, value)
    return back


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_of_every_plain_dtype(dtype: str) -> None:
    flat = (
        np.arange(24).astype("i8").astype(dtype)
        if "8[" not in dtype
        else np.arange(24).astype("i8").view("i8").astype(dtype)
    )
    for array in (flat, flat.reshape(2, 3, 4), flat[:0], flat.reshape(4, 6).T, flat[::-2], flat[3:4].reshape(())):
        back = there_and_back(array)
        assert back.dtype == array.dtype
        assert back.shape == array.shape
        assert back.tobytes() == array.tobytes()
        assert back.flags.writeable
    if np.dtype(dtype).isnative:
        there_and_back(flat[1])


def test_the_layout_of_an_array_is_no_content() -> None:
    array = np.arange(6.0).reshape(2, 3)
    assert encode(array) == encode(np.asfortranarray(array)) == encode(np.arange(12.0).reshape(2, 6)[:, ::2] / 2)
    assert encode(array) != encode(array.reshape(3, 2))
    assert encode(array) != encode(array.astype("f4"))
    assert encode(np.array([0.0])) != encode(np.array([-0.0]))


def test_large_arrays_travel_beside_the_stream() -> None:
    arrays = [np.arange(n) for n in (8_192, 8_193, 100_000)]
    back = there_and_back({"a": arrays, "again": arrays[2], "bytes": bytearray(100_000)})
    assert back["again"] is back["a"][2]
    assert (back["a"][2] == arrays[2]).all()


def test_object_and_structured_arrays() -> None:
    loop = np.empty(3, object)
    loop[:] = [1, "x", None]
    loop[2] = loop
    back = there_and_back(loop)
    assert back[2] is back
    nested = np.empty((2, 1), object)
    nested[0, 0], nested[1, 0] = [1, 2], np.array(5)
    assert type(there_and_back(nested)[1, 0]) is np.ndarray
    there_and_back(np.array([(1, b"a"), (2, b"b")], [("n", "<i4"), ("name", "S2")]))
    assert type(decode(encode(np.zeros(2, np.dtype([("a", "i1"), ("b", "i8")], align=True))))) is Opaque
    for foreign in (np.matrix([[1]]), np.zeros(1, "g"), np.ma.array([1]), np.array([1]).view(np.recarray)):
        assert type(decode(encode(foreign))) is Opaque


@pytest.mark.parametrize(
    "value", [np.str_("aé\0"), np.bytes_(b"a\0"), np.str_(""), np.datetime64("NaT"), np.bool_(True)]
)
def test_numpy_scalars(value: Any) -> None:
    assert str(there_and_back(value)) == str(value)


def frame(rows: int = 4) -> Any:
    return pd.DataFrame(
        {
            "int": range(rows),
            "float": np.linspace(0, 1, rows),
            "half": np.arange(rows, dtype="f4"),
            "text": [None if at == 1 else f"s{at}" for at in range(rows)],
            "string": pd.array([None if at == 1 else f"s{at}" for at in range(rows)], dtype="string"),
            "object": pd.Series([[at] if at else None for at in range(rows)], dtype=object),
            "strings as objects": pd.Series(["x"] * rows, dtype=object),
            "category": pd.Categorical(["b", "a"] * (rows // 2), categories=["c", "b", "a"], ordered=True),
            "naive": pd.date_range("2020", periods=rows, freq="D"),
            "zoned": pd.date_range("2020-10-24", periods=rows, freq="12h", tz="Europe/Paris"),
            "delta": pd.timedelta_range("1s", periods=rows),
            "Int64": pd.array([None, *range(rows - 1)], dtype="Int64"),
            "UInt8": pd.array([None, *range(rows - 1)], dtype="UInt8"),
            "Float64": pd.array([None, *range(rows - 1)], dtype="Float64"),
            "boolean": pd.array([None, *[True] * (rows - 1)], dtype="boolean"),
            "period": pd.period_range("2020-01", periods=rows, freq="Q"),
            "interval": pd.interval_range(0, rows, closed="left"),
            7: True,
        }
    )


def test_a_frame_of_every_dtype() -> None:
    pd.testing.assert_frame_equal(there_and_back(frame()), frame())
    for name, column in frame().items():
        pd.testing.assert_series_equal(there_and_back(column), column, check_freq=True, obj=str(name))
        back = there_and_back(column.array) if type(column.array).__name__ != "NumpyExtensionArray" else None
        assert back is None or back.dtype == column.dtype


INDICES = {
    "range": pd.RangeIndex(1, 9, 2, name="n"),
    "int": pd.Index([3, 1]),
    "text": pd.Index(["a", None]),
    "objects": pd.Index([1, "a", (2,)], dtype=object, name=("a", 1)),
    "tuples": pd.Index([(1, 2), (3, 4)], tupleize_cols=False),
    "dates": pd.date_range("2020", periods=3, freq="MS", tz="UTC"),
    "irregular": pd.DatetimeIndex(["2020", "2021-05"]),
    "deltas": pd.timedelta_range("1s", periods=3),
    "periods": pd.period_range("2020", periods=3, freq="2M"),
    "intervals": pd.interval_range(0.5, 3),
    "category": pd.CategoricalIndex(["b", None], categories=["b", "c"]),
    "multi": pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=[1, 0]),
    "multi of kinds": pd.MultiIndex.from_arrays([pd.date_range("2020", periods=2), pd.Categorical(["x", None])]),
    "empty": pd.Index([]),
    "empty multi": pd.MultiIndex.from_arrays([[], []]),
}


@pytest.mark.parametrize("label", INDICES)
def test_indices(label: str) -> None:
    index = INDICES[label]
    back = there_and_back(index)
    pd.testing.assert_index_equal(back, index, exact=True)
    assert getattr(back, "freq", None) == getattr(index, "freq", None)
    table = pd.DataFrame({"v": range(len(index)), "w": pd.Series(["o"] * len(index), dtype=object).array}, index=index)
    pd.testing.assert_frame_equal(there_and_back(table), table)
    pd.testing.assert_frame_equal(there_and_back(table.T), table.T)


def test_frames_of_odd_shapes() -> None:
    for value in (pd.DataFrame(), pd.DataFrame(index=[1, 2]), pd.DataFrame(columns=["a"]), pd.Series(dtype="f8")):
        there_and_back(value)
    double = pd.DataFrame([[1, "a"], [2, "b"]], columns=["x", "x"], index=["i", "i"])
    pd.testing.assert_frame_equal(there_and_back(double), double)


def test_the_layout_of_a_frame_is_no_content() -> None:
    whole = pd.DataFrame(np.arange(6.0).reshape(2, 3), columns=list("abc"))
    split = pd.DataFrame({"a": [0.0, 3.0]})
    split["b"] = [1.0, 4.0]
    split["c"] = [2.0, 5.0]
    assert encode(whole) == encode(split) == encode(whole.copy())
    hidden = pd.array([1, 2], dtype="Int64")
    hidden[0] = pd.NA
    assert encode(hidden) == encode(pd.array([None, 2], dtype="Int64"))
    index = pd.MultiIndex.from_product([["a", "b"], [1, 2]])
    assert encode(index[:2]) == encode(pd.MultiIndex.from_product([["a"], [1, 2]]))
    assert encode([whole.index, whole.index]) == encode([whole.index, whole.index.copy()])


def test_frames_that_cannot_be_carried_are_opaque_as_a_whole() -> None:
    class Sub(pd.DataFrame):  # type: ignore[misc]
        def equals(self, other: object) -> bool:
            return True

    assert type(decode(encode(Sub({"a": [1]})))) is Opaque
    sparse = decode(encode(pd.DataFrame({"a": pd.arrays.SparseArray([1])})))
    assert (sparse.type_name, sparse.reason) == ("pandas.DataFrame", "dtype Sparse[int64, 0]")


PANDAS_SCALARS = [pd.Timestamp("2020-01-01 00:00:00.1"), pd.Timestamp(1, unit="ns"), pd.NaT, pd.NA, pd.Timedelta("1ns")]
PANDAS_SCALARS += [pd.Timestamp("2020-10-25 01:30", tz="UTC").tz_convert("Europe/Paris"), pd.Timedelta(days=3)]
PANDAS_SCALARS += [pd.Timestamp("2020", tz=datetime.timezone(datetime.timedelta(hours=2))), pd.Period("2020-05", "2M")]
PANDAS_SCALARS += [pd.Interval(0, 1.5, closed="both"), pd.Interval(pd.Timestamp("2020"), pd.Timestamp("2021"))]


@pytest.mark.parametrize("value", PANDAS_SCALARS, ids=repr)
def test_pandas_scalars(value: Any) -> None:
    back = there_and_back(value)
    assert repr(back) == repr(value)
    assert getattr(back, "unit", None) == getattr(value, "unit", None)


# sqlite


def test_a_connection_is_its_pages() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (x)")
    connection.execute("insert into t values (5)")
    claim = decode(encode({"db": connection}))["db"]
    assert type(claim) is SqliteClaim
    assert claim.connect().execute("select x from t").fetchall() == [(5,)]
    before = encode(connection)
    connection.execute("select * from t").fetchall()
    assert encode(connection) == before
    connection.execute("update t set x = 6")
    assert encode(connection) != before


def test_a_connection_shows_what_it_has_not_committed_and_says_that_a_transaction_is_open() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (x)")
    connection.execute("insert into t values (5)")
    pending = decode(encode(connection))
    connection.commit()
    written = decode(encode(connection))
    assert pending.connect().execute("select x from t").fetchall() == [(5,)]
    assert (pending.in_transaction, written.in_transaction) == (True, False)
    assert pending.data == written.data
    assert not same(pending, written)


def test_connections_that_cannot_be_read_are_opaque_and_broken_pages_are_an_error() -> None:
    closed = sqlite3.connect(":memory:")
    closed.close()
    assert type(decode(encode(closed))) is Opaque
    assert type(decode(encode(type("Sub", (sqlite3.Connection,), {})(":memory:")))) is Opaque
    with pytest.raises(sqlite3.Error):
        SqliteClaim(b"SQLite format 3\0" + b"\xff" * 4096).connect().execute("select * from t").fetchall()


# matplotlib


def test_a_figure_is_what_it_shows() -> None:
    pytest.importorskip("matplotlib").use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2)
    left.plot([1, 2], [3.5, 4], label="up")
    left.scatter([1, 2], [0, 1], label="dots")
    left.set(title="T", xlabel="x", ylabel="y", yscale="log")
    left.legend()
    right.bar(["a", "b"], [3, 5])
    claim = decode(encode(figure))
    plt.close(figure)
    assert type(claim) is FigureClaim
    first, second = claim.axes
    assert (first.title, first.xlabel, first.ylabel, first.yscale) == ("T", "x", "y", "log")
    assert (first.lines[0].label, first.lines[0].x, first.lines[0].y) == ("up", (1.0, 2.0), (3.5, 4.0))
    assert (first.scatters[0].label, first.scatters[0].y) == ("dots", (0.0, 1.0))
    assert first.legend == ("up", "dots")
    assert second.bars[0].heights == (3.0, 5.0)
    assert second.xticks == ("a", "b")


# Imports


def test_neither_side_imports_a_library_for_a_plain_value() -> None:
    program = (
        "import sys, types\n"
        "for name in ('cave_rl', 'cave_rl.runtime'):\n"  # without what the packages themselves import
        "    made = sys.modules[name] = types.ModuleType(name)\n"
        "    made.__path__ = [f'{sys.argv[1]}/' + name.replace('.', '/')]\n"
        "from cave_rl.runtime.codec import decode, encode\n"
        "assert decode(encode({'a': [1, (2,)]})) == {'a': [1, (2,)]}\n"
        "print(sorted({'numpy', 'pandas', 'pydantic', 'matplotlib'} & sys.modules.keys()))\n"
    )
    import cave_rl.runtime.inside.encode as module

    root = module.__file__.rsplit("/cave_rl/", 1)[0]
    done = subprocess.run([sys.executable, "-c", program, root], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
