r"""Prompt: what the model is told before it acts, as chat messages.

A prompt is a function of the descriptions of what was injected, the query and the examples, and of nothing else: no
clock, no values, no addresses. Task words are filled in as they are; braces and dollars in them are safe.

>>> from cave_rl.runtime.describe import describe
>>> from cave_rl.runtime.primitives import Variable
>>> from cave_rl.semantic.prompt import Example, Prompt
>>> prompt = Prompt(style="compact")
>>> example = Example([describe(Variable("ys", []))], "Empty ys.", "ys.clear()")
>>> for message in prompt.opening([describe(Variable("xs", []))], "Sort xs in place.", examples=[example]):
...     print(message)
{'role': 'system', 'content': 'Act by writing Python.'}
{'role': 'user', 'content': 'ys: list\nEmpty ys.'}
{'role': 'assistant', 'content': '```python\nys.clear()\n```'}
{'role': 'user', 'content': 'xs: list\nSort xs in place.'}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cave_rl.runtime.describe import Description
from cave_rl.semantic.parsing import LANGUAGES, fenced
from cave_rl.semantic.texts import PromptFileError, Prompts, Texts, load_prompts

__all__ = ["Example", "Message", "Prompt", "PromptFileError", "Prompts", "Texts", "load_prompts"]

Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class Example:
    """A few-shot turn: a query and the code that solves it.

    Attributes:
        descriptions: what the turn's runtime holds.
        query: what the user asks.
        code: the code that solves it.
    """

    descriptions: Sequence[Description]
    query: str
    code: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "descriptions", tuple(self.descriptions))


@dataclass(frozen=True, slots=True)
class Prompt:
    """How a task is put to a model.

    Attributes:
        style: `cave`, the full prompt for capable models, or `compact`, few tokens for small ones.
        observation_role: the chat role in which observations come; `tool` needs a chat template that renders it.
        examples: few-shot turns to show unless `opening` is given others.
        language: the info word of code fences.
        system_role: whether the chat template knows the role `system`; if not, that text leads the first user message.
        overrides: texts to replace, by dotted key (`{"malformed.unclosed_fence": "..."}`).
        path: a prompt file to use instead of the one that ships.
        texts: the resulting texts; pass them to the functions of `cave_rl.semantic.observation`.
    """

    style: str = "cave"
    observation_role: Literal["user", "tool"] = "user"
    examples: Sequence[Example] = ()
    language: str = "python"
    system_role: bool = True
    overrides: Mapping[str, str] = field(default_factory=dict, hash=False)
    path: str | Path | None = None
    texts: Texts = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.observation_role not in ("user", "tool"):
            raise ValueError(f"observation_role must be 'user' or 'tool', got {self.observation_role!r}")
        if self.language.lower() not in LANGUAGES:
            known = ", ".join(sorted(filter(None, LANGUAGES)))
            raise ValueError(f"language must be one the parser takes as Python ({known}), got {self.language!r}")
        object.__setattr__(self, "examples", tuple(self.examples))
        object.__setattr__(self, "texts", load_prompts(self.path).style(self.style).override(self.overrides))

    def render_system(self, descriptions: Iterable[Description], instructions: str = "") -> str:
        """The system text: who the model is, what the runtime holds, how to act.

        Args:
            descriptions: what the runtime holds.
            instructions: the task author's own instructions.
        """
        return self.texts.render(
            "system",
            identity=self.texts.render("identity"),
            instructions=instructions,
            language=self.language,
            **self._lists(descriptions),
        )

    def opening(
        self,
        descriptions: Iterable[Description],
        query: str,
        *,
        instructions: str = "",
        examples: Iterable[Example] | None = None,
    ) -> list[Message]:
        """The chat before the model's first message: system text, few-shot turns, the first query.

        Args:
            descriptions: what the runtime holds.
            query: what the user asks first.
            instructions: the task author's own instructions, for the system text.
            examples: few-shot turns; those of the prompt if left out.
        """
        descriptions = tuple(descriptions)
        messages: list[Message] = []
        system = self.render_system(descriptions, instructions)
        if system and self.system_role:
            messages.append({"role": "system", "content": system})
        for example in self.examples if examples is None else examples:
            messages.extend(self._example(example))
        first = self.texts.render("first_query", query=query, **self._lists(descriptions))
        messages.append({"role": "user", "content": first})
        if system and not self.system_role:
            messages[0]["content"] = f"{system}\n\n{messages[0]['content']}"
        return messages

    def query_message(self, query: str, descriptions: Iterable[Description] = ()) -> Message:
        """The user message of a later turn.

        Args:
            query: what the user asks.
            descriptions: what came into the runtime since the last turn.
        """
        content = self.texts.render("next_query", query=query, **self._lists(descriptions))
        return {"role": "user", "content": content}

    def observation_message(self, text: str) -> Message:
        """The message that carries an observation."""
        return {"role": self.observation_role, "content": text}

    def code_message(self, code: str) -> Message:
        """The assistant message whose action is this code."""
        return {"role": "assistant", "content": fenced(code, self.language)}

    def _example(self, example: Example) -> list[Message]:
        query = self.texts.render("example_query", query=example.query, **self._lists(example.descriptions))
        return [{"role": "user", "content": query}, self.code_message(example.code)]

    def _lists(self, descriptions: Iterable[Description]) -> dict[str, str]:
        """The descriptions as one text for each kind, and all of them as plain signatures."""
        texts: dict[str, list[str]] = {"function": [], "variable": [], "type": []}
        for item in descriptions:
            texts[item.kind].append(
                self.texts.render(
                    item.kind,
                    name=item.name,
                    signature=item.signature,
                    description=item.description,
                    doc=item.doc,
                    fields="\n".join(item.fields),
                    methods="\n".join(item.methods),
                )
            )
        none = self.texts.render("none")
        everything = [*texts["type"], *texts["function"], *texts["variable"]]
        return {
            "functions": "\n".join(texts["function"]) or none,
            "variables": "\n".join(texts["variable"]) or none,
            "types": "\n".join(texts["type"]) or none,
            "signatures": "\n".join(everything),
        }
