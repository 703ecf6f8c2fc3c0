"""The families of Database-v0, by kind. Host and Judge only.

`making` has the suite and what families share, `data` draws the rows, `judging` and `dumping` hold a database against
what it should be. The kinds register their families as they are imported.

>>> task = suite.task("train", "raise_prices", 0)
>>> task.tags, [verdict for each in task.turns[0].assertions for verdict in each.names]
(('change', 'shop'), ['db table products'])
"""

from cave_rl.suites.database.tasks import changes, constraints, dialogues, queries, removals, schema, transactions
from cave_rl.suites.database.tasks.making import suite

# Of trained families, but of a split of their own: no prompt shows the solution of a task that is trained or tested on.
suite.examples = tuple(suite.task("validation", family, 0) for family in ("stock_value", "raise_prices", "add_index"))

__all__ = ["changes", "constraints", "dialogues", "queries", "removals", "schema", "suite", "transactions"]
