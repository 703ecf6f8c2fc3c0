"""What is asked of vLLM. Where it is not installed a stand-in with its interface takes the requests."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from cave_rl.rollouts.backends import Generated, Sampling
from cave_rl.rollouts.vllm import Vllm

ASKED: list[tuple[str, Any]] = []


class LLM:
    def __init__(self, **options: Any) -> None:
        ASKED.append(("LLM", options))

    def generate(self, prompts: list[Any], params: Any, *, use_tqdm: bool, lora_request: Any) -> list[Any]:
        ASKED.append(("generate", (prompts, params, use_tqdm, lora_request)))
        return [SimpleNamespace(outputs=[SimpleNamespace(token_ids=(*p["prompt_token_ids"], 9))]) for p in prompts]


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    vllm, lora, request = ModuleType("vllm"), ModuleType("vllm.lora"), ModuleType("vllm.lora.request")
    vllm.LLM, vllm.SamplingParams = LLM, lambda **given: given  # type: ignore[attr-defined]
    request.LoRARequest = lambda *given: given  # type: ignore[attr-defined]
    for module in (vllm, lora, request):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    ASKED.clear()


def test_token_ids_go_in_and_come_out() -> None:
    backend = Vllm("dir", [9], dtype="float32", seed=3)
    sampling = Sampling(temperature=0.5, top_p=0.9, top_k=0, max_tokens=7)
    assert backend.generate([[1, 2], [3]], sampling) == [Generated([1, 2, 9]), Generated([3, 9])]
    (_, made), (_, (prompts, params, _, lora)) = ASKED
    assert made == {"model": "dir", "dtype": "float32", "seed": 3, "enable_lora": False}
    assert prompts == [{"prompt_token_ids": [1, 2]}, {"prompt_token_ids": [3]}]
    assert params == {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": -1,
        "max_tokens": 7,
        "stop_token_ids": [9],
        "detokenize": False,
    }
    assert lora is None


def test_an_adapter_goes_with_its_base() -> None:
    Vllm("base", [9], adapter="run/adapter").generate([[1]], Sampling(top_k=5))
    (_, made), (_, (_, params, _, lora)) = ASKED
    assert (made["enable_lora"], lora) == (True, ("adapter", 1, "run/adapter"))
    assert params["top_k"] == 5
