"""Decoding is total: any bytes give a value or a `ClaimError`, at bounded cost, and run nothing.

`CAVE_RL_FUZZ=100000 python -m pytest tests/runtime/test_codec_hostile.py -k mutations` looks longer (some minutes).
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import enum
import os
import random
import resource
import struct
import time
import tracemalloc
import warnings
import zoneinfo
from decimal import Decimal
from typing import Any, NamedTuple

import msgpack
import numpy as np
import pytest
from pydantic import BaseModel

from cave_rl.runtime.codec import ClaimError, DecodeLimits, Opaque, decode, encode
from cave_rl.runtime.inside import encode_scalars as wire

pd = pytest.importorskip("pandas")
ROUNDS = int(os.environ.get("CAVE_RL_FUZZ", "3000"))


@dataclasses.dataclass(frozen=True)
class Point:
    x: Any
    y: Any


class Pair(NamedTuple):
    left: Any
    right: Any


class Color(enum.Enum):
    RED = 1


class Mode(enum.Flag):
    READ = 1


class Item(BaseModel):
    name: str
    parts: list[Any] = []


NAMES: dict[type, str] = {cls: cls.__name__ for cls in (Point, Pair, Color, Mode, Item)}
SMALL = DecodeLimits(max_bytes=1 << 22)
KNOWN = {name: cls for cls, name in NAMES.items()}


def seeds() -> list[Any]:
    loop: list[Any] = [1, "x"]
    loop.append({"loop": loop, (1, frozenset([2, "y"])): {3, 4}})
    frame = pd.DataFrame(
        {
            "a": [1, 2, 3],
            "b": ["x", None, "z"],
            "c": pd.Categorical(["p", "q", "p"], ordered=True),
            "d": pd.date_range("2020", periods=3, tz="Europe/Paris"),
            "e": pd.array([1, None, 3], dtype="Int64"),
            "f": [[1], (2,), None],
            "g": pd.period_range("2020", periods=3, freq="M"),
            "h": pd.interval_range(0, 3),
            "i": pd.array([True, None, False], dtype="boolean"),
        },
        index=pd.MultiIndex.from_product([["u"], [1, 2, 3]], names=["s", None]),
    )
    return [
        [None, True, 1, -(1 << 90), 1.5, 2j, "text", b"bytes", bytearray(b"xy"), ..., range(3), slice(1, None)],
        loop,
        collections.OrderedDict(a=collections.Counter("aab"), b=collections.defaultdict(list, {1: [2]})),
        collections.deque([Decimal("1.5"), datetime.timedelta(1), datetime.date(2020, 1, 1)], 5),
        [datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("Asia/Tokyo")), datetime.UTC, print],
        [Point(1, Pair([2], Color.RED)), Mode.READ, {Point(1, 2): Item(name="n", parts=[Point(0, 0)])}],
        [np.arange(6).reshape(2, 3), np.array(["ab", "c"]), np.array([1, [2]], object), np.float32(1), np.str_("a")],
        [np.zeros(2, [("a", "<f8"), ("b", "S3")]), np.array(["2020"], "M8[D]"), np.array([True]), np.datetime64("NaT")],
        np.arange(20_000),
        frame,
        [frame["a"], frame.index, pd.RangeIndex(3), pd.date_range("2020", periods=3)],
        [
            pd.Timestamp("2020", tz="UTC"),
            pd.Timedelta(1, "s"),
            pd.NaT,
            pd.NA,
            pd.Period("2020", "M"),
            pd.Interval(0, 1),
        ],
    ]


def attempt(data: bytes, limits: DecodeLimits = SMALL) -> Any:
    """The value of some bytes, or None; anything but `ClaimError` escapes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = decode(data, KNOWN, limits=limits)
    except ClaimError as error:
        return None if len(str(error)) < 400 else pytest.fail("a long message")
    assert type(encode(value, NAMES)) is bytes
    return value


