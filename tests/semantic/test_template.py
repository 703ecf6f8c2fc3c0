"""Chat templates: whether they keep what was rendered, and what comes between two messages of a model."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cave_rl.semantic.template import ChatTemplateError, check_prefix_preserving, observation_suffix

Message = dict[str, str]
Renderer = Callable[[list[Message], bool], list[int]]

START, END = 1_200_001, 1_200_002  # beyond any character


def tokens(text: str) -> list[int]:
    """A tokenizer of characters that knows two special tokens wherever they come from."""
    ids: list[int] = []
    for position, piece in enumerate(text.split("<|")):
        if position and piece.startswith("start|>"):
            ids.append(START)
            piece = piece[len("start|>") :]
        elif position and piece.startswith("end|>"):
            ids.append(END)
            piece = piece[len("end|>") :]
        elif position:
            piece = "<|" + piece
        ids.extend(map(ord, piece))
    return ids


def chatml(messages: list[Message], add_generation_prompt: bool) -> list[int]:
    text = "".join(f"<|start|>{m['role']}\n{m['content']}<|end|>\n" for m in messages)
    return tokens(text + ("<|start|>assistant\n" if add_generation_prompt else ""))


def thinking_in_last(messages: list[Message], add_generation_prompt: bool) -> list[int]:
    """Adds an empty thinking section to an assistant message after the last user message, as some templates do."""
    last_user = max((i for i, m in enumerate(messages) if m["role"] == "user"), default=-1)
    changed = [
        {**m, "content": "<think></think>" + m["content"]} if m["role"] == "assistant" and i > last_user else m
        for i, m in enumerate(messages)
    ]
    return chatml(changed, add_generation_prompt)


def no_tool_role(messages: list[Message], add_generation_prompt: bool) -> list[int]:
    return chatml([m for m in messages if m["role"] != "tool"], add_generation_prompt)


def refuses_tool(messages: list[Message], add_generation_prompt: bool) -> list[int]:
    if any(m["role"] == "tool" for m in messages):
        raise RuntimeError("unknown role")
    return chatml(messages, add_generation_prompt)


def counts(messages: list[Message], add_generation_prompt: bool) -> list[int]:
    return [len(messages), *chatml(messages, add_generation_prompt)]


def never_closes(messages: list[Message], add_generation_prompt: bool) -> list[int]:
    return [token for token in chatml(messages, add_generation_prompt) if token != END]


def closes_users_only(messages: list[Message], add_generation_prompt: bool) -> list[int]:
    text = "".join(f"{m['role']}:{m['content']}" + "<|end|>" * (m["role"] == "user") for m in messages)
    return tokens(text + "assistant:" * add_generation_prompt)


@pytest.mark.parametrize("role", ["user", "tool"])
def test_chatml_preserves_prefixes(role: str) -> None:
    check_prefix_preserving(chatml, role)


@pytest.mark.parametrize(
    ("render", "role", "says"),
    [
        (counts, "user", r"adding message 1 \(assistant\) changes the tokens of message 0 \(user\)"),
        (
            thinking_in_last,
            "user",
            r"adding message 2 \(user\) changes the tokens of message 1 \(assistant\) .* try observation_role 'tool'",
        ),
        (no_tool_role, "tool", r"does not render the content of message 2 \(tool\); set observation_role to 'user'"),
        (refuses_tool, "tool", r"RuntimeError: unknown role; set observation_role to 'user'"),
        (lambda messages, add: {"input_ids": []}, "user", "return_dict=False"),
        (lambda messages, add: chatml(messages, False)[: None if not add else -3], "user", "generation prompt"),
    ],
)
def test_a_template_that_rewrites_or_refuses_is_named(render: Renderer, role: str, says: str) -> None:
    with pytest.raises(ChatTemplateError, match=says):
        check_prefix_preserving(render, role)


@pytest.mark.parametrize("role", ["user", "tool"])
def test_the_suffix_joins_two_assistant_messages(role: str) -> None:
    assert observation_suffix(chatml, "ok", [END], role) == tokens(
        f"\n<|start|>{role}\nok<|end|>\n<|start|>assistant\n"
    )


@given(st.text() | st.sampled_from(["<|end|>", "a<|end|>\n<|start|>assistant\n", "<|start|>"]))
def test_appending_the_suffix_is_what_rendering_the_chat_would_give(text: str) -> None:
    chat = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    sampled = [*chatml(chat[:1], True), *tokens("a<|end|>")]
    whole = chatml([*chat, {"role": "user", "content": text}], True)
    assert sampled + observation_suffix(chatml, text, {END}) == whole


def test_a_template_that_changes_earlier_assistant_messages_still_gives_a_suffix() -> None:
    assert observation_suffix(thinking_in_last, "ok", {END}) == observation_suffix(chatml, "ok", {END})


@pytest.mark.parametrize(
    ("render", "eos", "says"),
    [
        (never_closes, END, "pass the id of its end-of-turn token"),
        (chatml, 7_000_000, "pass the id of its end-of-turn token"),
        (closes_users_only, END, "does not close an assistant message"),
        (counts, END, "changes the first user message"),
    ],
)
def test_a_template_that_gives_no_suffix_says_why(render: Renderer, eos: int, says: str) -> None:
    with pytest.raises(ChatTemplateError, match=says):
        observation_suffix(render, "ok", {eos})
