"""Bytes to values: total, bounded, and without executing anything that the bytes name.

`decode` returns a value or raises `ClaimError`. The stream may hold no msgpack array or map, so what is allocated while
it is read is bounded by its length; shapes are checked against the buffers that are there; nodes are put together with
a stack of our own. See `cave_rl.runtime.inside.encode` for the layout.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import functools
import itertools
import pathlib
import re
import struct
import uuid
import zoneinfo
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgpack  # type: ignore[import-untyped]

from cave_rl.runtime.codec import figures, instances
from cave_rl.runtime.codec.claims import ClaimError, DecodeLimits, Digest, Opaque, SqliteClaim
from cave_rl.runtime.inside import encode_scalars as wire

_LIMITS = DecodeLimits()
_NO_CLASSES: Mapping[str, type] = MappingProxyType({})
# Not even empty ones, which would cost a hundred times their byte; -1 would mean the default.
_NONE_ALLOWED: Any = {"max_array_len": -2, "max_map_len": -2}
_READ: Any = {"raw": False, "unicode_errors": "surrogatepass", "timestamp": 2}


def decode(data: bytes, classes: Mapping[str, type] = _NO_CLASSES, *, limits: DecodeLimits = _LIMITS) -> Any:
    """The value that some bytes claim.

    Args:
        data: what `encode` wrote, or anything.
        classes: the classes that instances are rebuilt as, by the names that the encoder was given.
        limits: what decoding may cost.

    Raises:
        ClaimError: for whatever is wrong with them.
    """
    try:
        return Decoder(data, classes, limits).decode()
    except ClaimError:
        raise
    except Exception as error:
        raise ClaimError(instances.said(error)) from None
    except BaseException as error:  # a panic of pydantic's core is no Exception
        if type(error).__name__ != "PanicException":
            raise
        raise ClaimError(instances.said(error)) from None


_PENDING = object()
_NEW, _OPEN, _DONE = range(3)


class Node(NamedTuple):
    """Where the cells of a node lie, and what puts it together."""

    builder: Builder
    mask: Any
    head: int
    parts: int
    stop: int


class Builder(NamedTuple):
    """How nodes of one tag are put together.

    Attributes:
        heads: how many cells its head has.
        build: (decoder, head, parts) -> value.
        shell: (decoder, head, number of parts) -> an empty value that may be referred to before it is complete; then
            `build` is (shell, head, parts) -> None.
        nests: whether values of this kind inside one another count as depth.
        vectors: whether its parts may be vectors of pandas.
    """

    heads: int
    build: Callable[[Any, list[Any], list[Any]], Any]
    shell: Callable[[Decoder, list[Any], int], Any] | None = None
    nests: bool = True
    vectors: bool = False


class Decoder:
    """One decoding."""

    def __init__(self, data: bytes, classes: Mapping[str, type], limits: DecodeLimits) -> None:
        if len(data) > limits.max_bytes:
            raise ClaimError(f"{len(data)} bytes, more than the {limits.max_bytes} allowed")
        self.limits = limits
        self._data = memoryview(data)
        self._classes = classes
        self._rebuilt: list[tuple[Any, type]] = []
        self._blobs = memoryview(b"")
        self._blobs_used = 0

    def decode(self) -> Any:
        first = bytes(self._data[:1])
        if first == wire.SCALAR:
            return msgpack.unpackb(self._data[1:], ext_hook=self._scalar, **_READ, **_NONE_ALLOWED)
        if first != wire.TABLE:
            raise ClaimError("not a claim: unknown first byte")
        value = self._assemble(*self._nodes())
        for each, cls in self._rebuilt:
            instances.validate(each, cls)
        return value

    def cls(self, name: object) -> type:
        """The injected class that goes by a name."""
        found = self._classes.get(name) if type(name) is str else None
        if found is None:
            raise ClaimError(f"instance of {_shown(name)}, which is not a class of this task")
        return found

    def stand_in(self, value: Any) -> Any:
        """Lets pass what only stands for a value, where that is allowed."""
        if self.limits.stand_ins:
            return value
        name, reason = getattr(value, "type_name", type(value).__name__), getattr(value, "reason", "")
        raise ClaimError(f"{name[:80]} does not cross by value{reason and ': '}{reason}")

    def rebuilt(self, value: Any, cls: type) -> None:
        """Notes an instance, to be validated once the whole value stands."""
        self._rebuilt.append((value, cls))

    def buffer(self, cell: object) -> memoryview:
        """The bytes that a cell of a head stands for. No byte can be asked for twice."""
        if type(cell) is bytes:
            return memoryview(cell)
        if type(cell) is not range or cell.step != 1 or not 0 <= cell.start < cell.stop <= len(self._blobs):
            raise ClaimError("a buffer lies outside the claim")
        self._blobs_used += len(cell)
        if self._blobs_used > len(self._blobs):
            raise ClaimError("buffers overlap")
        return self._blobs[cell.start : cell.stop]

    def _scalar(self, code: int, data: bytes) -> Any:
        if code == wire.ENUM:
            return instances.member(self.cls, *_fields(data, str, (str, int)))
        known = _SCALARS.get(code)
        if known is not None:
            value = known(data)
            if code in (wire.OPAQUE, wire.DIGEST):
                self.stand_in(value)
            return value
        if not self.limits.libraries:
            raise ClaimError("a value of a library, where only plain values are allowed")
        from cave_rl.runtime.codec import arrays

        return arrays.scalar(code, data)

    def _nodes(self) -> tuple[list[Any], list[Node], list[int], int]:
        size = int.from_bytes(self._data[1:9], "little")
        if len(self._data) < 9 + size:
            raise ClaimError("truncated")
        self._blobs = self._data[9 + size :]
        stream = msgpack.Unpacker(ext_hook=self._scalar, max_buffer_size=size + 1, **_READ, **_NONE_ALLOWED)
        stream.feed(self._data[9 : 9 + size])
        most = self.limits.max_items
        cells = list(itertools.islice(stream, most + 1))
        if len(cells) > most:
            raise ClaimError(f"more than {most} items")
        if stream.tell() != size or len(cells) < 2 or cells[0] is not True:
            raise ClaimError("the stream is broken")
        nodes: list[Node] = []
        vectors: list[int] = []
        at, end = 2, len(cells)
        while at < end:
            count = cells[at]
            if type(count) is not int or not 2 <= count < end - at:
                raise ClaimError("a node does not fit the stream")
            tag, mask = cells[at + 1], cells[at + 2]
            builder = self._builder(tag)
            if tag == "vector":
                vectors.append(len(nodes))
            head, stop = at + 3, at + 1 + count
            if head + builder.heads > stop:
                raise ClaimError(f"a {tag} node is too short")
            nodes.append(Node(builder, mask, head, head + builder.heads, stop))
            at = stop
        return cells, nodes, vectors, cells[1]

    def _builder(self, tag: object) -> Builder:
        builder = _BUILDERS.get(tag) if type(tag) is str else None
        if builder is not None:
            return builder
        if self.limits.libraries:
            from cave_rl.runtime.codec import arrays

            builder = arrays.BUILDERS.get(tag) if type(tag) is str else None
            if builder is not None:
                return builder
        raise ClaimError(f"unknown kind of node {_shown(tag)}")

    def _assemble(self, cells: list[Any], nodes: list[Node], vectors: list[int], root: int) -> Any:
        """Puts the nodes together, parts first; a value that is part of itself is met as its shell."""
        hidden = frozenset(vectors)
        built: list[Any] = [_PENDING] * len(nodes)
        state = bytearray(len(nodes))
        later: list[int] = []
        depths: dict[int, int] = {}  # of those that nest and are more than 1 deep
        if type(root) is not int or not 0 <= root < len(nodes) or root in hidden:
            raise ClaimError("the root is not a node")
        stack = [root]
        while stack:
            index = stack[-1]
            if state[index] == _DONE:
                stack.pop()
                continue
            builder, mask, head_at, parts_at, stop = nodes[index]
            head, parts = cells[head_at:parts_at], cells[parts_at:stop]
            kids = () if mask is None else _references(mask, parts, len(nodes))
            if state[index] == _NEW:
                state[index] = _OPEN
                if builder.shell is not None:
                    built[index] = builder.shell(self, head, len(parts))
                if hidden and not builder.vectors and not hidden.isdisjoint(kids):
                    raise ClaimError("a vector outside of pandas")
                waiting = [kid for kid in kids if state[kid] == _NEW]
                if waiting:
                    stack.extend(reversed(waiting))
                    continue
            stack.pop()
            state[index] = _DONE
            if kids and builder.nests:
                depth = 1 + max(depths.get(kid, 1 if nodes[kid].builder.nests else 0) for kid in kids)
                if depth > self.limits.max_depth:
                    raise ClaimError(f"nested more than {self.limits.max_depth} deep")
                depths[index] = depth
            if any(built[kid] is _PENDING for kid in kids):
                if builder.shell is None:
                    raise ClaimError("an immutable value inside itself")
                later.append(index)  # it is inside an immutable that it holds, which needs only the shell of it
            elif builder.shell is None:
                built[index] = builder.build(self, head, _resolved(mask, parts, built))
            else:
                builder.build(built[index], head, _resolved(mask, parts, built))
        for index in later:
            builder, mask, head_at, parts_at, stop = nodes[index]
            builder.build(built[index], cells[head_at:parts_at], _resolved(mask, cells[parts_at:stop], built))
        return built[root]


def _shown(name: object) -> str:
    return repr(name[:80]) if type(name) is str else f"({type(name).__name__})"


def _resolved(mask: Any, parts: list[Any], built: list[Any]) -> list[Any]:
    if mask is None:
        return parts
    if mask is True:
        return [built[part] for part in parts]
    return [built[part] if refers else part for part, refers in zip(parts, mask, strict=True)]


def _references(mask: object, parts: list[Any], count: int) -> list[int]:
    if mask is True:
        kids = parts
    elif type(mask) is bytes and len(mask) == len(parts):
        kids = list(itertools.compress(parts, mask))
    else:
        raise ClaimError("a mask does not fit its node")
    if kids and not (set(map(type, kids)) == {int} and min(kids) >= 0 and max(kids) < count):
        raise ClaimError("a reference to no node")
    return kids


# Scalars


def _int(code: int, data: bytes) -> int:
    if code != wire.INT:
        raise ClaimError("a scalar inside a scalar")
    return int.from_bytes(data, "little", signed=True)


def _fields(data: bytes, *kinds: type | tuple[type, ...]) -> list[Any]:
    if len(data) > wire.LEAF_BYTES:
        raise ClaimError("a scalar is too large")
    found = msgpack.unpackb(data, ext_hook=_int, max_array_len=len(kinds), max_map_len=-2, **_READ)
    if type(found) is not list or len(found) != len(kinds):
        raise ClaimError("a scalar has the wrong number of fields")
    for each, kind in zip(found, kinds, strict=True):
        if type(each) is not kind and not (type(kind) is tuple and type(each) in kind):
            raise ClaimError("a field of a scalar has the wrong type")
    return found


_OFFSET = re.compile(r"([+-]\d{1,12})(?: (.*))?", re.ASCII | re.DOTALL)


@functools.lru_cache(maxsize=1024)
def zone(name: str | None) -> datetime.tzinfo | None:
    """The timezone that `zone_name` wrote."""
    if name is None:
        return None
    offset = _OFFSET.fullmatch(name)
    if offset:
        delta = datetime.timedelta(microseconds=int(offset[1]))
        return datetime.timezone(delta) if offset[2] is None else datetime.timezone(delta, offset[2])
    if not wire.ZONE.fullmatch(name):
        raise ClaimError("not the name of a timezone")
    return zoneinfo.ZoneInfo(name)


def _decimal(data: bytes) -> decimal.Decimal:
    return decimal.Decimal(data.decode("ascii"))


def _fraction(data: bytes) -> fractions.Fraction:
    return fractions.Fraction(*_fields(data, int, int))


def _uuid(data: bytes) -> uuid.UUID:
    return uuid.UUID(bytes=data)


def _datetime(data: bytes) -> datetime.datetime:
    year, month, day, hour, minute, second, micro, fold, name = _fields(data, *[int] * 8, (str, type(None)))
    return datetime.datetime(year, month, day, hour, minute, second, micro, zone(name), fold=fold)


def _time(data: bytes) -> datetime.time:
    hour, minute, second, micro, fold, name = _fields(data, *[int] * 5, (str, type(None)))
    return datetime.time(hour, minute, second, micro, zone(name), fold=fold)


_PATHS = {each.__name__: each for each in (pathlib.PurePosixPath, pathlib.PureWindowsPath, type(pathlib.Path()))}


def _path(data: bytes) -> pathlib.PurePath:
    name, text = _fields(data, str, str)
    if name not in _PATHS:
        raise ClaimError("not a kind of path of this platform")
    return _PATHS[name](text)


def _empty(value: Any) -> Callable[[bytes], Any]:
    return lambda _: value


_SCALARS: dict[int, Callable[[bytes], Any]] = {
    wire.INT: lambda data: int.from_bytes(data, "little", signed=True),
    wire.COMPLEX: lambda data: complex(*struct.unpack("<dd", data)),
    wire.DECIMAL: _decimal,
    wire.FRACTION: _fraction,
    wire.UUID: _uuid,
    wire.DATETIME: _datetime,
    wire.DATE: lambda data: datetime.date(*_fields(data, int, int, int)),
    wire.TIME: _time,
    wire.TIMEDELTA: lambda data: datetime.timedelta(*_fields(data, int, int, int)),
    wire.TIMEZONE: lambda data: zone(*_fields(data, str)),
    wire.PATH: _path,
    wire.RANGE: lambda data: range(*_fields(data, int, int, int)),
    wire.ELLIPSIS: _empty(...),
    wire.OPAQUE: lambda data: Opaque(*_fields(data, str, str)),
    wire.DIGEST: lambda data: Digest(*_fields(data, str, int, str)),
}

# Containers


def _most_share_no_hash(keys: list[Any]) -> None:
    """Keys made to collide would cost the square of their number."""
    if len(keys) > 1000 and max(collections.Counter(map(hash, keys)).values()) > 100:
        raise ClaimError("too many keys with the same hash")


def _fill_dict(shell: Any, _: list[Any], parts: list[Any]) -> None:
    half, odd = divmod(len(parts), 2)
    keys = parts[:half]
    _most_share_no_hash(keys)
    # `__setitem__` of OrderedDict is its own; Counter.update would count.
    update = shell.update if type(shell) is collections.OrderedDict else lambda items: dict.update(shell, items)
    update(zip(keys, parts[half:], strict=not odd))
    if odd or len(shell) != half:
        raise ClaimError("a dict has a key twice, or without a value")


def _fill_set(shell: set[Any], _: list[Any], parts: list[Any]) -> None:
    _most_share_no_hash(parts)
    shell.update(parts)
    if len(shell) != len(parts):
        raise ClaimError("a set has an element twice")


def _frozenset(_: Decoder, __: list[Any], parts: list[Any]) -> frozenset[Any]:
    shell: set[Any] = set()
    _fill_set(shell, [], parts)
    return frozenset(shell)


def _defaultdict(_: Decoder, head: list[Any], __: int) -> collections.defaultdict[Any, Any]:
    if head[0] is not None and (type(head[0]) is not str or head[0] not in wire.FACTORIES):
        raise ClaimError("not a default factory")
    return collections.defaultdict(None if head[0] is None else wire.FACTORIES[head[0]])


def _deque(_: Decoder, head: list[Any], count: int) -> collections.deque[Any]:
    if head[0] is not None and (type(head[0]) is not int or head[0] < count):
        raise ClaimError("a deque is longer than its maxlen")
    return collections.deque(maxlen=head[0])


def _slice(_: Decoder, __: list[Any], parts: list[Any]) -> slice:
    if len(parts) != 3:
        raise ClaimError("a slice has three parts")
    return slice(*parts)


def _opaque(decoder: Decoder, head: list[Any], parts: list[Any]) -> Any:
    if parts or set(map(type, head)) != {str}:
        raise ClaimError("an opaque has a type and a reason")
    return decoder.stand_in(Opaque(*head))


def _sqlite(decoder: Decoder, head: list[Any], parts: list[Any]) -> Any:
    if parts or type(head[1]) is not bool:
        raise ClaimError("a connection has pages, and an open transaction or none")
    return decoder.stand_in(SqliteClaim(bytes(decoder.buffer(head[0])), head[1]))


def _figure(decoder: Decoder, head: list[Any], parts: list[Any]) -> Any:
    return decoder.stand_in(figures.figure(head, parts))


def _bytearray(decoder: Decoder, head: list[Any], parts: list[Any]) -> bytearray:
    if parts:
        raise ClaimError("a buffer has no parts")
    return bytearray(decoder.buffer(head[0]))


def _namedtuple(decoder: Decoder, head: list[Any], parts: list[Any]) -> Any:
    value, cls = instances.namedtuple(decoder.cls(head[0]), parts)
    decoder.rebuilt(value, cls)
    return value


def _instance(decoder: Decoder, head: list[Any], _: int) -> Any:
    cls = decoder.cls(head[0])
    shell = instances.shell(cls)
    decoder.rebuilt(shell, cls)
    return shell


def _mutable(make: Callable[[Decoder, list[Any], int], Any], fill: Callable[..., Any], heads: int = 0) -> Builder:
    return Builder(heads, fill, make, nests=False)


_BUILDERS: dict[str, Builder] = {
    "list": _mutable(lambda *_: [], lambda shell, _, parts: shell.extend(parts)),
    "tuple": Builder(0, lambda _, __, parts: tuple(parts)),
    "dict": _mutable(lambda *_: {}, _fill_dict),
    "ordereddict": _mutable(lambda *_: collections.OrderedDict(), _fill_dict),
    "counter": _mutable(lambda *_: collections.Counter(), _fill_dict),
    "defaultdict": _mutable(_defaultdict, _fill_dict, heads=1),
    "deque": _mutable(_deque, lambda shell, _, parts: shell.extend(parts), heads=1),
    "set": _mutable(lambda *_: set(), _fill_set),
    "frozenset": Builder(0, _frozenset),
    "slice": Builder(0, _slice),
    "bytearray": Builder(1, _bytearray),
    "sqlite": Builder(2, _sqlite),
    "opaque": Builder(2, _opaque),
    "object": _mutable(_instance, instances.fill, heads=1),
    "namedtuple": Builder(1, _namedtuple),
    "figure": Builder(1, _figure),
}
