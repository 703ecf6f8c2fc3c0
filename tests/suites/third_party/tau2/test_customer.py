"""A customer whom a model plays: behind a real endpoint, by a script of ours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from benchmarks.tau2_peer import scored
from cave_rl.rollouts import play_messages
from cave_rl.rollouts.play import Rollout
from cave_rl.runtime import Pool
from cave_rl.semantic.parsing import fenced
from cave_rl.suites.third_party.tau2.tasks import airline_simulated, retail_simulated, telecom_simulated
from cave_rl.suites.third_party.tau2.world.backend import backend, tools_of
from cave_rl.tasks import Episode, EpisodeConfig, Task, UserConfig
from cave_rl.tasks.settings import ConfigError
from cave_rl.tasks.validation.validate import validate
from tests.clients.endpoint import Body, Reply, Script, serving

FIRST, CONFIRMED = "I want to exchange two things of my order.", "Yes, please."
EXCHANGE = (
    "exchange_delivered_order_items('#W2378156', ['1151293680', '4983901480'], ['7706410293', '7747408585'], "
    "'credit_card_9513926')"
)
SAID = ["Who are you, and shall I exchange them?", fenced(EXCHANGE), "They are exchanged."]


def talks(*lines: str) -> Script:
    """Plays the customer by lines: how many of its own it has said tells which comes next."""

    def customer(path: str, body: Body, before: int) -> Reply:
        own = sum(message["role"] == "assistant" for message in body["messages"])
        return Reply(lines[min(own, len(lines) - 1)])

    return customer


def talked(pool: Pool, task: Task, script: Script, messages: Sequence[str], **user: Any) -> tuple[Rollout, list[Body]]:
    with serving(script) as (url, endpoint):
        given = {"url": url, "model": "scripted", "timeout_s": 5.0, "retries": 1, "pause_s": 0.001, **user}
        episode = Episode(task, pool=pool, config=EpisodeConfig(user=UserConfig.model_validate(given)))
        said = iter(messages)
        try:
            (rollout,) = play_messages([episode], lambda own: next(said, "Anything else?"))
        finally:
            episode.close()
        return rollout, [body for _, body in endpoint.requests]


@pytest.mark.parametrize("stop", ["###STOP###", "Bye. ###TRANSFER###", "###OUT-OF-SCOPE###"])
def test_a_customer_who_is_served_ends_the_conversation(pool: Pool, stop: str) -> None:
    rollout, requests = talked(pool, retail_simulated.scenario("0"), talks(FIRST, CONFIRMED, stop), SAID)
    assert rollout.reward == 1.0
    assert rollout.infos[-1]["tau2"]["parts"] == {"COMMUNICATE": True, "DB": True}
    assert len(requests) == 3


def test_the_agent_is_told_the_policy_and_the_customers_words_alone(pool: Pool) -> None:
    rollout, _ = talked(pool, retail_simulated.scenario("0"), talks(FIRST, "###STOP###"), ["Hello."])
    asked = rollout.episode.messages[1]
    assert asked["role"] == "user"
    assert asked["content"].endswith(f"The customer says:\n{FIRST}")
    assert "# Retail agent policy" in asked["content"]
    told = "".join(message["content"] for message in rollout.episode.messages)
    assert "clicky" not in told, "the scenario is the customer's"


def test_the_customer_is_told_the_scenario_and_the_agents_words_alone(pool: Pool) -> None:
    _, requests = talked(pool, retail_simulated.scenario("0"), talks(FIRST, CONFIRMED, "###STOP###"), SAID)
    system, *lines = requests[-1]["messages"]
    assert system["content"].startswith(backend().guidelines("retail").strip())
    assert "<scenario>\nInstructions:\n\tDomain: retail" in system["content"]
    assert [(line["role"], line["content"]) for line in lines] == [
        ("user", "Hi! How can I help you today?"),
        ("assistant", FIRST),
        ("user", SAID[0]),
        ("assistant", CONFIRMED),
        ("user", SAID[2]),
    ]
    assert "policy" not in str(lines)


def test_what_was_told_before_the_last_message_was_told(pool: Pool) -> None:
    task = retail_simulated.scenario("2")
    answer = task.turns[0].gold_answer
    cells = [fenced(cell) for cell in task.turns[0].gold_cells]
    for told, reward in (([answer, *cells, "Done."], 1.0), ([*cells, "Done.", "Really."], 0.0)):
        rollout, _ = talked(pool, task, talks(FIRST, CONFIRMED, "###STOP###"), told)
        assert rollout.reward == reward
        said = "\n".join(each for each in told if "```" not in each)
        found = rollout.infos[-1]["tau2"]
        assert scored("retail", found["task"], found["calls"], said) == bool(reward)


def test_a_conversation_that_a_bound_ends_has_failed(pool: Pool) -> None:
    rollout, _ = talked(pool, retail_simulated.scenario("0"), talks(FIRST, CONFIRMED), SAID, max_messages=3)
    assert rollout.reward == 0.0
    assert rollout.infos[-1]["tau2"]["parts"]["DB"]


def test_a_customer_who_cannot_be_reached_is_a_fault(pool: Pool) -> None:
    def fails(path: str, body: Body, before: int) -> Reply:
        return Reply("gone", status=500) if len(body["messages"]) > 3 else Reply(FIRST)

    rollout, _ = talked(pool, airline_simulated.scenario("0"), fails, ["Who are you?"])
    assert rollout.reward is None
    assert "the user's endpoint" in str(rollout.fault)


def test_without_an_endpoint_it_is_told_what_to_set(pool: Pool) -> None:
    with pytest.raises(ConfigError, match=r"user\.url"):
        Episode(retail_simulated.scenario("0"), pool=pool, config=EpisodeConfig())


TICKET = "[mobile_data_issue]data_mode_off|data_usage_exceeded[PERSONA:None]"
"""One thing to do for the customer, and one for the agent."""
REFUEL = "refuel_data(customer_id='C1001', line_id='L1002', gb_amount=2.0)"
CALLS = (
    "My mobile data does not work.",
    Reply(calls=[("toggle_data", "{}")]),
    "It is on, but slow.",
    "Thanks! ###STOP###",
)


def phones(*replies: str | Reply) -> Script:
    """Plays the customer by replies, some of them calls: how many messages of its own there are tells which is next."""

    def customer(path: str, body: Body, before: int) -> Reply:
        own = sum(message["role"] == "assistant" for message in body["messages"])
        following = replies[min(own, len(replies) - 1)]
        return following if isinstance(following, Reply) else Reply(following)

    return customer


def test_telecoms_customer_has_a_telephone_and_the_agent_the_companys_tools(pool: Pool) -> None:
    said = ["Please turn mobile data on.", fenced(REFUEL), "It is faster now."]
    rollout, requests = talked(pool, telecom_simulated.scenario(TICKET), phones(*CALLS), said)
    found = rollout.infos[-1]["tau2"]
    assert rollout.reward == 1.0
    assert [name for name, _ in found["calls"]] == ["toggle_data", "refuel_data"]
    assert scored("telecom", found["task"], found["calls"], said[-1])
    offered = [tool["function"]["name"] for tool in requests[0]["tools"]]
    assert offered == list(tools_of("telecom", "user"))
    assert [message["role"] for message in requests[2]["messages"][-2:]] == ["assistant", "tool"]
    assert requests[2]["messages"][-1]["content"].startswith("Mobile Data is now ON.")
    heard = str([message["content"] for message in rollout.episode.messages[2:]])
    assert "Mobile Data is now ON" not in heard, "what the customer's tools tell is the customer's"


def test_neither_does_what_is_the_others(pool: Pool) -> None:
    task = telecom_simulated.scenario(TICKET)
    alone, _ = talked(pool, task, phones("Hi.", "Well? ###STOP###"), [fenced(f"{REFUEL}\ntoggle_data()"), "Done."])
    assert "name 'toggle_data' is not defined" in alone.episode.messages[-2]["content"]
    assert (alone.reward, [name for name, _ in alone.infos[-1]["tau2"]["calls"]]) == (0.0, ["refuel_data"])
    takes = Reply(calls=[("refuel_data", json.dumps({"customer_id": "C1001", "line_id": "L1002", "gb_amount": 2.0}))])
    _, requests = talked(pool, task, phones("Hi.", takes, "Well? ###STOP###"), ["Please refuel."])
    assert requests[-1]["messages"][-1]["content"].startswith("Error: there is no tool 'refuel_data'")


def test_validation_finds_nothing_wrong(pool: Pool) -> None:
    config = EpisodeConfig(user=UserConfig(scripted=True))
    for_the_customer_alone = telecom_simulated.task("train", "service_issue", 0)  # who must not do it unasked
    tasks = [retail_simulated.scenario("2"), airline_simulated.scenario("2"), for_the_customer_alone]
    report = validate(tasks, hacks=1, pool=pool, config=config)
    assert report.ok, [str(each) for each in report.errors]
