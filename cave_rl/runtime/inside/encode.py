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

Here are the API and the engine. What is carried stands in `encode_scalars`, `encode_containers` and `encode_libraries`.
"""

from __future__ import annotations

import collections
import hashlib
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgpack  # type: ignore[import-untyped]

from cave_rl.runtime.inside.encode_containers import REFUSED, SHARED, VALUE, Form, Kind, Tables
from cave_rl.runtime.inside.encode_libraries import tables_for
from cave_rl.runtime.inside.encode_scalars import (
    DIGEST,
    NAME_CHARACTERS,
    PLAIN_IDS,
    SCALAR,
    TABLE,
    Unsupported,
    leaf_of,
    long,
    opaque,
    packb,
    type_name,
)

__all__ = ["EncodeLimits", "Encoder", "encode", "encode_or_digest", "type_name"]

BLOB_BYTES = 1 << 16  # buffers above this travel beside the stream
KEY_DEPTH = 8


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
            return SCALAR + packb(value)
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
    return SCALAR + packb(leaf_of(DIGEST, type_name(type(value)), size, sign.hexdigest()))


def _opaque_claim(value: object, why: str) -> bytes:
    return SCALAR + packb(opaque(value, why))


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
        return bytes(self._pack(value if kind is None else opaque(value)))

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
            return long(value)
        leaf = self._leaves.get(id(type(value)))
        if leaf is None:
            return opaque(value)
        try:
            return leaf(value)
        except Unsupported as error:
            return opaque(value, str(error))
        except Exception as error:  # a scalar whose insides hostile code has replaced
            return opaque(value, type_name(type(error)))

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
                cells[position] = opaque(part)
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
