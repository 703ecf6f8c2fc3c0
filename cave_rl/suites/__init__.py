"""The tasks that ship with cave-rl, one package a set of families.

Each package has two homes. `world` holds what a rollout may meet: the classes and functions that a task injects.
`tasks` holds the queries, the gold, the assertions and the generators; it loads in the host and in the Judge, never in
a rollout.
"""
