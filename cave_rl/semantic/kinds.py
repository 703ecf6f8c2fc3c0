"""Kinds: what JSON stands for a value, and back. See `cave_rl.semantic.contract`.

A kind is plain data made by `kind_of` from a value. pandas and numpy are recognised when they are loaded, and imported
only to make a value of theirs.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

__all__ = ["ContractError", "Inexpressible", "Kind", "kind_of"]


class ContractError(ValueError):
    """An answer that does not keep its contract: a failure of the model."""


class Inexpressible(ValueError):
    """A value that JSON does not say."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How values of one type are written as JSON.

    Attributes:
        told: what the model is told of it: `number`, `list of text`.
        take: from JSON to the value. Raises `ContractError`, or what pandas and numpy raise.
        give: from the value to JSON.
        plain: whether it is JSON's own: taken and given as it is.
    """

    told: str
    take: Callable[[Any], Any]
    give: Callable[[Any], Any]
    plain: bool = False


def kind_of(value: Any) -> Kind:
    """The kind of a value.

    Raises:
        Inexpressible: JSON does not say it.
    """
    if value is None or type(value) in _SCALARS:
        return _SCALARS.get(type(value)) or _NONE
    module = type(value).__module__.partition(".")[0]
    if module == "numpy":
        return _numpy(value)
    if module == "pandas":
        return _pandas(value)
    if type(value) in (list, set, frozenset):
        return _many(type(value), _common(map(kind_of, value)))
    if type(value) is tuple:
        return _tuple([kind_of(each) for each in value])
    if type(value) is dict:
        return _dict(value)
    raise Inexpressible(f"JSON does not say a {_called(value)}")


def _called(value: Any) -> str:
    """What a value is called that came as a claim."""
    names = {"FigureClaim": "figure", "SqliteClaim": "connection", "Digest": "value of such a size"}
    name = type(value).__name__
    return str(value.type_name) if name == "Opaque" else names.get(name, name)


# --- scalars ----------------------------------------------------------------------------------------------------------


def _exactly(told: str, *types: type) -> Callable[[Any], Any]:
    def take(said: Any) -> Any:
        if type(said) not in types:
            raise ContractError(f"expected {told}, got {type(said).__name__}")
        return said

    return take


def _whole(said: Any) -> int:
    if type(said) is float and said.is_integer():
        return int(said)
    return int(_exactly("a whole number", int)(said))


def _number(said: Any) -> float:
    try:
        number = float(_exactly("a number", int, float)(said))
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ContractError("expected a number that is finite")
    return number


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise Inexpressible(f"JSON does not say {value}")
    return value


def _day(said: Any) -> datetime.date:
    moment = _moment(said)
    if moment.time() != datetime.time() or moment.tzinfo is not None:
        raise ContractError("expected a date, got a moment of a day")
    return moment.date()


def _moment(said: Any) -> datetime.datetime:
    text = _exactly("a date as text (2026-01-31)", str)(said)
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ContractError(f"expected a date as text (2026-01-31), got {text[:40]!r}") from None


def _iso(value: Any) -> str:
    text = str(value.isoformat())
    return text.removesuffix("T00:00:00")


def _as_is(value: Any) -> Any:
    return value


_NONE = Kind("null", _exactly("null", type(None)), _as_is, True)
_ANY = Kind("JSON", _as_is, _as_is, True)
_DATE = Kind("date such as 2026-01-31", _moment, _iso)
_SCALARS: dict[type, Kind] = {
    bool: Kind("true or false", _exactly("true or false", bool), _as_is, True),
    int: Kind("whole number", _whole, _as_is, True),
    float: Kind("number", _number, _finite, True),
    str: Kind("text", _exactly("text", str), _as_is, True),
    datetime.date: Kind(_DATE.told, _day, _iso),
    datetime.datetime: _DATE,
}


# --- containers -------------------------------------------------------------------------------------------------------


def _common(kinds: Iterable[Kind]) -> Kind:
    """The kind that all of some values have."""
    found = {kind.told: kind for kind in kinds}
    if len(found) == 1:
        return next(iter(found.values()))
    if all(kind.plain for kind in found.values()):
        return _ANY
    raise Inexpressible(f"its items are of several kinds: {', '.join(sorted(found))}")


def _list_of(told: str, said: Any) -> list[Any]:
    return list(_exactly(told, list)(said))


def _many(cls: type, each: Kind) -> Kind:
    told = f"list of {each.told}" if cls is list else f"list of {each.told}, for a {cls.__name__}"

    def take(said: Any) -> Any:
        items = [each.take(item) for item in _list_of(told, said)]
        try:
            return cls(items)
        except TypeError:  # of a set
            raise ContractError(f"expected {told}, got items that lie in no set") from None

    def give(value: Any) -> Any:
        items = [each.give(item) for item in value]
        return items if cls is list else sorted(items, key=repr)

    return Kind(told, take, give, cls is list and each.plain)


def _tuple(kinds: list[Kind]) -> Kind:
    if len({kind.told for kind in kinds}) == 1:  # how many there are may be what is asked for
        whole = _many(list, kinds[0])
        told = f"list of {kinds[0].told}, for a tuple"
        return Kind(told, lambda said: tuple(whole.take(said)), lambda value: whole.give(value))
    told = f"list of {len(kinds)}: {', '.join(kind.told for kind in kinds)}"

    def take(said: Any) -> Any:
        items = _list_of(told, said)
        if len(items) != len(kinds):
            raise ContractError(f"expected {told}, got {len(items)}")
        return tuple(kind.take(item) for kind, item in zip(kinds, items, strict=True))

    return Kind(told, take, lambda value: [kind.give(item) for kind, item in zip(kinds, value, strict=True)])


def _dict(value: dict[Any, Any]) -> Kind:
    key, to_key, from_key = _keys(value)
    try:
        each = _common(map(kind_of, value.values()))
    except Inexpressible:
        if key != "text":
            raise
        return _record({name: kind_of(item) for name, item in value.items()})

    def take(said: Any) -> Any:
        items = _exactly("an object", dict)(said)
        return _distinct([(to_key(name), each.take(item)) for name, item in items.items()])

    def give(given: Any) -> Any:
        return {from_key(name): each.give(item) for name, item in given.items()}

    told = "JSON object" if each is _ANY and key == "text" else f"object from {key} to {each.told}"
    return Kind(told, take, give, key == "text" and each.plain)


def _record(fields: dict[str, Kind]) -> Kind:
    """A dict whose values differ in kind: those of known keys are made again, others stay JSON."""

    def take(said: Any) -> Any:
        items = _exactly("an object", dict)(said)
        return {name: fields.get(name, _ANY).take(item) for name, item in items.items()}

    dates = sorted(name for name, kind in fields.items() if not kind.plain)
    told = f"object; {', '.join(f'{name}: {fields[name].told}' for name in dates)}"
    return Kind(told, take, lambda value: {name: fields[name].give(item) for name, item in value.items()})


def _keys(value: dict[Any, Any]) -> tuple[str, Callable[[str], Any], Callable[[Any], str]]:
    """What the keys of a dict are called, and how they come from texts and go to them."""
    types = {type(key) for key in value} or {str}
    if types == {str}:
        return "text", _as_is, _as_is
    if types == {int}:
        return "whole number", lambda text: _whole_text(text), str
    if len(types) == 1 and isinstance(next(iter(value)), datetime.date):
        kind = kind_of(next(iter(value)))
        return kind.told, kind.take, kind.give
    raise Inexpressible(f"JSON has no keys of type {', '.join(sorted(each.__name__ for each in types))}")


def _whole_text(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise ContractError(f"expected a whole number as key, got {text[:40]!r}") from None
    if str(number) != text:
        raise ContractError(f"expected a whole number as key, got {text[:40]!r}")
    return number


def _distinct(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ContractError("two of its keys are the same")
    return found


# --- numpy and pandas -------------------------------------------------------------------------------------------------


def _numpy(value: Any) -> Kind:
    import numpy as np

    if isinstance(value, np.datetime64):
        dtype = value.dtype
        return Kind(_DATE.told, lambda said: np.datetime64(_moment(said)).astype(dtype), _np_iso)
    if isinstance(value, np.generic):
        own, cls = kind_of(value.item()), type(value)
        return Kind(own.told, lambda said: cls(own.take(said)), lambda given: own.give(given.item()))
    if type(value) is not np.ndarray or value.dtype.kind not in "biufU" or value.ndim not in (1, 2):
        raise Inexpressible(f"JSON does not say a {type(value).__name__} of {getattr(value, 'dtype', 'this kind')}")
    dtype, dimensions = value.dtype, value.ndim
    cell = _cell(dtype)
    told = "list of " * dimensions + cell.told

    def take(said: Any) -> Any:
        rows = [_list_of(told, row) for row in _list_of(told, said)] if dimensions == 2 else _list_of(told, said)
        taken = [[cell.take(each) for each in row] for row in rows] if dimensions == 2 else list(map(cell.take, rows))
        return np.array(taken, dtype=None if dtype.kind == "U" else dtype)

    def give(given: Any) -> Any:
        rows = given.tolist()
        return [list(map(cell.give, row)) for row in rows] if dimensions == 2 else list(map(cell.give, rows))

    return Kind(told, take, give)


def _np_iso(value: Any) -> str:
    import numpy as np

    return str(np.datetime_as_string(value, unit="auto"))


def _cell(dtype: Any) -> Kind:
    """The kind of a cell of a column, or of an index. What is missing is null."""
    kind = "O" if str(dtype) in ("category", "str", "string") else getattr(dtype, "kind", "O")
    if kind == "f":
        return Kind("number", _number_or_nan, lambda value: float(value) if math.isfinite(value) else None)
    if kind == "M":
        return Kind(_DATE.told, lambda said: None if said is None else _moment(said), _cell_iso)
    if kind in "biu":
        own = _SCALARS[bool if kind == "b" else int]
        return Kind(own.told, own.take, own.give, True)
    if kind in "OU":
        return Kind("text", _text_or_none, _text_given)
    raise Inexpressible(f"JSON does not say a column of {dtype}")


def _number_or_nan(said: Any) -> float:
    return math.nan if said is None else _number(said)


def _cell_iso(value: Any) -> str | None:
    return None if value != value or value is None else _iso(value)


def _text_or_none(said: Any) -> Any:
    if type(said) not in (str, int, float, bool, type(None)):
        raise ContractError(f"expected text or a number in a cell, got {type(said).__name__}")
    return said


def _text_given(value: Any) -> Any:
    if value is None or (type(value) is float and value != value):
        return None
    if type(value) in (str, int, bool):
        return value
    if type(value) is float:
        return _finite(value)
    raise Inexpressible(f"JSON does not say a cell of type {type(value).__name__}")


def _pandas(value: Any) -> Kind:
    import pandas as pd

    if type(value) is pd.Timestamp:
        return Kind(_DATE.told, partial(_timestamp, value.unit), _iso)
    if type(value) is pd.Series:
        return _series(value)
    if type(value) is pd.DataFrame:
        return _frame(value)
    raise Inexpressible(f"JSON does not say a {type(value).__name__}")


def _timestamp(unit: str, said: Any) -> Any:
    import pandas as pd

    return pd.Timestamp(_moment(said)).as_unit(unit)


def _series(value: Any) -> Kind:
    import pandas as pd

    if value.index.nlevels > 1:
        raise Inexpressible("JSON does not say a Series of several index levels")
    numbered = type(value.index) is pd.RangeIndex
    key, cell = _cell(value.index.dtype), _cell(value.dtype)
    list(map(cell.give, value.tolist()))  # what cannot be said is told now
    told = f"list of {cell.told}" if numbered else f"list of [{key.told}, {cell.told}] pairs, index and value"
    dtype, index_dtype, name, index_name = value.dtype, value.index.dtype, value.name, value.index.name

    def take(said: Any) -> Any:
        items = _list_of(told, said)
        if numbered:
            return pd.Series(list(map(cell.take, items)), dtype=dtype, name=name)
        pairs = [_list_of(told, item) for item in items]
        if any(len(pair) != 2 for pair in pairs):
            raise ContractError(f"expected {told}")
        index = pd.Index([key.take(pair[0]) for pair in pairs], dtype=index_dtype, name=index_name)
        return pd.Series([cell.take(pair[1]) for pair in pairs], index=index, dtype=dtype, name=name)

    def give(given: Any) -> Any:
        cells = list(map(cell.give, given.tolist()))
        if numbered:
            return cells
        return [list(pair) for pair in zip(map(key.give, given.index.tolist()), cells, strict=True)]

    return Kind(told, take, give)


def _frame(value: Any) -> Kind:
    import pandas as pd

    if value.index.nlevels > 1 or not value.columns.is_unique or not all(type(each) is str for each in value.columns):
        raise Inexpressible("JSON does not say a DataFrame of several index levels, or whose columns are no names")
    numbered = type(value.index) is pd.RangeIndex
    label = None if numbered else str(value.index.name or "index")
    if label in value.columns:
        raise Inexpressible(f"its index and a column are both called {label!r}")
    columns = {name: (value[name].dtype, _cell(value[name].dtype)) for name in value.columns}
    key, index_dtype = _cell(value.index.dtype), value.index.dtype
    index_name, columns_name = value.index.name, value.columns.name
    by_index = "" if label is None else f", with the index as {label!r}"
    told = f"table: a list of objects, one a row, from column to value{by_index}"

    def take(said: Any) -> Any:
        rows = [dict(_exactly("an object a row", dict)(row)) for row in _list_of(told, said)]
        names = list(rows[0]) if rows else list(columns) if label is None else [label, *columns]
        if any(list(row) != names and row.keys() != set(names) for row in rows):
            raise ContractError("its rows have different keys")
        if label is not None and label not in names:
            raise ContractError(f"its rows have no {label!r}, which is the index")
        index = None if label is None else [key.take(row.pop(label)) for row in rows]
        made = {}
        for name in names:
            if name == label:
                continue
            dtype, cell = columns.get(name, (None, _ANY_CELL))
            made[name] = pd.Series([cell.take(row[name]) for row in rows], dtype=dtype)
        frame = pd.DataFrame(made)
        if index is not None:
            frame.index = pd.Index(index, dtype=index_dtype, name=index_name)
        frame.columns.name = columns_name
        return frame

    def give(given: Any) -> Any:
        cells = {name: list(map(columns[name][1].give, given[name].tolist())) for name in given.columns}
        index = [] if label is None else list(map(key.give, given.index.tolist()))
        own = [{} if label is None else {label: index[at]} for at in range(len(given))]
        return [own[at] | {name: column[at] for name, column in cells.items()} for at in range(len(given))]

    give(value)  # what cannot be said is told now
    return Kind(told, take, give)


_ANY_CELL = Kind("JSON", _text_or_none, _as_is)
