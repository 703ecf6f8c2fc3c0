"""The trusted direction: what the host hands to a Template, as pickle-5 in a sealed memory file.

Large buffers (arrays, frames) are laid out of band, each mapped privately on its own: a fork then costs the same
whatever their size, and a write to one taxes no other. The file is sealed, so no rollout can change what its siblings
see. Nothing ever comes back this way: from child to host only claims cross.
"""

from __future__ import annotations

import mmap
import os
import pickle
from typing import Any


def unpack(memfd: int, index: dict[str, Any]) -> Any:
    """Rebuilds the object whose pickle and buffers lie in a memory file, without copying the buffers."""
    views = []
    for offset, size in index["buffers"]:
        mapped = mmap.mmap(
            memfd, max(size, 1), flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE, offset=offset
        )
        views.append(memoryview(mapped)[:size])
    return pickle.loads(unpack_bytes(memfd, index), buffers=views)  # from the host, never towards it


def unpack_bytes(memfd: int, index: dict[str, Any]) -> bytes:
    """The bytes that lie in a memory file beside the buffers."""
    offset, size = index["head"]
    return os.pread(memfd, size, offset)


def same_object(value: Any) -> Any:
    """The value itself; lets a pickle stand in for an object without a wrapper."""
    return value
