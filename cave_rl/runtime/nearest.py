"""The nearest known name, for messages about unknown ones."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str:
    """What to add to a message about an unknown name; empty where none of the known ones is near.

    >>> nearest("steps", ["step", "max_steps", "seed"])
    "; did you mean 'step'?"
    >>> nearest("colour", ["steps"])
    ''
    """
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
