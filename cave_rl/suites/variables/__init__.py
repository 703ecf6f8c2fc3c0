"""Variables-v0: one to fifty variables of mixed kinds at once, some of which each turn changes.

`world` has the class that enters a rollout, `kinds` what the variables may hold and how it may change; `tasks` has the
suite. Every variable is judged after every turn: what was to change by its exact value, all else by the gate.
"""
