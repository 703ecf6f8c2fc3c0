"""What a batch begins with is computed once: the same log-probabilities and the same gradients as TRL's own."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from trl import GRPOTrainer

from cave_rl.rollouts.backends import SHORTEST_PREFIX, common_prefix
from cave_rl.runtime.pool import Pool
from cave_rl.training import grpo, policy
from cave_rl.training.prefix import PrefixGRPOTrainer
from tests.training import tiny

Make = Callable[..., Any]
COMMON = list(range(10, 10 + SHORTEST_PREFIX))
PROMPTS = {
    "of different lengths": [[*COMMON, 1], [*COMMON, 2, 3, 4], [*COMMON, 2, 3], [*COMMON, 5, 6, 7, 8, 9]],
    "of one group": [[*COMMON, 1, 2]] * 4,
    "one the beginning of another": [COMMON, [*COMMON, 2, 3, 4], [*COMMON, 2], [*COMMON, 2, 3]],
    "with nothing in common": [[1, *COMMON], [2, *COMMON], [3], [4, 5]],
    "with little in common": [[*COMMON[:3], 1], [*COMMON[:3], 2, 4], [*COMMON[:3], 3], [*COMMON[:3], 4]],
}


@pytest.fixture
def make(pool: Pool, tmp_path: Path) -> Make:
    def trainer(**changes: Any) -> Any:
        loaded = policy.load(tiny.directory(), "float32")
        made = grpo.make_trainer(tiny.config(tmp_path, **changes), loaded.model, loaded.tokenizer, tiny.suite, pool)
        assert isinstance(made, PrefixGRPOTrainer)
        with torch.no_grad():  # adapters begin as nothing: then half of their gradients are zero
            for name, weight in made.model.named_parameters():
                if "lora_B" in name:
                    weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(len(name))) * 0.05)
        return made

    return trainer


def batch(prompts: list[list[int]], lengths: tuple[int, ...] = (5, 3, 1, 4)) -> dict[str, torch.Tensor]:
    """Prompts padded on the left, made-up completions on the right; some tokens are the environment's."""
    rng, pad = random.Random(1), tiny.tokenizer().pad_token_id
    width, longest = max(map(len, prompts)), max(lengths)
    completions = [[rng.randrange(5, 250) for _ in range(length)] for length in lengths]
    masks = [[1] * length + [0] * (longest - length) for length in lengths]
    return {
        "prompt_ids": torch.tensor([[pad] * (width - len(p)) + p for p in prompts]),
        "prompt_mask": torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts]),
        "completion_ids": torch.tensor([c + [pad] * (longest - len(c)) for c in completions]),
        "completion_mask": torch.tensor(masks),
        "tool_mask": torch.tensor([[1, 1, 0, 0, 1], [1] * 5, [1] * 5, [1, 0, 1, 1, 1]])[:, :longest],
        "advantages": torch.tensor([1.0, -0.5, 0.25, -1.5]),
        "num_items_in_batch": torch.tensor(10),
    }


def logps(trainer: Any, given: dict[str, torch.Tensor], of: type, **options: Any) -> tuple[torch.Tensor, Any]:
    found = of._get_per_token_logps_and_entropies(
        trainer,
        trainer.model,
        torch.cat([given["prompt_ids"], given["completion_ids"]], 1),
        torch.cat([given["prompt_mask"], given["completion_mask"]], 1),
        given["completion_ids"].size(1),
        **options,
    )
    return found[0], found[1]


@pytest.mark.parametrize("prompts", PROMPTS.values(), ids=PROMPTS.keys())
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_the_same_log_probabilities_and_entropies(make: Make, prompts: list[list[int]], temperature: float) -> None:
    trainer, given = make(rollout__temperature=temperature), batch(prompts)
    seen = given["completion_mask"].bool()
    for size in (None, 1, 3):
        ours = logps(trainer, given, PrefixGRPOTrainer, batch_size=size, compute_entropy=True)
        theirs = logps(trainer, given, GRPOTrainer, batch_size=size, compute_entropy=True)
        for our, their in zip(ours, theirs, strict=True):
            torch.testing.assert_close(our[seen], their[seen], atol=1e-4, rtol=0)