def mutated(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    piece = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        at = rng.randrange(len(piece)) if piece else 0
        match rng.randrange(7):
            case 0 if piece:
                piece[at] ^= 1 << rng.randrange(8)
            case 1 if piece:
                piece[at] = rng.choice(
                    (0, 1, 0x7F, 0x80, 0x90, 0xC0, 0xC1, 0xC7, 0xCF, 0xD9, 0xDD, 0xFF, rng.randrange(256))
                )
            case 2:
                del piece[at : at + rng.randrange(1, 16)]
            case 3:
                piece[at:at] = rng.randbytes(rng.randrange(1, 9))
            case 4:
                other = rng.choice(others)
                start = rng.randrange(len(other))
                piece[at : at + rng.choice((0, 8))] = other[start : start + rng.randrange(1, 40)]
            case 5:
                del piece[at:]
            case 6:
                piece[at:at] = msgpack.packb(rng.choice((None, True, 0, 3, 1 << 63, "tuple", "frame", b"", -1, 1.5)))
    if piece[:1] == wire.TABLE and len(piece) > 9 and rng.random() < 0.8:  # keep the length true, to get further in
        size = int.from_bytes(data[1:9], "little") + len(piece) - len(data)
        piece[1:9] = max(0, size).to_bytes(8, "little")
    return bytes(piece)


def test_mutations_of_claims_are_values_or_claim_errors() -> None:
    rng = random.Random(20_240)
    claims = [encode(each, NAMES) for each in seeds()]
    for claim in claims:
        assert attempt(claim) is not None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    slowest = survived = 0.0
    for _ in range(ROUNDS):
        data = mutated(rng, rng.choice(claims), claims)
        start = time.process_time()
        survived += attempt(data) is not None
        slowest = max(slowest, time.process_time() - start)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert survived > ROUNDS / 100, "the mutations no longer get past the first checks"
    assert slowest < 2.0, slowest
    assert grown < 200_000, f"{grown} KiB"


def test_noise_and_random_tables() -> None:
    rng = random.Random(7)
    tags = ["list", "dict", "tuple", "set", "frozenset", "object", "namedtuple", "array", "objects", "vector", "frame"]
    tags += ["series", "index", "multiindex", "rangeindex", "figure", "sqlite", "bytearray", "opaque", "slice", "deque"]
    scalars = [
        None,
        True,
        False,
        0,
        1,
        2,
        3,
        -1,
        1 << 40,
        1.5,
        "<f8",
        "plain",
        "Point",
        "x",
        b"",
        b"\1",
        b"\0" * 8,
        b"\1\0\0",
    ]
    for _ in range(ROUNDS):
        attempt(rng.randbytes(rng.randrange(40)))
        nodes = []
        for _ in range(rng.randrange(1, 5)):
            node = [
                rng.choice(tags),
                rng.choice([None, None, True, b"\1\0"]),
                *rng.choices(scalars, k=rng.randrange(7)),
            ]
            nodes += [len(node), *node]
        attempt(table(True, 0, *nodes))


def table(*cells: Any, blobs: bytes = b"", size: int | None = None) -> bytes:
    stream = b"".join(msgpack.packb(each) for each in cells)
    return wire.TABLE + (len(stream) if size is None else size).to_bytes(8, "little") + stream + blobs


def node(tag: str, *cells: Any, mask: Any = None) -> list[Any]:
    return [2 + len(cells), tag, mask, *cells]


def scalar(code: int, *fields: Any) -> msgpack.ExtType:
    return msgpack.ExtType(code, msgpack.packb(list(fields)))


SHAPE = struct.Struct("<q").pack
BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "unknown first byte": b"\x07",
    "a scalar that is a list": wire.SCALAR + msgpack.packb([1]),
    "a scalar that is an empty list": wire.SCALAR + b"\x90",
    "a scalar that is a dict": wire.SCALAR + msgpack.packb({}),
    "two scalars": wire.SCALAR + b"\x01\x01",
    "unknown scalar": wire.SCALAR + msgpack.packb(msgpack.ExtType(99, b"")),
    "a list in the stream": table(True, 0, *node("list", [1])),
    "a length beyond the end": table(True, 0, *node("list"), size=1 << 60),
    "no nodes": table(True, 0),
    "a root that is no reference": table(False, 0, *node("list")),
    "a root that is True": table(True, True, *node("list"), *node("list")),
    "a reference beyond the end": table(True, 0, *node("list", 7, mask=True)),
    "a negative reference": table(True, 0, *node("list", -1, mask=True)),
    "a reference that is a bool": table(True, 0, *node("list", False, mask=True)),
    "a mask of another length": table(True, 0, *node("list", 0, 0, mask=b"\1")),
    "a tuple inside itself": table(True, 0, *node("tuple", 0, mask=True)),
    "a tuple inside itself through a frozenset": table(
        True, 0, *node("tuple", 1, mask=True), *node("frozenset", 0, mask=True)
    ),
    "a dict with a list for a key": table(True, 0, *node("dict", 1, 2, mask=b"\1\0"), *node("list")),
    "a dict with a key twice": table(True, 0, *node("dict", 1, 1, 2, 3)),
    "a dict with 1 and True": table(True, 0, *node("dict", 1, True, 2, 3)),
    "a dict without a value": table(True, 0, *node("dict", 1, 2, 3)),
    "a set with an element twice": table(True, 0, *node("set", 1, 1)),
    "a deque longer than its maxlen": table(True, 0, *node("deque", 1, 1, 2)),
    "a factory that is no builtin": table(True, 0, *node("defaultdict", "eval")),
    "an unknown class": table(True, 0, *node("object", "os.system")),
    "a namedtuple of another length": table(True, 0, *node("namedtuple", "Pair", 1)),
    "a field that the class has not": table(True, 0, *node("namedtuple", "Point", 1, 2)),
    "a field twice": table(True, 0, *node("object", "Point", "x", "x", 1, 2)),
    "an instance of an enumeration": table(True, 0, *node("object", "Color")),
    "an instance of a namedtuple": table(True, 0, *node("object", "Pair")),
    "no member": wire.SCALAR + msgpack.packb(scalar(wire.ENUM, "Color", "GREEN")),
    "an enumeration by value": wire.SCALAR + msgpack.packb(scalar(wire.ENUM, "Color", 1)),
    "a zone by path": wire.SCALAR + msgpack.packb(scalar(wire.TIMEZONE, "../../etc/passwd")),
    "an absolute zone": wire.SCALAR + msgpack.packb(scalar(wire.TIMEZONE, "/etc/passwd")),
    "a path of another platform": wire.SCALAR + msgpack.packb(scalar(wire.PATH, "Path", "x")),
    "a fraction by zero": wire.SCALAR + msgpack.packb(scalar(wire.FRACTION, 1, 0)),
    "nested fields": wire.SCALAR + msgpack.packb(scalar(wire.RANGE, [1], 2, 3)),
    "an array larger than its buffer": table(True, 0, *node("array", SHAPE(1 << 40), "<f8", b"12345678")),
    "an array of nothing, huge": table(True, 0, *node("array", SHAPE(0) + SHAPE(1 << 60), "<f8", b"")),
    "an array of empty texts": table(True, 0, *node("array", SHAPE(1 << 60), "<U0", b"")),
    "an array of objects by dtype": table(True, 0, *node("array", SHAPE(1), "|O8", b"12345678")),
    "objects that are not there": table(True, 0, *node("objects", SHAPE(1 << 40))),
    "a dtype with code": table(True, 0, *node("array", SHAPE(1), "f8,O", b"12345678")),
    "a bool that is 2": table(True, 0, *node("array", SHAPE(1), "|b1", b"\2")),
    "a character beyond Unicode": table(True, 0, *node("array", SHAPE(1), "<U1", b"\0\0\x11\0")),
    "a vector as a value": table(True, 0, *node("vector", "plain", "<f8", None, b"")),
    "a vector in a list": table(True, 0, *node("list", 1, mask=True), *node("vector", "plain", "<f8", None, b"")),
    "a code beyond the categories": table(
        True,
        0,
        *node("extension", 1, mask=True),
        *node("vector", "category", False, "|i1", b"\5", 2, mask=True),
        *node("index", None, None, 3, mask=b"\0\1"),
        *node("vector", "plain", "<i8", None, b"12345678"),
    ),
    "a vector used twice": table(
        True, 0, *node("list", 1, 2, mask=True), *node("extension", 3, mask=True), *node("extension", 3, mask=True),
        *node("vector", "plain", "<f8", None, b""),
    ),
    "a buffer outside": table(True, 0, *node("bytearray", scalar(wire.RANGE, 0, 9, 1)), blobs=b"12345678"),
    "a buffer used twice": table(
        True, 0, *node("list", 1, 2, mask=True), *node("bytearray", scalar(wire.RANGE, 0, 8, 1)),
        *node("bytearray", scalar(wire.RANGE, 0, 8, 1)), blobs=b"12345678",
    ),
    "a figure of nonsense": table(True, 0, *node("figure", "", 1, mask=True), *node("list", 1)),
}  # fmt: skip


