"""How a task is put to a model: the chat before its first message."""

from __future__ import annotations

from collections.abc import Sequence

from cave_rl.runtime.describe import describe_all
from cave_rl.semantic.prompt import Example, Message
from cave_rl.tasks.config import EpisodeConfig, PromptConfig
from cave_rl.tasks.exchange import Exchange
from cave_rl.tasks.task import Task


def opening(task: Task, config: PromptConfig, examples: Sequence[Task] = (), query: str | None = None) -> list[Message]:
    """System text, few-shot turns by the examples' gold, and the first query.

    Args:
        task: what is to be done.
        config: style and texts; `config.examples` says how many examples are shown.
        examples: few-shot tasks; the first cell of each one's first gold is shown.
        query: what is asked first, where a user said it; the first turn's query if left out.
    """
    shown = [
        Example(describe_all(each.injected), each.turns[0].query, each.turns[0].gold_cells[0])
        for each in examples[: config.examples]
    ]
    descriptions = describe_all(task.told(0), shapes=config.shapes)
    asked = task.turns[0].query if query is None else query
    return config.build().opening(descriptions, asked, instructions=config.instructions, examples=shown)


def text_opening(config: EpisodeConfig, exchange: Exchange, query: str) -> list[Message]:
    """The chat before the first message in a protocol without live objects.

    Args:
        config: protocol, style and texts.
        exchange: what there is in place of them.
        query: what is asked first.
    """
    descriptions = [] if config.calls == "native" else [tool.describe() for tool in exchange.tools]
    prompt = config.build_prompt()
    return prompt.opening(descriptions, exchange.query(0, query), instructions=config.prompt.instructions)
