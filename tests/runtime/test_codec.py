"""A claim says exactly what a value is: type and content, shared and cyclic references, in canonical bytes."""

from __future__ import annotations

import collections
import ctypes
import datetime
import math
import pathlib
import struct
import zoneinfo
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cave_rl.runtime.codec import (
    ClaimError,
    DecodeLimits,
    Digest,
    EncodeLimits,
    Opaque,
    decode,
    digest,
    encode,
    encode_or_digest,
    same,
)

ZONES = st.sampled_from(
    [
        None,
        datetime.UTC,
        datetime.timezone(datetime.timedelta(hours=-3, microseconds=7)),
        datetime.timezone(datetime.timedelta(hours=1), "a name"),
        zoneinfo.ZoneInfo("Europe/Paris"),
    ]
)
TEXT = st.text(st.characters(), max_size=8)  # surrogates are characters here
HASHABLE_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(1 << 200), max_value=1 << 200),
    st.floats(),
    st.complex_numbers(),
    TEXT,
    st.binary(max_size=8),
    st.decimals().filter(lambda x: not x.is_snan()),
    st.fractions(),
    st.uuids(),
    st.datetimes(timezones=ZONES),
    st.datetimes().map(lambda x: x.replace(fold=1)),
    st.dates(),
    st.times(),
    st.timedeltas(),
    ZONES,
    st.just(...),
    st.builds(range, st.integers(), st.integers(), st.integers(min_value=1)),
    st.lists(TEXT.filter(lambda x: "\0" not in x), max_size=3).map(lambda x: pathlib.PurePosixPath(*x)),
    st.just(pathlib.Path("/a/b")),
    st.just(pathlib.PureWindowsPath("c:\\a")),
)
HASHABLE = st.recursive(
    HASHABLE_LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4).map(tuple), st.frozensets(inner, max_size=4)),
    max_leaves=6,
)


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    dicts = st.dictionaries(HASHABLE, inner, max_size=4)
    return st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        dicts,
        dicts.map(collections.OrderedDict),
        dicts.map(lambda x: collections.defaultdict(list, x)),
        st.lists(HASHABLE_LEAVES, max_size=5).map(collections.Counter),
        st.lists(inner, max_size=5).map(lambda x: collections.deque(x, maxlen=9)),
        st.sets(HASHABLE, max_size=5),
        st.builds(slice, inner, inner, inner),
    )


VALUES = st.recursive(
    st.one_of(HASHABLE, st.decimals(), st.binary(max_size=8).map(bytearray)), containers, max_leaves=12
)


