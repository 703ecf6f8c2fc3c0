"""Where the tokens of one episode come from while others play beside it: an endpoint, or a batching backend.

A `Generator` continues one prompt a call, and many calls may wait at once; a `Backend` continues a batch. `Batched`
makes the one of the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Protocol

from cave_rl.clients.errors import BadResponse, ProviderError
from cave_rl.clients.openai import Completion
from cave_rl.rollouts.asking import Asking, call_of
from cave_rl.rollouts.backends import Backend, Generated, Sampling


class Generator(Protocol):
    """Continues token ids, one prompt a call."""

    async def generate(self, prompt: list[int], sampling: Sampling, key: str, number: int) -> Generated | None:
        """The continuation of a prompt; None where the prompt alone fills the model's context.

        Args:
            prompt: token ids.
            sampling: how they are continued; `max_tokens` is the room there is.
            key: names the episode, for seeds.
            number: of the message in its episode, from 0.

        Raises:
            ProviderError: there is none, and that is not the model's doing.
        """


class StaleWeights(ProviderError):
    """The endpoint answered by other weights than it should have."""


@dataclass(frozen=True)
class Served:
    """An endpoint that takes token ids and gives them back: vLLM's `/v1/completions`.

    Attributes:
        asking: how it is asked.
        eos_ids: the tokens that end a message.
        logprobs: whether the log-probability of each token is asked for. One that does not come is an error.
        model: what must have answered, in the endpoint's word; None takes any.
    """

    asking: Asking
    eos_ids: Sequence[int]
    logprobs: bool = False
    model: str | None = None

    async def generate(self, prompt: list[int], sampling: Sampling, key: str, number: int) -> Generated | None:
        asking = self.asking
        body = asking.body(key, number, sampling.max_tokens) | {
            "return_token_ids": True,
            "skip_special_tokens": False,
            "stop_token_ids": sorted(self.eos_ids),
        }
        if self.logprobs:
            body["logprobs"] = 0  # of the sampled tokens alone
        completion = await asking.answer(lambda given: asking.client.complete(prompt, **given), body)
        return None if completion is None else self._checked(completion, prompt)

    def _checked(self, completion: Completion, prompt: list[int]) -> Generated:
        """The tokens of an answer, if it is one to what was asked."""
        ids, logprobs = completion.ids, completion.logprobs
        if ids is None:
            raise BadResponse(
                "the endpoint does not give token ids back, as vLLM does (return_token_ids); without a tokenizer its "
                "chat completions are used"
            )
        if not ids:
            raise BadResponse("the endpoint gave not a single token")
        if self.model is not None and completion.model != self.model:
            raise StaleWeights(f"{completion.model!r} answered where {self.model!r} was asked")
        if completion.prompt_ids is not None and completion.prompt_ids != prompt:
            raise BadResponse("the endpoint continued other tokens than it was given")
        if self.logprobs and (logprobs is None or len(logprobs) != len(ids)):
            raise BadResponse(
                f"the endpoint gave {len(logprobs or ())} log-probabilities for {len(ids)} tokens; vLLM gives one each"
            )
        return Generated(ids, logprobs if self.logprobs else None, call_of(completion))


@dataclass
class Batched:
    """A `Backend` as a `Generator`: whatever waits is continued together, while environments go on.

    Which prompts meet in a batch depends on time, so the same seed need not give the same tokens.

    Attributes:
        backend: continues batches. It is called from a thread of its own, never twice at once.
    """

    backend: Backend
    _waiting: list[tuple[list[int], Sampling, asyncio.Future[Generated]]] = field(default_factory=list)
    _worker: asyncio.Task[None] | None = None

    async def generate(self, prompt: list[int], sampling: Sampling, key: str, number: int) -> Generated | None:
        future: asyncio.Future[Generated] = asyncio.get_running_loop().create_future()
        self._waiting.append((prompt, sampling, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.ensure_future(self._work())
        return await future

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="generation") as thread:
            while self._waiting:
                await asyncio.sleep(0)  # all that are ready now come along
                batch, self._waiting = self._waiting, []
                most = max(sampling.max_tokens for _, sampling, _ in batch)
                prompts, together = [prompt for prompt, _, _ in batch], replace(batch[0][1], max_tokens=most)
                try:
                    found = await loop.run_in_executor(thread, self.backend.generate, prompts, together)
                except Exception as error:  # it is raised where each of them waits
                    for _, _, future in batch:
                        if not future.done():
                            future.set_exception(error)
                    continue
                for (_, sampling, future), each in zip(batch, found, strict=True):
                    if not future.done():
                        future.set_result(_cut(each, sampling.max_tokens))


def _cut(generated: Generated, most: int) -> Generated:
    return replace(generated, ids=generated.ids[:most], logprobs=generated.logprobs and generated.logprobs[:most])
