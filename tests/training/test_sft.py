"""A warm start: which tokens are learned, from which episodes. The model has 90k weights and learns for real."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from cave_rl.rollouts import Chat, Rollout, Sampling, Scripted, play
from cave_rl.runtime.errors import Fault
from cave_rl.runtime.pool import Pool
from cave_rl.semantic.parsing import fenced
from cave_rl.tasks import registry
from cave_rl.tasks.episode import Episode
from cave_rl.training import policy, sft
from cave_rl.training.config import ConfigError
from cave_rl.training.examples import NO_LOSS, example, keep, play_gold
from tests.training import tiny

TOKENIZER = tiny.tokenizer()


@pytest.fixture(scope="module")
def chat() -> Chat:
    return Chat(TOKENIZER)


@pytest.fixture(scope="module", autouse=True)
def _registered() -> None:
    registry.register(tiny.suite)


def episodes(pool: Pool, family: str, count: int = 1) -> list[Episode]:
    task = tiny.suite.task("train", family, 0)
    return [Episode(task, pool=pool, config=tiny.COMPACT.but(max_steps=2)) for _ in range(count)]


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def text(ids: list[int]) -> str:
    return str(TOKENIZER.decode(ids))


def test_gold_has_the_tokens_that_a_rollout_of_it_has(pool: Pool, chat: Chat) -> None:
    (episode,) = episodes(pool, "put")
    turn = episode.task.turns[0]
    (found,) = play_gold([episode], chat)
    said = [chat.message(fenced(turn.gold[0])), chat.message(turn.gold_answer)]
    (other,) = play(episodes(pool, "put"), Scripted([[each] for each in said]), chat, Sampling())
    assert (found.prompt_ids, found.ids, found.mask) == (other.prompt_ids, other.ids, other.mask)
    assert found.episode.solved
    other.episode.close()


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60))
def test_a_message_is_what_it_says_and_ends_once(said: str) -> None:
    """Also where it looks like the end of a message."""
    chat = Chat(TOKENIZER)
    ids = chat.message(said + "<|im_end|>")
    assert ids[-1] in chat.eos_ids
    assert not set(ids[:-1]) & chat.eos_ids


def test_loss_is_on_the_model_s_messages_alone(pool: Pool, chat: Chat) -> None:
    """In a dialogue: not on the prompt, nor on observations, nor on the next query; on every message's end."""
    (rollout,) = play_gold(episodes(pool, "both"), chat)
    row = example(rollout)
    assert len(row["input_ids"]) == len(row["labels"])
    learned = [token for token in row["labels"] if token != NO_LOSS]
    said = [m["content"] for m in rollout.episode.messages if m["role"] == "assistant"]
    assert text(learned) == "".join(f"{each}<|im_end|>" for each in said)
    hidden = [t for t, label in zip(row["input_ids"], row["labels"], strict=True) if label == NO_LOSS]
    assert text(hidden).count("Set x to") == 2
    assert row["labels"][-1] == TOKENIZER.eos_token_id
    assert all(label in (NO_LOSS, t) for t, label in zip(row["input_ids"], row["labels"], strict=True))


def test_only_what_was_solved_is_kept_and_none_twice(pool: Pool, chat: Chat) -> None:
    digit = tiny.suite.task("train", "put", 0).turns[0].gold[0][-1]
    right, longer, wrong, claimed = (
        f"x = {digit}",
        f"y = 0\nx = {digit}",
        "x = 99",
        "print('solved')",
    )
    said = [
        [chat.message(fenced(code)) for code in (longer, right, right, wrong, claimed)],
        [chat.message("Done.")] * 5,
    ]
    rollouts = play(episodes(pool, "put", 5), Scripted(said), chat, Sampling())
    assert [rollout.episode.solved for rollout in rollouts] == [True, True, True, False, False]
    assert keep(rollouts, 8) == [rollouts[2], rollouts[0]] or keep(rollouts, 8) == [rollouts[1], rollouts[0]]
    assert len(keep(rollouts, 1)) == 1
    assert fenced(right) in text(keep(rollouts, 1)[0].ids), "the shortest"
    faulty = Rollout(rollouts[1].episode, ids=[1], mask=[1], spans=[(0, 1, 0)], fault="HostFault: disk")
    assert keep([faulty], 8) == []
    for rollout in rollouts:
        rollout.episode.close()


