"""A run scored again without its model: the same state step by step, today's assertions, and what is not the same."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cave_rl.evaluation.config import EvalConfig
from cave_rl.evaluation.directory import RunDirectory, load
from cave_rl.evaluation.plan import plan
from cave_rl.evaluation.players import player, streamed
from cave_rl.evaluation.rescore import rescore
from cave_rl.evaluation.run import carry_out
from cave_rl.rewards.assertions import Assertion, equals
from cave_rl.rollouts.messages import Policy
from cave_rl.rollouts.writers import ByPolicy
from cave_rl.runtime.primitives import Variable
from cave_rl.semantic.parsing import fenced
from cave_rl.suites.referee import LLMReferee
from cave_rl.tasks import registry
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.referee import Referee
from cave_rl.tasks.suite import Suite
from cave_rl.tasks.task import Task, Turn
from tests.clients.endpoint import Body, Reply, serving
from tests.tasks.shop import customer

SHOP = "tests.tasks.shop:suite"


class Made:
    """A suite whose assertions and set-up can be changed between a run and its rescoring."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.right: int | None = None
        self.extra = 0
        self.referee: Referee | None = None
        monkeypatch.setattr(registry, "_registered", {})
        suite = registry.register(Suite("Made-v0"))

        @suite.family
        def count(rng: random.Random) -> Task:
            n = rng.randrange(10**6)
            goal: Assertion = equals("n", n + 2 if self.right is None else self.right)
            first = Turn("Add 2 to n.", goal, changes=["n"], gold=["n += 1", "n += 1"], referee=self.referee)
            second = Turn("Put n in m.", equals("m", n + 2), gold="m = n")
            return Task([first, second], variables=[Variable("n", n)], setup=f"k = {self.extra}")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    return Made(monkeypatch)


def ran(path: Path, policy: Policy | None = None, **changes: Any) -> tuple[EvalConfig, list[dict[str, Any]]]:
    """A run, by gold if no policy is given."""
    given = {"suites": ["Made-v0"], "tasks": 3, "rollouts": 2, "model": {"name": "gold"}}
    config = EvalConfig.model_validate({**given, **changes})
    play = player(config) if policy is None else streamed(lambda key: ByPolicy(policy), config)
    with RunDirectory.create(path, config) as run:
        carry_out(run, plan(config), play, versions={})
    return load(path)


def test_the_same_suite_gives_the_same_states_and_scores(made: Made, tmp_path: Path) -> None:
    config, rows = ran(tmp_path)
    found, new = rescore(config, rows)
    assert (found["replayed"], found["exact"], found["mismatches"], found["changed"]) == (6, 6, {}, {})
    assert found["checked_steps"] == 6 * 5, "each cell, and each turn's end"
    assert found["success"]["before"] == found["success"]["after"] == found["success"]["after_exact"]
    timings = ("wall_s", "env_s", "policy_s", "steps", "rescored")
    for old, again in zip(
        sorted(rows, key=lambda row: row["key"]), sorted(new, key=lambda row: row["key"]), strict=True
    ):
        assert {k: v for k, v in old.items() if k not in timings} == {
            k: v for k, v in again.items() if k not in timings
        }


def test_todays_assertions_apply(made: Made, tmp_path: Path) -> None:
    config, rows = ran(tmp_path)
    made.right = -1
    found, new = rescore(config, rows)
    assert (found["exact"], found["success"]["before"]["mean"], found["success"]["after"]["mean"]) == (6, 1.0, 0.0)
    assert found["changed"] == {row["key"]: False for row in new}
    assert {row["rescored"]["before"]["solved"] for row in new} == {True}


def test_a_cell_that_does_not_repeat_is_told_and_its_score_stands_apart(made: Made, tmp_path: Path) -> None:
    """What it did rests on the clock; the other episodes are exact."""

    def policy(episode: Episode) -> str:
        if episode.seed == 0 and episode.turn_steps == 0 and not episode.scores:
            return fenced("import time\nn = time.time_ns()")
        return "Done."

    config, rows = ran(tmp_path, policy, rollouts=1)
    found, _ = rescore(config, rows)
    assert (found["replayed"], found["exact"]) == (3, 0)
    for told in found["mismatches"].values():
        assert told[0] == {"step": 1, "what": "state", "names": ["n"]}
    assert found["success"]["after_exact"] is None


def test_another_set_up_is_seen_before_the_first_message(made: Made, tmp_path: Path) -> None:
    """Its source is in the task's id; what it reads from elsewhere is not."""
    config, rows = ran(tmp_path)
    rows[0]["start"]["n"] = "0" * 12
    rows[1]["steps"][2]["state"] = None
    rows[2]["steps"][1]["code"] = "n += 3"
    rows[3]["steps"][0]["outcome"] = "error"
    rows[4]["steps"].pop()
    found, _ = rescore(config, rows)
    told = [found["mismatches"].get(row["key"]) for row in rows]
    assert told[0] == [{"step": 0, "what": "state", "names": ["n"]}]
    assert told[1] is None, "where no digest was taken there is nothing to check"
    assert told[2] == [{"step": 2, "what": "code", "before": "n += 3", "after": "n += 1"}]
    assert told[3] == [{"step": 1, "what": "outcome", "before": "error", "after": "ok"}]
    assert {each["what"] for each in told[4] or ()} == {"length"}
    assert (found["exact"], found["replayed"]) == (2, 6)


