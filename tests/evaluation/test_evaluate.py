"""How good a policy is. Episodes and judges are real; the policies need no model."""

from __future__ import annotations

import json

import pytest

from cave_rl.evaluation import Evaluation, choose, evaluate
from cave_rl.rewards.assertions import equals
from cave_rl.rollouts import Rollout, gold, noop, play_messages
from cave_rl.runtime.pool import Pool
from cave_rl.runtime.primitives import Variable
from cave_rl.semantic.parsing import fenced
from cave_rl.suites.types.tasks import suite as types
from cave_rl.tasks.config import EpisodeConfig
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.suite import SuiteError
from cave_rl.tasks.task import Task, Turn
from tests.training import tiny

CONFIG = EpisodeConfig()
BROKEN = Task([Turn("?", equals("x", 1))], setup="raise OSError('disk')", family="broken")


def by(policy: object) -> object:
    return lambda episodes: play_messages(episodes, policy)  # type: ignore[arg-type]


def measured(pool: Pool, policy: object, tasks: list[Task], **given: object) -> Evaluation:
    return evaluate(by(policy), tasks, pool=pool, config=CONFIG, **given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def sample() -> list[Task]:
    """A task of every family of Types-v0 that is trained on, and of some that are not."""
    return [*choose(types, "test", len(types.names("test"))), *choose(types, "heldout", 6)]


def test_gold_solves_every_family(pool: Pool, sample: list[Task]) -> None:
    found = measured(pool, gold, sample)
    assert [(row["task"], row["stop"], row["fault"]) for row in found.rows if not row["solved"]] == []
    assert (found.success().mean, found.faults, found.summary()["reward"]) == (1.0, 0, 1.0)


def test_doing_nothing_solves_nothing(pool: Pool, sample: list[Task]) -> None:
    found = measured(pool, noop, sample)
    assert [row["task"] for row in found.rows if row["reward"] != 0.0] == []
    assert (found.success().mean, found.faults) == (0.0, 0)


def test_a_fault_is_counted_and_left_out(pool: Pool) -> None:
    tasks = [BROKEN, *choose(tiny.suite, "test", 3, families=["put"])]
    found = measured(pool, gold, tasks)
    assert (len(found.rows), len(found.scored), found.faults) == (4, 3, 1)
    assert found.rows[0]["reward"] is None
    assert found.success().mean == 1.0
    assert found.by_family() == {"put": 1.0}
    summary = found.summary()
    assert (summary["rollouts"], summary["faults"], summary["reward"]) == (4, 1, 1.0)
    assert summary["stops"] == {"fault": 1, "answered": 3}


def test_where_all_are_faults_nothing_is_claimed(pool: Pool) -> None:
    summary = measured(pool, gold, [BROKEN]).summary()
    assert (summary["faults"], summary["success"], summary["families"]) == (1, None, {})
    json.dumps(summary, allow_nan=False)


def test_the_share_of_each_family(pool: Pool) -> None:
    def adds_only(episode: Episode) -> str:
        return gold(episode) if episode.task.family == "add" else noop(episode)

    found = measured(pool, adds_only, choose(tiny.suite, "test", 6, tags=["easy"]))
    assert found.by_family() == {"add": 1.0, "put": 0.0}
    assert (found.success().mean, found.success().n, found.success().clusters) == (0.5, 6, 2)


def test_a_summary_is_plain_data_for_a_report(pool: Pool) -> None:
    found = measured(pool, gold, choose(tiny.suite, "test", 4, families=["put", "both"]), label="mine")
    summary = json.loads(json.dumps(found.summary(), allow_nan=False))
    assert summary.keys() > {"label", "success", "families", "pass_at", "rollouts", "faults", "reward", "env_ms"}
    assert summary["label"] == "mine"
    assert summary["success"].keys() == {"mean", "low", "high", "n", "clusters"}
    assert summary["steps"] == 3, "two episodes of two messages, two of four"
    assert summary["outcomes"] == {"ok": 6, "answered": 6}
    assert summary["families"] == {"both": 1.0, "put": 1.0}
    assert {row["eval"] for row in found.rows} == {"mine"}


def test_the_rollouts_of_a_task_begin_in_one_state(pool: Pool) -> None:
    """The set-up draws numbers; each rollout reads its own."""
    task = Task(
        [Turn("Set y to x.", equals("y", 0), gold="y = x")],
        setup="import random\nx = random.random()",
        variables=[Variable("y", 1)],
    )

    def look(episode: Episode) -> str:
        return fenced("import random\nprint(x, random.random())") if not episode.turn_steps else "Done."

    def seen(seed: int) -> list[str]:
        rows = measured(pool, look, [task], rollouts=3, seed=seed).rows
        return [row["messages"][-2]["content"].partition("</exec")[0] for row in rows]

    one, two = seen(1), seen(2)
    assert len(set(one)) == len(set(two)) == 1
    assert one[0].split()[1] == two[0].split()[1], "the state is the task's"
    assert one[0] != two[0], "what a rollout draws is the seed's"


def test_tasks_are_played_in_order_and_never_more_than_asked_for_at_once(pool: Pool) -> None:
    tasks = choose(tiny.suite, "test", 5, tags=["easy"])
    together: list[int] = []
    told: list[int] = []

    def play(episodes: list[Episode]) -> list[Rollout]:
        together.append(len(episodes))
        return play_messages(episodes, noop)

    found = evaluate(
        play,
        tasks,
        pool=pool,
        config=CONFIG,
        rollouts=2,
        concurrency=4,
        progress=told.append,  # type: ignore[arg-type]
    )
    assert [row["task"] for row in found.rows] == [task.id for task in tasks for _ in range(2)]
    assert together == [4, 4, 2]
    assert told == [4, 8, 10]


def test_episodes_are_closed_even_when_a_policy_raises(pool: Pool) -> None:
    begun: list[Episode] = []

    def raising(episode: Episode) -> str:
        begun.append(episode)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        measured(pool, raising, choose(tiny.suite, "test", 1))
    assert begun[0].over
    assert not begun[0].runtime.alive


def test_few_shot_examples_are_shown_as_configured(pool: Pool) -> None:
    shown = tuple(choose(tiny.suite, "train", 3, families=["put"]))
    config = tiny.COMPACT.but(prompt=tiny.COMPACT.prompt.model_copy(update={"examples": 2}))
    tasks = choose(tiny.suite, "test", 1)
    found = evaluate(by(noop), tasks, pool=pool, config=config, examples=shown)  # type: ignore[arg-type]
    said = [m["content"] for m in found.rows[0]["messages"] if m["role"] == "assistant"]
    assert said == [fenced(task.turns[0].gold[0]) for task in shown[:2]] + ["Done."]


def test_choosing_takes_families_in_turn() -> None:
    assert [task.family for task in choose(tiny.suite, "test", 5, tags=["easy"])] == ["put", "add", "put", "add", "put"]
    assert [task.family for task in choose(tiny.suite, "heldout", 2)] == ["take", "take"]
    with pytest.raises(SuiteError, match="no family 'taek'"):
        choose(tiny.suite, "heldout", 1, families=["taek"])
    with pytest.raises(SuiteError, match="with the tags hard"):
        choose(tiny.suite, "test", 1, tags=["hard"])
