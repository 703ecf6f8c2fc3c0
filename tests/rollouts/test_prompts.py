from __future__ import annotations

import copy
from pathlib import Path

import pytest

from cave_rl.rollouts import Chat, prompts
from cave_rl.tasks.config import PromptConfig
from tests.training import tiny

AS_TRAINED = PromptConfig(style="compact")


@pytest.fixture
def checkpoint(tmp_path: Path, chat: Chat) -> Path:
    prompts.keep(tmp_path, tiny.NAME, "put", AS_TRAINED, chat)
    return tmp_path


def test_the_same_prompt_is_no_difference(checkpoint: Path, chat: Chat) -> None:
    assert prompts.difference(checkpoint, AS_TRAINED, chat) == ""


def test_other_texts_are_told(checkpoint: Path, chat: Chat) -> None:
    told = prompts.difference(checkpoint, PromptConfig(style="compact", instructions="Be brief."), chat)
    assert "its texts are other ones on the same task of tests.training.tiny:suite" in told


def test_another_template_is_told(checkpoint: Path) -> None:
    tokenizer = copy.copy(tiny.tokenizer())
    tokenizer.chat_template = "<|im_start|>system\nHi.<|im_end|>\n" + tiny.CHATML
    assert "its tokens are other ones" in prompts.difference(checkpoint, AS_TRAINED, Chat(tokenizer))


def test_a_checkpoint_of_elsewhere_tells_nothing(tmp_path: Path, chat: Chat) -> None:
    assert prompts.difference(tmp_path, AS_TRAINED, chat) == ""


def test_a_suite_that_is_not_here_cannot_be_asked(checkpoint: Path, chat: Chat) -> None:
    kept = checkpoint / prompts.FILE
    kept.write_text(kept.read_text().replace(tiny.NAME, "Gone-v0"))
    assert "cannot be told: no suite 'Gone-v0'" in prompts.difference(checkpoint, AS_TRAINED, chat)
