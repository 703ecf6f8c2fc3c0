"""A user in the loop: who a model talks with within a turn, and when the talk is over.

A turn that has a user ends when the user says so. Until then every message without code goes to the user, and what the
user says next is the next observation. A user keeps no state: what is said next is a function of the dialogue so far,
so an episode can be branched within one.

>>> from cave_rl.runtime.drive import run
>>> user = ScriptedUser(["The blue one.", "Thanks! ###STOP###"])
>>> dialogue = Dialogue(lines=({"role": "user", "content": "I want a lamp."},)).told("Which one?")
>>> said = run(user.say_steps(dialogue))
>>> said.text, said.over
('The blue one.', False)
>>> said = run(user.say_steps(dialogue.heard(said).told("Here it is.")))
>>> said.text, said.over, said.stop
('Thanks!', True, '###STOP###')
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol, runtime_checkable

from cave_rl.runtime.drive import Steps
from cave_rl.runtime.errors import Fault
from cave_rl.semantic.parsing import fenced
from cave_rl.semantic.prompt import Message
from cave_rl.tasks.config import UserConfig

STOPS = ("###STOP###", "###TRANSFER###", "###OUT-OF-SCOPE###")
"""What a user writes to end a dialogue, unless its suite says otherwise: those of tau2-bench."""


class UserFault(Fault):
    """A user did not speak, by no doing of the model's: the episode is unscorable."""


@dataclass(frozen=True, slots=True)
class Say:
    """A text that a gold solution, or a near-miss, says to the user. Their plain texts are cells."""

    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """What a user said.

    Attributes:
        text: the words, stop tokens left out.
        over: whether the dialogue is over.
        stop: what ended it: a stop token, `script` where a script is at its end, or the bound that was reached:
            `messages`, `tokens`, or `context` (the dialogue is longer than the user's model can read).
        limited: whether a bound ended it rather than the user.
        prompt_tokens, completion_tokens: what it took; None where nobody counted.
        details: what else is known of how it came about, for the trace alone: seconds, retries.
    """

    text: str
    over: bool = False
    stop: str = ""
    limited: bool = False
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str, stops: Sequence[str], **more: Any) -> Said:
        """What a user's words come to: a stop token in them ends the dialogue."""
        text = text.encode("utf-8", "replace").decode()  # a lone half of a surrogate pair is no text
        found = next((stop for stop in stops if stop in text), "")
        for stop in stops:
            text = text.replace(stop, "")
        return cls(text.strip(), over=bool(found), stop=found, **more)

    def info(self) -> dict[str, Any]:
        """As `info` and the trace tell it."""
        told = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        del told["details"]
        return told


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What was said within one turn.

    Attributes:
        turn: its index.
        seed: of what the user says.
        config: how users are simulated.
        lines: as a chat: `user` is the user, `assistant` the model; empty before the user has begun.
        number: how many of the user's lines are its own, rather than the turn's query.
        tokens: how many these took, as far as they were counted.
    """

    turn: int = 0
    seed: int = 0
    config: UserConfig = field(default_factory=UserConfig)
    lines: tuple[Message, ...] = ()
    number: int = 0
    tokens: int = 0

    @property
    def texts(self) -> tuple[str, ...]:
        """What the model has told the user."""
        return tuple(line["content"] for line in self.lines if line["role"] == "assistant")

    @property
    def bound(self) -> str:
        """The bound that was reached, so that the user says no more; empty if none was."""
        if self.number >= self.config.max_messages:
            return "messages"
        return "tokens" if self.config.budget is not None and self.tokens >= self.config.budget else ""

    def asked(self, query: str) -> Dialogue:
        """With the turn's query as the user's first line."""
        return replace(self, lines=({"role": "user", "content": query},))

    def told(self, text: str) -> Dialogue:
        """With what the model said."""
        return replace(self, lines=(*self.lines, {"role": "assistant", "content": text}))

    def heard(self, said: Said) -> Dialogue:
        """With what the user said."""
        line: Message = {"role": "user", "content": said.text}
        tokens = self.tokens + (said.prompt_tokens or 0) + (said.completion_tokens or 0)
        return replace(self, lines=(*self.lines, line), number=self.number + 1, tokens=tokens)


@runtime_checkable
class User(Protocol):
    """Who a model talks with. A frozen dataclass of plain data, best: it is part of what its task asks."""

    def check(self, config: UserConfig) -> None:
        """Looks whether it can speak under a configuration, before anything is begun.

        Raises:
            ConfigError: it cannot; the message says what to set.
        """

    def say_steps(self, dialogue: Dialogue) -> Steps[Said]:
        """What it says next: the first words of all where the dialogue is empty.

        Raises:
            UserFault: nothing, by no doing of the model's.
        """


@dataclass(frozen=True, slots=True)
class ScriptedUser:
    """Says given texts one after another, whatever it is told; after the last the dialogue is over.

    Attributes:
        texts: what it says. Where its turn has no query the first is what the turn begins with.
        stops: what ends the dialogue, in a text.
    """

    __cave_host_only__: ClassVar[bool] = True

    texts: tuple[str, ...]
    stops: tuple[str, ...] = STOPS

    def __init__(self, texts: str | Sequence[str] = (), stops: Sequence[str] = STOPS) -> None:
        object.__setattr__(self, "texts", (texts,) if isinstance(texts, str) else tuple(texts))
        object.__setattr__(self, "stops", tuple(stops))

    def check(self, config: UserConfig) -> None:
        """It can always speak."""

    def say_steps(self, dialogue: Dialogue) -> Steps[Said]:
        """The next of its texts."""
        yield from ()
        if dialogue.number < len(self.texts):
            return Said.read(self.texts[dialogue.number], self.stops)
        return Said("", over=True, stop="script")


def begin_steps(user: User, dialogue: Dialogue) -> Steps[tuple[Said, Dialogue]]:
    """A user's first words, with which a turn begins.

    Raises:
        UserFault: there are none.
    """
    said = yield from user.say_steps(dialogue)
    if not said.text:
        raise UserFault(f"the user of turn {dialogue.turn + 1} has nothing to begin with")
    return said, dialogue.heard(said)


def reply_steps(user: User, dialogue: Dialogue) -> Steps[tuple[Said, Dialogue]]:
    """What a user says to what it was told last, and the dialogue with it.

    Raises:
        UserFault: it did not speak.
    """
    if dialogue.bound:
        return Said("", over=True, stop=dialogue.bound, limited=True), dialogue
    said = yield from user.say_steps(dialogue)
    if not (said.text or said.over):
        raise UserFault(f"the user of turn {dialogue.turn + 1} said nothing, and did not end the dialogue")
    return said, dialogue.heard(said)


def message_of(action: str | Say) -> str:
    """A step of a gold solution as the model's message: a cell in its fence, or a text."""
    return action.text if isinstance(action, Say) else fenced(action)


def plain(party: object) -> Any:
    """A user, or a referee, as plain data, for the hash of what its task asks."""
    held = dataclasses.asdict(party) if dataclasses.is_dataclass(party) and not isinstance(party, type) else None
    return [type(party).__qualname__, held]
