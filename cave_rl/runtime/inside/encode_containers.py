"""Containers and instances, and the tables that know their types.

A container is taken apart by one level into a head (tag first, then scalars and buffers) and parts (any values). So is
an instance of an injected class, by the layout of the class; a member of an enumeration is a scalar.
"""

from __future__ import annotations

import collections
import enum
import functools
import sqlite3
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import msgpack  # type: ignore[import-untyped]

from cave_rl.runtime.inside.encode_scalars import (
    ENUM,
    FACTORIES,
    Leaf,
    Unsupported,
    flags_of,
    leaf_of,
    mro_of,
    vars_of,
)

Form = tuple[list[Any], list[Any]]
SHARED, VALUE, FRESH, REFUSED = "shared", "value", "fresh", "refused"


class Orders(Protocol):
    """What taking a container apart asks of the encoder."""

    def ordered(self, elements: Iterable[Any]) -> list[Any]:
        """The elements of a set in an order that only their content sets."""


class Kind(NamedTuple):
    """How a type of container is carried.

    Attributes:
        mode: `SHARED` (its identity is content), `VALUE` (equal ones are one node), `FRESH` (a node each time),
        `REFUSED`.
        take: takes one level apart.
    """

    mode: str
    take: Callable[[Orders, Any], Form]


class Taken(NamedTuple):
    """A node that was taken apart together with its parent."""

    head: list[Any]
    parts: list[Any]


def _take_dict(tag: str, keys: Callable[[Any], Iterable[Any]], values: Callable[[Any], Iterable[Any]]) -> Any:
    return lambda _, x: ([tag], [*keys(x), *values(x)])


def _take_defaultdict(_: Orders, x: collections.defaultdict[Any, Any]) -> Form:
    factory = x.default_factory
    named = next((name for name, each in FACTORIES.items() if each is factory), None)
    return ["defaultdict", named], [*dict.keys(x), *dict.values(x)]


_is_in_transaction = vars(sqlite3.Connection)["in_transaction"].__get__


def _take_sqlite(_: Orders, x: sqlite3.Connection) -> Form:
    # The pages are as the connection sees them, uncommitted changes included: so whether there are any is told as well.
    return ["sqlite", memoryview(sqlite3.Connection.serialize(x)), _is_in_transaction(x)], []


def _refuse(_: Orders, x: object) -> Form:
    raise Unsupported("")


_ordered = collections.OrderedDict
CONTAINERS: dict[type, Kind] = {
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


# Instances, by the layout of their class.


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
    mro = mro_of(cls)
    slots: dict[str, Any] = {}
    found: dict[str, Any] = {}
    dict_of = None
    for each in reversed(mro[:-1]):
        for name, entry in vars_of(each).items():
            found[name] = entry
            if type(entry) is types.MemberDescriptorType and flags_of(each) & _HEAP_TYPE:
                slots[name] = entry
            elif name == "__dict__" and type(entry) is types.GetSetDescriptorType:
                dict_of = entry
    fields = found.get("__dataclass_fields__", ())  # the default of a field may well be a function
    shadows = {name: entry for name, entry in found.items() if name not in fields and _is_overridable(entry)}
    guarded = frozenset(name for name, entry in shadows.items() if isinstance(entry, _METHODS))
    if enum.Enum in mro:
        kind = "enum"
    elif any(not flags_of(each) & _HEAP_TYPE for each in mro[:-1] if each is not tuple):
        kind = "none"
    elif tuple in mro:
        kind = "namedtuple" if type(found.get("_fields")) is tuple else "none"
    else:
        kind = "object"
    return Plan(kind, slots, dict_of, frozenset(shadows) - guarded, guarded)


def _is_overridable(entry: object) -> bool:
    """Whether an attribute of the class gives way to one of the instance, and yet computes what is read."""
    attributes = [vars_of(each) for each in mro_of(type(entry))]
    return any("__get__" in each for each in attributes) and not any("__set__" in each for each in attributes)


def _take_object(name: str, plan: Plan) -> Callable[[Orders, Any], Form]:
    def take(_: Orders, x: Any) -> Form:
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


def _take_namedtuple(name: str, plan: Plan) -> Callable[[Orders, Any], Form]:
    def take(_: Orders, x: Any) -> Form:
        if plan.dict_of is not None and plan.dict_of.__get__(x):
            raise Unsupported("a namedtuple with attributes of its own")
        return ["namedtuple", name], list(tuple.__iter__(x))

    return take


def _enum_leaf(name: str, cls: type) -> Leaf:
    members = vars_of(cls)["_member_map_"]

    def leaf(x: Any) -> msgpack.ExtType:
        member = object.__getattribute__(x, "_name_")
        if type(member) is str and members.get(member) is x:
            return leaf_of(ENUM, name, member)
        return leaf_of(ENUM, name, object.__getattribute__(x, "_value_"))

    return leaf


@dataclass(frozen=True, slots=True)
class Tables:
    """The known types by `id`. The ids stay theirs: `alive` keeps the types."""

    containers: dict[int, Kind]
    leaves: dict[int, Leaf]
    alive: list[type]

    def add(self, containers: Mapping[type, Kind], leaves: Mapping[type, Leaf]) -> None:
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
