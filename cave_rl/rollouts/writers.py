"""Who writes an episode's messages: a script, a function, or a model behind an OpenAI-compatible API."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

from cave_rl.clients.errors import BadResponse
from cave_rl.rollouts.asking import Asking, call_of
from cave_rl.rollouts.backends import Sampling
from cave_rl.rollouts.calls import used
from cave_rl.rollouts.chat import Chat
from cave_rl.rollouts.generators import Generator, Served
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
            exchange = episode.exchange
            messages = to_api(messages, [exchange.query(at, query) for at, query in enumerate(episode.queries)])
            offered = {"tools": [tool.schema() for tool in exchange.tools]}
        room = _room(rollout, asking)
        if room <= 0:
            return FULL
        body = {**offered, **asking.body(self.key, len(rollout.calls), room)}
        completion = await asking.answer(lambda given: asking.client.chat(messages, **given), body)
        if completion is None:
            return OVER
        rollout.calls.append(call_of(completion))
        over = asking.budget is not None and (_used(rollout) > asking.budget)
        closed = completion.finish != "length" and not over
        text = from_api(completion) if offered else completion.text
        return Written(text, closed, completion.completion_tokens or 0)


@dataclass(frozen=True)
class ByTokens:
    """Messages by token ids: the prompt is ours to the token, and what was sampled stays as sampled.

    Attributes:
        generator: continues token ids.
        chat: the tokenizer's chat.
        sampling: how messages are sampled.
        budget: most tokens of an episode after its prompt.
        context: the longest that prompt and message together may be, where it is known.
        key: names the episode, for the seeds of its messages.
    """

    generator: Generator
    chat: Chat
    sampling: Sampling
    budget: int | None = None
    context: int | None = None
    key: str = ""

    async def write(self, rollout: Rollout, observation: str) -> Written:
        if not rollout.prompt_ids:
            rollout.prompt_ids = self.chat.opening(rollout.episode.messages)
        elif not follow(rollout, observation, self.chat, self.budget):
            return FULL
        prompt = rollout.prompt_ids + rollout.ids
        room = self.sampling.max_tokens
        if self.budget is not None:
            room = min(room, self.budget - len(rollout.ids))
        if self.context is not None:
            room = min(room, self.context - len(prompt))
        if room <= 0:
            return FULL if self.context is None or len(prompt) < self.context else OVER
        number = len(rollout.spans)
        found = await self.generator.generate(prompt, replace(self.sampling, max_tokens=room), self.key, number)
        if found is None:
            return OVER
        if found.call is not None:
            rollout.calls.append(found.call)
        add(rollout, found.ids[:room], found.logprobs and found.logprobs[:room])
        text, closed = self.chat.text(found.ids[:room])
        return Written(text, closed, len(found.ids[:room]))


@dataclass(frozen=True)
class ByIds:
    """Messages by an endpoint's completions of token ids; it must give them back, as vLLM does.

    Attributes:
        asking: how it is asked.
        chat: the tokenizer's chat.
        key: names the episode, for the seeds of its requests.
    """

    asking: Asking
    chat: Chat
    key: str = ""

    async def write(self, rollout: Rollout, observation: str) -> Written:
        asking = self.asking
        served = Served(asking, sorted(self.chat.eos_ids))
        writer = ByTokens(served, self.chat, asking.sampling, asking.budget, asking.context, self.key)
        return await writer.write(rollout, observation)


def _room(rollout: Rollout, asking: Asking) -> int:
    """The tokens that are left for a message, as far as is known: those of the last observation are not."""
    return asking.sampling.max_tokens if asking.budget is None else asking.budget - _used(rollout)


def _used(rollout: Rollout) -> int:
    spent = used(rollout.calls)
    if spent is None:
        raise BadResponse("the endpoint does not tell how many tokens it used, so a budget of tokens cannot be kept")
    return spent
