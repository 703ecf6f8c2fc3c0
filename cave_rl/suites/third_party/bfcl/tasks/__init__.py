"""BFCL-MultiTurn-*-v0 and BFCL-Single-*-v0: the suites. Host and Judge only.

`suite` says which dialogues there are, `data` reads upstream's files, `making` makes tasks of them, `judging` judges
them, `simulators` and `writing` are what it does that with; `single` has the same for single turns. Upstream's package
is needed to make a task, and not to import any of them.

>>> base.name, len(base.families), base.names("heldout")
('BFCL-MultiTurn-Base-v0', 4, [])
"""

from cave_rl.suites.third_party.bfcl.tasks.single.suite import Single
from cave_rl.suites.third_party.bfcl.tasks.suite import Dialogues

__all__ = [
    "base",
    "base_official",
    "long_context",
    "long_context_official",
    "miss_func",
    "miss_func_official",
    "miss_param",
    "miss_param_official",
    "single",
    "single_official",
]

base = Dialogues("base")
miss_func = Dialogues("miss_func")
miss_param = Dialogues("miss_param")
long_context = Dialogues("long_context")

base_official = Dialogues("base", official=True)
miss_func_official = Dialogues("miss_func", official=True)
miss_param_official = Dialogues("miss_param", official=True)
long_context_official = Dialogues("long_context", official=True)

single = Single()
single_official = Single(official=True)
