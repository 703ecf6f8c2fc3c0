"""Who writes an episode's messages: a script, a function, or a model behind an OpenAI-compatible API."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

from cave_rl.clients.errors import BadResponse, ContextOverflow
from cave_rl.clients.openai import Client, Completion
from cave_rl.rollouts.backends import Sampling
from cave_rl.rollouts.calls import Call, used
from cave_rl.rollouts.chat import Chat
from cave_rl.rollouts.messages import Policy
from cave_rl.rollouts.native import from_api, to_api
from cave_rl.rollouts.play import Rollout, add, follow
from cave_rl.rollouts.stream import PolicyError, Written
from cave_rl.semantic.prompt import Message

Function = Callable[[list[Message]], "str | Awaitable[str]"]
"""From a chat to the next message."""

FULL = Written("", closed=False, stop="budget")
"""The budget has no room for a message."""

OVER = Written("", closed=False, stop="context")
"""The model's context has none."""


@dataclass(frozen=True)
class ByPolicy:
    """Messages by a `Policy`: gold, doing nothing, anything that sees the episode.

    Attributes:
        policy: writes them.
        chat: counts tokens, as those of a model with this chat; None counts none.
    """

    policy: Policy
    chat: Chat | None = None

    async def write(self, rollout: Rollout, observation: str) -> Written:
        text = self.policy(rollout.episode)
        if self.chat is None:
            return Written(text)
        if not rollout.prompt_ids:
            rollout.prompt_ids = self.chat.opening(rollout.episode.messages)
        else:
            follow(rollout, observation, self.chat, None)
        ids = self.chat.message(text)
        add(rollout, ids, None)
        return Written(text, tokens=len(ids))


@dataclass(frozen=True)
class ByFunction:
    """Messages by a function of the chat. One that is not `async` runs in a thread of its own, so it may block.

    Attributes:
        function: from messages to a text.
        threads: where it runs; None takes the loop's.
    """

    function: Function
    threads: Executor | None = None

    async def write(self, rollout: Rollout, observation: str) -> Written:
        messages = [dict(message) for message in rollout.episode.messages]
        try:
            if inspect.iscoroutinefunction(self.function):
                text = await self.function(messages)
            else:
                text = await asyncio.get_running_loop().run_in_executor(self.threads, self.function, messages)
        except Exception as error:
            raise PolicyError(f"{type(error).__name__}: {error}") from error
        if not isinstance(text, str):
            raise PolicyError(f"it gave {type(text).__name__}, not a text")
        return Written(text)


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


@dataclass(frozen=True)
class ByChat:
    """Messages by chat completions. The endpoint makes the prompt of the chat, by its own template.

    Where the episode's calls are native, its functions go as the request's `tools`, and calls in the API's own form.

    Attributes:
        asking: how it is asked.
        key: names the episode, for the seeds of its requests.
    """

    asking: Asking
    key: str = ""

    async def write(self, rollout: Rollout, observation: str) -> Written:
        asking, episode = self.asking, rollout.episode
        messages: list[Any] = episode.messages
        offered: dict[str, Any] = {}
        if episode.config.calls == "native":
            exchange, turns = episode.exchange, enumerate(episode.task.turns[: episode.turn + 1])
            messages = to_api(messages, [exchange.query(at, turn.query) for at, turn in turns])
            offered = {"tools": [tool.schema() for tool in exchange.tools]}
        room = _room(rollout, asking)
        if room <= 0:
            return FULL
        body = {**offered, **asking.body(self.key, len(rollout.calls), room)}
        completion = await _asked(lambda body: asking.client.chat(messages, **body), body, asking.limit_field)
        if completion is None:
            return OVER
        _note(rollout, completion)
        over = asking.budget is not None and (_used(rollout) > asking.budget)
        closed = completion.finish != "length" and not over
        text = from_api(completion) if offered else completion.text
        return Written(text, closed, completion.completion_tokens or 0)


@dataclass(frozen=True)
class ByIds:
    """Messages by completions of token ids: the prompt is ours to the token, and what was sampled stays as sampled.

    Needs an endpoint that takes ids and gives them back: vLLM's `return_token_ids`.

    Attributes:
        asking: how it is asked.
        chat: the tokenizer's chat.
        key: names the episode, for the seeds of its requests.
    """

    asking: Asking
    chat: Chat
    key: str = ""

    async def write(self, rollout: Rollout, observation: str) -> Written:
        asking, chat = self.asking, self.chat
        if not rollout.prompt_ids:
            rollout.prompt_ids = chat.opening(rollout.episode.messages)
        elif not follow(rollout, observation, chat, asking.budget):
            return FULL
        prompt = rollout.prompt_ids + rollout.ids
        room = asking.sampling.max_tokens if asking.budget is None else asking.budget - len(rollout.ids)
        if asking.context is not None:
            room = min(room, asking.context - len(prompt))
        if room <= 0:
            return FULL if asking.context is None or len(prompt) < asking.context else OVER
        body = asking.body(self.key, len(rollout.calls), room) | {
            "return_token_ids": True,
            "skip_special_tokens": False,
            "stop_token_ids": sorted(chat.eos_ids),
        }
        completion = await _asked(lambda body: asking.client.complete(prompt, **body), body, asking.limit_field)
        if completion is None:
            return OVER
        if completion.ids is None:
            raise BadResponse(
                "the endpoint does not give token ids back, as vLLM does (return_token_ids); without a tokenizer its "
                "chat completions are used"
            )
        _note(rollout, completion)
        ids = completion.ids[:room]
        add(rollout, ids, None)
        text, closed = chat.text(ids)
        return Written(text, closed, len(ids))


def request_seed(seed: int, key: str, number: int) -> int:
    """The seed of one request: the same in every run of the same seed."""
    blob = f"{seed}/{key}/{number}".encode()
    return int.from_bytes(hashlib.blake2b(blob, digest_size=4).digest(), "little") >> 1


async def _asked(
    ask: Callable[[dict[str, Any]], Awaitable[Completion]], body: dict[str, Any], limit_field: str
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
        return await ask({**body, limit_field: None})
    except ContextOverflow:
        return None


def _note(rollout: Rollout, completion: Completion) -> None:
    call = Call(
        seconds=completion.seconds,
        prompt=completion.prompt_tokens,
        completion=completion.completion_tokens,
        finish=completion.finish,
        model=completion.model,
        retries=completion.retries,
    )
    rollout.calls.append(call)


def _room(rollout: Rollout, asking: Asking) -> int:
    """The tokens that are left for a message, as far as is known: those of the last observation are not."""
    return asking.sampling.max_tokens if asking.budget is None else asking.budget - _used(rollout)


def _used(rollout: Rollout) -> int:
    spent = used(rollout.calls)
    if spent is None:
        raise BadResponse("the endpoint does not tell how many tokens it used, so a budget of tokens cannot be kept")
    return spent
