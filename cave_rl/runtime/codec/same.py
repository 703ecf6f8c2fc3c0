"""Exact equality of decoded values."""

from __future__ import annotations

from typing import Any

import msgpack  # type: ignore[import-untyped]

from cave_rl.runtime.codec.claims import Opaque
from cave_rl.runtime.inside import encode_scalars as wire
from cave_rl.runtime.inside.encode import Encoder
from cave_rl.runtime.inside.encode_containers import REFUSED, Kind, Tables
from cave_rl.runtime.inside.encode_libraries import tables_for

_UNORDERED = ("dict", "counter", "defaultdict")


def same(a: object, b: object) -> bool:
    """Whether two values have the same types and the same content, at every depth.

    It calls no `__eq__`. 1, 1.0 and True differ, and so do 0.0 and -0.0; nan is the same as nan. Unlike the encoding it
    ignores the order of dicts (not of OrderedDicts), and whether equal parts are one object. Instances are compared by
    their fields. Nothing opaque is the same as anything.

    >>> same({"a": 1, "b": [2.0]}, {"b": [2.0], "a": 1}), same(1, True), same(float("nan"), float("nan"))
    (True, False, True)
    """
    return _Comparison().same(a, b)


class _Comparison(Encoder):
    """Uses the encoder to take values apart; every class counts as injected."""

    def __init__(self) -> None:
        base = tables_for({})
        self._tables = Tables(dict(base.containers), dict(base.leaves), [])
        self._opaque = False
        super().__init__(self._tables)

    def kind(self, value: object) -> Kind | None:
        cls = type(value)
        if cls is Opaque:
            self._opaque = True
        elif id(cls) not in self._containers and id(cls) not in self._leaves and id(cls) not in wire.PLAIN_IDS:
            self._tables.inject(cls, wire.type_name(cls))
        return self._containers.get(id(cls))

    def _leaf(self, value: Any) -> msgpack.ExtType:
        leaf = super()._leaf(value)
        self._opaque = self._opaque or leaf.code == wire.OPAQUE
        return leaf

    def same(self, a: object, b: object) -> bool:
        pairs = [(a, b)]
        seen: dict[tuple[int, int], tuple[Any, Any]] = {}  # the values are held, so that their ids stay theirs
        while pairs:
            one, other = pairs.pop()
            if type(one) is not type(other):
                return False
            kind = self.kind(one)
            if kind is None:
                if self.pack(one) != self.pack(other) or self._opaque:
                    return False
                continue
            if (id(one), id(other)) in seen:
                continue
            seen[id(one), id(other)] = one, other
            if kind.mode is REFUSED:
                return False
            (head, parts), (its_head, its_parts) = self.take(one), self.take(other)
            if self._opaque or head[0] == "opaque" or head != its_head or len(parts) != len(its_parts):
                return False
            if head[0] in _UNORDERED and not self._alike(parts, its_parts):
                parts, its_parts = self._by_key(parts), self._by_key(its_parts)
            if self._plain(parts) and self._plain(its_parts):
                if self._pack(parts) != self._pack(its_parts) or self._opaque:
                    return False
            else:
                pairs.extend(zip(parts, its_parts, strict=True))
        return True

    def _alike(self, parts: list[Any], its_parts: list[Any]) -> bool:
        """Whether two dicts have plain keys in the same order, so that sorting them can be spared."""
        keys, its_keys = (each[: len(each) // 2] for each in (parts, its_parts))
        plain = wire.PLAIN_IDS.issuperset(map(id, map(type, [*keys, *its_keys])))
        return plain and bool(self._pack(keys) == self._pack(its_keys))

    def _plain(self, parts: list[Any]) -> bool:
        if wire.PLAIN_IDS.issuperset(map(id, map(type, parts))):
            return True
        return all(self.kind(each) is None for each in parts)

    def _by_key(self, parts: list[Any]) -> list[Any]:
        half = len(parts) // 2
        keys = list(map(self.key, parts[:half]))
        order = sorted(range(half), key=keys.__getitem__)
        return [*(parts[at] for at in order), *(parts[half + at] for at in order)]
