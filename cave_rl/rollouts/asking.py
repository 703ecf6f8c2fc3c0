"""How an endpoint is asked for messages."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from cave_rl.clients.errors import ContextOverflow
from cave_rl.clients.openai import Client, Completion
from cave_rl.rollouts.backends import Sampling
from cave_rl.rollouts.calls import Call


@dataclass(frozen=True)
class Asking:
    """How an endpoint is asked for messages.

    Attributes:
        client: the endpoint.
        model: the name it serves.
        sampling: how messages are sampled.
        budget: most tokens of an episode after its prompt.
        context: the longest that prompt and message together may be, where it is known.
        seed: of the sampling; each request has a seed of its own, made from it. None sends none.
        limit_field: what the endpoint calls the limit of a message's tokens.
        extra: what else requests hold.
    """

    client: Client
    model: str
    sampling: Sampling
    budget: int | None = None
    context: int | None = None
    seed: int | None = None
    limit_field: str = "max_tokens"
    extra: dict[str, Any] = field(default_factory=dict)

    def body(self, key: str, number: int, room: int) -> dict[str, Any]:
        """All of a request but its prompt."""
        sampling = self.sampling
        body: dict[str, Any] = {"model": self.model, "temperature": sampling.temperature, "top_p": sampling.top_p}
        if sampling.top_k:
            body["top_k"] = sampling.top_k
        if self.seed is not None:
            body["seed"] = request_seed(self.seed, key, number)
        return {**body, self.limit_field: min(sampling.max_tokens, room), **self.extra}

    async def answer(
        self, ask: Callable[[dict[str, Any]], Awaitable[Completion]], body: dict[str, Any]
    ) -> Completion | None:
        """The endpoint's answer; None where the chat alone is longer than the model's context.

        Endpoints refuse a chat that fits where the room asked for the answer does not: then it is asked again with all
        the room that is left, which is less.
        """
        try:
            return await ask(body)
        except ContextOverflow:
            pass
        try:
            return await ask({**body, self.limit_field: None})
        except ContextOverflow:
            return None


def request_seed(seed: int, key: str, number: int) -> int:
    """The seed of one request: the same in every run of the same seed."""
    blob = f"{seed}/{key}/{number}".encode()
    return int.from_bytes(hashlib.blake2b(blob, digest_size=4).digest(), "little") >> 1


def call_of(completion: Completion) -> Call:
    """What is kept of an answered request."""
    return Call(
        seconds=completion.seconds,
        prompt=completion.prompt_tokens,
        completion=completion.completion_tokens,
        finish=completion.finish,
        model=completion.model,
        retries=completion.retries,
    )
