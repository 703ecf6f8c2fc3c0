"""Types-v0: short exercises over Python's own types, small user classes, arrays and data frames.

`world` has the classes that enter a rollout; `tasks` has the suite. The model is told names and types, never values, so
a task can only be solved by code that computes on what lives in the runtime.
"""
