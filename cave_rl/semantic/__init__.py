"""The semantic stream: what the model reads and what it writes.

`Prompt` puts a task to a model, `parse` takes its messages apart, the functions of `observation` tell it what came of
them, and `template` joins it all to the token ids of a chat template. `protocols` says how actions are written; `tools`
and `contract` are what protocols without live objects have in their place. All texts are in `prompts.yaml`.
"""

from __future__ import annotations

from cave_rl.semantic.contract import Contract, ContractError, Inexpressible
from cave_rl.semantic.observation import defuse, malformed, observe, shape, stopped, violations
from cave_rl.semantic.parsing import Action, Malformed, Parsed, ToolCall, fenced, parse
from cave_rl.semantic.prompt import Example, Prompt, PromptFileError, Prompts, Texts, load_prompts
from cave_rl.semantic.protocols import PROTOCOLS, Protocol, ProtocolName, protocol_of
from cave_rl.semantic.template import ChatTemplateError, check_prefix_preserving, observation_suffix
from cave_rl.semantic.tools import Tool, tools_of

__all__ = [
    "PROTOCOLS",
    "Action",
    "ChatTemplateError",
    "Contract",
    "ContractError",
    "Example",
    "Inexpressible",
    "Malformed",
    "Parsed",
    "Prompt",
    "PromptFileError",
    "Prompts",
    "Protocol",
    "ProtocolName",
    "Texts",
    "Tool",
    "ToolCall",
    "check_prefix_preserving",
    "defuse",
    "fenced",
    "load_prompts",
    "malformed",
    "observation_suffix",
    "observe",
    "parse",
    "protocol_of",
    "shape",
    "stopped",
    "tools_of",
    "violations",
]
