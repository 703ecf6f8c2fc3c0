"""A suite of your own as a package: pydantic orders with invariants. Try it: cd examples && python -m orders.

`world` is what enters the runtime, `tasks` is what must not. `cave-rl init` makes a package like this that installs.
"""