@pytest.mark.parametrize("label", BROKEN)
def test_broken_claims(label: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ClaimError):
            decode(BROKEN[label], KNOWN)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_the_limits() -> None:
    claimed = encode(list(range(100)))
    assert decode(claimed, limits=DecodeLimits(max_items=110)) == list(range(100))
    with pytest.raises(ClaimError, match="items"):
        decode(claimed, limits=DecodeLimits(max_items=100))
    with pytest.raises(ClaimError, match="bytes"):
        decode(claimed, limits=DecodeLimits(max_bytes=100))
    with pytest.raises(ClaimError, match="library"):
        decode(encode(np.float64(1)), limits=DecodeLimits(libraries=False))
    with pytest.raises(ClaimError, match="node"):
        decode(encode(np.arange(3)), limits=DecodeLimits(libraries=False))


def test_keys_made_to_collide_are_refused() -> None:
    modulus = (1 << 61) - 1  # of the hash of an int
    assert decode(encode(set(range(5000)))) == set(range(5000))
    head = [2 + 5000, "set", None]
    data = table(True, 0, *head)
    keys = b"".join(wire.packb(at * modulus) for at in range(1, 5001))
    stream = data[9:] + keys
    with pytest.raises(ClaimError, match="hash"):
        decode(wire.TABLE + len(stream).to_bytes(8, "little") + stream)


def test_a_stream_of_empty_lists_costs_nothing() -> None:
    stream = b"\x90" * 1_000_000
    tracemalloc.start()
    with pytest.raises(ClaimError):
        decode(wire.TABLE + len(stream).to_bytes(8, "little") + stream)
    assert tracemalloc.get_traced_memory()[1] < 4_000_000
    tracemalloc.stop()


def test_pickles_and_foreign_formats_are_refused() -> None:
    import pickle

    for data in (
        pickle.dumps(print),
        pickle.dumps(os.system),
        b"\x80\x05",
        b'{"a": 1}',
        msgpack.packb([1]),
        b"\x93NUMPY",
    ):
        with pytest.raises(ClaimError):
            decode(data)


def test_an_encoder_broken_by_its_runtime_still_makes_a_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pd.DataFrame, "items", lambda self: 1 / 0)
    assert type(decode(encode([pd.DataFrame({"a": [1]})]))[0]) is Opaque
