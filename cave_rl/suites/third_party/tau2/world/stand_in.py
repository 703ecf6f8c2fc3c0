"""What the port takes from `inspect_ai`: a few names, most of them only to write types with.

A store, in which `inspect_ai` keeps what belongs to one sample, is a dict here: `using` says which.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")

# inspect_ai.tool, inspect_ai.util

Store = dict[tuple[type, str | None], Any]
_stores: list[Store] = []

Tool = Callable[..., Any]


class ToolError(Exception):
    """What a tool tells the model that called it."""


class StoreModel(BaseModel):
    """What is kept in a store."""

    model_config = ConfigDict(arbitrary_types_allowed=True)


def tool(function: T) -> T:
    """Marks a tool."""
    return function


@contextlib.contextmanager
def using(store: Store) -> Iterator[None]:
    """Makes a store the one that `store_as` looks in."""
    _stores.append(store)
    try:
        yield
    finally:
        _stores.pop()


def store_as(cls: type[T], instance: str | None = None) -> T:
    """What the store has of a class; made if there is none."""
    found: T = _stores[-1].setdefault((cls, instance), None) or cls()
    _stores[-1][cls, instance] = found
    return found


# inspect_ai.model


class ToolCall(BaseModel):
    """A call, as a message has it."""

    function: str
    arguments: dict[str, Any]


class ContentText(BaseModel):
    """A part of a message."""

    text: str


class ChatMessage(BaseModel):
    """A message."""

    role: str
    content: str | list[Any] = ""
    tool_calls: list[ToolCall] | None = None


class ChatMessageSystem(ChatMessage):
    """What is said before the dialogue."""

    role: str = "system"


class ChatMessageUser(ChatMessage):
    """What a user says."""

    role: str = "user"


class ChatMessageAssistant(ChatMessage):
    """What a model says or calls."""

    role: str = "assistant"


Content = ContentReasoning = ContentToolUse = GenerateConfig = Model = ModelOutput = get_model = Any

# inspect_ai.agent, inspect_ai.dataset, inspect_ai.solver

Agent = AgentState = Dataset = Generate = Sample = Solver = json_dataset = Any


def agent(function: T) -> T:
    """Marks an agent."""
    return function


def solver(function: T) -> T:
    """Marks a solver."""
    return function


@dataclass
class TaskState:
    """A sample as it is scored: what was said, and which task it was."""

    messages: list[ChatMessage] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)


# inspect_ai.scorer

CORRECT, INCORRECT = "C", "I"
Target = str


class Score(BaseModel):
    """What a scorer says."""

    value: str
    explanation: str | None = Field(default=None)


Scorer = Callable[[TaskState, Target], Awaitable[Score]]


def scorer(metrics: Sequence[Any]) -> Callable[[T], T]:
    """Marks a scorer."""
    return lambda function: function


def accuracy() -> None:
    """Names a metric."""


def stderr() -> None:
    """Names a metric."""


def multi_scorer(scorers: Sequence[Scorer], reducer: Callable[[list[Score]], Score]) -> Scorer:
    """A scorer of what several say."""

    async def score(state: TaskState, target: Target) -> Score:
        return reducer([await each(state, target) for each in scorers])

    return score
