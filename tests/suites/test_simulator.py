"""A user that a model plays, against a real endpoint on loopback that speaks by a script."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from cave_rl.runtime import Pool, run, run_all
from cave_rl.runtime.drive import Steps
from cave_rl.suites.simulator import LLMUser
from cave_rl.tasks import Dialogue, Episode, EpisodeConfig, StepResult, UserConfig
from cave_rl.tasks.settings import ConfigError
from tests.clients.endpoint import Body, Reply, Script
from tests.conftest import Play, python
from tests.tasks.shop import RIGHT, SYSTEM, USER, customer, shop, simulated

PlayIt = Callable[..., Play]


def test_a_model_talks_with_a_model_until_that_ends_the_dialogue(play: PlayIt) -> None:
    with simulated() as (config, endpoint):
        played = play(shop(), *RIGHT, config=config)
    assert [step.info["outcome"] for step in played.steps] == ["begun", "said", "ok", "answered"]
    assert (played.reward, played.last.info["user"]["stop"]) == (1.0, "###STOP###")
    assert len(endpoint.requests) == 3, "code is not told to the user"


def test_roles_are_flipped_and_the_simulators_chat_begins_with_a_message_to_it(play: PlayIt) -> None:
    with simulated() as (config, endpoint):
        play(shop(), *RIGHT, config=config)
    path, body = endpoint.requests[-1]
    assert path == "/chat/completions"
    assert [(each["role"], each["content"]) for each in body["messages"]] == [
        ("system", SYSTEM),
        ("user", "Hi! How can I help you today?"),
        ("assistant", "I want lamps."),
        ("user", "How many?"),
        ("assistant", "Three."),
        ("user", "That is 21."),
    ]


def test_what_it_took_stands_in_info_and_trace(play: PlayIt) -> None:
    with simulated() as (config, _):
        played = play(shop(), *RIGHT, config=config)
    told = played.steps[1].info["user"]
    assert told["completion_tokens"] == len("Three.")
    assert told["prompt_tokens"] > len(SYSTEM)
    assert "seconds" not in told, "info is deterministic"
    noted = [each["user"] for each in played.episode.trace if "user" in each]
    assert [each["model"] for each in noted] == ["scripted-1"] * 3
    assert all(each["seconds"] > 0 for each in noted)


def test_the_same_episode_asks_the_very_same_and_another_seed_does_not(play: PlayIt) -> None:
    def seeds(episode: int, sampling: int = 0) -> list[int]:
        with simulated(seed=sampling) as (config, endpoint):
            play(shop(), *RIGHT, config=config, seed=episode)
        return [body["seed"] for _, body in endpoint.requests]

    first = seeds(1)
    assert first == seeds(1)
    assert len({*first, *seeds(2), *seeds(1, 7)}) == 9


def test_the_request_holds_what_is_configured(play: PlayIt) -> None:
    given = {"temperature": 0.5, "max_tokens": 99, "extra": {"top_k": 4}}
    with simulated(**given) as (config, endpoint):
        play(shop(), RIGHT[0], config=config)
    body = endpoint.requests[0][1]
    assert (body["model"], body["temperature"], body["max_tokens"], body["top_k"]) == ("scripted", 0.5, 99, 4)


def test_a_budget_of_tokens_ends_a_dialogue_as_a_step_limit_does(play: PlayIt) -> None:
    def endless(path: str, body: Body, before: int) -> Reply:
        return Reply("And then?")

    with simulated(endless, budget=10) as (config, endpoint):
        played = play(shop(query="Lamps."), "One.", "Two.", config=config)
    assert (played.last.info["user"]["stop"], played.last.truncated) == ("tokens", True)
    assert played.last.info["verdicts"], "it is judged as it stands"
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply("down", status=503), "ServerError: HTTP 503"),
        (Reply("who are you?", status=401), "Unauthorized"),
        (Reply("no such model", status=404), "Refused"),
        (Reply(form="malformed"), "BadResponse"),
        (Reply(form="empty"), "BadResponse"),
        (Reply(form="cut"), "NotReached"),
        (Reply(""), "wrote nothing, asked 3 times"),
        (Reply("", finish="content_filter"), "ContentFiltered"),
    ],
)
def test_what_fails_at_the_endpoint_is_a_fault_and_never_a_reward(play: PlayIt, reply: Reply, told: str) -> None:
    with simulated(lambda *_: reply) as (config, _):
        played = play(shop(query="Lamps."), python("total = 21"), "That is 21.", config=config)
    fault = played.last.info["fault"]
    assert fault["type"] == "UserFault"
    assert told in fault["message"]
    assert (played.reward, played.last.truncated, played.episode.scores) == (0.0, True, [])


def test_an_endpoint_that_is_not_there_is_a_fault_also_where_the_user_begins(pool: Pool) -> None:
    config = EpisodeConfig(user=UserConfig(url="http://127.0.0.1:9/v1", model="m", retries=1, pause_s=0.001))
    episode = Episode(shop(), pool=pool, config=config)
    with pytest.raises(Exception, match="NotReached") as caught:
        run(episode.begin_steps())
    episode.close()
    assert type(caught.value).__name__ == "UserFault"


def test_one_that_hangs_is_given_up(play: PlayIt) -> None:
    with simulated(lambda *_: Reply(form="hang"), timeout_s=0.2, retries=0) as (config, _):
        played = play(shop(query="Lamps."), "Hello?", config=config)
    assert "RequestTimeout" in played.last.info["fault"]["message"]


def test_an_error_that_passes_is_overcome_and_told_in_the_trace(play: PlayIt) -> None:
    def flaky(path: str, body: Body, before: int) -> Reply:
        return customer(path, body, before) if before else Reply("busy", status=503)

    with simulated(flaky) as (config, _):
        played = play(shop(), *RIGHT, config=config)
    assert played.reward == 1.0
    assert played.episode.trace[0]["user"]["retries"] == ["ServerError"]


def test_a_chat_too_long_for_the_simulator_is_no_fault_the_model_wrote_it(play: PlayIt) -> None:
    full = Reply("This model's maximum context length is 2048 tokens.", status=400)
    with simulated(lambda *_: full) as (config, _):
        played = play(shop(query="Lamps."), "word " * 5000, config=config)
    assert "fault" not in played.last.info
    assert (played.last.info["user"]["stop"], played.last.truncated, played.reward) == ("context", True, 0.0)


def test_what_no_request_can_hold_is_replaced(play: PlayIt) -> None:
    with simulated() as (config, endpoint):
        played = play(shop(query="Lamps."), "a \ud800 lamp?", config=config)
    assert "fault" not in played.last.info
    assert endpoint.requests[0][1]["messages"][-1]["content"] == "a ? lamp?"


def test_it_reads_only_so_much_of_one_message(play: PlayIt) -> None:
    with simulated(heard_chars=10) as (config, endpoint):
        play(shop(query="Lamps."), "x" * 1000, config=config)
    assert endpoint.requests[0][1]["messages"][-1]["content"] == "x" * 10


def test_the_model_cannot_end_the_dialogue_by_a_stop_token_of_its_own(play: PlayIt) -> None:
    with simulated(lambda *_: Reply("Go on.")) as (config, _):
        played = play(shop(query="Lamps."), "###STOP###", config=config)
    assert played.last.info["outcome"] == "said"
    assert not played.episode.over


def test_many_episodes_at_once_do_not_wait_for_each_other(pool: Pool) -> None:
    """All requests of a round are under way together: none is answered before the last has come."""
    together = 8
    round_of_all = threading.Barrier(together)

    def slow(path: str, body: Body, before: int) -> Reply:
        round_of_all.wait(timeout=20)  # breaks, and fails, where one waits for another
        return customer(path, body, before)

    def played(episode: Episode) -> Steps[StepResult]:
        yield from episode.begin_steps()
        for message in RIGHT:
            last = yield from episode.step_steps(message)
        return last

    with simulated(slow, retries=0, timeout_s=30.0) as (config, endpoint):
        episodes = [Episode(shop(), pool=pool, config=config, seed=seed) for seed in range(together)]
        started = time.monotonic()
        results = run_all([played(each) for each in episodes])
    for each in episodes:
        each.close()
    assert [result.info.get("fault") for result in results] == [None] * together
    assert [each.reward for each in episodes] == [1.0] * together
    assert endpoint.most_at_once == together
    assert time.monotonic() - started < 60


def test_a_script_stands_for_it_where_that_is_configured() -> None:
    dialogue = Dialogue(config=UserConfig(scripted=True))
    assert run(USER.say_steps(dialogue)).text == "I want lamps."


def test_what_is_missing_is_told() -> None:
    with pytest.raises(ConfigError, match=r"set user\.model of"):
        LLMUser(SYSTEM).check(UserConfig(url="http://127.0.0.1:1/v1"))
    with pytest.raises(ValueError, match="looks like http"):
        UserConfig(url="localhost:8000")


def test_its_key_is_sent_and_stands_nowhere_else(play: PlayIt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAVE_RL_USER_API_KEY", "secret-123")

    def echo(path: str, body: Body, before: int) -> Reply:
        return Reply("bad key secret-123", status=401)

    script: Script = echo
    with simulated(script) as (config, _):
        played = play(shop(query="Lamps."), "Hello.", config=config)
    assert "secret-123" not in str(played.last.info) + str(config.model_dump())
