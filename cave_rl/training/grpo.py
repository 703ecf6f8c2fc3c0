"""Episodes into TRL's GRPOTrainer.

Two of TRL's hooks are used together: `environment_factory` gives one object a rollout that is reset with its dataset
row and owns the reward; `rollout_func` plays all rollouts of a batch together, token-exact. An environment with only
`reset` and `get_reward` contributes no tools, so TRL takes the mask that we return.
"""

from __future__ import annotations

import copy
import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cave_rl.rollouts import traces
from cave_rl.rollouts.backends import Backend
from cave_rl.rollouts.branching import Branches
from cave_rl.rollouts.chat import Chat
from cave_rl.rollouts.play import Rollout
from cave_rl.runtime.errors import Fault
from cave_rl.runtime.pool import Pool
from cave_rl.tasks.config import EpisodeConfig
from cave_rl.tasks.curriculum import Curriculum
from cave_rl.tasks.draws import Draws
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.rows import Row, draw_rows
from cave_rl.tasks.suite import Suite
from cave_rl.training.arguments import arguments
from cave_rl.training.config import TrainConfig, TrainPart
from cave_rl.training.generation import TrainerBackend, generation_backend, generation_of, keys
from cave_rl.training.measures import measures
from cave_rl.training.policy import adapter_of
from cave_rl.training.server import Server
from cave_rl.training.timing import Timing

# Renders what SmolLM2's own template renders, and tool calls too: TRL asks every environment's template for that, even
# of an environment without tools. It stands in where the model's own cannot; no token of an episode is rendered by it.
TOOL_TEMPLATE = """{%- for m in messages -%}
{{- '<|im_start|>' + m.role + '\\n' + (m.content or '') -}}
{%- for call in (m.tool_calls or []) -%}
{{- '<tool_call>' + call.function.name + (call.function.arguments | tojson) + '</tool_call>' -}}
{%- endfor -%}
{{- '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"""


class Setting:
    """What the rollouts of one process share: where they run, how they are put, and where they are written."""

    def __init__(self, suite: Suite, pool: Pool, config: EpisodeConfig, traces_path: Path | None) -> None:
        self.suite = suite
        self.pool = pool
        self.config = config
        self.traces_path = traces_path
        self._task = functools.lru_cache(maxsize=128)(suite.task)  # the rollouts of a group share one Task

    def episode(self, row: dict[str, Any]) -> Episode:
        """The episode of a dataset row: a pure function of it, so the rollouts of a group begin in one state."""
        task = self._task(row["split"], row["family"], row["index"], difficulty=row.get("level"))
        examples = self.suite.examples
        return Episode(task, pool=self.pool, config=self.config, seed=row["seed"], examples=examples)


def environment_class(setting: Setting) -> type:
    """The class that TRL makes one object a rollout of; it has no public method but these two."""

    class CaveRollout:
        def __init__(self) -> None:
            self._row: dict[str, Any] = {}
            self._rollout: Rollout | None = None

        def reset(self, **row: Any) -> None:  # what it returned would be added to the prompt, which is whole
            if self._rollout is not None:
                self._rollout.episode.close()
            self._row, self._rollout = row, None

        def get_reward(self) -> float | None:
            return None if self._rollout is None else self._rollout.reward

    return CaveRollout


