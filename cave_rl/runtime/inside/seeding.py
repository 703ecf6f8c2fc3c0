"""Makes a runtime's randomness a function of its seed: `random`, numpy, `uuid4`, `secrets` and `os.urandom`."""

from __future__ import annotations

import os
import random
import sys
from typing import Any


def seed_all(seed: int) -> None:
    """Seeds every source of randomness that a cell may use.

    `os.urandom` becomes a stream of its own, so what draws entropy from it (`uuid.uuid4`, `secrets`, `random.SystemRandom`,
    numpy's unseeded `default_rng`) repeats too. It is no longer fit for cryptography, which a rollout does not need.
    """
    random.seed(seed)
    entropy = random.Random(seed ^ 0x5EED)
    urandom = entropy.randbytes
    os.urandom = lambda size, /: urandom(size)
    random._urandom = os.urandom  # type: ignore[attr-defined]  # the name that SystemRandom looks up
    numpy = sys.modules.get("numpy")
    if numpy is not None and "numpy.random" in sys.modules:
        numpy.random.seed(seed % 2**32)


def keep(fork: Any, *arguments: Any) -> int:
    """Calls `fork` and restores the state of `random`, which CPython reseeds in every child."""
    state = random.getstate()
    pid: int = fork(*arguments)
    random.setstate(state)
    return pid
