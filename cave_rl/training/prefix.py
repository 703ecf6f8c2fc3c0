"""A GRPO trainer that computes only what it must: shared prefixes once, and no rows that teach nothing.

The system text and the few-shot examples stand at the head of every prompt, and a group shares its whole prompt. On a
CPU most of a step goes into recomputing them for each rollout. Here their keys and values are computed once, with
gradients, and every row attends to them: the same log-probabilities and the same gradients (a test compares both), for
a fraction of the tokens.

A group whose members all earned the same has advantage 0 throughout: it adds nothing to the gradient, so it is left out
of the forward and backward pass.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache
from trl import GRPOTrainer

from cave_rl.rollouts.backends import SHORTEST_PREFIX, common_prefix


class PrefixGRPOTrainer(GRPOTrainer):  # type: ignore[misc]
    """TRL's trainer, with shared prefixes. Text only, one process, no gradient checkpointing, no MoE loss."""

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        advantages = inputs["advantages"]
        # Only where a row's part of the loss is its advantage times something, over a normalizer of the whole batch
        plain = self.loss_type in ("dapo", "cispo") and self.beta == 0.0 and not self._entropy_bonus_enabled
        if plain and self.top_entropy_quantile == 1.0:
            teaches = advantages.abs() > 1e-6
            teaches = teaches if advantages.dim() == 1 else teaches.any(1)  # one for each token
            teaches[0] |= not bool(teaches.any())  # a loss needs a row to hang on
            rows = len(advantages)
            inputs = {
                key: value[teaches] if torch.is_tensor(value) and value.dim() > 0 and len(value) == rows else value
                for key, value in inputs.items()
            }
        loss: torch.Tensor = super()._compute_loss(model, inputs)
        return loss

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        prompts = [
            row[mask.bool()].tolist()
            for row, mask in zip(input_ids[:, :-logits_to_keep], attention_mask[:, :-logits_to_keep], strict=True)
        ]
        shared = common_prefix(prompts)
        if shared < SHORTEST_PREFIX or any(value is not None and value is not False for value in kwargs.values()):
            return super()._get_per_token_logps_and_entropies(  # type: ignore[no-any-return]
                model, input_ids, attention_mask, logits_to_keep, batch_size, compute_entropy, **kwargs
            )
        rest = max(map(len, prompts)) - shared
        ids = input_ids[:, -(rest + logits_to_keep) :].clone()
        mask = attention_mask[:, -(rest + logits_to_keep) :].clone()
        for row, prompt in enumerate(prompts):  # what is left of the prompt stands right before the completion
            mask[row, : rest - (len(prompt) - shared)] = 0
        labels = ids.masked_fill(mask == 0, -100)
        labels[:, :-logits_to_keep] = -100
        size = batch_size or len(prompts)
        logps, entropies = [], []
        for start in range(0, len(prompts), size):
            part = slice(start, start + size)
            count = len(ids[part])
            with self.accelerator.autocast():
                cache = _prefix_cache(model, input_ids.new_tensor([prompts[0][:shared]]), count)
                outputs = model(
                    input_ids=ids[part],
                    attention_mask=torch.cat([mask.new_ones(count, shared), mask[part]], 1),
                    position_ids=(shared - 1 + mask[part].cumsum(1)).clamp(min=0),
                    past_key_values=cache,
                    labels=labels[part],
                    fused_lm_head=True,
                )
            logps.append(outputs.log_probs[:, -logits_to_keep:])
            if compute_entropy:
                entropies.append(outputs.entropy[:, -logits_to_keep:])
        return torch.cat(logps), torch.cat(entropies) if compute_entropy else None, None


def _prefix_cache(model: Any, prefix: torch.Tensor, count: int) -> DynamicCache:
    """Keys and values of the prefix, seen by `count` rows; gradients flow through them."""
    once = model(input_ids=prefix, use_cache=True, logits_to_keep=1).past_key_values
    seen = [(each.keys.expand(count, -1, -1, -1), each.values.expand(count, -1, -1, -1)) for each in once.layers]
    return DynamicCache(seen)
