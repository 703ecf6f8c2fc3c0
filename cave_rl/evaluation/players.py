"""How planned episodes are played: one by one on a loop, or in batches by a model in this process."""

from __future__ import annotations

import asyncio
import importlib
import os
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, cast

from cave_rl.clients.errors import ProviderError
from cave_rl.clients.openai import Client
from cave_rl.evaluation.config import EvalConfig
from cave_rl.evaluation.evaluate import Player
from cave_rl.evaluation.plan import Planned
from cave_rl.rollouts.asking import Asking
from cave_rl.rollouts.chat import Chat
from cave_rl.rollouts.experts import expert
from cave_rl.rollouts.messages import POLICIES, randomly
from cave_rl.rollouts.play import Rollout
from cave_rl.rollouts.stream import Writer, play_one, play_stream
from cave_rl.rollouts.writers import ByChat, ByFunction, ByIds, ByPolicy, Function
from cave_rl.runtime.errors import Fault
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.settings import ConfigError

Begin = Callable[[Planned], Episode]
"""Makes the episode that was planned."""

Tell = Callable[[Planned, Rollout], None]
"""Takes what became of it."""

Play = Callable[[Sequence[Planned], Begin, Tell], None]
"""Plays episodes to their end, and tells of each as it ends."""

MOST_THREADS = 64
"""Functions that are not `async` are called by at most so many threads."""


def player(config: EvalConfig) -> Play:
    """How the model of a configuration plays, where it is no checkpoint.

    Raises:
        ConfigError: there is no such function.
    """
    if config.model.kind == "endpoint":
        return lambda items, begin, tell: asyncio.run(_ask(config, items, begin, tell))
    if config.model.kind == "callable":
        function = _function(config.model.name)
        threads = ThreadPoolExecutor(min(config.concurrency, MOST_THREADS), thread_name_prefix="policy")
        writer = ByFunction(function, threads)
        return streamed(lambda key: writer, config)
    chat = _chat(config)
    if config.model.name == "random":
        return streamed(lambda key: ByPolicy(randomly(random.Random(f"{config.seed}/{key}")), chat), config)
    policy = expert(config.env.protocol) if config.model.name == "gold" else POLICIES[config.model.name]
    scripted = ByPolicy(policy, chat)
    return streamed(lambda key: scripted, config)


def settled(config: EvalConfig) -> EvalConfig:
    """A configuration that names the model it asks: its endpoint is asked which it serves, where none is named.

    Raises:
        Fault: the endpoint does not tell.
        ConfigError: it serves several, or none.
    """
    if config.model.kind != "endpoint" or config.model.served is not None:
        return config
    served = asyncio.run(_served(config))
    return config.model_copy(update={"model": config.model.model_copy(update={"served": served})})


def streamed(write: Callable[[str], Writer], config: EvalConfig) -> Play:
    """Plays on a loop; `write` makes the writer of an episode's messages from its key."""
    return lambda items, begin, tell: asyncio.run(_stream(write, config, items, begin, tell))


def in_batches(play: Player, concurrency: int) -> Play:
    """Plays as many episodes together as may be alive, then the next."""

    def play_all(items: Sequence[Planned], begin: Begin, tell: Tell) -> None:
        waiting = iter(items)
        while batch := list(islice(waiting, concurrency)):
            episodes = [begin(item) for item in batch]
            try:
                for item, rollout in zip(batch, play(episodes), strict=True):
                    tell(item, rollout)
            finally:
                for episode in episodes:
                    episode.close()

    return play_all


async def _stream(
    write: Callable[[str], Writer], config: EvalConfig, items: Sequence[Planned], begin: Begin, tell: Tell
) -> None:
    async def one(item: Planned) -> Rollout:
        return await play_one(begin(item), write(item.key), time_s=config.time_s)

    await play_stream(items, one, tell, min(config.concurrency, max(1, len(items))))


async def _ask(config: EvalConfig, items: Sequence[Planned], begin: Begin, tell: Tell) -> None:
    model = config.model
    async with _client(config) as client:
        served = model.served or await _served(config)
        asking = Asking(
            client,
            served,
            config.sampling.build(),
            budget=config.budget,
            context=await _context(client, served) if model.tokenizer else None,
            seed=config.seed if config.endpoint.send_seed else None,
            limit_field=config.endpoint.limit_field,
            extra=config.sampling.extra,
        )
        chat = _chat(config)

        def write(key: str) -> Writer:
            return ByChat(asking, key) if chat is None else ByIds(asking, chat, key)

        await _stream(write, config, items, begin, tell)


def _client(config: EvalConfig) -> Client:
    part = config.endpoint
    return Client(
        config.model.name,
        key=os.environ.get(part.key_env),
        timeout_s=part.timeout_s,
        retries=part.retries,
        pause_s=part.pause_s,
        connections=config.concurrency,
    )


async def _served(config: EvalConfig) -> str:
    """The one model that an endpoint serves."""
    url = config.model.name
    try:
        async with _client(config) as client:
            names = await client.models()
    except ProviderError as error:
        told = f"{url} does not tell what it serves: {type(error).__name__}: {error}"
        raise Fault(f"{told}\nname the model with --served if it has no list") from error
    if len(names) != 1:
        listed = ", ".join(list(names)[:20]) or "nothing"
        raise ConfigError(f"{url} serves {listed}: choose one with --served (model.served)")
    return next(iter(names))


async def _context(client: Client, served: str) -> int | None:
    """The longest context of a model, where its endpoint has a list that tells."""
    try:
        return (await client.models()).get(served)
    except ProviderError:
        return None


def _chat(config: EvalConfig) -> Chat | None:
    """The chat of the tokenizer that a configuration names; None where it names none."""
    name = config.model.tokenizer
    return None if name is None else Chat(_tokenizer(name), role=config.env.prompt.observation_role)


def _tokenizer(name: str) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise ConfigError(f"model.tokenizer {name!r} cannot be loaded: {error}") from error


def _function(name: str) -> Function:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"cannot load the policy {name!r}: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise ConfigError(f"{name!r} is a {type(found).__name__}, not a function of a chat's messages")
    return cast(Function, found)
