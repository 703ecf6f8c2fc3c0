"""The host's side of claims: bytes from a runtime become values, by exact type, without executing anything.

>>> from cave_rl.runtime.inside.encode import encode
>>> decode(encode({"total": 6, "parts": (1, 2, 3)}))
{'total': 6, 'parts': (1, 2, 3)}
>>> decode(encode(print))
Opaque(type_name='builtin_function_or_method', reason='')
>>> decode(b"garbage")
Traceback (most recent call last):
    ...
cave_rl.runtime.codec.claims.ClaimError: not a claim: unknown first byte

Covered: scalars, collections, dates, paths, numpy, pandas, sqlite connections, figures, and instances of injected
classes (see `instances` for what is and is not trusted about those). Not covered, so opaque: functions, classes,
modules, files, threads, exceptions, subclasses of builtins, and every class that was not injected.
"""

from cave_rl.runtime.codec.claims import (
    AxesClaim,
    BarsClaim,
    ClaimError,
    CurveClaim,
    DecodeLimits,
    Digest,
    FigureClaim,
    Opaque,
    SqliteClaim,
    digest,
)
from cave_rl.runtime.codec.decode import decode
from cave_rl.runtime.codec.same import same
from cave_rl.runtime.inside.encode import EncodeLimits, encode, encode_or_digest

__all__ = [
    "AxesClaim",
    "BarsClaim",
    "ClaimError",
    "CurveClaim",
    "DecodeLimits",
    "Digest",
    "EncodeLimits",
    "FigureClaim",
    "Opaque",
    "SqliteClaim",
    "decode",
    "digest",
    "encode",
    "encode_or_digest",
    "same",
]