def test_gold_is_learned_and_training_can_go_on_from_it(tmp_path: Path) -> None:
    tiny.blank().save_pretrained(tmp_path / "blank")  # knows nothing yet
    TOKENIZER.save_pretrained(tmp_path / "blank")
    part = {"tasks": 24, "epochs": 4, "learning_rate": 4e-3, "batch": 8}
    config = tiny.config(tmp_path / "warm", sft=part, model__name=str(tmp_path / "blank"), model__lora=None)
    found = sft.learn(config, quiet())
    assert (found.tasks, found.played, found.solved, found.kept) == (24, 24, 24, 24)
    assert found.loss[1] < 0.8 * found.loss[0]
    rows = [json.loads(line) for line in (tmp_path / "warm" / "sft.jsonl").read_text().splitlines()]
    assert [row["solved"] for row in rows] == [True] * 24
    assert {row["family"] for row in rows} == {"put", "add"}, "nothing that is held out"
    loaded = policy.load(str(tmp_path / "warm" / "adapter"), "float32")
    base = policy.load(config.model.name, "float32")
    (rollout,) = _gold_of(tmp_path, loaded.tokenizer)
    assert _loss(loaded.model, example(rollout)) < _loss(base.model, example(rollout))
    with pytest.raises(ConfigError, match="holds a warm start already"):
        sft.learn(config, quiet())


def _gold_of(tmp_path: Path, tokenizer: Any) -> list[Rollout]:
    with Pool() as pool:
        task = tiny.suite.task("test", "put", 3)
        return play_gold([Episode(task, pool=pool, config=tiny.COMPACT)], Chat(tokenizer))


@torch.no_grad()
def _loss(model: Any, row: dict[str, Any]) -> float:
    return float(model(**{name: torch.tensor([values]) for name, values in row.items()}).loss)


def test_own_rollouts_are_filtered_by_the_judge(tmp_path: Path) -> None:
    config = tiny.config(
        tmp_path / "own", sft={"source": "rollouts", "tasks": 4, "rollouts": 6, "keep": 2, "batch": 4, "micro_batch": 2}
    )
    found = sft.learn(config, quiet())
    assert found.played == 24
    assert 0 < found.kept <= min(found.solved, 8)
    rows = [json.loads(line) for line in (tmp_path / "own" / "sft.jsonl").read_text().splitlines()]
    assert all(row["solved"] for row in rows)
    assert found.tokens == sum(row["tokens"]["completion"] for row in rows)


def test_what_cannot_be_learned_from_is_told(tmp_path: Path) -> None:
    short = tiny.config(tmp_path, rollout__max_tokens=2, sft={"tasks": 2})
    with pytest.raises(Fault, match=r"no gold of Tiny-v0 was solved within rollout.budget 2 tokens"):
        sft.learn(short, quiet())
    own = tiny.config(tmp_path, rollout__max_tokens=2, sft={"tasks": 2, "source": "rollouts"})
    with pytest.raises(Fault, match=r"the model solved no task of its own: begin with sft\.source=gold"):
        sft.learn(own, quiet())
    with pytest.raises(ConfigError, match=r"unknown key 'sft.trl.packin'; did you mean 'packing'\?"):
        sft.arguments(tiny.config(tmp_path, sft={"trl": {"packin": True}}))
    assert not (tmp_path / "sft.json").exists()


def test_a_merged_model_is_the_adapter_s(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    base = policy.load(tiny.directory(), "float32")
    model = get_peft_model(base.model, LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False))
    policy.save_adapter(model, base.tokenizer, tmp_path / "run" / "adapter", base=tiny.directory())
    to = policy.merge(tmp_path / "run", tmp_path / "merged", "float32")
    assert not (to / "adapter_config.json").exists()
    merged, prompt = policy.load(str(to), "float32").model, torch.tensor([[1, 2, 3, 4]])
    torch.testing.assert_close(merged(prompt).logits, model.eval()(prompt).logits, atol=1e-4, rtol=1e-4)
    with pytest.raises(ConfigError, match="is there already"):
        policy.merge(tmp_path / "run", to)
    with pytest.raises(ConfigError, match="holds no adapter and no model"):
        policy.merge(tmp_path, tmp_path / "other")
