from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from cave_rl.evaluation import choose, evaluate
from cave_rl.rollouts import Chat, Sampling
from cave_rl.runtime.pool import Pool
from cave_rl.semantic.template import ChatTemplateError
from cave_rl.training import policy
from cave_rl.training.config import ConfigError
from cave_rl.training.models import ModelError
from cave_rl.training.policy import Loaded
from tests.training import tiny

GREEDY = Sampling(temperature=0.0, max_tokens=24)


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=torch.tensor([[5, 6, 7, 8]])).logits
    return found


@pytest.fixture
def adapted() -> Loaded:
    """The model with an adapter that changes what it says."""
    from peft import LoraConfig, get_peft_model

    base = policy.load(tiny.directory(), "float32")
    model = get_peft_model(base.model, LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) * 0.2)
    return Loaded(model.eval(), base.tokenizer)


def test_a_directory_is_loaded_ready_to_play() -> None:
    loaded = policy.load(tiny.directory(), "float32")
    assert not loaded.model.training
    assert loaded.model.dtype == torch.float32
    assert loaded.tokenizer.padding_side == "left"
    text = "```python\nx = 3\n```"
    assert loaded.tokenizer.encode(text) == tiny.tokenizer().encode(text), "read back, it gives the same ids"


@pytest.mark.parametrize(("name", "expected"), [("bfloat16", torch.bfloat16), ("float16", torch.float16)])
def test_the_weights_can_be_of_another_type(name: str, expected: torch.dtype) -> None:
    assert policy.load(tiny.directory(), name).model.dtype == expected


def test_the_type_is_what_the_machine_computes_in_unless_told() -> None:
    assert policy.load(tiny.directory()).model.dtype in (torch.bfloat16, torch.float32)


@pytest.mark.parametrize("name", ["float33", "nn", "int8x", ""])
def test_an_unknown_type_is_told(name: str) -> None:
    with pytest.raises(ConfigError, match=r"no dtype .*: auto, float32, bfloat16, float16"):
        policy.load(tiny.directory(), name)


def test_a_model_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no directory"):
        policy.load(str(tmp_path / "none"), "float32")


def test_an_adapter_is_loaded_as_the_model_that_it_makes(adapted: Loaded, tmp_path: Path) -> None:
    policy.save_adapter(adapted.model, adapted.tokenizer, tmp_path / "adapter", base=tiny.directory())
    assert not list((tmp_path / "adapter").glob("model*.safetensors")), "the base is not saved again"
    loaded = policy.load(str(tmp_path / "adapter"), "float32")
    assert not hasattr(loaded.model, "merge_adapter"), "it is merged"
    torch.testing.assert_close(logits(loaded.model), logits(adapted.model), atol=1e-4, rtol=1e-4)
    base = logits(policy.load(tiny.directory(), "float32").model)
    assert (logits(loaded.model) - base).abs().max() > 0.1


def test_an_adapter_names_its_base_as_it_was_asked_for(
    adapted: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by where it lies on this machine: on another one it lies elsewhere."""
    policy.save_adapter(adapted.model, adapted.tokenizer, tmp_path / "adapter", base="hub/tiny")
    for path in (tmp_path / "adapter").iterdir():
        assert tiny.directory().encode() not in path.read_bytes(), path.name
    monkeypatch.setattr(policy, "obtain", lambda name: Path(tiny.directory() if name == "hub/tiny" else name))
    loaded = policy.load(str(tmp_path / "adapter"), "float32")
    torch.testing.assert_close(logits(loaded.model), logits(adapted.model), atol=1e-4, rtol=1e-4)


def test_an_adapter_on_an_adapter_is_loaded_with_both(adapted: Loaded, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    policy.save_adapter(adapted.model, adapted.tokenizer, tmp_path / "one", base=tiny.directory())
    one = policy.load(str(tmp_path / "one"), "float32")
    two = get_peft_model(one.model, LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"))
    policy.save_adapter(two, one.tokenizer, tmp_path / "two", base=str(tmp_path / "one"))
    loaded = policy.load(str(tmp_path / "two"), "float32")
    torch.testing.assert_close(logits(loaded.model), logits(adapted.model), atol=1e-4, rtol=1e-4)


def test_all_weights_are_saved_where_there_is_no_adapter(tmp_path: Path) -> None:
    loaded = policy.load(tiny.directory(), "float32")
    with torch.no_grad():
        loaded.model.lm_head.weight.mul_(2)
    policy.save_adapter(loaded.model, loaded.tokenizer, tmp_path / "deep" / "model", base="")
    again = policy.load(str(tmp_path / "deep" / "model"), "float32")
    assert torch.equal(logits(again.model), logits(loaded.model))
    assert again.tokenizer.chat_template == tiny.CHATML


def test_a_player_plays_by_the_model_as_it_is_now(pool: Pool) -> None:
    loaded = policy.load(tiny.directory(), "float32")
    play = loaded.player(GREEDY)
    tasks = choose(tiny.suite, "test", 8, tags=["easy"])
    warm = evaluate(play, tasks, pool=pool, config=tiny.COMPACT)
    assert warm.success().mean == 1.0
    loaded.model.load_state_dict(tiny.blank().state_dict())
    assert evaluate(play, tasks, pool=pool, config=tiny.COMPACT).success().mean == 0.0


def test_a_player_with_an_adapter_plays_as_the_merged_model_does(adapted: Loaded, pool: Pool, tmp_path: Path) -> None:
    policy.save_adapter(adapted.model, adapted.tokenizer, tmp_path, base=tiny.directory())
    merged = policy.load(str(tmp_path), "float32")
    tasks = choose(tiny.suite, "test", 6)
    said = [
        [row["messages"] for row in evaluate(each.player(GREEDY), tasks, pool=pool, config=tiny.COMPACT).rows]
        for each in (adapted, merged)
    ]
    assert said[0] == said[1]


def test_the_budget_and_the_role_reach_the_rollouts(pool: Pool) -> None:
    play = policy.load(tiny.directory(), "float32").player(GREEDY, role="tool", budget=3)
    config = tiny.COMPACT.but(prompt=tiny.COMPACT.prompt.model_copy(update={"observation_role": "tool"}))
    (row,) = evaluate(play, choose(tiny.suite, "test", 1), pool=pool, config=config).rows
    assert (row["tokens"]["completion"], row["stop"]) == (3, "cut")


# chat templates


def test_a_template_can_be_named_where_the_model_s_own_strips_thinking() -> None:
    """Qwen3's own changes tokens that were trained on; TRL's for training keeps them, thinking and all."""
    tokenizer = copy.deepcopy(tiny.tokenizer())
    tokenizer.chat_template = policy.chat_template("qwen3")
    with pytest.raises(ChatTemplateError, match="changes the tokens of message"):
        Chat(tokenizer)
    loaded = policy.load_for(tiny.config("out", model__chat_template="qwen3_training"))
    chat = Chat(loaded.tokenizer)
    assert loaded.tokenizer.decode(chat.suffix("ok")).endswith("ok<|im_end|>\n<|im_start|>assistant\n")


def test_a_template_may_be_a_file_and_a_wrong_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "own.jinja").write_text(tiny.CHATML)
    assert policy.chat_template(str(tmp_path / "own.jinja")) == tiny.CHATML
    with pytest.raises(ConfigError, match=r"no chat template 'qwen3_trainin' .*; did you mean 'qwen3_training'\?"):
        policy.chat_template("qwen3_trainin")
