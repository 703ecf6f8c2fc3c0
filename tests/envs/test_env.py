from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import cave_rl
from cave_rl.envs import AnyText, CaveEnv
from cave_rl.rewards import equals
from cave_rl.runtime import Fault, Variable
from cave_rl.tasks import SuiteError, Task, Turn
from tests.conftest import python

TASK = Task([Turn("Sort xs.", equals("xs", [1, 2, 3]), changes=["xs"], gold="xs.sort()")], [Variable("xs", [3, 1, 2])])

PLAY = """
import json, random
import gymnasium, cave_rl
env = gymnasium.make("cave_rl/Types-v0", disable_env_checker=True)
said = []
for seed in (1, 2, 3):
    said.append(env.reset(seed=seed))
    gold = env.unwrapped.episode.task.turns[0].gold[0]
    for code in ("import random, uuid\\nprint(random.random(), uuid.uuid4(), object())\\nf = print", "1/0", gold, None):
        message = "Done." if code is None else f"```python\\n{code}\\n```"
        *rest, info = env.step(message)
        said.append((*rest, info))
        if rest[2] or rest[3]:
            break
env.close()
print(json.dumps(said))
"""


@pytest.fixture
def env() -> Iterator[CaveEnv]:
    made = CaveEnv(task=TASK, render_mode="ansi")
    yield made
    made.close()


@pytest.mark.parametrize(
    "given", [{"id": "cave_rl/Types-v0"}, {"id": "cave_rl/Task-v0", "task": TASK}], ids=["suite", "task"]
)
def test_gymnasium_finds_no_fault_with_it(given: dict[str, Any]) -> None:
    env = gymnasium.make(**given)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)
    env.close()


