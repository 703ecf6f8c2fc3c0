"""Makes a runtime's randomness a function of its seed: `random`, numpy, `uuid4`, `secrets` and `os.urandom`."""

from __future__ import annotations

import os
import random
import sys
from typing import Any

_seed_by_kernel = random.Random.seed


def _seed(self: random.Random, a: Any = None, version: int = 2) -> None:
    """`Random.seed`, but what it would ask the kernel for it asks of `os.urandom`."""
    _seed_by_kernel(self, int.from_bytes(os.urandom(32), "little") if a is None else a, version)


def seed_all(seed: int) -> None:
    """Seeds every source of randomness that a cell may use.

    `os.urandom` becomes a stream of its own, so what draws entropy from it (`uuid.uuid4`, `secrets`,
    `random.SystemRandom`, an unseeded `random.Random()`, numpy's unseeded `default_rng`) repeats too. It is no longer
    fit for cryptography, which a rollout does not need.
    """
    random.seed(seed)
    entropy = random.Random(seed ^ 0x5EED)
    urandom = entropy.randbytes
    os.urandom = lambda size, /: urandom(size)
    random._urandom = os.urandom  # type: ignore[attr-defined]  # the name that SystemRandom looks up
    random.Random.seed = _seed  # type: ignore[method-assign]
    random.seed = random._inst.seed  # type: ignore[attr-defined]
    numpy = sys.modules.get("numpy")
    if numpy is not None and "numpy.random" in sys.modules:
        numpy.random.seed(seed % 2**32)


def keep(fork: Any, *arguments: Any) -> int:
    """Calls `fork` and restores the state of `random`, which CPython reseeds in every child."""
    state = random.getstate()
    pid: int = fork(*arguments)
    random.setstate(state)
    return pid
