"""Benchmarks: what the runtime costs beside other ways to run a model's code, and what it leaves behind.

`runtime` measures and compares, `vector` steps many environments, `soak` plays thousands of episodes with
faults injected. Nothing here is asserted in CI but that it runs. See `docs/benchmarks.md`.
"""
