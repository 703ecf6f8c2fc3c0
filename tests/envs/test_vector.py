from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import gymnasium
import numpy as np
import pytest

from cave_rl.envs import AnyTexts, CaveVectorEnv
from cave_rl.rewards import equals
from cave_rl.runtime import Variable
from cave_rl.tasks import Task, Turn
from tests.conftest import descriptors, python

TASK = Task([Turn("Sort xs.", equals("xs", [1, 2, 3]), changes=["xs"], gold="xs.sort()")], [Variable("xs", [3, 1, 2])])
SORT = python("xs.sort()")


def test_make_vec_gives_the_environment_that_steps_all_together() -> None:
    env = gymnasium.make_vec("cave_rl/Types-v0", num_envs=3)
    assert isinstance(env.unwrapped, CaveVectorEnv)
    assert env.observation_space == AnyTexts(3)
    observations, infos = env.reset(seed=0)
    assert env.observation_space.contains(observations)
    assert len(set(observations)) > 1
    assert [info["id"] for info in infos["task"]] if isinstance(infos["task"], list) else infos["task"]
    env.close()


def test_64_environments_step_together() -> None:
    env = CaveVectorEnv(task=TASK, num_envs=64)
    env.reset(seed=0)
    sleeping = [python("import time\ntime.sleep(0.5)") if i < 32 else SORT for i in range(64)]
    began = time.monotonic()
    observations, rewards, terminated, truncated, infos = env.step(sleeping)
    assert time.monotonic() - began < 3
    assert len(observations) == 64
    assert rewards.dtype == np.float64
    assert list(infos["outcome"]) == ["ok"] * 64
    assert not terminated.any()
    assert not truncated.any()
    _, rewards, terminated, _, infos = env.step(["done"] * 64)
    assert rewards.tolist() == [0.0] * 32 + [1.0] * 32
    assert terminated.all()
    assert infos["solved"].tolist() == [False] * 32 + [True] * 32
    env.close()


def test_more_different_tasks_at_once_than_templates_are_kept() -> None:
    env = CaveVectorEnv("Types-v0", num_envs=80, families=["increase", "sort_list"])
    observations, infos = env.reset(seed=0)
    assert len(observations) == 80
    *_, infos = env.step([python("1")] * 80)
    assert list(infos["outcome"]) == ["ok"] * 80
    env.close()


def test_an_ended_episode_begins_anew_with_the_next_step() -> None:
    env = CaveVectorEnv(task=TASK, num_envs=2)
    env.reset(seed=0)
    _, _, terminated, _, _ = env.step(["done", SORT])
    assert terminated.tolist() == [True, False]
    observations, rewards, terminated, _, infos = env.step([SORT, "done"])
    assert observations[0] == "Sort xs."
    assert list(infos["outcome"]) == ["begun", "answered"]
    assert rewards.tolist() == [0.0, 1.0]
    assert terminated.tolist() == [False, True]
    env.close()


def test_it_plays_as_single_environments_do() -> None:
    vector = CaveVectorEnv("Types-v0", num_envs=3)
    observations, _ = vector.reset(seed=7)
    code = python("import random\nprint(random.random(), dir())")
    told = vector.step([code] * 3)[0]
    vector.close()
    for i in range(3):
        env = gymnasium.make("cave_rl/Types-v0")
        assert env.reset(seed=7 + i)[0] == observations[i]
        assert env.step(code)[0] == told[i]
        env.close()


def test_seeds_may_be_given_one_by_one() -> None:
    env = CaveVectorEnv("Types-v0", num_envs=3)
    same, _ = env.reset(seed=[4, 4, 5])
    assert same[0] == same[1] != same[2]
    with pytest.raises(ValueError, match="2 seeds for 3 environments"):
        env.reset(seed=[1, 2])
    counted, _ = env.reset(seed=np.int64(4))  # type: ignore[arg-type]
    assert counted == env.reset(seed=4)[0] == env.reset(seed=np.array([4, 5, 6]))[0]  # type: ignore[arg-type]
    env.close()