def rollout_function(
    setting: Setting, chat: Chat, config: TrainConfig, server: Server | None = None
) -> Callable[[list[Any], Any], dict[str, Any]]:
    """Plays the rollouts of a batch, as TRL's `rollout_func` wants it.

    Args:
        setting: what the rollouts share.
        chat: the tokenizer's chat.
        config: of the run.
        server: is asked for the messages; None generates in this process.
    """
    idle = chat.opening([{"role": "user", "content": "?"}])
    timing = Timing()
    part = config.train

    def value(branches: Branches, backend: Backend, trainer: Any) -> None:
        branches.value(
            backend,
            chat,
            config.rollout.sampling,
            budget=config.rollout.tokens,
            continuations=part.branches.continuations,
            most=part.branches.most,
            gamma=part.gamma,
            seed=f"{config.seed}/{trainer.state.global_step}",
        )
        trainer._log_metric("branches/played", branches.played)
        trainer._log_metric("branches/faults", branches.faults)

    def rollout_func(prompts: list[Any], trainer: Any) -> dict[str, Any]:
        environments, step = trainer.environments, trainer.state.global_step
        assert not trainer.tools, trainer.tools
        assert len(environments) == len(prompts), (len(environments), len(prompts))
        timing.begin()
        episodes = [setting.episode(environment._row) for environment in environments]
        if server is not None:
            server.version = step if config.sync == "nccl" else server.version
        forced = TrainerBackend(trainer, idle) if config.generation.backend == "trainer" else None
        by = server or forced or generation_backend(trainer, chat, seed=config.seed * 1_000_003 + step)
        with Branches() as branches:
            branching = part.credit == "branch" and trainer.model.training
            generation = generation_of(by, chat, config, branches.park if branching else None)
            rollouts = generation.play(episodes, keys(trainer, len(episodes)))
            if branching:
                assert not isinstance(by, Server)  # the configuration refuses it
                value(branches, by, trainer)
        if isinstance(by, TrainerBackend):
            by.finish()
        for environment, rollout in zip(environments, rollouts, strict=True):
            environment._rollout = rollout
        if setting.traces_path is not None:
            told = {"train_step": step} if server is None else {"train_step": step, "weights": server.version}
            records = [traces.record(rollout, **told) for rollout in rollouts]
            _write(setting.traces_path, records, trainer.accelerator)
        if server is not None and any(rollout.fault is not None for rollout in rollouts):
            server.check_there()  # what a server has ended before it went are the short ones: none is learned from
            if all(rollout.fault is not None for rollout in rollouts):
                raise Fault(f"step {step}: not one rollout came to its end; the first: {rollouts[0].fault}")
        sync_s = trainer.vllm_generation.spent() if server is not None and config.sync != "nccl" else None
        found = for_trl(rollouts, idle, min(chat.eos_ids), logprobs=trainer.use_vllm)
        return {**found, "seconds": timing.end(generation.clock, sync_s)}

    return rollout_func


def _write(path: Path, records: list[dict[str, Any]], accelerator: Any) -> None:
    """Adds the records of all ranks to a file, in their order."""
    if accelerator.num_processes > 1:
        from accelerate.utils import gather_object

        records = gather_object(records)
    if accelerator.is_main_process:
        traces.append(path, records)


def for_trl(rollouts: Sequence[Rollout], idle: list[int], eos: int, *, logprobs: bool) -> dict[str, Any]:
    """Rollouts in TRL's form. It wants tokens even of what has none: that row is masked, and a fault's reward is None.

    Args:
        rollouts: to be trained on.
        idle: a prompt for those that have none.
        eos: a token for them.
        logprobs: whether each token's log-probability belongs to it.
    """
    scored = [rollout if rollout.fault is None and rollout.ids else None for rollout in rollouts]
    found: dict[str, Any] = {
        "prompt_ids": [rollout.prompt_ids if rollout is not None else idle for rollout in scored],
        "completion_ids": [rollout.ids if rollout is not None else [eos] for rollout in scored],
        "env_mask": [rollout.mask if rollout is not None else [0] for rollout in scored],
        "logprobs": None,
    }
    for ids, mask in zip(found["completion_ids"], found["env_mask"], strict=True):
        assert len(ids) == len(mask) > 0, (len(ids), len(mask))
    if logprobs:
        found["logprobs"] = [rollout.logprobs if rollout is not None else [0.0] for rollout in scored]
        for ids, each in zip(found["completion_ids"], found["logprobs"], strict=True):
            assert each is not None, "the backend tells no log-probabilities"
            assert len(each) == len(ids), (len(each), len(ids))
    return found


def solved(
    environments: list[Any],
    log_metric: Callable[[str, float], None],
    seconds: Sequence[dict[str, float]] = ({},),
    **_: Any,
) -> list[float | None]:
    """A reward function of weight 0: whether the episode was solved, and all that is worth a curve."""
    rollouts: list[Rollout] = [environment._rollout for environment in environments]
    timed = {f"time/{name}_s": value for name, value in seconds[0].items()}  # of all rollouts together
    for name, value in (measures(rollouts) | timed).items():
        log_metric(name, value)
    return [None if rollout.fault is not None else float(rollout.episode.solved) for rollout in rollouts]


