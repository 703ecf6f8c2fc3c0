"""A user in the loop: who a model talks with within a turn, and when the talk is over.

A turn that has a user ends when the user says so. Until then every message without code goes to the user, and what the
user says next is the next observation. A user keeps no state: what is said next is a function of the dialogue so far,
so an episode can be branched within one.

A user may have tools of their own: methods of hosted objects that no cell can call (`Hosted.user`). They use some
before they speak (`Said.acts`), and are then asked again; the model hears only what they say.

>>> from cave_rl.runtime.drive import run
>>> user = ScriptedUser(["The blue one.", "Thanks! ###STOP###"])
>>> dialogue = Dialogue(lines=({"role": "user", "content": "I want a lamp."},)).told("Which one?")
>>> said = run(user.say_steps(dialogue))
>>> said.text, said.over
('The blue one.', False)
>>> said = run(user.say_steps(dialogue.heard(said).told("Here it is.")))
>>> said.text, said.over, said.stop
('Thanks!', True, '###STOP###')
>>> user = ScriptedUser([Act("restart"), "I have restarted it."])
>>> run(user.say_steps(dialogue)).acts
(Act(name='restart', arguments={}, result=''),)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol, runtime_checkable

from cave_rl.runtime.drive import Steps
from cave_rl.runtime.errors import Fault
from cave_rl.semantic.parsing import fenced
from cave_rl.semantic.prompt import Message
from cave_rl.semantic.tools import Tool
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
class Act:
    """A call of one of the user's own tools.

    Attributes:
        name: the tool's.
        arguments: by name.
        result: what it told, once it was made; an error is told as one.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    result: str = ""


Do = Callable[[Act], Steps[Act]]
"""Makes a call of a user's; what is returned has its result."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a user said.

    Attributes:
        text: the words, stop tokens left out.
        acts: what the user does with tools. One who is to speak does these first, and is asked again; `info` and the
            trace tell with the words all that was done before them.
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
    acts: tuple[Act, ...] = ()
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
        del told["details"], told["acts"]
        return told | ({"acts": [dataclasses.asdict(each) for each in self.acts]} if self.acts else {})


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What was said within one turn.

    Attributes:
        turn: its index.
        seed: of what the user says.
        config: how users are simulated.
        lines: as a chat: `user` is the user, `assistant` the model; empty before the user has begun.
        number: how many of the user's lines are its own, rather than the turn's query, and calls of tools with them.
        tokens: how many these took, as far as they were counted.
        tools: the user's own.
        deeds: what the user did with them, a message of the user's each, and how many lines there were before it.
    """

    turn: int = 0
    seed: int = 0
    config: UserConfig = field(default_factory=UserConfig)
    lines: tuple[Message, ...] = ()
    number: int = 0
    tokens: int = 0
    tools: tuple[Tool, ...] = ()
    deeds: tuple[tuple[int, tuple[Act, ...]], ...] = ()

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
        return replace(self._counted(said, 1), lines=(*self.lines, line))

    def done(self, said: Said) -> Dialogue:
        """With what the user did instead of speaking."""
        return replace(self._counted(said, len(said.acts)), deeds=(*self.deeds, (len(self.lines), said.acts)))

    def _counted(self, said: Said, more: int) -> Dialogue:
        tokens = self.tokens + (said.prompt_tokens or 0) + (said.completion_tokens or 0)
        return replace(self, number=self.number + more, tokens=tokens)


@runtime_checkable
class User(Protocol):
    """Who a model talks with. A frozen dataclass of plain data, best: it is part of what its task asks."""

    def check(self, config: UserConfig) -> None:
        """Looks whether it can speak under a configuration, before anything is begun.

        Raises:
            ConfigError: it cannot; the message says what to set.
        """

    def say_steps(self, dialogue: Dialogue) -> Steps[Said]:
        """What it says next, or does before it speaks: the first words of all where the dialogue is empty.

        Raises:
            UserFault: nothing, by no doing of the model's.
        """


