"""The families of Market-v0, by kind. Host and Judge only.

`making` has the suites and what families share, `answers` what is right, `judging` and `comparing` how a result is held
against it. The kinds register their families as they are imported.

>>> task = suite.task("train", "mean_close", 0)
>>> task.tags, [verdict for each in task.turns[0].assertions for verdict in each.names]
(('analysis',), ['means agrees'])
"""

from cave_rl.suites.market.tasks import analysis, changes, charts, dialogues, query, relations
from cave_rl.suites.market.tasks.making import real, suite

__all__ = ["analysis", "changes", "charts", "dialogues", "query", "real", "relations", "suite"]
