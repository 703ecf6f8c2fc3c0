"""Where tokens come from: one protocol, and the backends that need no server.

A backend continues token ids. It never sees text, so nothing is ever tokenized twice: what was sampled is what is
trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from cave_rl.rollouts.calls import Call

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn.

    Attributes:
        temperature: 0 is greedy.
        top_p, top_k: the usual cuts; 1 and 0 are none.
        max_tokens: most tokens of one message.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int = 256


@dataclass(frozen=True, slots=True)
class Generated:
    """One continuation.

    Attributes:
        ids: the sampled tokens, the end-of-turn token included if it was sampled.
        logprobs: of each under the policy that sampled it; None where the backend does not tell.
        call: the request that was answered, where there was one.
    """

    ids: list[int]
    logprobs: list[float] | None = None
    call: Call | None = None


class Backend(Protocol):
    """Continues token ids."""

    def generate(self, prompts: Sequence[list[int]], sampling: Sampling) -> list[Generated]:
        """One continuation for each prompt, in order."""


@dataclass
class Scripted:
    """Plays messages that are given: for tests and for gold through the token path.

    Attributes:
        replies: for each call, the token ids of every continuation.
    """

    replies: list[list[list[int]]]
    prompts: list[list[list[int]]] = field(default_factory=list)

    def generate(self, prompts: Sequence[list[int]], sampling: Sampling) -> list[Generated]:
        self.prompts.append([list(prompt) for prompt in prompts])
        replies = self.replies[len(self.prompts) - 1]
        if len(replies) != len(prompts):
            raise ValueError(f"{len(replies)} scripted replies for {len(prompts)} prompts")
        return [Generated(ids[: sampling.max_tokens]) for ids in replies]


SHORTEST_PREFIX = 16
"""Tokens from which on sharing a prefix is worth it."""


FIRST_ROUND = 16
"""Tokens drawn before a batch lets go of the rows that have ended; each later round is twice as long.

A batch is as slow as its longest row, and most messages are short.
"""


def common_prefix(prompts: Sequence[list[int]]) -> int:
    """How many tokens all prompts begin with, leaving each at least one of its own.

    >>> common_prefix([[1, 2, 3, 4], [1, 2, 5], [1, 2, 3]])
    2
    """
    first, last = min(prompts), max(prompts)
    shared = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return min(shared, min(map(len, prompts)) - 1)


class Transformers:
    """Generation by a transformers model in this process. What all prompts of a batch begin with is computed once.

    Args:
        model: a causal language model.
        eos_ids: the tokens that end a message.
        pad_id: fills up shorter prompts, on the left.
        seed: of its own random stream, so that the same calls give the same tokens.
        batch: most prompts at once; longer and shorter prompts go together with their like.
        logprobs: whether to tell the log-probability of each token (it takes memory).
    """

    def __init__(
        self,
        model: Any,
        eos_ids: Sequence[int],
        pad_id: int,
        *,
        seed: int = 0,
        batch: int = 64,
        logprobs: bool = False,
    ) -> None:
        import torch

        self._model = model
        self._eos = list(eos_ids)
        self._pad = pad_id
        self._batch = batch
        self._logprobs = logprobs
        self._state = torch.Generator().manual_seed(seed).get_state()

    def generate(self, prompts: Sequence[list[int]], sampling: Sampling) -> list[Generated]:
        found = [Generated([], [] if self._logprobs else None) for _ in prompts]
        going, size, left = list(range(len(prompts))), FIRST_ROUND, sampling.max_tokens
        while going and left > 0:
            going.sort(key=lambda i: len(prompts[i]) + len(found[i].ids))
            for start in range(0, len(going), self._batch):
                part = going[start : start + self._batch]
                drawn = self._draw([prompts[i] + found[i].ids for i in part], sampling, min(size, left))
                for i, new in zip(part, drawn, strict=True):
                    found[i].ids.extend(new.ids)
                    if found[i].logprobs is not None:
                        found[i].logprobs.extend(new.logprobs or ())  # type: ignore[union-attr]
            left, size = left - size, 2 * size
            going = [i for i in going if found[i].ids[-1] not in self._eos]
        return found

    def _draw(self, prompts: list[list[int]], sampling: Sampling, most: int) -> list[Generated]:
        """At most `most` tokens for each prompt."""
        import torch

        width = max(map(len, prompts))
        device = self._model.device
        shared = common_prefix(prompts) if len(prompts) > 1 else 0
        shared = shared if shared >= SHORTEST_PREFIX else 0
        gaps = [width - len(p) for p in prompts]  # padding stands between what is shared and what is not
        ids = torch.tensor(
            [p[:shared] + [self._pad] * gap + p[shared:] for p, gap in zip(prompts, gaps, strict=True)], device=device
        )
        mask = torch.ones_like(ids)
        for row, gap in enumerate(gaps):
            mask[row, shared : shared + gap] = 0
        drawing = (
            {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k}
            if sampling.temperature > 0
            else {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        )
        with torch.inference_mode(), self._own_randomness(), _as_it_is(self._model):
            cache = None
            if shared:
                cache = self._model(input_ids=ids[:1, :shared], use_cache=True, logits_to_keep=1).past_key_values
                cache.batch_repeat_interleave(len(prompts))
            out = self._model.generate(
                input_ids=ids,
                past_key_values=cache,
                attention_mask=mask,
                max_new_tokens=most,
                eos_token_id=self._eos,
                pad_token_id=self._pad,
                return_dict_in_generate=True,
                output_logits=self._logprobs,
                **drawing,
            )
        found = [self._cut(row.tolist()) for row in out.sequences[:, width:]]
        if not self._logprobs:
            return [Generated(ids) for ids in found]
        temperature = sampling.temperature or 1.0
        steps = torch.stack([torch.log_softmax(each.float() / temperature, -1) for each in out.logits], 1)
        drawn = steps.gather(2, out.sequences[:, width:, None])[..., 0].tolist()
        return [Generated(ids, row[: len(ids)]) for ids, row in zip(found, drawn, strict=True)]

    def _cut(self, ids: list[int]) -> list[int]:
        """Up to and with the first end-of-turn token; what follows is padding."""
        for i, token in enumerate(ids):
            if token in self._eos:
                return ids[: i + 1]
        return ids

    @contextmanager
    def _own_randomness(self) -> Iterator[None]:
        import torch

        devices = [self._model.device] if self._model.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            _restore(self._state, devices)
            yield
            self._state = torch.get_rng_state()


@contextmanager
def _as_it_is(model: Any) -> Iterator[None]:
    """The model alone: no dropout, and no generation defaults of its own.

    A chat model's repetition penalty, say, is no part of what is trained.
    """
    from transformers import GenerationConfig

    plain = model.get_base_model() if hasattr(model, "get_base_model") else model
    kept, plain.generation_config = plain.generation_config, GenerationConfig()
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
        plain.generation_config = kept


def _restore(state: torch.Tensor, devices: list[Any]) -> None:
    import torch

    torch.set_rng_state(state)
    if devices:  # a seed for the device, drawn from our own stream
        torch.cuda.manual_seed(int(torch.randint(2**31, (1,)).item()))