def test_the_same_seed_gives_the_same_episodes_byte_for_byte_in_two_processes() -> None:
    runs = [
        subprocess.run([sys.executable, "-c", PLAY], capture_output=True, text=True, check=True, timeout=120).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert len(json.loads(runs[0])) == 15


def test_an_episode_from_reset_to_reward(env: CaveEnv) -> None:
    observation, info = env.reset(seed=0)
    assert observation == "Sort xs."
    assert info["messages"][0]["role"] == "system"
    observation, reward, terminated, truncated, info = env.step(python("xs.sort()\nprint(xs)"))
    assert "[1, 2, 3]" in observation
    assert (reward, terminated, truncated) == (0.0, False, False)
    observation, reward, terminated, truncated, info = env.step("Sorted.")
    assert (observation, reward, terminated, truncated, info["solved"]) == ("", 1.0, True, False, True)


def test_step_and_render_need_a_reset(env: CaveEnv) -> None:
    for call in (lambda: env.step("x"), env.render, lambda: env.runtime):
        with pytest.raises(gymnasium.error.ResetNeeded):
            call()
    env.reset(seed=0)
    env.step("done")
    with pytest.raises(gymnasium.error.ResetNeeded, match="over"):
        env.step("again")
    env.close()
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step("again")
    assert env.reset(seed=0)[0] == "Sort xs."


def test_actions_are_text(env: CaveEnv) -> None:
    env.reset(seed=0)
    with pytest.raises(TypeError, match="an action is a message of the model, a str, not int"):
        env.step(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["naïve ✓ 😀", "\u202eabc", "a\x00b", "é" * 1000])
def test_any_unicode_passes(env: CaveEnv, text: str) -> None:
    env.reset(seed=0)
    observation, *_ = env.step(python(f"print({text!r})"))
    assert text.isprintable() is False or text in observation
    assert env.observation_space.contains(observation)


def test_lone_surrogates_do_not_break_it(env: CaveEnv) -> None:
    env.reset(seed=0)
    observation, *_ = env.step(python("print(chr(0xd800))\nx = '\ud800'"))
    observation.encode()
    env.step(python("chr(0xdfff)"))[0].encode()


def test_the_chat_is_rendered_as_text(env: CaveEnv, capsys: pytest.CaptureFixture[str]) -> None:
    env.reset(seed=0)
    env.step(python("xs"))
    text = env.render()
    assert text is not None
    assert text.index("[system]") < text.index("[user]\nSort xs.") < text.index("[assistant]") < text.index("[3, 1, 2]")
    with_human = CaveEnv(task=TASK, render_mode="human")
    with_human.reset(seed=0)
    assert "Sort xs." in capsys.readouterr().out
    with_human.close()


@pytest.mark.parametrize(
    ("make", "error", "told"),
    [
        (lambda: CaveEnv(), SuiteError, "give a suite or a task"),
        (lambda: CaveEnv("Types-v0", task=TASK), SuiteError, "give a suite or a task"),
        (lambda: CaveEnv("Type-v0"), SuiteError, "did you mean 'Types-v0'"),
        (lambda: CaveEnv("Types-v0", split="tests"), SuiteError, "did you mean 'test'"),
        (lambda: CaveEnv("Types-v0", families=["sort_lists"]), SuiteError, "did you mean 'sort_list'"),
        (lambda: CaveEnv(task=TASK, render_mode="rgb_array"), ValueError, "ansi, human"),
        (
            lambda: CaveEnv(task=TASK).reset(options={"familly": "x"}),
            SuiteError,
            "unknown reset option 'familly': task, family, index",
        ),
        (lambda: CaveEnv(task=TASK).reset(options={"task": 3}), SuiteError, "is a Task, not int"),
        (lambda: CaveEnv("Types-v0").reset(options={"family": "sort_lists"}), SuiteError, "did you mean 'sort_list'"),
        (lambda: CaveEnv("Types-v0").reset(options={"family": 3}), SuiteError, "is a family's name, not 3"),
        (lambda: CaveEnv("Types-v0").reset(options={"index": "x"}), SuiteError, "from 0, not 'x'"),
        (lambda: CaveEnv("Types-v0").reset(options={"index": -1}), SuiteError, "from 0, not -1"),
        (lambda: CaveEnv(task=TASK).reset(options={"family": "x"}), SuiteError, "choose from a suite: here a task"),
        (lambda: CaveEnv(task=TASK).reset(options={"index": 0}), SuiteError, "choose from a suite: here a task"),
        (lambda: CaveEnv("Types-v0").reset(options={"task": TASK, "index": 0}), SuiteError, "here a task is given"),
    ],
)
def test_what_is_not_known_is_refused_with_what_is(make: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        make()


def test_reset_takes_a_task_or_a_family_and_an_index() -> None:
    env = CaveEnv("Types-v0")
    _, info = env.reset(seed=0, options={"family": "sort_list", "index": 3})
    assert info["task"]["family"] == "sort_list"
    again = env.reset(seed=5, options={"family": "sort_list", "index": 3})[1]
    assert again["task"]["id"] == info["task"]["id"]
    assert env.reset(options={"task": TASK})[0] == "Sort xs."
    env.close()


def test_the_seed_draws_the_task() -> None:
    env = CaveEnv("Types-v0")
    ids = [env.reset(seed=seed)[1]["task"]["id"] for seed in (1, 2, 1)]
    assert ids[0] == ids[2] != ids[1]
    assert env.reset()[1]["task"]["id"] != ids[0]
    env.close()


def test_numbers_of_numpy_are_numbers() -> None:
    env = CaveEnv("Types-v0")
    ids = [env.reset(seed=seed)[1]["task"]["id"] for seed in (3, np.int64(3), np.uint8(3))]  # type: ignore[arg-type]
    assert len(set(ids)) == 1
    ids = [env.reset(options={"family": "sort_list", "index": i})[1]["task"]["id"] for i in (2, np.int32(2))]
    assert len(set(ids)) == 1
    env.close()


def test_an_episode_that_could_not_begin_cannot_be_stepped() -> None:
    broken = Task([Turn("?", equals("x", 1))], setup="raise OSError('disk')")
    env = CaveEnv(task=TASK)
    env.reset(seed=0)
    with pytest.raises(Fault, match="disk"):
        env.reset(options={"task": broken})
    for call in (lambda: env.step("x"), lambda: env.runtime):
        with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
            call()
    assert env.reset(seed=0)[0] == "Sort xs."
    env.close()


def test_wrappers_of_gymnasium_work() -> None:
    env = gymnasium.wrappers.RecordEpisodeStatistics(gymnasium.make("cave_rl/Task-v0", task=TASK))
    env.reset(seed=0)
    env.step(python("xs.sort()"))
    *_, info = env.step("done")
    assert info["episode"]["r"] == 1.0
    assert info["episode"]["l"] == 2
    env.close()


def test_the_runtime_can_be_looked_into(env: CaveEnv) -> None:
    env.reset(seed=0)
    env.step(python("xs.sort()"))
    assert env.runtime.retrieve("xs") == [1, 2, 3]
    assert env.messages[-1]["role"] == "user"


def test_a_registered_suite_is_an_environment() -> None:
    suite = cave_rl.register(cave_rl.Suite("Registered-v0"))
    suite.family(name="only", held_out=True)(lambda rng: TASK)
    env = gymnasium.make("cave_rl/Registered-v0", split="heldout")
    assert env.reset(seed=0)[0] == "Sort xs."
    env.close()


def test_any_text_is_a_space() -> None:
    space = AnyText(seed=0)
    assert "✓" in space
    assert 3 not in space
    assert space == AnyText()
    assert space.sample() != space.sample()
    assert AnyText(seed=1).sample() == AnyText(seed=1).sample()
    assert space.from_jsonable(space.to_jsonable(["a", "b"])) == ["a", "b"]
