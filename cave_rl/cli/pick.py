"""Which task a command is about: `SUITE [FAMILY[/INDEX]]`, with a split."""

from __future__ import annotations

from typing import cast

from cave_rl.runtime.nearest import nearest
from cave_rl.tasks.suite import SPLITS, Split, Suite, SuiteError


def pick(suite: Suite, path: str | None, split: str | None, index: int) -> tuple[Split, str, int]:
    """The split, family and number that were asked for.

    Raises:
        SuiteError: the suite has no such family, or that is no number.
    """
    family, _, number = (path or "").partition("/")
    if not family:
        chosen = cast(Split, split or next((each for each in SPLITS if suite.names(each)), "train"))
        names = suite.names(chosen)
        if not names:
            raise SuiteError(f"{suite.name} has no family in split {chosen!r}")
        return chosen, names[0], index
    if family not in suite.families:
        hint = nearest(family, suite.families) or f"; `cave-rl list --families {suite.name}` lists them"
        raise SuiteError(f"{suite.name} has no family {family!r}{hint}")
    if number and not number.isdecimal():
        raise SuiteError(f"a task is FAMILY/INDEX with a number from 0, such as {family}/3, not {path!r}")
    held_out = suite.families[family].held_out
    if held_out and split in SPLITS and split != "heldout":
        raise SuiteError(
            f"family {family!r} of {suite.name} is held out: it has no tasks in split {split!r}, only in heldout"
        )
    return cast(Split, split or suite.first_split(family)), family, int(number or index)