def test_what_cannot_be_replayed_is_told(made: Made, tmp_path: Path) -> None:
    config, rows = ran(tmp_path)
    rows[0]["fault"] = "ServerError: HTTP 500"
    rows[1]["task"] = "count/0123456789abcdef"
    rows[2]["family"] = "gone"
    found, new = rescore(config, rows)
    fault, other, gone = found["skipped"].values()
    assert (fault, other) == ("it was a fault", "its task asks or holds something else today")
    assert "no family 'gone'" in gone
    assert (found["episodes"], found["replayed"], len(new)) == (6, 3, 3)
    made.extra = 1
    assert set(rescore(config, rows[3:])[0]["skipped"].values()) == {"its task asks or holds something else today"}


@pytest.mark.parametrize(
    "messages",
    [
        [fenced("n += 2"), fenced("1/0"), "Done.", "```python\nm = n", "Done."],
        [fenced("import os\nos._exit(3)")],
        ["```python\n1", "```python\n2", "Done."],
        [fenced(f"n += {i}") for i in range(16)],
    ],
)
def test_every_way_an_episode_can_go_is_replayed(made: Made, tmp_path: Path, messages: list[str]) -> None:
    def policy(episode: Episode) -> str:
        said = sum(message["role"] == "assistant" for message in episode.messages)
        return messages[said % len(messages)]

    config, rows = ran(tmp_path, policy, rollouts=1, tasks=1)
    found, new = rescore(config, rows)
    assert (found["exact"], found["replayed"]) == (1, 1), found["mismatches"]
    assert [row["stop"] for row in new] == [row["stop"] for row in rows]


@pytest.mark.parametrize("stop", ["budget", "context", "time"])
def test_ends_that_no_message_tells_are_kept(made: Made, tmp_path: Path, stop: str) -> None:
    from cave_rl.rollouts.play import Rollout
    from cave_rl.rollouts.stream import Written

    class Stops:
        async def write(self, rollout: Rollout, observation: str) -> Written:
            return Written(fenced("n += 2")) if not rollout.infos else Written("", closed=False, stop=stop)

    config = EvalConfig.model_validate({"suites": ["Made-v0"], "tasks": 1, "model": {"name": "gold"}})
    with RunDirectory.create(tmp_path, config) as run:
        carry_out(run, plan(config), streamed(lambda key: Stops(), config), versions={})
    rows = load(tmp_path)[1]
    found, new = rescore(config, rows)
    assert (rows[0]["stop"], new[0]["stop"], found["exact"]) == (stop, stop, 1), found["mismatches"]
    assert new[0]["scores"] == rows[0]["scores"] == [1.0]


def test_users_say_again_what_they_said_and_no_endpoint_is_asked(tmp_path: Path) -> None:
    with serving(customer) as (url, endpoint):
        user = {"url": url, "model": "scripted", "retries": 0, "max_messages": 9}
        config, rows = ran(tmp_path, suites=[SHOP], tasks=2, rollouts=1, env={"user": user})
    asked = len(endpoint.requests)
    assert [row["solved"] for row in rows] == [True, True]
    assert asked == 6
    found, new = rescore(config, rows)  # nobody listens there any more
    assert (found["exact"], found["faults"], found["success"]["after"]["mean"]) == (2, {}, 1.0)
    before, after = (sorted(each, key=lambda row: row["key"]) for each in (rows, new))
    assert [row["messages"] for row in before] == [row["messages"] for row in after]
    assert [list(users(row)) for row in before] == [list(users(row)) for row in after]


def test_referees_keep_their_opinions_and_no_endpoint_is_asked(made: Made, tmp_path: Path) -> None:
    made.referee = LLMReferee("Judge.", ("It is so.",))
    replies = iter([True, False])

    def judge(path: str, body: Body, before: int) -> Reply:
        said = {"expectedOutcome": "It is so.", "reasoning": "Seen.", "metExpectation": next(replies)}
        return Reply(json.dumps([said]))

    with serving(judge) as (url, endpoint):
        env = {"judge": {"url": url, "model": "scripted", "retries": 0}}
        config, rows = ran(tmp_path, tasks=1, rollouts=2, env=env)
    assert len(endpoint.requests) == 2
    assert sorted(row["reward"] for row in rows) == [0.5, 1.0]
    found, new = rescore(config, rows)  # nobody listens there any more
    assert (found["exact"], found["faults"], found["changed"]) == (2, {}, {})
    before, after = (sorted(each, key=lambda row: row["key"]) for each in (rows, new))
    assert [row["verdicts"] for row in before] == [row["verdicts"] for row in after]


def test_where_no_opinion_was_recorded_there_is_no_score(made: Made, tmp_path: Path) -> None:
    made.referee = LLMReferee("Judge.", ("It is so.",))
    made.right = -1
    env = {"judge": {"url": "http://127.0.0.1:9/v1", "model": "m", "retries": 0}}
    config, rows = ran(tmp_path, tasks=1, rollouts=1, env=env)
    made.right = None  # today's assertions find right what was found wrong, and nobody was asked, then
    found, _ = rescore(config, rows)
    (fault,) = found["faults"].values()
    assert fault == "RefereeFault: no opinion of turn 1 was recorded"


def users(row: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """What the users of a recorded episode said, timings aside."""
    for step in row["steps"]:
        if "user" in step:
            yield tuple(step["user"][name] for name in ("text", "over", "stop", "prompt_tokens", "completion_tokens"))
