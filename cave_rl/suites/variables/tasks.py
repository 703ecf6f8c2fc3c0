"""Variables-v0: the suite. Its families stand in the other modules. Host and Judge only.

Every family draws how many variables there are, of which kinds, how many turns, and what each turn changes. What a turn
changes is judged by its exact value, every other variable by the gate. The more is changed over all turns, and the more
stands beside it, the larger `difficulty`; a tag such as `16-30 variables` says how many there are.

>>> task = suite.task("train", "update_some", 0)
>>> len(task.variables), len(task.turns), task.tags
(14, 4, ('each', '6-15 variables'))
"""

from __future__ import annotations

from cave_rl.suites.making import collect
from cave_rl.suites.variables import links, unseen, updates
from cave_rl.tasks.suite import Suite

suite = Suite("Variables-v0", description="up to fifty variables of mixed kinds, some of which each turn changes")

for part in (updates, links, unseen):
    collect(suite, part.family)

# Of trained families, but of a split of their own: no prompt shows the solution of a task that is trained or tested on.
EXAMPLES = ("update_some", "change_alike", "move_between")
suite.examples = tuple(suite.task("validation", family, 0) for family in EXAMPLES)
