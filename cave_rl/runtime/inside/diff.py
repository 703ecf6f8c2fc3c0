"""Which names a cell created, changed or deleted, by fingerprints of their values.

A diff informs people and traces; no reward rests on it. Small values are fingerprinted by content, so a change in
place is seen; large ones (over `CONTENT_BYTES`, all levels together) by identity, size and a sample.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from cave_rl.runtime.inside.encode import EncodeLimits, encode
from cave_rl.runtime.inside.encode_scalars import SCALAR

CONTENT_BYTES = 1 << 18
_LIMITS = EncodeLimits(max_bytes=CONTENT_BYTES, max_items=1 << 15)  # nested data may be large though its top is small
MOST_NAMES = 256
_NESTED = (list, dict, tuple, set, frozenset)


class Differ:
    """Remembers fingerprints from one cell to the next.

    Names that begin with an underscore, and modules, are left out.
    """

    def __init__(self, namespace: Mapping[str, Any], classes: Mapping[type, str]) -> None:
        self._namespace = namespace
        self._classes = classes
        self._before = self._fingerprints()

    def step(self) -> tuple[list[str], list[str], list[str]]:
        """Names created, changed and deleted since the last step, each sorted."""
        before, after = self._before, self._fingerprints()
        self._before = after
        created = sorted(after.keys() - before.keys())
        deleted = sorted(before.keys() - after.keys())
        changed = sorted(name for name in after.keys() & before.keys() if after[name] != before[name])
        return created[:MOST_NAMES], changed[:MOST_NAMES], deleted[:MOST_NAMES]

    def _fingerprints(self) -> dict[str, Any]:
        return {
            name: _fingerprint(value, self._classes)
            for name, value in list(self._namespace.items())
            if type(name) is str and not name.startswith("_") and type(value) is not ModuleType
        }


def _fingerprint(value: Any, classes: Mapping[type, str]) -> Any:
    kind = type(value)
    if kind in (int, float, str, bool, type(None)) and sys.getsizeof(value) < 200:
        return kind, value if value == value else "nan"
    if _bulk(value) > CONTENT_BYTES:
        return kind, id(value), getattr(value, "shape", None), _sample(value)
    content = encode(value, classes, limits=_LIMITS)
    if kind in _NESTED and content[:1] == SCALAR:  # over the limits
        return kind, id(value), len(value)
    return kind, hashlib.blake2b(content, digest_size=16).digest(), id(value) if _opaque(kind, classes) else None


def _opaque(kind: type, classes: Mapping[type, str]) -> bool:
    """Whether the encoding names only the type, so that identity must tell a rebinding."""
    return kind not in classes and kind.__module__ not in ("builtins", "numpy", "pandas", "datetime", "decimal")


def _bulk(value: Any) -> int:
    """A cheap lower bound of how large a value is, in bytes."""
    measure: Callable[[], Any] | None = None
    if type(value).__module__.partition(".")[0] == "pandas":
        usage = getattr(value, "memory_usage", None)
        measure = (lambda: int(usage(index=True).sum())) if type(value).__name__ == "DataFrame" and usage else usage
    try:
        size = measure() if measure else getattr(value, "nbytes", None)
        return size if type(size) is int else sys.getsizeof(value)
    except Exception:  # a value that cannot be measured is fingerprinted by content, which is total
        return 0


def _sample(value: Any) -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is None or type(value) is not numpy.ndarray or value.dtype.hasobject or value.size == 0:
        return None
    flat = value.reshape(-1) if value.flags.c_contiguous else value.flat
    stride = max(1, value.size // 256)  # each may lie in a page of its own
    return hashlib.blake2b(numpy.ascontiguousarray(flat[::stride]).tobytes(), digest_size=16).digest()
