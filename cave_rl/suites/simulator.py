"""LLMUser: a user that a model plays, behind any OpenAI-compatible API.

Roles are flipped: what the model under test says comes to the simulator as the user's, what the simulator wrote stands
as its own. A user with tools is offered them as the API has it (vLLM: `--enable-auto-tool-choice`), and calls them
before it speaks. What the simulator's endpoint fails at is a fault of the episode, and never a reward.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from cave_rl.clients.errors import ContextOverflow, ProviderError
from cave_rl.clients.openai import Completion, call_of
from cave_rl.runtime.aside import aside_steps
from cave_rl.runtime.drive import Steps
from cave_rl.suites.asking import body_of, client_of
from cave_rl.tasks.config import UserConfig
from cave_rl.tasks.settings import ConfigError
from cave_rl.tasks.user import STOPS, Act, Dialogue, Said, ScriptedUser, UserFault

_ATTEMPTS = 3
"""How often a simulator is asked that writes nothing, or calls that cannot be read, each time with another seed."""

_SILENCE = "(says nothing)"


@dataclass(frozen=True, slots=True)
class LLMUser:
    """A user that a model plays. Which model is configured: `user.url` and `user.model`.

    Attributes:
        system: the system prompt: who the user is, what they want, how they behave, and when they write a stop token.
        greeting: what the simulator is told first, so that its own chat begins with a message to it, as many chat
            templates demand. The model under test did not say it and does not see it.
        stops: what ends the dialogue, in a text of the simulator.
        script: who speaks in its place under `user.scripted`: for gold, validation and tests.
    """

    __cave_host_only__: ClassVar[bool] = True

    system: str
    greeting: str = "Hi! How can I help you today?"
    stops: tuple[str, ...] = STOPS
    script: ScriptedUser | None = None

    def __init__(
        self,
        system: str,
        *,
        greeting: str = "Hi! How can I help you today?",
        stops: Sequence[str] = STOPS,
        script: ScriptedUser | Sequence[str | Act] | None = None,
    ) -> None:
        object.__setattr__(self, "system", system)
        object.__setattr__(self, "greeting", greeting)
        object.__setattr__(self, "stops", tuple(stops))
        scripted = script if script is None or isinstance(script, ScriptedUser) else ScriptedUser(script, stops)
        object.__setattr__(self, "script", scripted)

    def check(self, config: UserConfig) -> None:
        """Looks whether a model is configured, or a script is there.

        Raises:
            ConfigError: neither is.
        """
        if config.scripted:
            if self.script is None:
                raise ConfigError("user.scripted: the task's user is a model and has no script; set user.url")
            return
        missing = [f"user.{name}" for name in ("url", "model") if getattr(config, name) is None]
        if missing:
            other = "" if self.script is None else ", or user.scripted=true for the script that stands for it"
            raise ConfigError(
                f"the task has a user that a model plays: set {' and '.join(missing)} of the episode's configuration "
                f"(env.user.url=http://127.0.0.1:8000/v1 env.user.model=NAME on a command line){other}"
            )

    def messages(self, dialogue: Dialogue) -> list[dict[str, Any]]:
        """The chat as the simulator is given it."""
        flipped: list[dict[str, Any]] = [{"role": "system", "content": self.system}]
        flipped.append({"role": "user", "content": self.greeting})
        for number, line in enumerate(dialogue.lines):
            flipped += _done(dialogue, number)
            own = line["role"] == "user"
            text = line["content"] if own else _heard(line["content"], dialogue.config.heard_chars)
            flipped.append({"role": "assistant" if own else "user", "content": text})
        return [*flipped, *_done(dialogue, len(dialogue.lines))]

    def say_steps(self, dialogue: Dialogue) -> Steps[Said]:
        """What the simulator says next.

        Raises:
            UserFault: its endpoint failed, or it wrote nothing.
        """
        self.check(dialogue.config)
        if dialogue.config.scripted and self.script is not None:
            return (yield from self.script.say_steps(dialogue))
        return (yield from aside_steps(lambda: self._say(dialogue)))

    async def _say(self, dialogue: Dialogue) -> Said:
        config, messages = dialogue.config, self.messages(dialogue)
        client = client_of(config)
        offered = {"tools": [tool.schema() for tool in dialogue.tools]} if dialogue.tools else {}
        for attempt in range(_ATTEMPTS):
            try:
                body = body_of(config, dialogue.seed, dialogue.number, attempt)
                completion = await client.chat(messages, **offered, **body)
            except ContextOverflow:  # by what the model under test wrote: no fault of ours
                return Said("", over=True, stop="context", limited=True)
            except ProviderError as error:
                raise UserFault(f"the user's endpoint: {type(error).__name__}: {error}") from error
            acts = _acts(completion)
            if acts or (acts is not None and completion.text.strip()):
                return _said(completion, acts, self.stops)
        wrong = "wrote nothing" if acts is not None else f"called a tool by {completion.calls!r:.500}, which is no JSON"
        raise UserFault(f"the user's endpoint: {config.model} {wrong}, asked {_ATTEMPTS} times")


def _heard(text: str, chars: int) -> str:
    """What a model said, as a request can hold it: half of a surrogate pair it cannot."""
    return text.encode("utf-8", "replace").decode().strip()[:chars] or _SILENCE


def _done(dialogue: Dialogue, lines: int) -> Iterator[dict[str, Any]]:
    """What the user did after so many lines, as the API has calls and their results."""
    for number, (after, acts) in enumerate(dialogue.deeds):
        if after == lines:
            ids = [f"call_{number}_{at}" for at in range(len(acts))]
            calls = [call_of(id, act.name, act.arguments) for id, act in zip(ids, acts, strict=True)]
            yield {"role": "assistant", "content": "", "tool_calls": calls}
            for id, act in zip(ids, acts, strict=True):
                yield {"role": "tool", "tool_call_id": id, "content": act.result}


def _acts(completion: Completion) -> tuple[Act, ...] | None:
    """The calls of a message; None if one cannot be read."""
    found = []
    for name, text in completion.calls:
        try:
            arguments = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(arguments, dict):
            return None
        found.append(Act(name, arguments))
    return tuple(found)


def _said(completion: Completion, acts: tuple[Act, ...], stops: Sequence[str]) -> Said:
    return Said.read(
        "" if acts else completion.text,
        stops,
        acts=acts,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
        details={
            "seconds": completion.seconds,
            "finish": completion.finish,
            "model": completion.model,
            "retries": list(completion.retries),
        },
    )