def rows(suite: Suite, config: TrainConfig) -> list[Row]:
    """The training set: one row a group. A curriculum will put its own in their places.

    Raises:
        SuiteError: no family fits, or one has too few distinct tasks.
    """
    part = config.train
    drawn = draw_rows(
        suite,
        "train",
        part.groups if part.curriculum else part.steps * part.groups,
        families=config.suite.families,
        tags=config.suite.tags,
        seed=config.seed,
        prompt=config.env.prompt,
    )
    return drawn * part.steps if part.curriculum else drawn


def draws(suite: Suite, config: TrainConfig) -> Draws | None:
    """What a curriculum draws its rows from; None where there is none.

    Raises:
        SuiteError: no family fits.
    """
    part = config.train.curriculum
    if part is None:
        return None
    chosen = Curriculum.of(
        suite,
        "train",
        families=config.suite.families,
        tags=config.suite.tags,
        floor=part.floor,
        memory=part.memory,
        seed=config.seed,
    )
    return Draws(suite, chosen, seed=config.seed, prompt=config.env.prompt)


def trl_tokenizer(tokenizer: Any) -> Any:
    """The tokenizer for TRL: the same, with a template that can render tools if its own cannot."""
    from trl.chat_template_utils import supports_tool_calling

    if supports_tool_calling(tokenizer):
        return tokenizer
    stand_in = copy.deepcopy(tokenizer)
    stand_in.chat_template = TOOL_TEMPLATE
    return stand_in


def make_trainer(
    config: TrainConfig, model: Any, tokenizer: Any, suite: Suite, pool: Pool, callbacks: Sequence[Any] = ()
) -> Any:
    """A GRPOTrainer over a suite.

    Raises:
        ChatTemplateError: the tokenizer's template cannot serve a multi-turn environment.
        ConfigError: TRL refuses the configuration.
        SuiteError: no family fits.
        Fault: the server cannot be used.
    """
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # the hooks are TRL's experimental ones: pinned, and tested
    from datasets import Dataset

    from cave_rl.training.agreement import Agreement
    from cave_rl.training.weights import Publisher, publish_by

    part = config.train
    chat = Chat(tokenizer, role=config.env.prompt.observation_role)
    setting = Setting(suite, pool, config.env, Path(config.output) / "traces.jsonl")
    settings = arguments(config)
    server = Server(config) if config.generation.over_http else None
    if server is not None:
        server.check(chat, config.rollout.sampling)
        callbacks = [Agreement(config.generation.agreement), *callbacks]  # first: it adds to what the others log
    trainer = trainer_class(part, alone=settings.world_size == 1 and not settings.gradient_checkpointing)(
        model=model,
        processing_class=trl_tokenizer(tokenizer),
        args=settings,
        train_dataset=Dataset.from_list(rows(suite, config)),
        reward_funcs=[solved],
        environment_factory=environment_class(setting),
        rollout_func=rollout_function(setting, chat, config, server),
        peft_config=adapter_of(config),
        callbacks=list(callbacks),
    )
    for callback in trainer.callback_handler.callbacks:
        if type(callback).__name__ == "TensorBoardCallback" and callback.logging_dir is None:
            callback.logging_dir = str(Path(config.output) / "tensorboard")
    trainer.part, trainer.server = part, server
    trainer.draws = draws(suite, config)
    if trainer.draws is not None:
        from cave_rl.training.sampling import DrawsState

        trainer.add_callback(DrawsState(trainer.draws))
    if server is not None and config.sync != "nccl":
        publish_by(trainer, Publisher(trainer, server, config))
    return trainer


def trainer_class(part: TrainPart, *, alone: bool) -> Any:
    """TRL's trainer, and above it only what a run asks for.

    Args:
        part: how rows are chosen and credit is given.
        alone: whether one process has the whole model, without gradient checkpointing: then prefixes are shared.
    """
    from trl import GRPOTrainer

    from cave_rl.training.credit import TokenCredit
    from cave_rl.training.prefix import PrefixGRPOTrainer
    from cave_rl.training.sampling import DrawnRows

    chosen = [DrawnRows] if part.curriculum is not None else []
    chosen += [TokenCredit] if part.credit != "episode" else []
    chosen += [PrefixGRPOTrainer if alone else GRPOTrainer]
    return chosen[0] if len(chosen) == 1 else type("CaveGRPOTrainer", tuple(chosen), {})
