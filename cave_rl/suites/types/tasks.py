"""Types-v0: the suite. Its families stand in the other modules, by kind. Host and Judge only.

Every family draws its names, values and wording. Values are drawn so that nothing is solved before it begins and no
answer can be guessed: the model sees names and types only, so it must compute on what it was given. Families tagged
`core` take one short cell and no imports (a model of 135M parameters can learn them); `dialogue` marks those of two to
four turns. Held-out families ask for something related to, but different from, what the others train.

>>> task = suite.task("train", "sort_list", 0)
>>> [type(each.value).__name__ for each in task.variables], task.tags
(['list'], ('core', 'list'))
"""

from __future__ import annotations

from cave_rl.suites.making import collect
from cave_rl.suites.types import (
    arrays,
    binary,
    decimals,
    dialogues,
    dicts,
    frames,
    lists,
    nested,
    numbers,
    objects,
    readings,
    series,
    sets,
    shapes,
    steps,
    texts,
    times,
)
from cave_rl.tasks.suite import Suite

suite = Suite("Types-v0", description="Python's own types, small objects, arrays and data frames")

# The order of the families tagged `core` decides in which order they are trained and tested: it stays as it is.
SIMPLE = (numbers, texts, lists, readings, dicts, sets, decimals, binary, times, nested)
for part in (*SIMPLE, objects, arrays, series, frames, shapes, dialogues, steps):
    collect(suite, part.family)

# Of trained families, but of a split of their own: no prompt shows the solution of a task that is trained or tested on.
suite.examples = tuple(suite.task("validation", family, 0) for family in ("increase", "sort_list", "set_key"))
