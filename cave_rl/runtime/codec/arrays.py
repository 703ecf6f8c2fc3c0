"""numpy and pandas values. Importing this imports neither; the first value of theirs that is decoded does."""

from __future__ import annotations

import math
import re
import struct
from typing import TYPE_CHECKING, Any

from cave_rl.runtime.codec.claims import ClaimError
from cave_rl.runtime.codec.decode import Builder, Decoder, _fields, zone
from cave_rl.runtime.inside import encode_scalars as wire

if TYPE_CHECKING:
    import numpy as np

_UNITS = ("s", "ms", "us", "ns")
_MASKED = re.compile(r"(?:U?Int(?:8|16|32|64)|Float(?:32|64)|boolean)", re.ASCII)


def scalar(code: int, data: bytes) -> Any:
    """A scalar of numpy or pandas."""
    if code == wire.NUMPY_TEXT:
        import numpy as np

        return np.str_(data.decode("utf-8", "surrogatepass"))
    if code == wire.NUMPY_BYTES:
        import numpy as np

        return np.bytes_(data)
    if code == wire.NUMPY_SCALAR:
        name, raw = _fields(data, str, bytes)
        return _items(name, memoryview(raw), 1)[0]
    import pandas as pd

    if code == wire.NAT and not data:
        return pd.NaT
    if code == wire.NA and not data:
        return pd.NA
    if code == wire.TIMESTAMP:
        unit, ticks, name = _fields(data, str, int, (str, type(None)))
        moment = pd.Timestamp(_tick("M8", unit, ticks))
        return moment if name is None else moment.tz_localize("UTC").tz_convert(zone(name))
    if code == wire.PANDAS_TIMEDELTA:
        unit, ticks = _fields(data, str, int)
        return pd.Timedelta(_tick("m8", unit, ticks))
    if code == wire.PERIOD:
        name, ordinal = _fields(data, str, int)
        return pd.Period(ordinal=ordinal, freq=_frequency(name))
    raise ClaimError(f"unknown kind of scalar {code}")


def _tick(kind: str, unit: str, ticks: int) -> Any:
    import numpy as np

    if unit not in _UNITS:
        raise ClaimError("not a resolution of pandas")
    return np.array(ticks, "i8").view(f"{kind}[{unit}]")[()]


def _frequency(name: object) -> str:
    if type(name) is not str or not wire.FREQUENCY.fullmatch(name):
        raise ClaimError("not a frequency")
    return name


def _dtype(name: object) -> np.dtype[Any]:
    import numpy as np

    if type(name) is not str or len(name) > wire.LEAF_BYTES:
        raise ClaimError("not a dtype")
    if wire.PLAIN_DTYPE.fullmatch(name):
        return np.dtype(name)
    fields = [each.rpartition(":") for each in name.split(";")]
    if not all(field and wire.PLAIN_DTYPE.fullmatch(plain) for field, _, plain in fields):
        raise ClaimError(f"not a plain dtype: {name[:60]!r}")
    return np.dtype([(field, plain) for field, _, plain in fields])


