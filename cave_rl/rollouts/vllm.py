"""Generation by vLLM in this process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cave_rl.rollouts.backends import Generated, Sampling


class Vllm:
    """A `Backend` on vLLM's offline engine: all prompts of a call are batched by its own scheduler.

    Args:
        model: a directory or hub name.
        eos_ids: the tokens that end a message.
        adapter: the directory of a LoRA adapter.
        dtype: of the weights, in vLLM's word.
        seed: of its random stream.
        options: anything else of `vllm.LLM`.
    """

    def __init__(
        self,
        model: str,
        eos_ids: Sequence[int],
        *,
        adapter: str | None = None,
        dtype: str = "auto",
        seed: int = 0,
        **options: Any,
    ) -> None:
        from vllm import LLM

        self._eos = list(eos_ids)
        self._adapter = adapter
        self._llm = LLM(model=model, dtype=dtype, seed=seed, enable_lora=adapter is not None, **options)

    def generate(self, prompts: Sequence[list[int]], sampling: Sampling) -> list[Generated]:
        from vllm import SamplingParams
        from vllm.lora.request import LoRARequest

        params = SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k or -1,
            max_tokens=sampling.max_tokens,
            stop_token_ids=self._eos,
            detokenize=False,
        )
        outputs = self._llm.generate(
            [{"prompt_token_ids": prompt} for prompt in prompts],
            params,
            use_tqdm=False,
            lora_request=LoRARequest("adapter", 1, self._adapter) if self._adapter else None,
        )
        return [Generated(list(output.outputs[0].token_ids)) for output in outputs]
