"""How a checkpoint was asked, kept beside it: who evaluates it with other prompts is told so.

One task of its suite stands for all: hashes of its opening chat, as text and as token ids, are kept, and computed again
under the settings of an evaluation.
"""

from __future__ import annotations

import json
from pathlib import Path

from cave_rl.rollouts.calls import prompt_hash
from cave_rl.rollouts.chat import Chat
from cave_rl.tasks.config import PromptConfig
from cave_rl.tasks.opening import opening
from cave_rl.tasks.registry import find
from cave_rl.tasks.suite import SuiteError

FILE = "cave_rl_prompt.json"


def keep(directory: Path, suite: str, family: str, config: PromptConfig, chat: Chat) -> None:
    """Writes how a checkpoint was asked.

    Args:
        directory: the checkpoint's.
        suite: what it was trained on: a name, or module:attribute.
        family: one of the training split.
        config: how tasks were put.
        chat: how chats were rendered.
    """
    kept = {"suite": suite, "family": family, "hash": _hash(suite, family, config, chat)}
    (directory / FILE).write_text(json.dumps(kept, indent=2) + "\n")


def difference(directory: Path, config: PromptConfig, chat: Chat) -> str:
    """How an evaluation asks otherwise than the training did; empty where it does not, or nothing is known."""
    path = directory / FILE
    if not path.is_file():
        return ""
    kept = json.loads(path.read_text())
    try:
        today = _hash(kept["suite"], kept["family"], config, chat)
    except SuiteError as error:
        return f"whether it is asked as it was in training cannot be told: {error}"
    if today == kept["hash"]:
        return ""
    what = "its texts are other ones" if today["messages"] != kept["hash"]["messages"] else "its tokens are other ones"
    return (
        f"it was trained under another prompt: {what} on the same task of {kept['suite']}. "
        "See the options --style, --examples and env.prompt, and the config.yaml of its training"
    )


def _hash(suite: str, family: str, config: PromptConfig, chat: Chat) -> dict[str, str | None]:
    found = find(suite)
    messages = opening(found.task("train", family, 0), config, found.examples)
    return prompt_hash(messages, chat.opening(messages))
