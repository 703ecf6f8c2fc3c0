"""Chat templates: what an environment needs of them, and the tokens between two messages of a model.

A token-exact episode never renders its chat twice: the model's tokens stay as sampled, and after each of its messages
the tokens of the observation and of the next assistant header are appended. `observation_suffix` gives those tokens;
`check_prefix_preserving` says beforehand whether a template allows it. Nothing here imports a tokenizer: a template
comes in as a function `render(messages, add_generation_prompt) -> token ids`, for transformers

    def render(messages, add_generation_prompt):
        return tokenizer.apply_chat_template(
            messages, add_generation_prompt=add_generation_prompt, tokenize=True, return_dict=False
        )
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection

__all__ = ["ChatTemplateError", "Render", "check_prefix_preserving", "observation_suffix"]

Message = dict[str, str]
Render = Callable[[list[Message], bool], list[int]]


class ChatTemplateError(ValueError):
    """A chat template cannot serve a multi-turn environment in the way that was asked."""


def check_prefix_preserving(render: Render, role: str = "user") -> None:
    """Check that adding messages to a chat never changes the tokens of the earlier ones.

    Args:
        render: the chat template.
        role: the role in which observations come.

    Raises:
        ChatTemplateError: if the template refuses the role, renders nothing for it, or rewrites earlier messages.
    """
    chat = _chat(role)
    lengths: list[int] = []
    previous: list[int] = []
    for count in range(1, len(chat) + 1):
        messages = chat[:count]
        ids = _render(render, messages, False)
        if ids[: len(previous)] != previous:
            raise _changed(previous, ids, lengths, messages, role)
        if len(ids) == len(previous):
            raise ChatTemplateError(_ignored(messages, role))
        prompt = _render(render, messages, True)
        if prompt[: len(ids)] != ids:
            raise ChatTemplateError(
                f"the generation prompt after message {count - 1} ({messages[-1]['role']}) changes the tokens of the "
                "messages before it; use a template that only appends the assistant header"
            )
        previous = ids
        lengths.append(len(ids))
    for index in (1, 2, 3):
        changed = [dict(message) for message in chat[: index + 1]]
        changed[index]["content"] = "something else"
        if _render(render, changed, False) == _render(render, chat[: index + 1], False):
            raise ChatTemplateError(_ignored(changed, role))


def observation_suffix(render: Render, text: str, eos_ids: Collection[int], role: str = "user") -> list[int]:
    """The token ids that follow the end-of-turn token of an assistant message: observation and next assistant header.

    They are cut out of a dummy chat, so no token of the model's is ever rendered again. Append them to ids that end on
    an end-of-turn token; then generate.

    Args:
        render: the chat template; kept as the key of a small cache.
        text: the observation.
        eos_ids: the token ids that end an assistant message.
        role: the role in which observations come.

    Raises:
        ChatTemplateError: if the template does not close the assistant message with one of `eos_ids`, or refuses the
            role.
    """
    opening = _dummy_opening(render)
    ids = _render(render, [*_DUMMY, {"role": role, "content": text}], True)
    if ids[: len(opening)] != list(opening):
        raise ChatTemplateError("the template changes the first user message when others follow; it cannot be used")
    # The first end-of-turn token after the user's message is the assistant's, whatever the observation holds.
    for position in range(len(opening), len(ids)):
        if ids[position] in eos_ids:
            if position >= _dummy_end(render):
                break
            return ids[position + 1 :]
    raise ChatTemplateError(
        f"the template does not close an assistant message with any of the token ids {sorted(eos_ids)}; pass the id of "
        "its end-of-turn token (for ChatML that of <|im_end|>) in eos_ids"
    )


# --- dummy chats ------------------------------------------------------------------------------------------------------

_DUMMY: list[Message] = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]


@functools.lru_cache(maxsize=8)
def _dummy_opening(render: Render) -> tuple[int, ...]:
    return tuple(_render(render, _DUMMY[:1], False))


@functools.lru_cache(maxsize=8)
def _dummy_end(render: Render) -> int:
    """How long the dummy chat is without an observation: its assistant message closes before that."""
    return len(_render(render, _DUMMY, False))


def _chat(role: str) -> list[Message]:
    return [
        {"role": "user", "content": "Sort xs."},
        {"role": "assistant", "content": "I sort it.\n```python\nxs.sort()\nprint(xs)\n```"},
        {"role": role, "content": "[1, 2, 3]"},
        {"role": "assistant", "content": "xs is sorted."},
        {"role": "user", "content": "Reverse it."},
        {"role": "assistant", "content": "```python\nxs.reverse()\n```"},
        {"role": role, "content": "(no output)"},
        {"role": "assistant", "content": "Done."},
    ]


def _render(render: Render, messages: list[Message], add_generation_prompt: bool) -> list[int]:
    try:
        ids = render([dict(message) for message in messages], add_generation_prompt)
    except Exception as error:
        roles = ", ".join(message["role"] for message in messages)
        raise ChatTemplateError(
            f"the template refuses a chat with the roles {roles}: {type(error).__name__}: {error}; "
            f"{_other_role(messages[-1]['role'])}"
        ) from error
    if not isinstance(ids, list) or not all(isinstance(token, int) for token in ids):
        raise ChatTemplateError(
            f"render must return a list of token ids, got {type(ids).__name__}; with transformers pass "
            "tokenize=True, return_dict=False"
        )
    return ids


def _changed(
    before: list[int], after: list[int], lengths: list[int], messages: list[Message], role: str
) -> ChatTemplateError:
    same = next(
        (i for i, (x, y) in enumerate(zip(before, after, strict=False)) if x != y), min(len(before), len(after))
    )
    index = next(i for i, length in enumerate(lengths) if same < length)
    return ChatTemplateError(
        f"adding message {len(messages) - 1} ({messages[-1]['role']}) changes the tokens of message {index} "
        f"({messages[index]['role']}) from token {same} on; {_other_role(role)}, or use a chat template that renders "
        "earlier messages unchanged (one that does not strip or add thinking sections)"
    )


def _ignored(messages: list[Message], role: str) -> str:
    index = len(messages) - 1
    advice = _other_role(role) if messages[index]["role"] == role else "use another chat template"
    return f"the template does not render the content of message {index} ({messages[index]['role']}); {advice}"


def _other_role(role: str) -> str:
    return "set observation_role to 'user'" if role == "tool" else "try observation_role 'tool'"
