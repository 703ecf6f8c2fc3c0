"""The policy in memory: model and tokenizer, and how they play episodes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cave_rl.evaluation.evaluate import Player
from cave_rl.rollouts.backends import Sampling, Transformers
from cave_rl.rollouts.chat import Chat
from cave_rl.rollouts.play import play
from cave_rl.runtime.nearest import nearest
from cave_rl.training.config import ConfigError, TrainConfig
from cave_rl.training.models import obtain


@dataclass
class Loaded:
    """A model and its tokenizer."""

    model: Any
    tokenizer: Any

    def player(self, sampling: Sampling, *, role: str = "user", budget: int | None = None, seed: int = 0) -> Player:
        """Plays episodes by this model as it is now."""
        chat = Chat(self.tokenizer, role=role)
        backend = Transformers(self.model, sorted(chat.eos_ids), chat.pad_id, seed=seed)
        return lambda episodes: play(episodes, backend, chat, sampling, budget=budget)


def load(name: str, dtype: str = "auto") -> Loaded:
    """Loads a hub model, a checkpoint directory, or a directory with a PEFT adapter (merged into its base).

    Raises:
        ModelError: it cannot be had.
        ConfigError: there is no such dtype.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # the run's own bars are the ones to look at
    kind = _dtype(dtype)
    directory = obtain(name)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if (directory / "adapter_config.json").is_file():
        from peft import PeftConfig, PeftModel

        base = load(str(PeftConfig.from_pretrained(str(directory)).base_model_name_or_path), dtype)
        merged = PeftModel.from_pretrained(base.model, str(directory)).merge_and_unload()
        return Loaded(merged.eval(), base.tokenizer)
    model = AutoModelForCausalLM.from_pretrained(str(directory), dtype=kind).to(device).eval()
    tokenizer = AutoTokenizer.from_pretrained(str(directory), padding_side="left")
    return Loaded(model, tokenizer)


def _dtype(name: str) -> Any:
    """A torch dtype; `auto` is bfloat16 where this machine computes in it, else float32."""
    import torch

    if name == "auto":
        native = torch.cuda.is_available() or torch.ops.mkldnn._is_mkldnn_bf16_supported()
        return torch.bfloat16 if native else torch.float32
    kind = getattr(torch, name, None)
    if not isinstance(kind, torch.dtype):
        raise ConfigError(f"no dtype {name!r}: auto, float32, bfloat16, float16")
    return kind


def load_for(config: TrainConfig) -> Loaded:
    """Loads the model of a configuration, with the chat template that it names.

    Raises:
        ModelError: it cannot be had.
        ConfigError: there is no such template.
    """
    loaded = load(config.model.name, config.model.dtype)
    if config.model.chat_template is not None:
        loaded.tokenizer.chat_template = chat_template(config.model.chat_template)
    return loaded


def chat_template(name: str) -> str:
    """A chat template: of a file, or one that TRL ships.

    Raises:
        ConfigError: there is none.
    """
    import trl

    if Path(name).is_file():
        return Path(name).read_text()
    shipped = {path.stem: path for path in (Path(trl.__file__).parent / "chat_templates").glob("*.jinja")}
    if name not in shipped:
        hint = nearest(name, shipped) or ": give a Jinja file, or one of TRL's by its name, such as qwen3_training"
        raise ConfigError(f"no chat template {name!r} (model.chat_template){hint}")
    return shipped[name].read_text()


def adapter_of(config: TrainConfig) -> Any:
    """The PEFT configuration of a run; None where all weights are trained."""
    from peft import LoraConfig

    lora = config.model.lora
    return lora and LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.target_modules,
        task_type="CAUSAL_LM",
    )


def merge(run: Path, to: Path, dtype: str = "auto") -> Path:
    """Writes the model that a run trained as a whole checkpoint; where it is.

    Args:
        run: a run's directory, or one with an adapter (or whole weights).
        to: a directory that is not there yet, or is empty.
        dtype: of the weights.

    Raises:
        ConfigError: there is nothing to merge, or something stands in the way.
        ModelError: the adapter's base cannot be had.
    """
    source = run / "adapter" if (run / "adapter").is_dir() else run
    if not any((source / name).is_file() for name in ("adapter_config.json", "config.json")):
        raise ConfigError(f"{run} holds no adapter and no model: give a run's directory, or its adapter/")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise ConfigError(f"{to} is there already: choose another directory, or remove it")
    loaded = load(str(source), dtype)
    loaded.model.save_pretrained(to)
    loaded.tokenizer.save_pretrained(to)
    return to


def save_adapter(model: Any, tokenizer: Any, directory: Path, *, base: str) -> None:
    """Writes what was trained: the adapter, or all weights where there is none.

    Args:
        model: what was trained.
        tokenizer: its tokenizer.
        directory: where to.
        base: what the model was loaded by (`load`): an adapter goes with it on any machine, and names no path of this
            one.
    """
    directory.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    name_base(directory, base)


def name_base(directory: Path, base: str) -> None:
    """Has an adapter say by which name its base is loaded; nothing to do where there is none."""
    path, card = directory / "adapter_config.json", directory / "README.md"
    if path.is_file():  # put right afterwards: by another name PEFT would ask the hub for the base's vocabulary
        adapter = json.loads(path.read_text())
        here = str(adapter["base_model_name_or_path"])
        path.write_text(json.dumps({**adapter, "base_model_name_or_path": base}, indent=2, sort_keys=True))
        card.write_text(card.read_text().replace(here, base))
