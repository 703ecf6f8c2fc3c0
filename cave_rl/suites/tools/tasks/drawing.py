"""What all domains draw from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cave_rl.tasks.task import Task

T = TypeVar("T")

PEOPLE = ("Ada", "Bo", "Cleo", "Dev", "Eva", "Finn", "Gia", "Hugo", "Ines", "Jon")

_ATTEMPTS = 300


def until_possible(make: Callable[[], Task]) -> Task:
    """A task of a draw in which it can be asked for: what is drawn may leave nothing to do, or two answers.

    Raises:
        TaskError: none was found.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return make()
        except (ValueError, LookupError):  # a TaskError is a ValueError
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def only(found: list[T]) -> T:
    """The one that is found.

    Raises:
        LookupError: there are none, or several.
    """
    if len(found) != 1:
        raise LookupError(f"{len(found)} fit, not one")
    return found[0]


def least(found: list[T], key: Callable[[T], int]) -> T:
    """The one with the least key.

    Raises:
        LookupError: there are none, or several.
    """
    low = min(map(key, found), default=None)
    return only([each for each in found if key(each) == low])
