"""A warm start before GRPO: a model learns from gold, or from those of its own rollouts that solved their tasks.

    sft.jsonl           the episodes that are learned from, as in traces.jsonl
    sft_metrics.jsonl   the trainer's log
    adapter/            what was learned; `cave-rl train CONFIG model.name=DIR/adapter` goes on from it
    sft.json            what was played, kept and learned, in numbers

Loss is on the tokens that the model wrote, or would have written: not on prompts, nor on observations. Tasks come from
the training split alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console

from cave_rl.confinement import Confinement
from cave_rl.rollouts import traces
from cave_rl.rollouts.chat import Chat
from cave_rl.rollouts.play import Rollout
from cave_rl.runtime.errors import Fault
from cave_rl.runtime.nearest import nearest
from cave_rl.runtime.pool import Pool
from cave_rl.tasks import registry
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.rows import draw_rows, task_of
from cave_rl.tasks.suite import Suite
from cave_rl.training import policy
from cave_rl.training.config import ConfigError, TrainConfig, dump
from cave_rl.training.examples import example, keep, play_gold


@dataclass(frozen=True, slots=True)
class Learned:
    """What a warm start came to.

    Attributes:
        tasks: that were played.
        played: episodes.
        solved: of these.
        kept: of these, to learn from.
        tokens: that were learned.
        loss: first and last of the trainer's log.
        seconds: of playing and of learning.
    """

    tasks: int
    played: int
    solved: int
    kept: int
    tokens: int
    loss: tuple[float, float]
    seconds: tuple[float, float]


def learn(config: TrainConfig, console: Console | None = None) -> Learned:
    """Plays, keeps what was solved, learns from it, and writes the adapter.

    Raises:
        ConfigError, SuiteError: it is refused.
        Fault: nothing was solved.
        ModelError, ChatTemplateError: the model cannot be used.
    """
    console = console or Console()
    directory, part = Path(config.output), config.sft
    suite = registry.find(config.suite.name)
    rows = draw_rows(
        suite, "train", part.tasks, families=config.suite.families, tags=config.suite.tags, seed=config.seed
    )
    settings = arguments(config)
    if (directory / "sft.json").is_file():
        raise ConfigError(f"{directory} holds a warm start already: choose another output, or remove it")
    loaded = policy.load_for(config)
    chat = Chat(loaded.tokenizer, role=config.env.prompt.observation_role)
    started = time.monotonic()
    tasks = [(task_of(suite, row), row["seed"]) for row in rows]
    with Pool(Confinement(require=config.confinement, memory_mb=config.memory_mb)) as pool:

        def begin(count: int) -> list[Episode]:
            return [
                Episode(task, pool=pool, config=config.env, seed=seed, examples=suite.examples)
                for task, seed in tasks
                for _ in range(count)
            ]

        played = _played(config, loaded, chat, begin)
    kept = keep(played, part.keep)
    solved = sum(rollout.fault is None and rollout.episode.solved for rollout in played)
    console.print(f"{part.source}: {solved} of {len(played)} episodes solved, {len(kept)} kept", highlight=False)
    if not kept:
        raise Fault(_why(config, suite, played))
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "sft.yaml").write_text(dump(config))
    traces.append(directory / "sft.jsonl", [traces.record(rollout) for rollout in kept])
    between = time.monotonic()
    loss = _learn(config, loaded, settings, [example(rollout) for rollout in kept], directory)
    found = Learned(
        tasks=len(tasks),
        played=len(played),
        solved=solved,
        kept=len(kept),
        tokens=sum(sum(rollout.mask) for rollout in kept),
        loss=loss,
        seconds=(between - started, time.monotonic() - between),
    )
    (directory / "sft.json").write_text(json.dumps(asdict(found), indent=1))
    console.print(f"loss {loss[0]:.3f} -> {loss[1]:.3f}; {directory / 'adapter'}", highlight=False, soft_wrap=True)
    return found


def arguments(config: TrainConfig) -> Any:
    """The SFTConfig of a warm start.

    Raises:
        ConfigError: TRL does not know a key of `sft.trl`, or refuses a value.
    """
    import torch
    from trl import SFTConfig

    part, cpu = config.sft, not torch.cuda.is_available()
    settings: dict[str, Any] = {
        "output_dir": str(Path(config.output) / "sft_checkpoints"),
        "num_train_epochs": part.epochs,
        "per_device_train_batch_size": part.micro_batch,
        "gradient_accumulation_steps": part.batch // part.micro_batch,
        "learning_rate": part.learning_rate,
        "lr_scheduler_type": "constant",
        "max_length": None,  # an episode is whole, or its end is not learned
        "packing": False,
        "completion_only_loss": False,  # the labels tell
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": config.train.report_to or "none",
        "seed": config.seed,
        "use_cpu": cpu,
        "bf16": not cpu,
        "gradient_checkpointing": not cpu,
        "disable_tqdm": True,
    }
    known = [field.name for field in fields(SFTConfig)]
    for key in part.trl:
        if key not in known:
            raise ConfigError(
                f"unknown key 'sft.trl.{key}'{nearest(key, known) or ': trl.SFTConfig has no such field'}"
            )
    try:
        return SFTConfig(**{**settings, **part.trl})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"TRL refuses this configuration: {error}") from error


def _played(
    config: TrainConfig, loaded: policy.Loaded, chat: Chat, begin: Callable[[int], list[Episode]]
) -> list[Rollout]:
    budget = config.rollout.tokens
    if config.sft.source == "gold":
        return play_gold(begin(1), chat, budget=budget, most=config.eval.concurrency)
    play = loaded.player(
        config.rollout.sampling, role=config.env.prompt.observation_role, budget=budget, seed=config.seed
    )
    found: list[Rollout] = []
    waiting = iter(begin(config.sft.rollouts))
    while batch := list(islice(waiting, config.eval.concurrency)):
        try:
            found += play(batch)
        finally:
            for episode in batch:
                episode.close()
    return found


def _why(config: TrainConfig, suite: Suite, played: Sequence[Rollout]) -> str:
    """Why there is nothing to learn from."""
    fault = next((rollout.fault for rollout in played if rollout.fault is not None), None)
    if fault is not None:
        return f"no episode was solved; one that failed on our side: {fault}"
    if config.sft.source == "gold":
        stops = sorted({rollout.stop for rollout in played})
        return (
            f"no gold of {suite.name} was solved within rollout.budget {config.rollout.tokens} tokens and "
            f"env.max_steps {config.env.max_steps} (they ended by: {', '.join(stops)}): allow more, or see "
            f"`cave-rl validate {config.suite.name}`"
        )
    return "the model solved no task of its own: begin with sft.source=gold, or give its prompt examples"


def _learn(
    config: TrainConfig, loaded: policy.Loaded, settings: Any, rows: list[dict[str, Any]], directory: Path
) -> tuple[float, float]:
    """Trains and writes; the first and the last loss."""
    import transformers
    from datasets import Dataset
    from trl import SFTTrainer

    trainer = SFTTrainer(
        model=loaded.model,
        processing_class=loaded.tokenizer,
        args=settings,
        train_dataset=Dataset.from_list(rows),
        peft_config=policy.adapter_of(config),
    )
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()
    history = [entry for entry in trainer.state.log_history if "loss" in entry]
    traces.append(directory / "sft_metrics.jsonl", history)
    policy.save_adapter(trainer.model, loaded.tokenizer, directory / "adapter", base=config.model.name)
    return float(history[0]["loss"]), float(history[-1]["loss"])
