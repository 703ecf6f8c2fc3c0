"""How `cave-rl eval` plays by a model on this machine: vLLM where it is installed, else transformers."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import typer

from cave_rl.evaluation.config import EvalConfig
from cave_rl.evaluation.evaluate import Player
from cave_rl.evaluation.players import Play, in_batches
from cave_rl.rollouts import prompts
from cave_rl.rollouts.chat import Chat


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
    from cave_rl.training.models import obtain

    loaded = policy.load(config.model.name, config.model.dtype)
    role = config.env.prompt.observation_role
    _compare_prompts(obtain(config.model.name), config, Chat(loaded.tokenizer, role=role))
    return loaded.player(config.sampling.build(), role=role, budget=config.budget, seed=config.seed)


def _vllm(config: EvalConfig) -> Player:
    import json

    from transformers import AutoTokenizer

    from cave_rl.rollouts.play import play
    from cave_rl.rollouts.vllm import Vllm
    from cave_rl.training.models import obtain

    named = directory = obtain(config.model.name)
    adapter = None
    if (directory / "adapter_config.json").is_file():
        base = json.loads((directory / "adapter_config.json").read_text())["base_model_name_or_path"]
        directory, adapter = obtain(str(base)), str(directory)
    chat = Chat(AutoTokenizer.from_pretrained(str(directory)), role=config.env.prompt.observation_role)
    _compare_prompts(named, config, chat)
    backend = Vllm(str(directory), sorted(chat.eos_ids), adapter=adapter, dtype=config.model.dtype, seed=config.seed)
    return lambda episodes: play(episodes, backend, chat, config.sampling.build(), budget=config.budget)


def _compare_prompts(directory: Path, config: EvalConfig, chat: Chat) -> None:
    """Says aloud where a checkpoint is asked otherwise than in its training."""
    if told := prompts.difference(directory, config.env.prompt, chat):
        typer.echo(f"cave-rl: {config.model.name}: {told}", err=True)
