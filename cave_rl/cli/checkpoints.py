"""How `cave-rl eval` plays by a model on this machine: vLLM where it is installed, else transformers."""

from __future__ import annotations

import importlib.util

from cave_rl.evaluation.config import EvalConfig
from cave_rl.evaluation.evaluate import Player
from cave_rl.evaluation.players import Play, in_batches


def player(config: EvalConfig) -> Play:
    """Loads the checkpoint of a configuration.

    Raises:
        ModelError: it cannot be had.
        ConfigError: there is no such dtype.
        ChatTemplateError: its chat template cannot be used.
    """
    backend = config.model.backend
    if backend == "auto":
        backend = "vllm" if importlib.util.find_spec("vllm") else "transformers"
    play = _vllm(config) if backend == "vllm" else _transformers(config)
    return in_batches(play, config.concurrency)


def _transformers(config: EvalConfig) -> Player:
    from cave_rl.training import policy

    loaded = policy.load(config.model.name, config.model.dtype)
    role = config.env.prompt.observation_role
    return loaded.player(config.sampling.build(), role=role, budget=config.budget, seed=config.seed)


def _vllm(config: EvalConfig) -> Player:
    import json

    from transformers import AutoTokenizer

    from cave_rl.rollouts.chat import Chat
    from cave_rl.rollouts.play import play
    from cave_rl.rollouts.vllm import Vllm
    from cave_rl.training.models import obtain

    directory, adapter = obtain(config.model.name), None
    if (directory / "adapter_config.json").is_file():
        base = json.loads((directory / "adapter_config.json").read_text())["base_model_name_or_path"]
        directory, adapter = obtain(str(base)), str(directory)
    chat = Chat(AutoTokenizer.from_pretrained(str(directory)), role=config.env.prompt.observation_role)
    backend = Vllm(str(directory), sorted(chat.eos_ids), adapter=adapter, dtype=config.model.dtype, seed=config.seed)
    return lambda episodes: play(episodes, backend, chat, config.sampling.build(), budget=config.budget)
