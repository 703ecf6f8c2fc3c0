"""Turns a live value into the bytes of a claim, beside hostile code.

`encode` is total: what it cannot carry becomes an *opaque* that names its type, at whatever depth it was found. It
recognises values by their exact type (by the type's `id`, so that a metaclass has no say), reads them with the
functions of the builtin types and with the slot descriptors of classes, and calls no method that a class in the runtime
may have defined. Subclasses of builtins, and classes that were not injected, are therefore opaque, whatever they
pretend to be.

The bytes are *canonical*: the same content gives the same bytes, so a digest of the bytes stands for the value.

* Content is the exact type and what it holds: 1, 1.0, True and numpy.int64(1) differ, and so do 0.0 and -0.0.
* Dicts keep their order; sets, and the fields of instances, have none. (Elements of one set that differ only deeper
  than `KEY_DEPTH` levels inside them come in any order.)
* That the *same* mutable object (list, dict, set, array, frame, instance, ...) occurs twice is content: it would show
  in the next change. That the same immutable occurs twice (tuple, frozenset, str, pandas index, ...) is not.
* The memory layout is not: strides, pandas blocks, unused levels of a MultiIndex, values under a mask. Shared memory of
  two arrays, attributes on builtin collections, pandas `attrs` and `flags`, and cached properties are not carried.

Layout of the bytes. A scalar: `SCALAR`, one msgpack object. All else: `TABLE`, the length of the stream (8 bytes,
little endian), a stream of msgpack objects that are never arrays or maps, and the large buffers, end to end. The stream
begins with whether the root is a reference, and the root; then come the nodes:

    count of what follows, tag, mask, *head, *parts

`head` has a length fixed by the tag. `parts` are scalars, or references (the index of a node) where `mask` says so:
None for nowhere, True for everywhere, else one byte for each part. A large buffer in a head is a range, of the bytes
that follow the stream. So nothing nests in the bytes: depth costs neither side a stack.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import fractions
import functools
import hashlib
import pathlib
import re
import sqlite3
import struct
import sys
import types
import uuid
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgpack  # type: ignore[import-untyped]

SCALAR, TABLE = b"\x01", b"\x02"
BLOB_BYTES = 1 << 16  # buffers above this travel beside the stream
KEY_DEPTH = 8
LEAF_BYTES = 1 << 13  # the most that a scalar of several fields may take
NAME_CHARACTERS = 200

# Codes of the scalars that msgpack does not know.
INT, COMPLEX, DECIMAL, FRACTION, UUID, DATETIME, DATE, TIME, TIMEDELTA, TIMEZONE = range(1, 11)
PATH, RANGE, ELLIPSIS, ENUM, OPAQUE, DIGEST = range(11, 17)
NUMPY_SCALAR, NUMPY_TEXT, NUMPY_BYTES, TIMESTAMP, PANDAS_TIMEDELTA, PERIOD, NAT, NA = range(32, 40)

FACTORIES: dict[str, type] = {each.__name__: each for each in (list, dict, set, int, float, str, bool, tuple, bytes)}
ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(?:/[A-Za-z0-9_+-]{1,32}){0,3}", re.ASCII)
FREQUENCY = re.compile(r"-?[A-Z0-9a-z]{1,16}(?:-[A-Z]{3,6})?", re.ASCII)
PLAIN_DTYPE = re.compile(
    r"\|b1|\|[iu]1|[<>](?:[iu][248]|f[248]|c8|c16)|\|S[1-9]\d{0,9}|[<>]U[1-9]\d{0,8}"
    r"|[<>][mM]8(?:\[(?:[1-9]\d{0,8})?(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class EncodeLimits:
    """How much may be encoded before the whole value becomes opaque.

    Attributes:
        max_bytes: bytes of the encoding.
        max_items: elements, keys, values and fields, all levels together.
    """

    max_bytes: int = 1 << 30
    max_items: int = 20_000_000


_LIMITS = EncodeLimits()
_NO_CLASSES: Mapping[type, str] = types.MappingProxyType({})


def encode(value: object, classes: Mapping[type, str] = _NO_CLASSES, *, limits: EncodeLimits = _LIMITS) -> bytes:
    """The canonical bytes of a value.

    Args:
        value: anything.
        classes: the injected classes whose instances are carried, with the names that the decoder knows them by.
        limits: beyond them the value as a whole is opaque.
    """
    if id(type(value)) in PLAIN_IDS:
        try:
            return SCALAR + _packb(value)
        except Exception:
            return _opaque_claim(value, "cannot be packed")
    chunks = _chunks(value, classes, limits)
    return b"".join(chunks)


def encode_or_digest(
    value: object,
    classes: Mapping[type, str] = _NO_CLASSES,
    max_bytes: int = 1 << 20,
    *,
    limits: EncodeLimits = _LIMITS,
) -> bytes:
    """As `encode`, but an encoding larger than `max_bytes` is replaced by a digest of it (type, size and hash)."""
    if id(type(value)) in PLAIN_IDS:
        chunks: list[Any] = [encode(value)]
    else:
        chunks = _chunks(value, classes, limits)
    size = sum(map(len, chunks))
    if size <= max_bytes:
        return b"".join(chunks)
    sign = hashlib.blake2b(digest_size=32)
    for chunk in chunks:
        sign.update(chunk)
    return SCALAR + _packb(_leaf(DIGEST, type_name(type(value)), size, sign.hexdigest()))


def type_name(cls: type) -> str:
    """`module.qualname` of a type, without asking its metaclass; builtins without the module."""
    module, name = _module_of(cls), _qualname_of(cls)
    known = type(module) is str and module != "builtins"
    return (f"{module}.{name}" if known else name)[:NAME_CHARACTERS]


# Types, read past their metaclasses.

_qualname_of: Callable[[type], str] = type.__dict__["__qualname__"].__get__
_vars_of: Callable[[type], Mapping[str, Any]] = type.__dict__["__dict__"].__get__
_mro_of: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
_flags_of: Callable[[type], int] = type.__dict__["__flags__"].__get__


def _module_of(cls: type) -> object:
    try:
        return type.__dict__["__module__"].__get__(cls)
    except AttributeError:
        return None


@dataclass(frozen=True, slots=True)
class Plan:
    """How instances of a class are taken apart and put together.

    Attributes:
        kind: `enum`, `namedtuple`, `object`, or `none` for a class whose instances hold state of their builtin base.
        slots: the descriptors of the slots, by name.
        dict_of: the descriptor of the instance's `__dict__`, if it has one.
        cached: names that hold values computed by the class (cached properties); they are no state.
        guarded: names of methods, which an instance's own attribute would replace.
    """

    kind: str
    slots: Mapping[str, Any]
    dict_of: Any
    cached: frozenset[str]
    guarded: frozenset[str]


_HEAP_TYPE = 1 << 9
_METHODS = (types.FunctionType, classmethod, staticmethod, functools.partialmethod)


def plan_of(cls: type) -> Plan:
    """How instances of `cls` are carried: decided by its layout, not by what it says of itself."""
    mro = _mro_of(cls)
    slots: dict[str, Any] = {}
    found: dict[str, Any] = {}
    dict_of = None
    for each in reversed(mro[:-1]):
        for name, entry in _vars_of(each).items():
            found[name] = entry
            if type(entry) is types.MemberDescriptorType and _flags_of(each) & _HEAP_TYPE:
                slots[name] = entry
            elif name == "__dict__" and type(entry) is types.GetSetDescriptorType:
                dict_of = entry
    fields = found.get("__dataclass_fields__", ())  # the default of a field may well be a function
    shadows = {name: entry for name, entry in found.items() if name not in fields and _is_overridable(entry)}
    guarded = frozenset(name for name, entry in shadows.items() if isinstance(entry, _METHODS))
    if enum.Enum in mro:
        kind = "enum"
    elif any(not _flags_of(each) & _HEAP_TYPE for each in mro[:-1] if each is not tuple):
        kind = "none"
    elif tuple in mro:
        kind = "namedtuple" if type(found.get("_fields")) is tuple else "none"
    else:
        kind = "object"
    return Plan(kind, slots, dict_of, frozenset(shadows) - guarded, guarded)


def _is_overridable(entry: object) -> bool:
    """Whether an attribute of the class gives way to one of the instance, and yet computes what is read."""
    attributes = [_vars_of(each) for each in _mro_of(type(entry))]
    return any("__get__" in each for each in attributes) and not any("__set__" in each for each in attributes)


# Scalars that msgpack does not know: one extension each, most of them a short list of fields.


class Unsupported(Exception):
    """A value that has no encoding; its text says why."""


def _leaf(code: int, *fields: object) -> msgpack.ExtType:
    if not all(id(type(each)) in PLAIN_IDS for each in fields):
        raise Unsupported("its insides were replaced")
    data = _packb(list(fields))
    if len(data) > LEAF_BYTES:
        raise Unsupported("too large")
    return msgpack.ExtType(code, data)


def _long(value: Any) -> msgpack.ExtType:
    """An int of more than 64 bits."""
    return msgpack.ExtType(INT, int.to_bytes(value, value.bit_length() // 8 + 1, "little", signed=True))


def _packb(value: object) -> bytes:
    return bytes(msgpack.packb(value, default=_long, strict_types=True, unicode_errors="surrogatepass"))


def _opaque(value: object, why: str = "") -> msgpack.ExtType:
    return _leaf(OPAQUE, type_name(type(value)), why[:NAME_CHARACTERS])


def _opaque_claim(value: object, why: str) -> bytes:
    return SCALAR + _packb(_opaque(value, why))


def zone_name(zone: object) -> str | None:
    """How a timezone is written: a key of the timezone database, or an offset in microseconds and a name."""
    if zone is None:
        return None
    if type(zone) is zoneinfo.ZoneInfo:
        if type(zone.key) is str and ZONE.fullmatch(zone.key):
            return zone.key
    elif type(zone) is datetime.timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        return f"{offset // datetime.timedelta(microseconds=1):+d}" + "".join(f" {each}" for each in name)
    raise Unsupported(f"timezone {type_name(type(zone))}")


def _decimal(x: decimal.Decimal) -> msgpack.ExtType:
    return msgpack.ExtType(DECIMAL, str(x).encode())


def _fraction(x: fractions.Fraction) -> msgpack.ExtType:
    return _leaf(FRACTION, object.__getattribute__(x, "_numerator"), object.__getattribute__(x, "_denominator"))


def _uuid(x: uuid.UUID) -> msgpack.ExtType:
    return msgpack.ExtType(UUID, int.to_bytes(object.__getattribute__(x, "int"), 16, "big"))


def _datetime(x: datetime.datetime) -> msgpack.ExtType:
    clock = (x.hour, x.minute, x.second, x.microsecond, x.fold)
    return _leaf(DATETIME, x.year, x.month, x.day, *clock, zone_name(x.tzinfo))


def _time(x: datetime.time) -> msgpack.ExtType:
    return _leaf(TIME, x.hour, x.minute, x.second, x.microsecond, x.fold, zone_name(x.tzinfo))


def _path(x: pathlib.PurePath) -> msgpack.ExtType:
    return _leaf(PATH, type(x).__name__, str(x))


_Leaf = Callable[[Any], msgpack.ExtType]
_LEAVES: dict[type, _Leaf] = {
    complex: lambda x: msgpack.ExtType(COMPLEX, struct.pack("<dd", x.real, x.imag)),
    decimal.Decimal: _decimal,
    fractions.Fraction: _fraction,
    uuid.UUID: _uuid,
    datetime.datetime: _datetime,
    datetime.date: lambda x: _leaf(DATE, x.year, x.month, x.day),
    datetime.time: _time,
    datetime.timedelta: lambda x: _leaf(TIMEDELTA, x.days, x.seconds, x.microseconds),
    datetime.timezone: lambda x: _leaf(TIMEZONE, zone_name(x)),
    zoneinfo.ZoneInfo: lambda x: _leaf(TIMEZONE, zone_name(x)),
    range: lambda x: _leaf(RANGE, x.start, x.stop, x.step),
    type(Ellipsis): lambda x: msgpack.ExtType(ELLIPSIS, b""),
    pathlib.PurePosixPath: _path,
    pathlib.PureWindowsPath: _path,
    type(pathlib.Path()): _path,
}

# Containers: taken apart by one level into a head (tag first, then scalars and buffers) and parts (any values).

Form = tuple[list[Any], list[Any]]
SHARED, VALUE, FRESH, REFUSED = "shared", "value", "fresh", "refused"


class Kind(NamedTuple):
    """How a type of container is carried.

    Attributes:
        mode: `SHARED` (its identity is content), `VALUE` (equal ones are one node), `FRESH` (a node each time),
        `REFUSED`.
        take: takes one level apart.
    """

    mode: str
    take: Callable[[Encoder, Any], Form]


class Taken(NamedTuple):
    """A node that was taken apart together with its parent."""

    head: list[Any]
    parts: list[Any]


def _take_dict(tag: str, keys: Callable[[Any], Iterable[Any]], values: Callable[[Any], Iterable[Any]]) -> Any:
    return lambda _, x: ([tag], [*keys(x), *values(x)])


def _take_defaultdict(_: Encoder, x: collections.defaultdict[Any, Any]) -> Form:
    factory = x.default_factory
    named = next((name for name, each in FACTORIES.items() if each is factory), None)
    return ["defaultdict", named], [*dict.keys(x), *dict.values(x)]


def _take_sqlite(_: Encoder, x: sqlite3.Connection) -> Form:
    return ["sqlite", memoryview(sqlite3.Connection.serialize(x))], []


def _refuse(_: Encoder, x: object) -> Form:
    raise Unsupported("")


_ordered = collections.OrderedDict
_CONTAINERS: dict[type, Kind] = {
    list: Kind(SHARED, lambda _, x: (["list"], list(x))),
    tuple: Kind(VALUE, lambda _, x: (["tuple"], list(x))),
    dict: Kind(SHARED, _take_dict("dict", dict.keys, dict.values)),
    _ordered: Kind(SHARED, _take_dict("ordereddict", _ordered.keys, _ordered.values)),
    collections.Counter: Kind(SHARED, _take_dict("counter", dict.keys, dict.values)),
    collections.defaultdict: Kind(SHARED, _take_defaultdict),
    collections.deque: Kind(SHARED, lambda _, x: (["deque", x.maxlen], list(x))),
    set: Kind(SHARED, lambda encoder, x: (["set"], encoder.ordered(x))),
    frozenset: Kind(VALUE, lambda encoder, x: (["frozenset"], encoder.ordered(x))),
    slice: Kind(VALUE, lambda _, x: (["slice"], [x.start, x.stop, x.step])),
    bytearray: Kind(SHARED, lambda _, x: (["bytearray", memoryview(bytes(x))], [])),
    sqlite3.Connection: Kind(SHARED, _take_sqlite),
    Taken: Kind(FRESH, lambda _, x: x),
    # msgpack would pack these itself, as something that they are not.
    memoryview: Kind(REFUSED, _refuse),
    msgpack.ExtType: Kind(REFUSED, _refuse),
    msgpack.Timestamp: Kind(REFUSED, _refuse),
}


def _take_object(name: str, plan: Plan) -> Callable[[Encoder, Any], Form]:
    def take(_: Encoder, x: Any) -> Form:
        state: dict[str, Any] = {}
        if plan.dict_of is not None:
            own = plan.dict_of.__get__(x)
            if type(own) is not dict or not all(type(key) is str for key in own):
                raise Unsupported("its __dict__ was replaced")
            state.update((key, each) for key, each in own.items() if key not in plan.cached)
        for key, slot in plan.slots.items():
            try:
                state[key] = slot.__get__(x)
            except AttributeError:  # a slot that holds nothing is no state
                continue
        names = sorted(state)
        return ["object", name], [*names, *(state[key] for key in names)]

    return take


def _take_namedtuple(name: str, plan: Plan) -> Callable[[Encoder, Any], Form]:
    def take(_: Encoder, x: Any) -> Form:
        if plan.dict_of is not None and plan.dict_of.__get__(x):
            raise Unsupported("a namedtuple with attributes of its own")
        return ["namedtuple", name], list(tuple.__iter__(x))

    return take


def _enum_leaf(name: str, cls: type) -> _Leaf:
    members = _vars_of(cls)["_member_map_"]

    def leaf(x: Any) -> msgpack.ExtType:
        member = object.__getattribute__(x, "_name_")
        if type(member) is str and members.get(member) is x:
            return _leaf(ENUM, name, member)
        return _leaf(ENUM, name, object.__getattribute__(x, "_value_"))

    return leaf


@dataclass(frozen=True, slots=True)
class Tables:
    """The known types by `id`. The ids stay theirs: `alive` keeps the types."""

    containers: dict[int, Kind]
    leaves: dict[int, _Leaf]
    alive: list[type]

    def add(self, containers: Mapping[type, Kind], leaves: Mapping[type, _Leaf]) -> None:
        self.containers.update((id(cls), kind) for cls, kind in containers.items())
        self.leaves.update((id(cls), leaf) for cls, leaf in leaves.items())
        self.alive.extend([*containers, *leaves])

    def inject(self, cls: type, name: str) -> None:
        """Makes the instances of a class known, unless its layout cannot be carried."""
        plan = plan_of(cls)
        if plan.kind == "object":
            self.containers[id(cls)] = Kind(SHARED, _take_object(name, plan))
        elif plan.kind == "namedtuple":
            self.containers[id(cls)] = Kind(VALUE, _take_namedtuple(name, plan))
        elif plan.kind == "enum":
            self.leaves[id(cls)] = _enum_leaf(name, cls)
        self.alive.append(cls)


_BASE = Tables({}, {}, [])
_BASE.add(_CONTAINERS, _LEAVES)
PLAIN_IDS = frozenset(map(id, (type(None), bool, int, float, str, bytes)))
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


# The engine.


class _TooLarge(Exception):
    pass


def _chunks(value: object, classes: Mapping[type, str], limits: EncodeLimits) -> list[Any]:
    try:
        return Encoder(tables_for(classes), limits).chunks(value)
    except _TooLarge as error:
        return [_opaque_claim(value, str(error))]
    except Exception as error:  # whatever hostile code has broken, there is a claim
        return [_opaque_claim(value, type_name(type(error)))]


class Encoder:
    """One encoding: a table of nodes that grows while the value is walked, in an order that its content sets."""

    def __init__(self, tables: Tables, limits: EncodeLimits = _LIMITS) -> None:
        self._containers, self._leaves = tables.containers, tables.leaves
        self._limits = limits
        self._pack = msgpack.Packer(
            default=self._leaf, strict_types=True, unicode_errors="surrogatepass", buf_size=1 << 12
        ).pack
        self._nodes: list[bytes | None] = []
        self._waiting: collections.deque[tuple[int, Any]] = collections.deque()
        self._seen: dict[int, tuple[int, Any]] = {}  # by id; the value is held so that its id stays its own
        self._values: dict[bytes, int] = {}
        self._forms: dict[int, tuple[Form, Any]] = {}  # of VALUE containers that are being encoded
        self._keys: dict[tuple[int, int], tuple[bytes, Any]] = {}
        self._blobs: list[memoryview] = []
        self._blob_bytes = self._bytes = self._items = 0

    def chunks(self, value: object) -> list[Any]:
        """The encoding in pieces, so that large buffers are copied once."""
        kind = self.kind(value)
        if kind is None or kind.mode is REFUSED:
            return [SCALAR, self.pack(value)]
        root = self._refer(value, kind)
        while self._waiting:
            index, each = self._waiting.popleft()
            self._nodes[index] = self._node(*self.take(each))
        start = self._pack(True) + self._pack(root)
        length = len(start) + sum(map(len, self._nodes))  # type: ignore[arg-type]
        return [TABLE, length.to_bytes(8, "little"), start, *self._nodes, *self._blobs]

    def kind(self, value: object) -> Kind | None:
        """How a container is carried; None for a scalar."""
        return self._containers.get(id(type(value)))

    def take(self, value: object) -> Form:
        """One level of a container."""
        try:
            return self._containers[id(type(value))].take(self, value)
        except Unsupported as error:
            why = str(error)
        except Exception as error:  # a broken container is opaque, not the whole value
            why = type_name(type(error))
        return ["opaque", type_name(type(value)), why[:NAME_CHARACTERS]], []

    def pack(self, value: object) -> bytes:
        """A scalar as it stands in the bytes; containers that msgpack would take for scalars are opaque."""
        kind = self.kind(value)
        return bytes(self._pack(value if kind is None else _opaque(value)))

    def ordered(self, elements: Iterable[Any]) -> list[Any]:
        """The elements of a set in an order that only their content sets."""
        found = list(elements)
        ids = set(map(id, map(type, found)))
        if ids == {id(int)} or ids == {id(str)}:
            return sorted(found)
        return sorted(found, key=self.key)

    def key(self, value: object, depth: int = KEY_DEPTH) -> bytes:
        """A digest of the content of a value, `depth` levels deep."""
        kind = self.kind(value)
        if kind is None or kind.mode is REFUSED:
            return self.pack(value)
        if depth == 0:
            return type_name(type(value)).encode("utf-8", "surrogatepass")
        known = self._keys.get((id(value), depth))
        if known is not None:
            return known[0]
        if type(value) is set or type(value) is frozenset:
            head: list[Any] = [type(value).__name__]
            keys = sorted(self.key(each, depth - 1) for each in value)
        else:
            head, parts = self.take(value)
            keys = [self.key(each, depth - 1) for each in parts]
        sign = hashlib.blake2b(digest_size=16)
        for each in (*map(self._pack, head), *keys):
            sign.update(len(each).to_bytes(8, "little") + each)
        self._keys[id(value), depth] = sign.digest(), value
        return sign.digest()

    def _leaf(self, value: Any) -> msgpack.ExtType:
        """What msgpack asks for a value that it does not know."""
        if type(value) is int:
            return _long(value)
        leaf = self._leaves.get(id(type(value)))
        if leaf is None:
            return _opaque(value)
        try:
            return leaf(value)
        except Unsupported as error:
            return _opaque(value, str(error))
        except Exception as error:  # a scalar whose insides hostile code has replaced
            return _opaque(value, type_name(type(error)))

    def _refer(self, value: Any, kind: Kind) -> int:
        if kind.mode is VALUE:
            return self._value(value)
        seen = self._seen.get(id(value))
        if seen is not None:
            return seen[0]
        index = self._add(None)
        self._waiting.append((index, value))
        if kind.mode is SHARED:
            self._seen[id(value)] = index, value
        return index

    def _add(self, node: bytes | None) -> int:
        if len(self._nodes) >= self._limits.max_items:
            raise _TooLarge("too many items")
        self._nodes.append(node)
        return len(self._nodes) - 1

    def _value(self, value: Any) -> int:
        """The node of an immutable container: its parts first, so that equal contents have equal bytes and one node."""
        seen, forms, stack = self._seen, self._forms, [value]
        while stack:
            each = stack[-1]
            if id(each) in seen:
                stack.pop()
                continue
            if id(each) not in forms:
                form = self.take(each)
                forms[id(each)] = form, each
                inner = () if self._all_scalars(form[1]) else [part for part in form[1] if self._is_new_value(part)]
                if inner:
                    stack.extend(reversed(inner))
                    continue
            node = self._node(*forms[id(each)][0])
            index = self._values.get(node)
            if index is None:
                index = self._values[node] = self._add(node)
            seen[id(each)] = index, each
            del forms[id(each)]
            stack.pop()
        return seen[id(value)][0]

    def _all_scalars(self, parts: list[Any]) -> bool:
        return self._containers.keys().isdisjoint(map(id, map(type, parts)))

    def _is_new_value(self, part: object) -> bool:
        kind = self._containers.get(id(type(part)))
        return kind is not None and kind.mode is VALUE and id(part) not in self._seen and id(part) not in self._forms

    def _node(self, head: list[Any], parts: list[Any]) -> bytes:
        mask, cells = self._cells(parts)
        count = 1 + len(head) + len(cells)  # the tag is the first of the head; the mask is one more
        self._items += count
        if self._items > self._limits.max_items:
            raise _TooLarge("too many items")
        tag, *rest = head
        packed = self._pack([count, tag, mask, *map(self._buffer, rest), *cells])
        size = count + 1
        node = bytes(packed[1 if size < 16 else 3 if size < 1 << 16 else 5 :])  # the stream has no arrays
        self._bytes += len(node)
        if self._bytes + self._blob_bytes > self._limits.max_bytes:
            raise _TooLarge("too many bytes")
        return node

    def _cells(self, parts: list[Any]) -> tuple[bytes | bool | None, list[Any]]:
        if self._all_scalars(parts):
            return None, parts
        containers = self._containers
        cells, mask = list(parts), bytearray(len(parts))
        for position, part in enumerate(parts):
            kind = containers.get(id(type(part)))
            if kind is None:
                continue
            if kind.mode is REFUSED or id(part) in self._forms:  # the latter: an immutable inside itself
                cells[position] = _opaque(part)
            else:
                mask[position] = 1
                cells[position] = self._refer(part, kind)
        return True if all(mask) else bytes(mask) if any(mask) else None, cells

    def _buffer(self, cell: Any) -> Any:
        if type(cell) is not memoryview or len(cell) <= BLOB_BYTES:
            return cell
        start = self._blob_bytes
        self._blobs.append(cell)
        self._blob_bytes += len(cell)
        return range(start, start + len(cell))


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


def _take_array(_: Encoder, x: Any) -> Form:
    shape = struct.pack(f"<{x.ndim}q", *x.shape)
    if x.dtype.kind == "O":
        return ["objects", shape], x.reshape(-1).tolist()
    return ["array", shape, plain_dtype(x.dtype), payload(x)], []


def _numpy(np: Any) -> tuple[dict[type, Kind], dict[type, _Leaf]]:
    def scalar(x: Any) -> msgpack.ExtType:
        return _leaf(NUMPY_SCALAR, plain_dtype(x.dtype), x.tobytes())

    # One that differs from another only by the name of its C type (longlong) comes back as the other.
    names = "bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128"
    kinds = {getattr(np, name) for name in f"{names} longlong ulonglong datetime64 timedelta64".split()}
    leaves: dict[type, _Leaf] = dict.fromkeys(kinds, scalar)
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


def _pandas(pd: Any) -> tuple[dict[type, Kind], dict[type, _Leaf]]:
    np = sys.modules["numpy"]

    def index(_: Encoder, x: Any) -> Form:
        return _take_index(pd, np, x)

    def series(_: Encoder, x: Any) -> Form:
        return ["series"], [x.name, Taken(*_take_index(pd, np, x.index)), _vector(pd, np, x.array)]

    def frame(_: Encoder, x: Any) -> Form:
        sides = [Taken(*_take_index(pd, np, side)) for side in (x.index, x.columns)]
        return ["frame"], [*sides, *(_vector(pd, np, column.array) for _, column in x.items())]

    def vector(_: Encoder, x: Any) -> Form:
        return ["extension"], [_vector(pd, np, x)]

    def timestamp(x: Any) -> msgpack.ExtType:
        return _leaf(TIMESTAMP, x.unit, int(x.to_datetime64().view("i8")), zone_name(x.tzinfo))

    def period(x: Any) -> msgpack.ExtType:
        return _leaf(PERIOD, _frequency(x.freqstr), x.ordinal)

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
    leaves: dict[type, _Leaf] = {
        pd.Timestamp: timestamp,
        pd.Timedelta: lambda x: _leaf(PANDAS_TIMEDELTA, x.unit, int(x.to_timedelta64().view("i8"))),
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


def _matplotlib(module: Any) -> tuple[dict[type, Kind], dict[type, _Leaf]]:
    def figure(_: Encoder, x: Any) -> Form:
        title = x.get_suptitle() if hasattr(x, "get_suptitle") else ""
        return ["figure", str(title)], [[_axes(ax) for ax in x.axes]]

    return {module.Figure: Kind(SHARED, figure)}, {}


_LIBRARIES: tuple[tuple[str, Callable[[Any], tuple[dict[type, Kind], dict[type, _Leaf]]]], ...] = (
    ("numpy", _numpy),
    ("pandas", _pandas),
    ("matplotlib.figure", _matplotlib),
)