@pytest.mark.parametrize("lora", [{"r": 4, "alpha": 8}, None], ids=["lora", "all weights"])
@pytest.mark.parametrize("prompts", PROMPTS.values(), ids=PROMPTS.keys())
def test_the_same_gradients(make: Make, prompts: list[list[int]], lora: dict[str, int] | None) -> None:
    trainer, given = make(model__lora=lora, train__groups=1), batch(prompts)
    weights = {name: weight for name, weight in trainer.model.named_parameters() if weight.requires_grad}

    def gradients(of: type) -> dict[str, torch.Tensor]:
        trainer.model.zero_grad()
        real = type(trainer)._get_per_token_logps_and_entropies
        try:
            type(trainer)._get_per_token_logps_and_entropies = of._get_per_token_logps_and_entropies
            loss = trainer._compute_loss(trainer.model, given)
        finally:
            type(trainer)._get_per_token_logps_and_entropies = real
        loss.backward()
        return {name: weight.grad.clone() for name, weight in weights.items()}

    trainer.current_gradient_accumulation_steps = 1
    ours, theirs = gradients(PrefixGRPOTrainer), gradients(GRPOTrainer)
    for name in weights:
        assert theirs[name].abs().max() > 0, name
        apart = (ours[name] - theirs[name]).abs().max() / theirs[name].abs().max()
        assert apart < 1e-4, (name, apart)


TOKENS = [[0.0, 1.0, 0.0, 0.0, 0.0], [0.0] * 5, [0.0] * 5, [1.0, 0.0, -1.0, 0.0, 0.5]]


@pytest.mark.parametrize(
    "advantages",
    [[1.0, 0.0, 0.0, -1.5], [0.0] * 4, [0.5] * 4, TOKENS],
    ids=["some", "none", "all", "one for each token"],
)
def test_rows_without_an_advantage_are_left_out_and_nothing_changes(make: Make, advantages: list[Any]) -> None:
    trainer = make(model__lora=None)
    given = batch(PROMPTS["of different lengths"]) | {"advantages": torch.tensor(advantages)}
    trainer.current_gradient_accumulation_steps = 1
    rows: list[int] = []
    backbone = trainer.model.model
    handle = backbone.register_forward_pre_hook(
        lambda _, args, kwargs: rows.append(len(args[0] if args else kwargs["input_ids"])), with_kwargs=True
    )
    found = []
    for of in (PrefixGRPOTrainer, GRPOTrainer):
        trainer.model.zero_grad()
        loss = of._compute_loss(trainer, trainer.model, given)
        loss.backward()
        found.append((loss.detach(), [weight.grad.clone() for weight in trainer.model.parameters()]))
    handle.remove()
    torch.testing.assert_close(found[0], found[1], atol=1e-6, rtol=1e-4)
    assert rows[1] == max(1, sum(bool(torch.tensor(each).any()) for each in advantages))
    assert rows[3] == 4


def test_the_beginning_is_computed_once(make: Make) -> None:
    trainer, given = make(), batch(PROMPTS["of different lengths"])
    widths: list[tuple[int, ...]] = []
    backbone = trainer.model.get_base_model().model
    handle = backbone.register_forward_pre_hook(
        lambda _, args, kwargs: widths.append(tuple((args[0] if args else kwargs["input_ids"]).shape)), with_kwargs=True
    )
    logps(trainer, given, PrefixGRPOTrainer)
    handle.remove()
    assert widths == [(1, SHORTEST_PREFIX), (4, 5 + 5)]


@pytest.mark.parametrize(
    ("prompts", "shared"),
    [
        ([[1, 2, 3], [1, 2, 4]], 2),
        ([[1, 2, 3], [1, 2, 3]], 2),
        ([[1, 2], [1, 2, 3, 4]], 1),
        ([[1], [1, 2]], 0),
        ([[1, 2], [2, 2]], 0),
        ([[5, 6, 7]], 2),
    ],
)
def test_what_prompts_begin_with_leaves_each_a_token(prompts: list[list[int]], shared: int) -> None:
    assert common_prefix(prompts) == shared
