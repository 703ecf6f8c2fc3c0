"""What a run refuses, found before a model is loaded."""

from __future__ import annotations

from pathlib import Path

from cave_rl.tasks import registry
from cave_rl.tasks.episode import check_users
from cave_rl.tasks.settings import differing
from cave_rl.tasks.suite import Suite
from cave_rl.tasks.task import Task
from cave_rl.training import ranks
from cave_rl.training.arguments import arguments
from cave_rl.training.config import ConfigError, DuringPart, EvalTable, SuitePart, TrainConfig, load
from cave_rl.training.grpo import rows


def check(config: TrainConfig, *, trl: bool = True) -> Suite:
    """Finds now what would otherwise be found after the first evaluation, or after training.

    Args:
        config: what would run.
        trl: whether TRL is asked for its opinion too. It must be installed, and takes seconds to import.

    Returns:
        The suite.

    Raises:
        ConfigError: the directory holds another run, the budget does not fit the tasks, nobody plays their users, or
            TRL refuses something.
        SuiteError: there is no such suite, no family fits, or one cannot make its tasks.
        TaskError: a family makes something that is no task.
        PromptFileError: the prompt file, its style or an override cannot be used.
    """
    output = Path(config.output)
    if ranks.first() and (output / "config.yaml").is_file():
        _check_same(output, config)
    config.env.prompt.build()
    suite = registry.find(config.suite.name)
    parts: list[SuitePart | EvalTable | DuringPart] = [config.suite, *config.eval.tables]
    parts += [config.eval.during] if config.eval.during is not None else []
    for part in parts:
        split = "train" if isinstance(part, SuitePart) else part.split
        for family in suite.select(split, families=part.families, tags=part.tags):
            task = suite.task(split, family, 0)
            check_users(task, config.env)
            _check_budget(config, task)
    rows(suite, config)
    if trl:
        arguments(config)
    return suite


def _check_same(output: Path, config: TrainConfig) -> None:
    """Looks whether a directory's run is this one. Keys that it was begun without have their defaults."""
    told = "choose another output, or remove it"
    try:
        begun = load(output / "config.yaml")
    except ConfigError as error:
        raise ConfigError(f"{output} holds a run of another version, or something else: {told} ({error})") from error
    if keys := differing(begun, config):
        raise ConfigError(f"{output} holds a run of another configuration (it has another {keys[0]}): {told}")


def _check_budget(config: TrainConfig, task: Task) -> None:
    messages = sum(turn.max_steps or config.env.max_steps for turn in task.turns)
    if config.rollout.budget is None and messages > 1:
        raise ConfigError(
            f"tasks of {task.family!r} take up to {messages} messages, and rollout.budget is not given: set it to the "
            "tokens of all messages and observations of an episode, or choose other families"
        )
