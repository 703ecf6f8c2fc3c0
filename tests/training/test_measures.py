"""What a batch of rollouts amounts to."""

from __future__ import annotations

from cave_rl.rewards.assertions import equals
from cave_rl.rollouts import play_messages
from cave_rl.runtime.pool import Pool
from cave_rl.semantic.parsing import fenced
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.task import Task, Turn
from cave_rl.training.measures import measures
from tests.training import tiny

BROKEN = Task([Turn("?", equals("x", 1))], setup="raise OSError('disk')", suite="Tiny-v0", family="broken")


def test_measures_leave_faults_out(pool: Pool) -> None:
    tasks = [tiny.suite.task("train", "put", 0), tiny.suite.task("train", "both", 0), BROKEN]

    def answer(episode: Episode) -> str:
        return fenced(episode.task.turns[0].gold[0]) if not episode.turn_steps and not episode.turn else "Done."

    rollouts = play_messages([Episode(task, pool=pool, config=tiny.COMPACT.but(max_steps=3)) for task in tasks], answer)
    found = measures(rollouts)
    assert (found["faults"], found["solved"], found["cut"]) == (1, 0.5, 0.0)
    assert (found["family/put"], found["family/both"]) == (1.0, 0.0)
    assert (found["assertions/put/equals"], found["assertions/both/equals"]) == (1.0, 0.5)
    assert found["steps"] == 2.5, "code and answer; code, answer and answer"
    assert (found["outcome/ok"], found["outcome/answered"]) == (2 / 5, 3 / 5)
    assert measures(rollouts[2:]) == {"faults": 1}
    for rollout in rollouts:
        rollout.episode.close()
