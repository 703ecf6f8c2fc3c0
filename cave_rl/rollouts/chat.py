"""A tokenizer's chat, as token-exact episodes need it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cave_rl.semantic.observation import defuse
from cave_rl.semantic.prompt import Message
from cave_rl.semantic.template import check_prefix_preserving, observation_suffix


class Chat:
    """Renders openings and observations, reads messages; never renders what the model wrote.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        role: the chat role in which observations come.
        eos_ids: the tokens that end a message, if not the tokenizer's own end-of-sequence token alone.

    Raises:
        ChatTemplateError: the template changes earlier tokens when messages are added, or cannot take the role.
    """

    def __init__(self, tokenizer: Any, *, role: str = "user", eos_ids: Sequence[int] | None = None) -> None:
        self._tokenizer = tokenizer
        self._role = role
        self.eos_ids = frozenset(eos_ids if eos_ids is not None else [tokenizer.eos_token_id])
        self.pad_id: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
        self._end: int = tokenizer.eos_token_id if tokenizer.eos_token_id in self.eos_ids else min(self.eos_ids)
        self._special = tuple(tokenizer.all_special_tokens)
        check_prefix_preserving(self.render, role)

    def render(self, messages: list[Message], add_generation_prompt: bool) -> list[int]:
        """Token ids of a chat."""
        ids = self._tokenizer.apply_chat_template(
            messages, add_generation_prompt=add_generation_prompt, tokenize=True, return_dict=False
        )
        return list(ids)

    def opening(self, messages: list[Message]) -> list[int]:
        """Token ids of the chat before the model's first message, with its header."""
        return self.render(messages, True)

    def suffix(self, observation: str, role: str | None = None) -> list[int]:
        """Token ids between the end of a message and the model's next: the observation and the next header.

        Args:
            observation: its text.
            role: where it does not come in the role of observations: a later turn's query is the user's.
        """
        return observation_suffix(self.render, defuse(observation, self._special), self.eos_ids, role or self._role)

    def message(self, text: str) -> list[int]:
        """Token ids of a message that somebody wrote as text, with its end: what a model would have sampled to say it.

        What looks like a special token in it stays text.
        """
        ids = self._tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        return [*ids, self._end]

    def text(self, ids: Sequence[int]) -> tuple[str, bool]:
        """A message's text, and whether it was closed by an end-of-turn token (else the token limit cut it)."""
        closed = bool(ids) and ids[-1] in self.eos_ids
        body = list(ids[:-1] if closed else ids)
        return self._tokenizer.decode(body, skip_special_tokens=False, clean_up_tokenization_spaces=False), closed
