"""Dialogues-v0: the suite. Host and Judge only.

`talk` keeps the model of what is talked about and makes turns, `writing` puts moves in order; every other module has
the moves of one subject. A family is a subject and a length: `home_brief` has 5 turns, `home_longest` 40.

>>> task = suite.task("train", "home_brief", 0)
>>> len(task.turns), [each.name for each in task.hosted], task.tags
(5, ['home'], ('home', 'hosted', '5 turns'))
"""

from cave_rl.suites.dialogues.tasks.bank import BANK
from cave_rl.suites.dialogues.tasks.calendar import CALENDAR
from cave_rl.suites.dialogues.tasks.home import HOME
from cave_rl.suites.dialogues.tasks.library import LIBRARY
from cave_rl.suites.dialogues.tasks.shop import SHOP
from cave_rl.suites.dialogues.tasks.writing import register
from cave_rl.tasks.suite import Suite

__all__ = ["suite"]

suite = Suite("Dialogues-v0", description="five to forty turns over one state that the user and the host keep changing")

for subject in (HOME, BANK, SHOP, CALENDAR):
    register(suite, subject)
register(suite, LIBRARY, held_out=True)

# Of trained families, but of a split of their own: no prompt shows the solution of a task that is trained or tested on.
suite.examples = tuple(suite.task("validation", f"{name}_brief", 0) for name in ("home", "bank", "calendar"))
