"""`cave-rl play`: a task played by a person. And for `cave-rl show --run`, by its gold solution."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from cave_rl.cli import output
from cave_rl.cli.human import Human, Quit
from cave_rl.cli.pick import pick
from cave_rl.confinement import Confinement, Level
from cave_rl.envs.env import CaveEnv
from cave_rl.rollouts import messages, traces
from cave_rl.rollouts.play import Rollout
from cave_rl.runtime.errors import Fault
from cave_rl.runtime.pool import Pool
from cave_rl.tasks import registry
from cave_rl.tasks.config import EpisodeConfig, UserConfig
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.task import Task, TaskError


def play(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="A suite's name, or where one lies: module:attribute.")],
    task: Annotated[str | None, typer.Argument(metavar="FAMILY[/INDEX]", help="Which task.")] = None,
    split: Annotated[
        str | None,
        typer.Option(help="train, validation, test or heldout.  [default: train; heldout for a held-out family]"),
    ] = None,
    index: Annotated[int, typer.Option(min=0, help="The task's number in its family.")] = 0,
    max_steps: Annotated[int, typer.Option(min=1, help="Messages before a turn is judged as it stands.")] = 8,
    seed: Annotated[int, typer.Option(help="Seeds the runtime.")] = 0,
    require: Annotated[
        str, typer.Option(help="The confinement without which nothing runs: contained, limits or none.")
    ] = "contained",
    user: Annotated[
        str | None,
        typer.Option(help="The URL of the API whose model plays the task's user, if it has one; else its script does."),
    ] = None,
    user_model: Annotated[str | None, typer.Option(help="With --user: the model's name there.")] = None,
    to: Annotated[
        Path | None, typer.Option("--output", "-o", help="Add the episode to traces.jsonl in this directory.")
    ] = None,
) -> None:
    """Play a task yourself: you are the policy, judged as a model is.

    You are told what a model is told, and write cells as it does. The verdicts come when the episode is over. Exit code
    1 if it is not solved.

    Examples:
        cave-rl play Types-v0
        cave-rl play Types-v0 sort_list/3 --split test
        cave-rl play Types-v0 sort_list -o outputs/me && cave-rl report outputs/me
    """
    found = registry.find(suite)
    chosen = found.task(*pick(found, task, split, index))
    users = UserConfig(url=user, model=user_model, scripted=user is None)
    with Pool(Confinement(require=cast(Level, require))) as pool:
        episode = Episode(chosen, pool=pool, config=EpisodeConfig(max_steps=max_steps, user=users), seed=seed)
        try:
            (rollout,) = messages.play_messages([episode], Human())
        except Quit:
            output.line("\ngiven up: nothing was judged further")
            raise typer.Exit(1) from None
        finally:
            episode.close()
    if to is not None:
        traces.append(to / "traces.jsonl", [traces.record(rollout)])
    if rollout.fault is not None:
        raise Fault(rollout.fault)
    _tell(rollout)
    if not episode.solved:
        raise typer.Exit(1)


def _tell(rollout: Rollout) -> None:
    """How it ended, once it has."""
    episode = rollout.episode
    last = episode.trace[-1].get("observation") if episode.trace else None
    if last:  # no message follows that would show it
        output.line(last)
    elif (said := episode.trace[-1].get("user") if episode.trace else None) and said["text"]:
        output.line(said["text"])
    for turn in range(len(episode.scores)):
        output.heading(f"Turn {turn + 1}: score {episode.scores[turn]:g}")
        for verdict in rollout.verdicts:
            if verdict["turn"] == turn:
                tell_verdict(verdict)
    output.line(f"reward {episode.reward:g}, {'solved' if episode.solved else 'NOT SOLVED'}", "bold")


def tell_verdict(verdict: dict[str, Any]) -> None:
    """One verdict on a line."""
    kind = "gate" if verdict["gate"] else "assertion"
    message = f": {verdict['message']}" if verdict["message"] else ""
    output.line(f"{'pass' if verdict['passed'] else 'FAIL'}  {kind}  {verdict['name']}{message}")


def gold(task: Task, *, config: EpisodeConfig, confinement: Confinement, seed: int = 0) -> dict[str, Any]:
    """The steps of one episode in which every turn's gold cells are sent, then an answer; and what it earned.

    Raises:
        TaskError: a turn has no gold, and something is to be done in it.
        Fault: our side failed.
    """
    env = CaveEnv(task=task, config=config, confinement=confinement)
    steps: list[dict[str, Any]] = []
    try:
        for number, turn in enumerate(task.turns, 1):
            if not turn.gold and not turn.refusal:
                raise TaskError(f"turn {number} of {task.id} has no gold to play")
        env.reset(seed=seed)
        while not env.episode.over:
            steps.append(_step(env, messages.gold(env.episode)))
        return {"steps": steps, "reward": env.episode.reward, "solved": env.episode.solved}
    finally:
        env.close()


def _step(env: CaveEnv, message: str) -> dict[str, Any]:
    observation, reward, _, _, info = env.step(message)
    if "fault" in info:
        raise Fault(f"{info['fault']['type']}: {info['fault']['message']}")
    return {
        "message": message,
        "outcome": info["outcome"],
        "observation": observation,
        "reward": reward,
        "verdicts": info.get("verdicts", []),
    }
