"""A real model small enough to train in a test: made here, warmed up on the gold of a small suite, never downloaded.

The tokenizer is a Qwen2Tokenizer with Qwen2's own pre-tokenizer, because transformers rebuilds the tokenizer of a Qwen2
model as one whatever its file says: any other would give other ids once it is read back.
"""

from __future__ import annotations

import atexit
import functools
import json
import random
import tempfile
from pathlib import Path
from typing import Any

from cave_rl.rewards.assertions import equals
from cave_rl.runtime.describe import describe
from cave_rl.runtime.primitives import Variable
from cave_rl.semantic.parsing import fenced
from cave_rl.semantic.prompt import Prompt
from cave_rl.tasks.config import EpisodeConfig, PromptConfig
from cave_rl.tasks.suite import Suite
from cave_rl.tasks.task import Task, Turn
from cave_rl.training import config as training_config
from cave_rl.training.config import TrainConfig

NAME = "tests.training.tiny:suite"
suite = Suite("Tiny-v0", description="one digit at a time")

CHATML = """{%- for m in messages -%}
{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"""
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
NOISE = 0.5  # of the warm-up's digits are wrong: a sampled group then has failures and successes


@suite.family(tags=("easy",))
def put(rng: random.Random) -> Task:
    digit, before = rng.randrange(1, 5), rng.randrange(10, 100_000)
    turn = Turn(f"Set x to {digit}.", equals("x", digit), changes=["x"], gold=f"x = {digit}")
    return Task([turn], variables=[Variable("x", before)])


@suite.family(tags=("easy",))
def add(rng: random.Random) -> Task:
    digit, before = rng.randrange(1, 5), rng.randrange(10, 100_000)
    turn = Turn(f"Add {digit} to x.", equals("x", before + digit), changes=["x"], gold=f"x += {digit}")
    return Task([turn], variables=[Variable("x", before)])


@suite.family(held_out=True, tags=("easy",))
def take(rng: random.Random) -> Task:
    digit, before = rng.randrange(1, 5), rng.randrange(10, 100_000)
    turn = Turn(f"Take {digit} from x.", equals("x", before - digit), changes=["x"], gold=f"x -= {digit}")
    return Task([turn], variables=[Variable("x", before)])


@suite.family(tags=("dialogue",))
def both(rng: random.Random) -> Task:
    digits = rng.sample(range(1, 5), 2)
    turns = [Turn(f"Set x to {n}.", equals("x", n), changes=["x"], gold=f"x = {n}") for n in digits]
    return Task(turns, variables=[Variable("x", rng.randrange(10, 100_000))])


COMPACT = EpisodeConfig(max_steps=1, prompt=PromptConfig(style="compact"))


def conversation(task: Task, rng: random.Random) -> list[dict[str, str]]:
    """The chat of a task that is played by gold, some of whose digits are wrong."""
    messages = Prompt(style="compact").opening([describe(each) for each in task.injected], task.turns[0].query)
    for i, turn in enumerate(task.turns):
        if i:
            messages.append({"role": "user", "content": turn.query})
        code = turn.gold[0][:-1] + (str(rng.randrange(1, 5)) if rng.random() < NOISE else turn.gold[0][-1])
        messages += [
            {"role": "assistant", "content": fenced(code)},
            {"role": "user", "content": "ok"},
            {"role": "assistant", "content": "Done."},
        ]
    return messages


@functools.cache
def tokenizer() -> Any:
    """The tokenizer."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import Qwen2Tokenizer
    from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

    made = Tokenizer(models.BPE(unk_token=None))
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    rng = random.Random(0)
    names = suite.names("train")
    chats = [conversation(suite.task("train", names[i % len(names)], i), rng) for i in range(24)]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    made.train_from_iterator((message["content"] for chat in chats for message in chat), trainer)
    parts = json.loads(made.to_str())["model"]
    found = Qwen2Tokenizer(
        vocab=parts["vocab"],
        merges=[tuple(each) for each in parts["merges"]],
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        unk_token=None,
        padding_side="left",
        additional_special_tokens=["<|im_start|>"],
        clean_up_tokenization_spaces=False,
    )
    found.chat_template = CHATML
    return found


def blank(seed: int = 0) -> Any:
    """The model before its warm-up: 90k weights."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    chars = tokenizer()
    config = Qwen2Config(
        vocab_size=len(chars),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        initializer_range=0.12,  # of the order of hidden_size ** -0.5: so small a model does not get going from 0.02
        bos_token_id=None,
        eos_token_id=chars.eos_token_id,
        pad_token_id=chars.pad_token_id,
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Qwen2ForCausalLM(config)


@functools.cache
def directory() -> str:
    """Where the warm model is, made once in a process."""
    import torch

    torch.set_num_threads(1)  # threads only get in each other's way with tensors this small
    kept = tempfile.TemporaryDirectory(prefix="cave-tiny-")
    atexit.register(kept.cleanup)
    model = blank()
    warm_up(model)
    model.eval().save_pretrained(kept.name)
    tokenizer().save_pretrained(kept.name)
    return kept.name


def warm_up(model: Any, steps: int = 150) -> float:
    """Teaches the model what the assistant writes in the chats of the suite; its last loss."""
    import torch

    rng = random.Random(1)
    names = suite.names("train")
    long = [_labelled(conversation(suite.task("train", names[i % 3], i), rng)) for i in range(96)]
    short = [_labelled(conversation(suite.task("train", names[i % 2], i), rng)[:3]) for i in range(512)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, betas=(0.9, 0.98), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps, pct_start=0.15)
    model.train()
    for step in range(steps):
        part = rng.sample(short, 16) if step % 8 else rng.sample(long, 8)
        width = max(len(row) for row, _ in part)
        ids = torch.tensor([row + [0] * (width - len(row)) for row, _ in part])
        labels = torch.tensor([label + [-100] * (width - len(label)) for _, label in part])
        loss = model(input_ids=ids, labels=labels).loss  # causal: padding on the right is seen by nothing
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    return float(loss.detach())


def _labelled(chat: list[dict[str, str]]) -> tuple[list[int], list[int]]:
    """The tokens of a chat, and as labels those of the assistant's messages with their ends."""
    ids: list[int] = []
    labels: list[int] = []
    for message in chat:
        head = tokenizer().encode(f"<|im_start|>{message['role']}\n", add_special_tokens=False)
        body = tokenizer().encode(f"{message['content']}<|im_end|>", add_special_tokens=False)
        tail = tokenizer().encode("\n", add_special_tokens=False)
        ids += head + body + tail
        spoken = body if message["role"] == "assistant" else [-100] * len(body)
        labels += [-100] * len(head) + spoken + [-100] * len(tail)
    return ids, labels


def config(output: Path | str, **changes: Any) -> TrainConfig:
    """A run of two steps; `changes` are dotted, with `__` for the dots."""
    data: dict[str, Any] = {
        "output": str(output),
        "model": {"name": directory(), "dtype": "float32", "lora": {"r": 4, "alpha": 8}},
        "suite": {"name": NAME, "tags": ["easy"]},
        "env": {"max_steps": 1, "prompt": {"style": "compact"}},
        "rollout": {"max_tokens": 24},
        "train": {"steps": 2, "groups": 2, "group_size": 4, "learning_rate": 1e-2},
        "eval": {"tables": [{"split": "test", "tags": ["easy"], "rollouts": 6}], "greedy": False},
    }
    for key, value in changes.items():
        *parents, last = key.split("__")
        part = data
        for parent in parents:
            part = part.setdefault(parent, {})
        part[last] = value
    return training_config.parse(data)
