"""The tokens a backend gives. The model is real (90k weights) and in float32."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
import torch

from cave_rl.rollouts import Chat, Generated, Sampling, Scripted, Transformers
from cave_rl.training import policy
from tests.training import tiny

GREEDY = Sampling(temperature=0.0, max_tokens=40)


@pytest.fixture(scope="module")
def model() -> Any:
    return policy.load(tiny.directory(), "float32").model


@pytest.fixture(scope="module")
def prompts(chat: Chat) -> list[list[int]]:
    """Of different lengths."""
    queries = ["Set x to 3.", "Add 2 to x.", "x" * 30 + "\nAdd 4 to x.", "?", "Set x to 1.\n" * 4]
    return [chat.opening([{"role": "user", "content": query}]) for query in queries]


def backend(model: Any, chat: Chat, **given: Any) -> Transformers:
    return Transformers(model, sorted(chat.eos_ids), chat.pad_id, **given)


def test_scripted_gives_what_it_was_given_and_keeps_what_it_was_asked() -> None:
    scripted = Scripted([[[1, 2, 3], [4]], [[5]]])
    assert scripted.generate([[9], [8]], Sampling(max_tokens=2)) == [Generated([1, 2]), Generated([4])]
    assert scripted.generate([[9, 1, 2, 7]], Sampling()) == [Generated([5])]
    assert scripted.prompts == [[[9], [8]], [[9, 1, 2, 7]]]


def test_scripted_replies_must_fit_the_prompts() -> None:
    with pytest.raises(ValueError, match="1 scripted replies for 2 prompts"):
        Scripted([[[1]]]).generate([[9], [8]], Sampling())


def test_the_same_seed_gives_the_same_tokens(model: Any, chat: Chat, prompts: list[list[int]]) -> None:
    hot = Sampling(temperature=2.0, max_tokens=12)
    one, again, other = (backend(model, chat, seed=seed) for seed in (1, 1, 2))
    first = one.generate(prompts, hot)
    torch.rand(3)  # what others draw does not matter
    assert again.generate(prompts, hot) == first
    assert other.generate(prompts, hot) != first
    assert one.generate(prompts, hot) != first, "its stream goes on"


def test_it_leaves_the_randomness_of_others_alone(model: Any, chat: Chat, prompts: list[list[int]]) -> None:
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    backend(model, chat).generate(prompts, Sampling(max_tokens=2))
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize("batch", [1, 2, 64])
def test_greedy_tokens_do_not_depend_on_who_is_in_the_batch(
    model: Any, chat: Chat, prompts: list[list[int]], batch: int
) -> None:
    alone = [backend(model, chat).generate([prompt], GREEDY)[0].ids for prompt in prompts]
    order = [3, 0, 4, 1, 2]
    together = backend(model, chat, batch=batch).generate([prompts[i] for i in order], GREEDY)
    assert [each.ids for each in together] == [alone[i] for i in order]


def test_the_warm_model_writes_gold(model: Any, chat: Chat, prompts: list[list[int]]) -> None:
    task = tiny.suite.task("test", "put", 0)
    opening = chat.opening(tiny.conversation(task, random.Random(0))[:2])
    (generated,) = backend(model, chat).generate([opening], GREEDY)
    assert chat.text(generated.ids) == (f"```python\n{task.turns[0].gold[0]}\n```", True)


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.0, 2.0])
def test_logprobs_are_those_of_a_plain_forward_pass(
    model: Any, chat: Chat, prompts: list[list[int]], temperature: float
) -> None:
    found = backend(model, chat, logprobs=True).generate(prompts, Sampling(temperature=temperature, max_tokens=40))
    for prompt, generated in zip(prompts, found, strict=True):
        assert generated.logprobs is not None
        assert len(generated.logprobs) == len(generated.ids)
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([prompt + generated.ids])).logits[0, len(prompt) - 1 : -1]
        plain = torch.log_softmax(logits / (temperature or 1.0), -1)
        expected = plain[torch.arange(len(generated.ids)), torch.tensor(generated.ids)]
        torch.testing.assert_close(torch.tensor(generated.logprobs), expected, atol=1e-4, rtol=0)


def test_a_message_ends_with_its_first_end_of_turn_token(model: Any, chat: Chat, prompts: list[list[int]]) -> None:
    (eos,) = chat.eos_ids
    found = [each.ids for each in backend(model, chat).generate(prompts, Sampling(temperature=1.5, max_tokens=40))]
    assert any(ids[-1] == eos for ids in found)
    assert all(eos not in ids[:-1] for ids in found)


def test_a_message_has_at_most_max_tokens(model: Any, chat: Chat, prompts: list[list[int]]) -> None:
    found = backend(model, chat).generate(prompts, Sampling(temperature=0.0, max_tokens=3))
    assert [len(each.ids) for each in found] == [3] * len(prompts)


def test_nothing_is_drawn_by_a_model_s_own_defaults(model: Any, chat: Chat, prompts: list[list[int]]) -> None:
    """Chat models ship generation defaults (Qwen2.5: repetition_penalty 1.05, top_k 20): training samples without."""
    opinionated = copy.deepcopy(model)
    opinionated.generation_config.update(
        repetition_penalty=3.0, no_repeat_ngram_size=1, min_new_tokens=14, suppress_tokens=[prompts[0][0]], top_k=1,
        top_p=0.1, min_p=0.9, typical_p=0.1, temperature=0.01, do_sample=True, num_beams=2, max_length=30,
    )  # fmt: skip
    for sampling in (GREEDY, Sampling(temperature=1.5, max_tokens=16)):
        plain = backend(model, chat, seed=3).generate(prompts, sampling)
        assert backend(opinionated, chat, seed=3).generate(prompts, sampling) == plain


def test_a_model_in_training_is_asked_without_dropout(model: Any, chat: Chat, prompts: list[list[int]]) -> None:
    from peft import LoraConfig, get_peft_model

    settings = LoraConfig(r=2, lora_dropout=0.9, target_modules="all-linear", task_type="CAUSAL_LM")
    adapted = get_peft_model(copy.deepcopy(model), settings)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.fill_(0.05)
    adapted.eval()
    expected = backend(adapted, chat).generate(prompts, GREEDY)
    adapted.train()
    assert backend(adapted, chat).generate(prompts, GREEDY) == expected
    assert adapted.training, "it goes on as it was"


def test_long_messages_go_on_beside_short_ones(model: Any, chat: Chat, prompts: list[list[int]]) -> None:
    """Rows that have ended leave the batch: those that go on must not notice."""
    (eos,) = chat.eos_ids
    blind = Transformers(model, [chat.pad_id], chat.pad_id)  # never ends
    (endless,) = blind.generate(prompts[:1], Sampling(temperature=0.0, max_tokens=70))
    assert eos in endless.ids[:16]
    stop = endless.ids[50]
    first = endless.ids.index(stop)
    ends = Transformers(model, [stop], chat.pad_id)
    found = ends.generate(prompts, Sampling(temperature=0.0, max_tokens=70))
    assert found[0].ids == endless.ids[: first + 1]
    alone = [ends.generate([prompt], Sampling(temperature=0.0, max_tokens=70))[0].ids for prompt in prompts]
    assert [each.ids for each in found] == alone
    assert len({len(ids) for ids in alone}) > 1


def test_no_prompts_give_nothing(model: Any, chat: Chat) -> None:
    assert backend(model, chat).generate([], GREEDY) == []
