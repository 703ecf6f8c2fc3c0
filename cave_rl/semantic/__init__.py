"""The semantic stream: what the model reads and what it writes.

`Prompt` puts a task to a model, `parse` takes its messages apart, the functions of `observation` tell it what came of
them, and `template` joins it all to the token ids of a chat template. All texts are in `prompts.yaml`.
"""

from __future__ import annotations

from cave_rl.semantic.observation import defuse, malformed, observe, shape, stopped, violations
from cave_rl.semantic.parsing import Action, Malformed, Parsed, fenced, parse
from cave_rl.semantic.prompt import Example, Prompt, PromptFileError, Prompts, Texts, load_prompts
from cave_rl.semantic.template import ChatTemplateError, check_prefix_preserving, observation_suffix

__all__ = [
    "Action",
    "ChatTemplateError",
    "Example",
    "Malformed",
    "Parsed",
    "Prompt",
    "PromptFileError",
    "Prompts",
    "Texts",
    "check_prefix_preserving",
    "defuse",
    "fenced",
    "load_prompts",
    "malformed",
    "observation_suffix",
    "observe",
    "parse",
    "shape",
    "stopped",
    "violations",
]
