from __future__ import annotations

from collections.abc import Callable

import pytest

from cave_rl.rewards.assertions import equals
from cave_rl.rollouts import POLICIES, gold, noop, play_messages
from cave_rl.runtime.primitives import Variable
from cave_rl.semantic.parsing import fenced
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.task import Task, Turn
from tests.training import tiny

Begin = Callable[..., Episode]


def test_gold_writes_the_turns_cells_one_by_one_and_answers(begin: Begin) -> None:
    turns = [
        Turn("Set x to 2.", equals("x", 2), changes=["x"], gold=["y = 2", "x = y"]),
        Turn("Set x to 3.", equals("x", 3), changes=["x"], gold=["x = 3"]),
    ]
    (rollout,) = play_messages([begin(Task(turns, variables=[Variable("x", 1)]))], gold)
    said = [m["content"] for m in rollout.episode.messages if m["role"] == "assistant"]
    assert said == [fenced("y = 2"), fenced("x = y"), "Done.", fenced("x = 3"), "Done."]
    assert (rollout.stop, rollout.reward, rollout.episode.solved) == ("answered", 1.0, True)


@pytest.mark.parametrize("family", ["put", "add", "both"])
def test_gold_solves_and_doing_nothing_earns_nothing(begin: Begin, family: str) -> None:
    tasks = [tiny.suite.task("train", family, i) for i in range(2)]
    solved = play_messages([begin(task) for task in tasks], gold)
    idle = play_messages([begin(task) for task in tasks], noop)
    assert [rollout.reward for rollout in solved] == [1.0, 1.0]
    assert [rollout.reward for rollout in idle] == [0.0, 0.0]


def test_a_policy_reads_the_chat_as_it_stands(begin: Begin) -> None:
    def polite(episode: Episode) -> str:
        assert episode.messages[-1]["role"] == "user"
        if episode.messages[-1]["content"] == "ok":
            return "It is done."
        return fenced(f"x = {episode.messages[-1]['content'][-2]}")

    (rollout,) = play_messages([begin(tiny.suite.task("train", "put", 0))], polite)
    assert (rollout.reward, rollout.outcomes) == (1.0, ["ok", "answered"])


def test_text_has_no_tokens(begin: Begin) -> None:
    (rollout,) = play_messages([begin(tiny.suite.task("train", "put", 0))], gold)
    assert (rollout.ids, rollout.mask, rollout.spans, rollout.prompt_ids) == ([], [], [], [])


def test_a_fault_stands_in_its_rollout(begin: Begin) -> None:
    broken = Task([Turn("?", equals("x", 1))], setup="raise OSError('disk')")
    good, bad = play_messages([begin(tiny.suite.task("train", "put", 0)), begin(broken)], gold)
    assert (good.stop, good.reward, good.fault) == ("answered", 1.0, None)
    assert (bad.stop, bad.reward) == ("fault", None)
    assert "disk" in str(bad.fault)


def test_the_policies_that_need_no_model_have_names() -> None:
    assert list(POLICIES.items()) == [("gold", gold), ("noop", noop)]
