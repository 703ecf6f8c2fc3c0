"""The words of the format, types read past their metaclasses, and scalars.

A scalar is what msgpack packs by itself, or one of its extensions: a code, and mostly a short list of fields. What has
no encoding raises `Unsupported`, and is opaque by the word of the encoder.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import pathlib
import re
import struct
import uuid
import zoneinfo
from collections.abc import Callable, Mapping
from typing import Any

import msgpack  # type: ignore[import-untyped]

SCALAR, TABLE = b"\x01", b"\x02"
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
PLAIN_IDS = frozenset(map(id, (type(None), bool, int, float, str, bytes)))


# Types, read past their metaclasses.

_qualname_of: Callable[[type], str] = type.__dict__["__qualname__"].__get__
vars_of: Callable[[type], Mapping[str, Any]] = type.__dict__["__dict__"].__get__
mro_of: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
flags_of: Callable[[type], int] = type.__dict__["__flags__"].__get__


def _module_of(cls: type) -> object:
    try:
        return type.__dict__["__module__"].__get__(cls)
    except AttributeError:
        return None


def type_name(cls: type) -> str:
    """`module.qualname` of a type, without asking its metaclass; builtins without the module."""
    module, name = _module_of(cls), _qualname_of(cls)
    known = type(module) is str and module != "builtins"
    return (f"{module}.{name}" if known else name)[:NAME_CHARACTERS]


# Scalars that msgpack does not know: one extension each, most of them a short list of fields.


class Unsupported(Exception):
    """A value that has no encoding; its text says why."""


def leaf_of(code: int, *fields: object) -> msgpack.ExtType:
    """A scalar of several fields, all of them plain."""
    if not all(id(type(each)) in PLAIN_IDS for each in fields):
        raise Unsupported("its insides were replaced")
    data = packb(list(fields))
    if len(data) > LEAF_BYTES:
        raise Unsupported("too large")
    return msgpack.ExtType(code, data)


def long(value: Any) -> msgpack.ExtType:
    """An int of more than 64 bits."""
    return msgpack.ExtType(INT, int.to_bytes(value, value.bit_length() // 8 + 1, "little", signed=True))


def packb(value: object) -> bytes:
    """The bytes of a plain scalar or of a list of such."""
    return bytes(msgpack.packb(value, default=long, strict_types=True, unicode_errors="surrogatepass"))


def opaque(value: object, why: str = "") -> msgpack.ExtType:
    """What stands for a value that is not carried: the name of its type, and why."""
    return leaf_of(OPAQUE, type_name(type(value)), why[:NAME_CHARACTERS])


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
    return leaf_of(FRACTION, object.__getattribute__(x, "_numerator"), object.__getattribute__(x, "_denominator"))


def _uuid(x: uuid.UUID) -> msgpack.ExtType:
    return msgpack.ExtType(UUID, int.to_bytes(object.__getattribute__(x, "int"), 16, "big"))


def _datetime(x: datetime.datetime) -> msgpack.ExtType:
    clock = (x.hour, x.minute, x.second, x.microsecond, x.fold)
    return leaf_of(DATETIME, x.year, x.month, x.day, *clock, zone_name(x.tzinfo))


def _time(x: datetime.time) -> msgpack.ExtType:
    return leaf_of(TIME, x.hour, x.minute, x.second, x.microsecond, x.fold, zone_name(x.tzinfo))


def _path(x: pathlib.PurePath) -> msgpack.ExtType:
    return leaf_of(PATH, type(x).__name__, str(x))


Leaf = Callable[[Any], msgpack.ExtType]
LEAVES: dict[type, Leaf] = {
    complex: lambda x: msgpack.ExtType(COMPLEX, struct.pack("<dd", x.real, x.imag)),
    decimal.Decimal: _decimal,
    fractions.Fraction: _fraction,
    uuid.UUID: _uuid,
    datetime.datetime: _datetime,
    datetime.date: lambda x: leaf_of(DATE, x.year, x.month, x.day),
    datetime.time: _time,
    datetime.timedelta: lambda x: leaf_of(TIMEDELTA, x.days, x.seconds, x.microseconds),
    datetime.timezone: lambda x: leaf_of(TIMEZONE, zone_name(x)),
    zoneinfo.ZoneInfo: lambda x: leaf_of(TIMEZONE, zone_name(x)),
    range: lambda x: leaf_of(RANGE, x.start, x.stop, x.step),
    type(Ellipsis): lambda x: msgpack.ExtType(ELLIPSIS, b""),
    pathlib.PurePosixPath: _path,
    pathlib.PureWindowsPath: _path,
    type(pathlib.Path()): _path,
}
