"""numpy, pandas and matplotlib, and the table of all types that are known by now.

A library joins the table once it has been imported by someone else; nothing here imports one.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Mapping
from typing import Any

import msgpack  # type: ignore[import-untyped]

from cave_rl.runtime.inside.encode_containers import (
    CONTAINERS,
    FRESH,
    SHARED,
    VALUE,
    Form,
    Kind,
    Orders,
    Tables,
    Taken,
)
from cave_rl.runtime.inside.encode_scalars import (
    FREQUENCY,
    LEAVES,
    NA,
    NAT,
    NUMPY_BYTES,
    NUMPY_SCALAR,
    NUMPY_TEXT,
    PANDAS_TIMEDELTA,
    PERIOD,
    PLAIN_DTYPE,
    TIMESTAMP,
    Leaf,
    Unsupported,
    leaf_of,
    zone_name,
)

# numpy


def payload(array: Any) -> memoryview:
    """The items of a plain array as bytes, in C order, without a copy where they lie so."""
    flat = (array if array.flags.c_contiguous else array.copy("C")).reshape(-1)
    return memoryview(flat.view("u1")) if flat.size else memoryview(b"")


def plain_dtype(dtype: Any) -> str:
    """The name of a dtype whose items are plain bytes without padding; structured ones by their fields."""
    if dtype.names is None:
        if dtype.hasobject or not PLAIN_DTYPE.fullmatch(dtype.str):
            raise Unsupported(f"dtype {str(dtype)[:60]}")
        return str(dtype.str)
    fields = []
    offset = 0
    for name in dtype.names:
        inner, at = dtype.fields[name][:2]
        if at != offset or inner.names is not None or inner.subdtype is not None or ";" in name or ":" in name:
            raise Unsupported("structured dtype that is nested, aligned or oddly named")
        fields.append(f"{name}:{plain_dtype(inner)}")
        offset += inner.itemsize
    if offset != dtype.itemsize:
        raise Unsupported("structured dtype with padding")
    return ";".join(fields)


def _take_array(_: Orders, x: Any) -> Form:
    shape = struct.pack(f"<{x.ndim}q", *x.shape)
    if x.dtype.kind == "O":
        return ["objects", shape], x.reshape(-1).tolist()
    return ["array", shape, plain_dtype(x.dtype), payload(x)], []


def _numpy(np: Any) -> tuple[dict[type, Kind], dict[type, Leaf]]:
    def scalar(x: Any) -> msgpack.ExtType:
        return leaf_of(NUMPY_SCALAR, plain_dtype(x.dtype), x.tobytes())

    # One that differs from another only by the name of its C type (longlong) comes back as the other.
    names = "bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128"
    kinds = {getattr(np, name) for name in f"{names} longlong ulonglong datetime64 timedelta64".split()}
    leaves: dict[type, Leaf] = dict.fromkeys(kinds, scalar)
    leaves[np.str_] = lambda x: msgpack.ExtType(NUMPY_TEXT, str.encode(x, "utf-8", "surrogatepass"))
    leaves[np.bytes_] = lambda x: msgpack.ExtType(NUMPY_BYTES, bytes.__getitem__(x, slice(None)))
    return {np.ndarray: Kind(SHARED, _take_array)}, leaves


# pandas: an index and columns of *vectors*, each named by its dtype.


def _plain_vector(values: Any) -> Taken:
    if values.dtype.kind == "O":
        return Taken(["vector", "object", None, None, None], values.tolist())
    return Taken(["vector", "plain", plain_dtype(values.dtype), None, payload(values)], [])


def _vector(pd: Any, np: Any, array: Any) -> Taken:
    dtype = array.dtype
    if isinstance(dtype, np.dtype) or type(array) is pd.arrays.NumpyExtensionArray:
        return _plain_vector(array.to_numpy())
    kind = type(dtype)
    if kind is pd.StringDtype:
        missing = "NA" if dtype.na_value is pd.NA else "nan"
        strings = array.to_numpy(dtype=object, na_value=None).tolist()
        return Taken(["vector", "string", dtype.storage, missing, None], strings)
    if kind is pd.CategoricalDtype:
        codes = np.asarray(array.codes)
        categories = _take_index(pd, np, array.categories)
        return Taken(["vector", "category", dtype.ordered, codes.dtype.str, payload(codes)], [Taken(*categories)])
    if kind is pd.DatetimeTZDtype:
        ticks = array.to_numpy(dtype=f"M8[{dtype.unit}]")
        return Taken(["vector", "zoned", dtype.unit, zone_name(dtype.tz), payload(ticks)], [])
    if kind is pd.PeriodDtype:
        return Taken(["vector", "period", _frequency(dtype.name[7:-1]), None, payload(array.asi8)], [])
    if kind is pd.IntervalDtype:
        sides = [_vector(pd, np, side.array) for side in (array.left, array.right)]
        return Taken(["vector", "interval", dtype.closed, None, None], sides)
    if getattr(pd, f"{dtype.name}Dtype" if dtype.name != "boolean" else "BooleanDtype", None) is kind:
        plain = array.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
        return Taken(["vector", "masked", dtype.name, payload(array.isna()), payload(plain)], [])
    raise Unsupported(f"dtype {str(dtype)[:60]}")


def _frequency(freq: str) -> str:
    if not FREQUENCY.fullmatch(freq):
        raise Unsupported(f"frequency {freq[:60]}")
    return freq


def _take_index(pd: Any, np: Any, x: Any) -> Form:
    if type(x) is pd.RangeIndex:
        return ["rangeindex", x.start, x.stop, x.step], [x.name]
    if type(x) is pd.MultiIndex:
        bare = x.set_names([None] * x.nlevels)  # a level could be named by the number of another
        levels = [_vector(pd, np, bare.get_level_values(level).array) for level in range(x.nlevels)]
        return ["multiindex"], [*x.names, *levels]
    freq = getattr(x, "freq", None) if type(x) in (pd.DatetimeIndex, pd.TimedeltaIndex) else None
    return ["index", None if freq is None else _frequency(freq.freqstr)], [x.name, _vector(pd, np, x.array)]


def _pandas(pd: Any) -> tuple[dict[type, Kind], dict[type, Leaf]]:
    np = sys.modules["numpy"]

    def index(_: Orders, x: Any) -> Form:
        return _take_index(pd, np, x)

    def series(_: Orders, x: Any) -> Form:
        return ["series"], [x.name, Taken(*_take_index(pd, np, x.index)), _vector(pd, np, x.array)]

    def frame(_: Orders, x: Any) -> Form:
        sides = [Taken(*_take_index(pd, np, side)) for side in (x.index, x.columns)]
        return ["frame"], [*sides, *(_vector(pd, np, column.array) for _, column in x.items())]

    def vector(_: Orders, x: Any) -> Form:
        return ["extension"], [_vector(pd, np, x)]

    def timestamp(x: Any) -> msgpack.ExtType:
        return leaf_of(TIMESTAMP, x.unit, int(x.to_datetime64().view("i8")), zone_name(x.tzinfo))

    def period(x: Any) -> msgpack.ExtType:
        return leaf_of(PERIOD, _frequency(x.freqstr), x.ordinal)

    indices = "Index RangeIndex MultiIndex DatetimeIndex TimedeltaIndex PeriodIndex IntervalIndex CategoricalIndex"
    arrays = "IntegerArray FloatingArray BooleanArray StringArray ArrowStringArray DatetimeArray TimedeltaArray"
    containers: dict[type, Kind] = {getattr(pd, name): Kind(FRESH, index) for name in indices.split()}
    arrays = f"{arrays} PeriodArray IntervalArray"
    containers |= {getattr(pd.arrays, name): Kind(SHARED, vector) for name in arrays.split()}
    containers |= {
        pd.Categorical: Kind(SHARED, vector),
        pd.Series: Kind(SHARED, series),
        pd.DataFrame: Kind(SHARED, frame),
        pd.Interval: Kind(VALUE, lambda _, x: (["interval", x.closed], [x.left, x.right])),
    }
    leaves: dict[type, Leaf] = {
        pd.Timestamp: timestamp,
        pd.Timedelta: lambda x: leaf_of(PANDAS_TIMEDELTA, x.unit, int(x.to_timedelta64().view("i8"))),
        pd.Period: period,
        type(pd.NaT): lambda x: msgpack.ExtType(NAT, b""),
        type(pd.NA): lambda x: msgpack.ExtType(NA, b""),
    }
    return containers, leaves


# matplotlib: what a figure shows, not how.


def _series_of(values: Any) -> list[Any]:
    np = sys.modules["numpy"]
    return list(np.asarray(values, dtype=float).reshape(-1).tolist())


def _label(artist: Any) -> str:
    label = artist.get_label()
    return "" if type(label) is not str or label.startswith("_") else label


def _axes(ax: Any) -> list[Any]:
    lines = [[_label(x), _series_of(x.get_xdata(orig=False)), _series_of(x.get_ydata(orig=False))] for x in ax.lines]
    bars = [
        [_label(group), [[float(v) for v in (b.get_x(), b.get_y(), b.get_width(), b.get_height())] for b in group]]
        for group in ax.containers
        if hasattr(group, "patches")
    ]
    scatters = [
        [_label(x), _series_of(x.get_offsets()[:, 0]), _series_of(x.get_offsets()[:, 1])]
        for x in ax.collections
        if type(x).__name__ == "PathCollection"
    ]
    legend = ax.get_legend()
    texts = [str(each.get_text()) for each in legend.get_texts()] if legend is not None else []
    ticks = [[str(each.get_text()) for each in side] for side in (ax.get_xticklabels(), ax.get_yticklabels())]
    words = map(str, (ax.get_title(), ax.get_xlabel(), ax.get_ylabel(), ax.get_xscale(), ax.get_yscale()))
    return [*words, texts, *ticks, lines, bars, scatters]


def _matplotlib(module: Any) -> tuple[dict[type, Kind], dict[type, Leaf]]:
    def figure(_: Orders, x: Any) -> Form:
        title = x.get_suptitle() if hasattr(x, "get_suptitle") else ""
        return ["figure", str(title)], [[_axes(ax) for ax in x.axes]]

    return {module.Figure: Kind(SHARED, figure)}, {}


_LIBRARIES: tuple[tuple[str, Callable[[Any], tuple[dict[type, Kind], dict[type, Leaf]]]], ...] = (
    ("numpy", _numpy),
    ("pandas", _pandas),
    ("matplotlib.figure", _matplotlib),
)


# The table.

_BASE = Tables({}, {}, [])
_BASE.add(CONTAINERS, LEAVES)
_known_libraries: set[str] = set()
_compiled: dict[tuple[Any, ...], Tables] = {}


def tables_for(classes: Mapping[type, str]) -> Tables:
    """The tables for some injected classes, compiled once for each set of them."""
    for library, known in _LIBRARIES:
        if library not in _known_libraries and library in sys.modules:
            try:
                _BASE.add(*known(sys.modules[library]))
            except Exception:  # half imported, or replaced: its types are not known yet, so they are opaque
                continue
            _known_libraries.add(library)
            _compiled.clear()
    if not classes:
        return _BASE
    key = tuple((id(cls), name) for cls, name in classes.items())
    if key not in _compiled:
        while len(_compiled) >= 16:
            _compiled.pop(next(iter(_compiled)))
        tables = Tables(dict(_BASE.containers), dict(_BASE.leaves), [])
        for cls, name in classes.items():
            tables.inject(cls, name)
        _compiled[key] = tables
    return _compiled[key]