def test_misuse_is_told() -> None:
    with pytest.raises(ValueError, match="num_envs must be at least 1, not 0"):
        CaveVectorEnv(task=TASK, num_envs=0)
    env = CaveVectorEnv(task=TASK, num_envs=2, render_mode="ansi")
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(["a", "b"])
    env.reset(seed=0)
    for wrong in (["a"], "ab", ["a", 1]):
        with pytest.raises(ValueError, match="actions must be 2 strings"):
            env.step(wrong)  # type: ignore[arg-type]
    chats = env.render()
    assert chats is not None
    assert "Sort xs." in chats[1]
    env.close()


def test_a_fault_in_one_environment_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from cave_rl.runtime import Fault, Template

    env = CaveVectorEnv(task=TASK, num_envs=2)
    env.reset(seed=0)
    env.step(["done", SORT])

    def broken(self: object, seed: int, **given: Any) -> Any:
        raise Fault("no more processes")
        yield

    monkeypatch.setattr(Template, "start_steps", broken)
    observations, rewards, _, truncated, infos = env.step(["", python("print(xs)")])
    assert truncated.tolist() == [True, False]
    assert rewards[0] == 0.0
    assert "no more processes" in str(infos["fault"])
    assert "[1, 2, 3]" in observations[1]
    monkeypatch.undo()
    observations, *_ = env.step(["", "done"])
    assert observations[0] == "Sort xs."
    env.close()


def test_a_fault_in_a_reset_ends_all_that_began(monkeypatch: pytest.MonkeyPatch) -> None:
    from cave_rl.runtime import Fault, Template

    env = CaveVectorEnv(task=TASK, num_envs=3)
    env.reset(seed=0)
    before = descriptors()
    real, count = Template.start_steps, iter(range(9))

    def second_fails(self: Any, seed: int, **given: Any) -> Any:
        if next(count) == 1:
            raise Fault("no more processes")
        return (yield from real(self, seed, **given))

    monkeypatch.setattr(Template, "start_steps", second_fails)
    with pytest.raises(Fault, match="no more processes"):
        env.reset(seed=0)
    assert descriptors() < before, "none of the three is left"
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(["a"] * 3)
    monkeypatch.undo()
    assert env.reset(seed=0)[0] == ("Sort xs.",) * 3
    assert descriptors() == before
    env.close()


def test_a_closed_environment_begins_nothing_until_it_is_reset() -> None:
    env = CaveVectorEnv(task=TASK, num_envs=2)
    for _ in range(2):  # it may be closed again after another reset
        env.reset(seed=0)
        runtimes = [episode.runtime for episode in env.episodes]
        env.close()
        assert not any(runtime.alive for runtime in runtimes)
        with pytest.raises(gymnasium.error.ResetNeeded):
            env.step(["", ""])


def test_statistics_of_gymnasium_work() -> None:
    env = gymnasium.wrappers.vector.RecordEpisodeStatistics(CaveVectorEnv(task=TASK, num_envs=2))
    env.reset(seed=0)
    env.step([SORT, "no"])
    *_, infos = env.step(["done", SORT])
    assert infos["episode"]["r"][0] == 1.0
    env.close()


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_gymnasiums_own_vector_environments_work(mode: str, tmp_path: Any) -> None:
    given = 'vector_kwargs={"shared_memory": False}, ' if mode == "async" else ""
    script = tmp_path / "script.py"
    script.write_text(
        f"""
import gymnasium, cave_rl
from cave_rl import Task, Turn, Variable, equals

if __name__ == "__main__":
    task = Task([Turn("Sort xs.", equals("xs", [1, 2, 3]), changes=["xs"])], [Variable("xs", [3, 1, 2])])
    env = gymnasium.make_vec("cave_rl/Task-v0", num_envs=2, vectorization_mode={mode!r}, {given}task=task)
    print(type(env).__name__, env.reset(seed=0)[0])
    env.step(["```python\\nxs.sort()\\n```"] * 2)
    print(env.step(["done", "done"])[1])
    env.close()
"""
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{mode.title()}VectorEnv ('Sort xs.', 'Sort xs.')\n[1. 1.]\n"
