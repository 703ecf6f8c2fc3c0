"""How the models beside the one under test are asked: those that play users, and those that judge."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from cave_rl.clients.openai import Client
from cave_rl.tasks.config import JudgeConfig, UserConfig

_clients: dict[tuple[Any, ...], Client] = {}


def client_of(config: UserConfig | JudgeConfig) -> Client:
    """The client of an endpoint. Called on the loop beside alone, to which its connections belong."""
    how = config.url, os.environ.get(config.key_env), config.timeout_s, config.retries, config.pause_s
    if how not in _clients:
        assert config.url is not None, "checked before"
        _clients[how] = Client(
            config.url, key=how[1], timeout_s=config.timeout_s, retries=config.retries, pause_s=config.pause_s
        )
    return _clients[how]


def body_of(config: UserConfig | JudgeConfig, *asked: int) -> dict[str, Any]:
    """What a request holds besides its messages; `asked` are the numbers that make its seed."""
    blob = "/".join(map(str, (config.seed, *asked))).encode()
    seed = int.from_bytes(hashlib.blake2b(blob, digest_size=4).digest(), "little") >> 1
    own = {"model": config.model, "temperature": config.temperature, "max_tokens": config.max_tokens}
    return {**own, "seed": seed, **config.extra}


os.register_at_fork(after_in_child=_clients.clear)
