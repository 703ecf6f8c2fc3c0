"""LLMUser: a user that a model plays, behind any OpenAI-compatible API.

Roles are flipped: what the model under test says comes to the simulator as the user's, what the simulator wrote stands
as its own. What the simulator's endpoint fails at is a fault of the episode, and never a reward. Not covered: users
that call functions of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from cave_rl.clients.errors import ContextOverflow, ProviderError
from cave_rl.clients.openai import Completion
from cave_rl.runtime.aside import aside_steps
from cave_rl.runtime.drive import Steps
from cave_rl.suites.asking import body_of, client_of
from cave_rl.tasks.config import UserConfig
from cave_rl.tasks.settings import ConfigError
from cave_rl.tasks.user import STOPS, Dialogue, Said, ScriptedUser, UserFault

_ATTEMPTS = 3
"""How often a simulator is asked that writes nothing, each time with another seed."""

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
        script: ScriptedUser | Sequence[str] | None = None,
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

    def messages(self, dialogue: Dialogue) -> list[dict[str, str]]:
        """The chat as the simulator is given it."""
        flipped: list[dict[str, str]] = [{"role": "system", "content": self.system}]
        flipped.append({"role": "user", "content": self.greeting})
        for line in dialogue.lines:
            own = line["role"] == "user"
            text = line["content"] if own else _heard(line["content"], dialogue.config.heard_chars)
            flipped.append({"role": "assistant" if own else "user", "content": text})
        return flipped

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
        for attempt in range(_ATTEMPTS):
            try:
                completion = await client.chat(messages, **body_of(config, dialogue.seed, dialogue.number, attempt))
            except ContextOverflow:  # by what the model under test wrote: no fault of ours
                return Said("", over=True, stop="context", limited=True)
            except ProviderError as error:
                raise UserFault(f"the user's endpoint: {type(error).__name__}: {error}") from error
            if completion.text.strip():
                return _said(completion, self.stops)
        raise UserFault(f"the user's endpoint: {config.model} wrote nothing, asked {_ATTEMPTS} times")


def _heard(text: str, chars: int) -> str:
    """What a model said, as a request can hold it: half of a surrogate pair it cannot."""
    return text.encode("utf-8", "replace").decode().strip()[:chars] or _SILENCE


def _said(completion: Completion, stops: Sequence[str]) -> Said:
    return Said.read(
        completion.text,
        stops,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
        details={
            "seconds": completion.seconds,
            "finish": completion.finish,
            "model": completion.model,
            "retries": list(completion.retries),
        },
    )