def alike(a: Any, b: Any) -> bool:
    """An independent and slow opinion about exact equality."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b)
    if isinstance(a, complex):
        return alike((a.real, a.imag), (b.real, b.imag))
    if isinstance(a, set | frozenset):
        return len(a) == len(b) and all(any(alike(x, y) for y in b) for x in a)
    if isinstance(a, dict):
        factories = getattr(a, "default_factory", None) is getattr(b, "default_factory", None)
        return factories and alike(list(a), list(b)) and alike([a[key] for key in a], [b[key] for key in b])
    if isinstance(a, list | tuple | collections.deque):
        limits = getattr(a, "maxlen", None) == getattr(b, "maxlen", None)
        return limits and len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, slice):
        return alike((a.start, a.stop, a.step), (b.start, b.stop, b.step))
    if isinstance(a, Decimal):
        return a.as_tuple() == b.as_tuple()
    if isinstance(a, datetime.datetime | datetime.time):
        return repr(a) == repr(b)
    if isinstance(a, range):
        return (a.start, a.stop, a.step) == (b.start, b.stop, b.step)
    return bool(a == b)


def copied(x: Any) -> Any:
    """The same content in other objects, sets filled from the other end."""
    if isinstance(x, set | frozenset):
        return type(x)([copied(each) for each in reversed(list(x))])
    if isinstance(x, collections.defaultdict):
        return collections.defaultdict(x.default_factory, {copied(key): copied(x[key]) for key in x})
    if isinstance(x, dict):
        fresh = type(x)()
        for key in x:
            fresh[copied(key)] = copied(x[key])
        return fresh
    if isinstance(x, collections.deque):
        return collections.deque(map(copied, x), x.maxlen)
    if isinstance(x, list | tuple):
        return type(x)(map(copied, x))
    if isinstance(x, slice):
        return slice(copied(x.start), copied(x.stop), copied(x.step))
    if isinstance(x, bytearray):
        return bytearray(x)
    return x


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(VALUES)
def test_a_round_trip_keeps_type_and_content(value: Any) -> None:
    claimed = encode(value)
    back = decode(claimed)
    assert alike(back, value), (back, value)
    assert encode(back) == claimed
    assert same(back, value)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(VALUES)
def test_equal_content_gives_equal_bytes(value: Any) -> None:
    assert encode(copied(value)) == encode(value)
    assert same(copied(value), value)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(VALUES, VALUES)
def test_different_content_gives_different_bytes(one: Any, other: Any) -> None:
    assert (encode(one) == encode(other)) == alike(one, other)


DISTINCT = [0, False, 0.0, -0.0, 0j, Decimal(0), Decimal("0.0"), Fraction(0), "", b"", bytearray(), None, (), [], {}]
DISTINCT += [
    set(),
    frozenset(),
    range(0),
    range(0, 1, 2),
    collections.OrderedDict(),
    collections.Counter(),
    UUID(int=0),
]
DISTINCT += [collections.deque(), collections.deque(maxlen=0), collections.defaultdict(), collections.defaultdict(int)]
DISTINCT += [datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 1, fold=1)]


def test_values_that_python_calls_equal_are_told_apart() -> None:
    assert len({encode(each) for each in DISTINCT}) == len(DISTINCT)
    for at, one in enumerate(DISTINCT):
        for other in DISTINCT[at + 1 :]:
            assert not same(one, other), (one, other)


@pytest.mark.parametrize("bits", [62, 63, 64, 65, 100, 20_000, 200_000])
def test_ints_have_no_largest_size(bits: int) -> None:
    for value in (1 << bits, -(1 << bits), (1 << bits) - 1, -(1 << bits) - 1):
        assert decode(encode(value)) == value
        assert decode(encode([value])) == [value]


def test_a_nan_keeps_its_bits() -> None:
    odd = struct.unpack("<d", b"\x01\0\0\0\0\0\xf8\xff")[0]
    assert struct.pack("<d", decode(encode(odd))) == struct.pack("<d", odd)
    assert not same(odd, math.nan)
    assert same(math.nan, float("nan"))


# References


def test_one_object_in_two_places_stays_one() -> None:
    shared: list[int] = [1]
    back = decode(encode({"a": shared, "b": shared, "c": (shared,)}))
    assert back["a"] is back["b"] is back["c"][0]
    assert encode([shared, shared]) != encode([[1], [1]])
    assert same([shared, shared], [[1], [1]])


def test_which_immutables_are_one_object_is_no_content() -> None:
    one, other = tuple([1, "x"]), tuple([1, "x"])
    assert one is not other
    assert encode([one, one]) == encode([one, other])


@pytest.mark.parametrize("through", ["list", "dict", "tuple", "deque", "slice"])
def test_cycles(through: str) -> None:
    loop: list[Any] = []
    makers: dict[str, Callable[[], Any]] = {
        "list": lambda: loop,
        "dict": lambda: {1: loop},
        "tuple": lambda: ((loop, 1), 2),
        "deque": lambda: collections.deque([loop]),
        "slice": lambda: slice(loop),
    }
    loop.append(makers[through]())
    back = decode(encode(loop))
    inside: Any = back[0]
    found = {"list": lambda: inside, "dict": lambda: inside[1], "tuple": lambda: inside[0][0]}
    found |= {"deque": lambda: inside[0], "slice": lambda: inside.stop}
    assert found[through]() is back
    assert same(back, loop)
    assert encode(back) == encode(loop)


def test_cycles_that_are_entered_at_an_immutable() -> None:
    box: list[Any] = []
    table: dict[Any, Any] = {}
    knot = (1, (box, table))
    box.append(knot)
    table["knot"] = [knot]
    back = decode(encode(knot))
    assert back[1][0][0] is back
    assert back[1][1]["knot"][0] is back
    assert encode(back) == encode(knot)


def test_a_tuple_inside_itself_is_opaque_there() -> None:
    # Python cannot make one, but code that reaches into memory can.
    knot = (None, 1)
    item = ctypes.c_ssize_t.from_address(id(knot) + tuple.__basicsize__)
    none, item.value = item.value, id(knot)
    try:
        back = decode(encode(knot))
        again = decode(encode([knot]))
    finally:
        item.value = none
    assert (type(back[0]), back[1]) == (Opaque, 1)
    assert type(again[0][0]) is Opaque


def test_depth_costs_no_stack() -> None:
    deep: Any = None
    for _ in range(100_000):
        deep = [deep]
    back = decode(encode(deep))
    assert same(back, deep)
    while back is not None:
        (back,) = back
    while deep is not None:
        (deep,) = deep


def test_immutables_nest_up_to_a_limit() -> None:
    def nested(depth: int) -> Any:
        value: Any = ()
        for _ in range(depth - 1):
            value = (value,)
        return value

    assert hash(decode(encode(nested(1000)))) == hash(nested(1000))
    with pytest.raises(ClaimError, match="deep"):
        decode(encode(nested(1001)))
    with pytest.raises(ClaimError, match="deep"):
        decode(encode(nested(5)), limits=DecodeLimits(max_depth=4))


def test_repeated_tuples_do_not_multiply() -> None:
    value: Any = (1,)
    for _ in range(200):
        value = (value, value)
    claimed = encode(value)
    assert len(claimed) < 10_000
    assert encode(decode(claimed)) == claimed


# What cannot be carried


@pytest.mark.parametrize(
    "value",
    [print, lambda: 0, math, type, object(), (x for x in ()), ValueError("x"), memoryview(b"x"), NotImplemented],
)
def test_opaque(value: Any) -> None:
    back = decode(encode(value))
    assert type(back) is Opaque
    assert back.type_name.rpartition(".")[2] == type(value).__qualname__
    (inside,) = decode(encode([value]))
    assert inside.type_name == back.type_name


def test_an_opaque_equals_nothing() -> None:
    one = decode(encode(print))
    assert one != one
    assert not same(one, one)
    assert not same([print], [print])
    assert one.type_name == decode(encode(len)).type_name
    assert encode([print]) == encode([len])  # unchanged, as far as its type tells


def test_what_msgpack_would_take_for_something_else_is_opaque() -> None:
    import msgpack

    for value in (msgpack.ExtType(1, b"\x05"), msgpack.Timestamp(0, 0)):
        assert type(decode(encode(value))) is Opaque
        assert type(decode(encode([value]))[0]) is Opaque


def test_beyond_the_limits_the_whole_value_is_opaque() -> None:
    assert decode(encode(list(range(1000)), limits=EncodeLimits(max_items=100))).reason == "too many items"
    assert decode(encode(["x" * 1000], limits=EncodeLimits(max_bytes=100))).reason == "too many bytes"


# Digests


def test_a_large_value_is_claimed_by_its_digest() -> None:
    value = {"a": list(range(1000))}
    whole = encode(value)
    assert encode_or_digest(value, {}, len(whole)) == whole
    claim = decode(encode_or_digest(value, {}, len(whole) - 1))
    assert claim == Digest("dict", len(whole), digest(whole))
    assert decode(encode_or_digest("x" * 100, {}, 50)) == Digest(
        "str", len(encode("x" * 100)), digest(encode("x" * 100))
    )


# same


def test_same_ignores_the_order_of_dicts_only() -> None:
    assert same({1: [2], (3,): 4}, {(3,): 4, 1: [2]})
    assert encode({1: 2, 3: 4}) != encode({3: 4, 1: 2})
    ordered = collections.OrderedDict
    assert not same(ordered([(1, 2), (3, 4)]), ordered([(3, 4), (1, 2)]))
    assert not same([1, 2], [2, 1])


def test_same_of_instances_compares_fields_and_asks_no_one() -> None:
    class Liar:
        def __init__(self, x: Any) -> None:
            self.x = x

        def __eq__(self, other: object) -> bool:
            raise AssertionError

        __hash__ = None  # type: ignore[assignment]

    assert same(Liar([1]), Liar([1]))
    assert not same(Liar([1]), Liar([2]))
    assert not same({"a": Liar(0)}, {"a": Liar(False)})
