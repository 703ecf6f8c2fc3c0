"""Assertions in words: judged by a model where an endpoint is configured, and told not to be judged elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from cave_rl.rollouts import play_messages
from cave_rl.rollouts.play import Rollout
from cave_rl.runtime import Pool
from cave_rl.semantic.parsing import fenced
from cave_rl.suites.third_party.tau2.tasks.data import scenario
from cave_rl.suites.third_party.tau2.tasks.making import make
from cave_rl.suites.third_party.tau2.world.backend import backend
from cave_rl.tasks import Episode, EpisodeConfig, JudgeConfig, Task, UserConfig
from tests.clients.endpoint import Body, Reply, serving
from tests.suites.third_party.tau2.test_customer import CONFIRMED, EXCHANGE, FIRST, SAID, talks

STATEMENTS = ["The agent says that the things are exchanged.", "The agent is polite."]


def later(*, simulated: bool = False, statements: Sequence[str] = STATEMENTS) -> Task:
    """A task of retail as upstream's newest are."""
    record = next(each for each in backend().tasks("retail") if each["id"] == "0")
    basis = {"reward_basis": ["DB", "NL_ASSERTION"], "nl_assertions": list(statements)}
    criteria = {**record["evaluation_criteria"], **basis}
    return make(scenario("retail", {**record, "evaluation_criteria": criteria}), simulated=simulated)


def played(
    pool: Pool, task: Task, messages: Sequence[str], *met: bool, simulated: bool = False
) -> tuple[Rollout, list[Body]]:
    """A rollout whose judge says of each statement whether it is met; it has none if nothing is given."""

    def judge(path: str, body: Body, before: int) -> Reply:
        entries = [
            {"expectedOutcome": each, "reasoning": "So it is.", "metExpectation": holds}
            for each, holds in zip(STATEMENTS, met, strict=True)
        ]
        return Reply(json.dumps(entries))

    with ExitStack() as stack:
        given: dict[str, Any] = {}
        url, endpoint = stack.enter_context(serving(judge))
        if met:
            given["judge"] = JudgeConfig(url=url, model="scripted", retries=0, timeout_s=5.0)
        if simulated:
            customer, _ = stack.enter_context(serving(talks(FIRST, CONFIRMED, "###STOP###")))
            given["user"] = UserConfig(url=customer, model="scripted", retries=0, timeout_s=5.0)
        episode = Episode(task, pool=pool, config=EpisodeConfig(**given))
        said = iter(messages)
        try:
            (rollout,) = play_messages([episode], lambda own: next(said, "Anything else?"))
        finally:
            episode.close()
        return rollout, [body for _, body in endpoint.requests]


@pytest.mark.parametrize("met", [True, False])
def test_a_task_is_solved_only_if_every_statement_is_met(pool: Pool, met: bool) -> None:
    rollout, requests = played(pool, later(), SAID[1:], True, met)
    told = rollout.infos[-1]["tau2"]
    assert (rollout.reward, told["reward"], len(requests)) == (float(met), float(met), 1)
    assert told["parts"] == {"COMMUNICATE": True, "DB": True, "NL_ASSERTION": met}
    assert told["not_judged"] == []
    (resolved,) = (each["told"]["tau2"] for each in rollout.verdicts if each["name"] == "resolved")
    assert resolved == told, "a verdict in the trace tells the same"


def test_without_an_endpoint_they_are_told_not_to_be_judged(pool: Pool) -> None:
    rollout, requests = played(pool, later(), SAID[1:])
    told = rollout.infos[-1]["tau2"]
    assert (rollout.reward, told["not_judged"], requests) == (1.0, ["NL_ASSERTION"], [])
    assert told["parts"] == {"COMMUNICATE": True, "DB": True}


def test_what_has_failed_already_is_not_judged(pool: Pool) -> None:
    rollout, requests = played(pool, later(), ["They are exchanged."], True, True)
    told = rollout.infos[-1]["tau2"]
    assert (rollout.reward, told["reward"], requests) == (0.0, 0.0, [])
    assert told["not_judged"] == ["NL_ASSERTION"]


def test_the_judge_is_shown_what_was_said_and_called_and_no_policy(pool: Pool) -> None:
    for simulated, lines in ((True, [FIRST, SAID[0], CONFIRMED, SAID[2]]), (False, [None, SAID[2]])):
        said = SAID if simulated else SAID[1:]
        rollout, (request,) = played(pool, later(simulated=simulated), said, True, True, simulated=simulated)
        assert rollout.reward == 1.0
        system, asked = request["messages"]
        assert "metExpectation" in system["content"]
        data = json.loads(asked["content"])
        assert data["expectedOutcomes"] == STATEMENTS
        assert [name for name, _ in data["calls"]] == ["exchange_delivered_order_items"]
        shown = [each["content"] for each in data["conversation"]]
        assert [want for want in lines if want] == [each for each in shown if each in lines]
        assert fenced(EXCHANGE) not in shown
        assert "# Retail agent policy" not in str(shown)
        assert simulated or shown[0].startswith("Instructions:\n\tDomain: retail")


def test_tasks_without_statements_have_no_referee(pool: Pool) -> None:
    assert later(statements=[]).turns[0].referee is None
    rollout, requests = played(pool, later(statements=[]), SAID[1:], True, True)
    assert (rollout.reward, rollout.infos[-1]["tau2"]["not_judged"], requests) == (1.0, [], [])
