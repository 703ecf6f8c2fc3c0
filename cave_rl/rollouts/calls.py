"""What a model's calls cost, and how many tokens an episode had."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cave_rl.semantic.prompt import Message


@dataclass(frozen=True, slots=True)
class Call:
    """One answered request for a message.

    Attributes:
        seconds: wall time, retries and their pauses included.
        prompt, completion: tokens by the endpoint's own tokenizer; None where it does not tell.
        finish: why it stopped, in the endpoint's word (`stop`, `length`, ...).
        model: what the endpoint says it answered with.
        retries: the types of the errors that were overcome.
    """

    seconds: float
    prompt: int | None = None
    completion: int | None = None
    finish: str = ""
    model: str = ""
    retries: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for traces."""
        return {**asdict(self), "retries": list(self.retries)}


def used(calls: Sequence[Call]) -> int | None:
    """Tokens after the prompt so far: messages and observations. None where the endpoint does not tell.

    >>> used([Call(0.1, 100, 20), Call(0.1, 150, 10)])
    60
    """
    if not calls:
        return 0
    first, last = calls[0], calls[-1]
    if first.prompt is None or last.prompt is None or last.completion is None:
        return None
    return max(0, last.prompt + last.completion - first.prompt)


def tokens_of(calls: Sequence[Call]) -> dict[str, int | str | None]:
    """Token counts of an episode, by the usage that its endpoint told.

    >>> tokens_of([Call(0.1, 100, 20), Call(0.1, 150, 10)])
    {'prompt': 100, 'completion': 30, 'observation': 30, 'sent': 250, 'by': 'usage'}
    >>> tokens_of([Call(0.1)])
    {'prompt': None, 'completion': None, 'observation': None, 'sent': None, 'by': None}
    """
    prompts, completions = [call.prompt for call in calls], [call.completion for call in calls]
    if not calls or None in prompts or None in completions:
        return dict.fromkeys(("prompt", "completion", "observation", "sent", "by"))
    sizes = [(p or 0, c or 0) for p, c in zip(prompts, completions, strict=True)]
    between = (later[0] - sum(before) for before, later in itertools.pairwise(sizes))
    return {
        "prompt": sizes[0][0],
        "completion": sum(c for _, c in sizes),
        "observation": sum(max(0, each) for each in between),  # below 0 where a template drops earlier thinking
        "sent": sum(p for p, _ in sizes),
        "by": "usage",
    }


def prompt_hash(opening: Sequence[Message], ids: Sequence[int] = ()) -> dict[str, str | None]:
    """What two runs compare to tell whether they asked the same: hashes of the opening chat, as text and as token ids.

    >>> prompt_hash([{"role": "user", "content": "Sort xs."}])
    {'messages': '1e98c8f8274b', 'ids': None}
    """
    said = json.dumps([[m["role"], m["content"]] for m in opening], ensure_ascii=True)
    return {"messages": short_hash(said), "ids": short_hash(json.dumps(list(ids))) if ids else None}


def short_hash(text: str) -> str:
    """12 hex digits."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