@dataclass(frozen=True, slots=True)
class ScriptedUser:
    """Says given texts one after another, whatever it is told if it waits for no cue; after the last it is over.

    Attributes:
        texts: what it says, and does in between. Where its turn has no query the first text is what the turn begins
            with.
        stops: what ends the dialogue, in a text.
        cue: what must be said to it, word for word, so that it goes on; anything else ends the dialogue. So a user who
            does half of the work does not do it for a model that never asks.
    """

    __cave_host_only__: ClassVar[bool] = True

    texts: tuple[str | Act, ...]
    stops: tuple[str, ...] = STOPS
    cue: str = ""

    def __init__(self, texts: str | Sequence[str | Act] = (), stops: Sequence[str] = STOPS, *, cue: str = "") -> None:
        object.__setattr__(self, "texts", (texts,) if isinstance(texts, str) else tuple(texts))
        object.__setattr__(self, "stops", tuple(stops))
        object.__setattr__(self, "cue", cue)

    def check(self, config: UserConfig) -> None:
        """It can always speak."""

    def say_steps(self, dialogue: Dialogue) -> Steps[Said]:
        """The next of its texts."""
        yield from ()
        lost = bool(self.cue) and dialogue.texts[-1:] not in ((), (self.cue,))
        if lost or dialogue.number >= len(self.texts):
            return Said("", over=True, stop="script")
        following = self.texts[dialogue.number]
        return Said("", acts=(following,)) if isinstance(following, Act) else Said.read(following, self.stops)


def begin_steps(user: User, dialogue: Dialogue, do: Do) -> Steps[tuple[Said, Dialogue]]:
    """A user's first words, with which a turn begins.

    Raises:
        UserFault: there are none.
    """
    said, dialogue = yield from reply_steps(user, dialogue, do)
    if not said.text:
        raise UserFault(f"the user of turn {dialogue.turn + 1} has nothing to begin with")
    return said, dialogue


def reply_steps(user: User, dialogue: Dialogue, do: Do) -> Steps[tuple[Said, Dialogue]]:
    """What a user says to what it was told last, and the dialogue with it.

    Args:
        user: who.
        dialogue: so far.
        do: makes the user's calls.

    Raises:
        UserFault: it did not speak.
    """
    before: list[Said] = []  # what was done instead of speaking
    while True:
        if dialogue.bound:
            return _after(before, Said("", over=True, stop=dialogue.bound, limited=True)), dialogue
        said = yield from user.say_steps(dialogue)
        if not said.acts:
            break
        done = []
        for act in said.acts:
            done.append((yield from do(act)))
        before.append(replace(said, acts=tuple(done)))
        dialogue = dialogue.done(before[-1])
    if not (said.text or said.over):
        raise UserFault(f"the user of turn {dialogue.turn + 1} said nothing, and did not end the dialogue")
    return _after(before, said), dialogue.heard(said)


def _after(before: Sequence[Said], said: Said) -> Said:
    """What was said, with what was done before it, and what all of it took."""

    def total(counts: Sequence[int | None]) -> int | None:
        known = [count for count in counts if count is not None]
        return sum(known) if known else None

    every = [*before, said]
    return replace(
        said,
        acts=tuple(act for each in before for act in each.acts),
        prompt_tokens=total([each.prompt_tokens for each in every]),
        completion_tokens=total([each.completion_tokens for each in every]),
    )


def message_of(action: str | Say) -> str:
    """A step of a gold solution as the model's message: a cell in its fence, or a text."""
    return action.text if isinstance(action, Say) else fenced(action)


def plain(party: object) -> Any:
    """A user, or a referee, as plain data, for the hash of what its task asks."""
    held = dataclasses.asdict(party) if dataclasses.is_dataclass(party) and not isinstance(party, type) else None
    return [type(party).__qualname__, held]
