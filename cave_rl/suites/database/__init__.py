"""Database-v0: questions, changes, transactions, constraints and schema changes on a live sqlite3 connection.

`world` makes the databases and enters a rollout; `tasks` has the suite. See `README.md` beside this file.
"""
