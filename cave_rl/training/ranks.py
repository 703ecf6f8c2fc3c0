"""Which of the processes of a run this is, as `accelerate launch` and `torchrun` tell it."""

from __future__ import annotations

import os


def world() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def first() -> bool:
    """Whether this one evaluates, writes and tells."""
    return int(os.environ.get("RANK", "0")) == 0
