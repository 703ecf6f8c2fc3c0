"""Calls in the chat API's own form, and as the text that episodes and traces hold.

An episode's chat is text: a call stands in it as `<tool_call>` markup, whoever wrote it. An endpoint that has calls of
its own is sent them as such, and its answers are written down as markup. Both ways lose nothing that is judged.

>>> chat = [{"role": "assistant", "content": call_text("read_xs", {"page": 2})}, {"role": "user", "content": "[4]"}]
>>> said, result = to_api(chat)
>>> said["tool_calls"][0]["function"], result["role"], result["content"]
({'name': 'read_xs', 'arguments': '{"page": 2}'}, 'tool', '[4]')
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cave_rl.clients.openai import Completion, call_of
from cave_rl.semantic.parsing import Action
from cave_rl.semantic.prompt import Message
from cave_rl.semantic.protocols import call_text, parse_calls

_ABOVE = "(told with the last result)"


def to_api(messages: Sequence[Message], queries: Sequence[str] = ()) -> list[dict[str, Any]]:
    """A chat with its calls in the API's own form.

    Args:
        messages: the chat as an episode has it.
        queries: of its turns. One that came together with a result is the user's again.
    """
    found: list[dict[str, Any]] = []
    waiting: list[str] = []  # the ids of calls whose results come next
    for number, message in enumerate(messages):
        content = message["content"]
        if message["role"] == "assistant":
            parsed = parse_calls(content)
            waiting = [f"call_{number}_{at}" for at in range(len(parsed.calls))]
            if parsed.action is not Action.CALLS:
                found.append(dict(message))
                continue
            calls = [call_of(name, each.name, each.arguments) for name, each in zip(waiting, parsed.calls, strict=True)]
            text = content.partition("<tool_call>")[0].rstrip() if "<tool_call>" in content else ""
            found.append({"role": "assistant", "content": text, "tool_calls": calls})
        elif waiting:
            query = next((each for each in queries if content.endswith(f"\n\n{each}")), None)
            result = content if query is None else content.removesuffix(f"\n\n{query}")
            told = [_ABOVE] * (len(waiting) - 1) + [result]
            found += [
                {"role": "tool", "tool_call_id": name, "content": text}
                for name, text in zip(waiting, told, strict=True)
            ]
            found += [] if query is None else [{"role": "user", "content": query}]
            waiting = []
        else:
            found.append(dict(message))
    return found


def from_api(completion: Completion) -> str:
    """An endpoint's message as text. Arguments that are no JSON stay as they are: then the message is malformed."""
    return "\n".join([*filter(None, [completion.text]), *(call_text(*each) for each in completion.calls)])
