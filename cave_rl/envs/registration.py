"""Makes suites known to Gymnasium: `gym.make("cave_rl/Types-v0")`."""

from __future__ import annotations

import gymnasium

from cave_rl.tasks import registry
from cave_rl.tasks.suite import Suite

NAMESPACE = "cave_rl"


def register(suite: Suite) -> Suite:
    """Registers a suite with cave-rl and with Gymnasium as `cave_rl/<name>`; returns it, so it can be used on a
    definition.

    >>> from cave_rl import Suite
    >>> register(Suite("Nothing-v0")).name
    'Nothing-v0'
    """
    registry.register(suite)
    _register(suite.name)
    return suite


def register_installed() -> None:
    """Registers with Gymnasium what is installed, without importing it."""
    for name in registry.names():
        _register(name)
    _register("Task-v0", suite=None)


def _register(name: str, **kwargs: object) -> None:
    gymnasium.envs.registration.registry.pop(f"{NAMESPACE}/{name}", None)
    gymnasium.register(
        id=f"{NAMESPACE}/{name}",
        entry_point="cave_rl.envs.env:CaveEnv",
        vector_entry_point="cave_rl.envs.vector:CaveVectorEnv",
        kwargs=kwargs or {"suite": name},
    )