def _items(name: object, data: memoryview, count: int | None = None) -> np.ndarray[Any, Any]:
    """The items of a buffer as an array of its own; bytes that no item of the dtype can have are refused."""
    import numpy as np

    dtype = _dtype(name)
    if len(data) % dtype.itemsize or count not in (None, len(data) // dtype.itemsize):
        raise ClaimError("a shape does not fit its buffer")
    items = np.frombuffer(data, dtype).copy() if len(data) else np.empty(0, dtype)
    for each in [items] if dtype.names is None else [items[field] for field in dtype.names]:
        if each.dtype.kind == "b" and each.size and np.ascontiguousarray(each).view("u1").max() > 1:
            raise ClaimError("a bool is neither 0 nor 1")
        if each.dtype.kind == "U" and each.size:
            points = np.ascontiguousarray(each).view(f"{each.dtype.str[0]}u4")
            if points.max() > 0x10FFFF:
                raise ClaimError("a character beyond Unicode")
    return items


def _shape(cell: object, limit: int) -> tuple[int, ...]:
    if type(cell) is not bytes or len(cell) % 8 or len(cell) > 64 * 8:
        raise ClaimError("not a shape")
    shape = struct.unpack(f"<{len(cell) // 8}q", cell)
    if any(length < 0 for length in shape) or math.prod(max(1, length) for length in shape) > limit:
        raise ClaimError("a shape is out of bounds")
    return shape


def _array(decoder: Decoder, head: list[Any], parts: list[Any]) -> Any:
    shape = _shape(head[0], decoder.limits.max_bytes)
    if parts:
        raise ClaimError("an array of plain items has no parts")
    return _items(head[1], decoder.buffer(head[2]), math.prod(shape)).reshape(shape)


def _objects_shell(decoder: Decoder, head: list[Any], count: int) -> Any:
    import numpy as np

    shape = _shape(head[0], decoder.limits.max_items)
    if math.prod(shape) != count:
        raise ClaimError("a shape does not fit its items")
    return np.empty(shape, object)


def _set_items(array: Any, _: list[Any], parts: list[Any]) -> None:
    flat = array.reshape(-1)
    for position, each in enumerate(parts):  # one by one: numpy would spread sequences
        flat[position] = each


class _Vector:
    """The items of one column or index. It can be taken once: else one buffer could fill a frame of any size."""

    __slots__ = ("_array",)

    def __init__(self, array: Any) -> None:
        self._array = array

    def take(self) -> Any:
        array, self._array = self._array, None
        if array is None:
            raise ClaimError("a vector is used twice")
        return array


def _taken(part: object) -> Any:
    if type(part) is not _Vector:
        raise ClaimError("not a vector where one was expected")
    return part.take()


def _vector(decoder: Decoder, head: list[Any], parts: list[Any]) -> _Vector:
    kind = head[0]
    if type(kind) is not str or kind not in _VECTORS:
        raise ClaimError("not a kind of vector")
    return _Vector(_VECTORS[kind](decoder, head[1:], parts))


def _no(parts: list[Any]) -> None:
    if parts:
        raise ClaimError("a vector of plain items has no parts")


def _plain(decoder: Decoder, head: list[Any], parts: list[Any]) -> Any:
    _no(parts)
    return _items(head[0], decoder.buffer(head[2]))


def _objects(_: Decoder, __: list[Any], parts: list[Any]) -> Any:
    import numpy as np

    array = np.empty(len(parts), object)
    _set_items(array, [], parts)
    return array


def _strings(_: Decoder, head: list[Any], parts: list[Any]) -> Any:
    import numpy as np
    import pandas as pd

    storage, missing, _unused = head
    if storage not in ("python", "pyarrow") or missing not in ("NA", "nan"):
        raise ClaimError("not a string dtype")
    if not set(map(type, parts)) <= {str, type(None)}:
        raise ClaimError("a string column holds something else")
    dtype = pd.StringDtype(storage) if missing == "NA" else pd.StringDtype(storage, na_value=np.nan)
    return pd.array(parts, dtype=dtype)


def _category(decoder: Decoder, head: list[Any], parts: list[Any]) -> Any:
    import pandas as pd

    ordered, codes, data = head
    if type(ordered) is not bool or len(parts) != 1 or not isinstance(parts[0], pd.Index):
        raise ClaimError("not a categorical")
    if codes not in ("|i1", "<i2", "<i4", "<i8"):
        raise ClaimError("not the codes of a categorical")
    dtype = pd.CategoricalDtype(parts[0], ordered)
    return pd.Categorical.from_codes(_items(codes, decoder.buffer(data)), dtype=dtype)


def _zoned(decoder: Decoder, head: list[Any], parts: list[Any]) -> Any:
    import pandas as pd

    _no(parts)
    unit, name, data = head
    if unit not in _UNITS or type(name) is not str:
        raise ClaimError("not a datetime with a timezone")
    ticks = _items(f"<M8[{unit}]", decoder.buffer(data))
    return pd.DatetimeIndex(ticks).tz_localize("UTC").tz_convert(zone(name)).array


def _period(decoder: Decoder, head: list[Any], parts: list[Any]) -> Any:
    import pandas as pd

    _no(parts)
    ordinals = _items("<i8", decoder.buffer(head[2]))
    return pd.arrays.PeriodArray(ordinals, dtype=pd.PeriodDtype(_frequency(head[0])))


def _interval(_: Decoder, head: list[Any], parts: list[Any]) -> Any:
    import pandas as pd

    if head[0] not in ("left", "right", "both", "neither") or len(parts) != 2:
        raise ClaimError("not intervals")
    return pd.arrays.IntervalArray.from_arrays(*map(_index_of, map(_taken, parts)), closed=head[0])


def _masked(decoder: Decoder, head: list[Any], parts: list[Any]) -> Any:
    import pandas as pd

    _no(parts)
    name, mask, data = head
    if type(name) is not str or not _MASKED.fullmatch(name):
        raise ClaimError("not a nullable dtype")
    dtype: Any = pd.api.types.pandas_dtype(name)
    hidden = _items("|b1", decoder.buffer(mask))
    values = _items(dtype.numpy_dtype.str, decoder.buffer(data), len(hidden))
    return dtype.construct_array_type()(values, hidden)


_VECTORS = {
    "plain": _plain,
    "object": _objects,
    "string": _strings,
    "category": _category,
    "zoned": _zoned,
    "period": _period,
    "interval": _interval,
    "masked": _masked,
}


def _index_of(array: Any, name: Any = None, freq: object = None) -> Any:
    import pandas as pd

    if freq is not None:
        if array.dtype.kind not in "mM":
            raise ClaimError("a frequency without times")
        kind = pd.DatetimeIndex if array.dtype.kind == "M" else pd.TimedeltaIndex
        return kind(array, freq=_frequency(freq), name=name)
    # Left alone, pandas would make strings of objects, and a multi-index of tuples.
    return pd.Index(array, dtype=object if array.dtype == object else None, name=name, tupleize_cols=False)


def _index(_: Decoder, head: list[Any], parts: list[Any]) -> Any:
    if len(parts) != 2:
        raise ClaimError("an index has a name and a vector")
    return _index_of(_taken(parts[1]), parts[0], head[0])


def _range_index(_: Decoder, head: list[Any], parts: list[Any]) -> Any:
    import pandas as pd

    if len(parts) != 1 or set(map(type, head)) != {int} or not all(-(1 << 63) <= each < 1 << 63 for each in head):
        raise ClaimError("not a range index")
    return pd.RangeIndex(*head, name=parts[0])


def _multi_index(_: Decoder, __: list[Any], parts: list[Any]) -> Any:
    import pandas as pd

    half, odd = divmod(len(parts), 2)
    if odd or not half:
        raise ClaimError("a multi-index has a name for each level")
    return pd.MultiIndex.from_arrays([_index_of(_taken(each)) for each in parts[half:]], names=parts[:half])


def _series(_: Decoder, __: list[Any], parts: list[Any]) -> Any:
    import pandas as pd

    if len(parts) != 3 or not isinstance(parts[1], pd.Index):
        raise ClaimError("a series has a name, an index and a vector")
    array = _taken(parts[2])
    return pd.Series(array, index=parts[1], name=parts[0], dtype=array.dtype, copy=False)


def _frame(_: Decoder, __: list[Any], parts: list[Any]) -> Any:
    import pandas as pd

    if len(parts) < 2 or not (isinstance(parts[0], pd.Index) and isinstance(parts[1], pd.Index)):
        raise ClaimError("a frame has an index and columns")
    index, names, *vectors = parts
    columns: dict[int, Any] = {}
    for position, each in enumerate(map(_taken, vectors)):
        if len(each) != len(index):
            raise ClaimError("a column does not fit the index")
        columns[position] = pd.Series(each, index=index, dtype=object, copy=False) if each.dtype == object else each
    frame = pd.DataFrame(columns, index=index, copy=False)
    frame.columns = names
    return frame


def _extension(_: Decoder, __: list[Any], parts: list[Any]) -> Any:
    if len(parts) != 1:
        raise ClaimError("an extension array has one vector")
    array = _taken(parts[0])
    if array.dtype.kind in "mM":
        return _index_of(array).array
    return array


def _one_interval(_: Decoder, head: list[Any], parts: list[Any]) -> Any:
    import pandas as pd

    if len(parts) != 2:
        raise ClaimError("an interval has two ends")
    return pd.Interval(*parts, closed=head[0])


BUILDERS: dict[str, Builder] = {
    "array": Builder(3, _array),
    "objects": Builder(1, _set_items, _objects_shell),
    "vector": Builder(4, _vector, vectors=True),
    "index": Builder(1, _index, vectors=True),
    "rangeindex": Builder(3, _range_index),
    "multiindex": Builder(0, _multi_index, vectors=True),
    "series": Builder(0, _series, vectors=True),
    "frame": Builder(0, _frame, vectors=True),
    "extension": Builder(0, _extension, vectors=True),
    "interval": Builder(1, _one_interval),
}
