"""A user with tools of their own: what they do with them, and who hears of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cave_rl import Hosted, Task, Turn
from cave_rl.evaluation.rescore import RecordedUser
from cave_rl.rollouts import play_messages, traces
from cave_rl.runtime import Limits, Pool, run
from cave_rl.semantic.protocols import ProtocolName, call_text
from cave_rl.suites.simulator import LLMUser
from cave_rl.tasks import (
    Act,
    Episode,
    EpisodeConfig,
    Say,
    ScriptedUser,
    TaskError,
    User,
    UserConfig,
    UserFault,
    validate,
)
from tests.clients.endpoint import Body, Reply
from tests.conftest import Play, python
from tests.tasks.router import Router
from tests.tasks.shop import simulated

PlayIt = Callable[..., Play]

SCRIPT = ("No internet.", Act("router_unplug"), Act("router_plug", {"port": 2}), "It blinks.", "Thanks! ###STOP###")
RIGHT = ("Please plug it in anew.", python("router.reset()"), "It should work.")


def online(state: Any) -> None:
    assert state.router.log == ["unplug", "plug 2", "reset"], "log"


SCRIPTED = ScriptedUser(SCRIPT)


def call(user: User | None = SCRIPTED, user_has: Any = ("plug", "unplug", "ping", "manual", "burn")) -> Task:
    """A user whose router only they can plug, and only the model can reset."""
    gold = [Say(RIGHT[0]), "router.reset()", Say(RIGHT[2])] if user else ["router.reset()"]
    return Task(
        [Turn("" if user else "Go.", online, changes=["router"], gold=gold, user=user)],
        hosted=[Hosted(Router(), ["reset"], user=user_has)],
    )


def test_a_user_acts_before_they_speak_and_the_model_hears_what_they_say(play: PlayIt) -> None:
    played = play(call(), *RIGHT)
    assert [step.info["outcome"] for step in played.steps] == ["begun", "said", "ok", "answered"]
    assert (played.reward, played.steps[1].observation) == (1.0, "It blinks.")
    assert "plug" not in played.steps[0].observation.replace("Please plug", "")


def test_what_was_done_stands_in_info_and_trace_and_among_the_calls(play: PlayIt) -> None:
    played = play(call(), *RIGHT)
    acts = [
        {"name": "router_unplug", "arguments": {}, "result": "unplugged"},
        {"name": "router_plug", "arguments": {"port": 2}, "result": "2"},
    ]
    assert played.steps[1].info["user"]["acts"] == acts
    assert "acts" not in played.last.info["user"]
    said = [each for each in played.episode.trace if each["outcome"] == "said"]
    assert said[0]["user"]["acts"] == json.loads(json.dumps(said))[0]["user"]["acts"] == acts
    assert [(each["name"], each["cell"]) for each in said[0]["calls"]] == [("router.unplug", 0), ("router.plug", 0)]
    made = [(each.name, each.cell) for each in played.episode.runtime.calls]
    assert made == [("router.unplug", 0), ("router.plug", 0), ("router.reset", 1)]


@pytest.mark.parametrize(
    ("act", "result"),
    [
        (Act("router_plugg"), "Error: there is no tool 'router_plugg'; did you mean 'router_plug'?"),
        (Act("router_reset"), "Error: there is no tool 'router_reset'"),
        (Act("router_plug"), "Error: router_plug misses its argument 'port'"),
        (Act("router_plug", {"prt": 1, "port": 2}), "Error: router_plug has no parameter 'prt'; did you mean 'port'?"),
        (Act("router_plug", {"port": 9}), "Error: ValueError: there is no port 9"),
        (Act("router_plug", {"port": "\ud800"}), "Error: TypeError: "),
    ],
)
def test_what_goes_wrong_is_told_to_the_user_as_text(play: PlayIt, act: Act, result: str) -> None:
    played = play(call(ScriptedUser(["Hello.", act, "Hm.", "###STOP###"])), "Plug it in.")
    (done,) = played.steps[1].info["user"]["acts"]
    assert done["result"].startswith(result)


def test_what_a_tool_tells_is_text_and_as_long_as_a_user_hears(play: PlayIt) -> None:
    config = EpisodeConfig(user=UserConfig(heard_chars=20))
    played = play(call(ScriptedUser(["Hello.", Act("router_manual", {"pages": 99}), "Hm."])), "Read.", config=config)
    (done,) = played.steps[1].info["user"]["acts"]
    assert done["result"] == "?page page page page"


def test_a_call_that_takes_too_long_is_told_as_that(play: PlayIt) -> None:
    config = EpisodeConfig(limits=Limits(cpu_s=0.5, wall_s=1.0))
    played = play(call(ScriptedUser(["Hello.", Act("router_ping"), "Hm."])), "Ping it.", config=config)
    (done,) = played.steps[1].info["user"]["acts"]
    assert done["result"] == "Error: TimeoutError: router.ping took longer than a cell may"


def test_a_call_that_ends_what_is_hosted_has_failed_as_one_of_a_cells_has(play: PlayIt) -> None:
    """What the user found there the rollout may have left: it must not get out of its score by that."""
    played = play(call(ScriptedUser(["Hello.", Act("router_burn"), "Hm."])), "Plug it in.")
    assert (played.last.info["outcome"], "fault" in played.last.info) == ("crashed", False)
    assert (played.reward, played.episode.scores) == (0.0, [0.0])
    assert "router.burn did not survive its call" in played.episode.trace[-1]["detail"]


def test_one_that_ends_it_before_the_first_words_is_a_fault(play: PlayIt) -> None:
    with pytest.raises(UserFault, match=r"could not begin: .*router\.burn did not survive"):
        play(call(ScriptedUser([Act("router_burn"), "Hm."])))


def test_a_user_may_act_before_the_first_words(play: PlayIt) -> None:
    user = ScriptedUser(
        [Act("router_unplug"), "I have unplugged it.", Act("router_plug", {"port": 2}), "Now it is in."]
    )
    played = play(call(user), "Plug it in.", python("router.reset()"), "Thanks.")
    assert played.steps[0].info["outcome"] == "begun"
    assert played.episode.trace[0]["user"]["acts"][0]["result"] == "unplugged"
    assert played.reward == 1.0


def test_calls_count_towards_the_bound_on_messages(play: PlayIt) -> None:
    user = ScriptedUser(["Hello.", *[Act("router_unplug")] * 9])
    played = play(call(user), "Unplug it.", config=EpisodeConfig(user=UserConfig(max_messages=4)))
    told = played.last.info["user"]
    assert (told["stop"], told["limited"], len(told["acts"])) == ("messages", True, 3)
    assert (played.last.truncated, played.reward) == (True, 0.0)


def test_a_branch_goes_on_from_what_was_done(play: PlayIt) -> None:
    origin = play(call(), RIGHT[0]).episode
    one, other = run(origin.fork_steps(2))
    run(one.step_steps(RIGHT[1]))
    assert run(one.step_steps(RIGHT[2])).reward == 1.0
    assert run(other.step_steps("Bye.")).reward == 0.0
    one.close(), other.close()


@pytest.mark.parametrize(
    ("protocol", "reset"),
    [("codeact", python("router_reset()")), ("json", call_text("router_reset", {}))],
)
def test_a_model_without_live_objects_has_the_same_user(play: PlayIt, protocol: ProtocolName, reset: str) -> None:
    played = play(call(), RIGHT[0], reset, RIGHT[2], config=EpisodeConfig(protocol=protocol))
    assert (played.reward, played.verdicts) == (1.0, {"log": True})
    assert "router_plug" not in played.episode.messages[0]["content"] + played.episode.messages[1]["content"]


def test_validation_plays_the_script(pool: Pool) -> None:
    assert validate([call()], hacks=1, pool=pool).ok


def test_what_is_hosted_for_a_user_needs_one_and_is_part_of_what_a_task_is() -> None:
    with pytest.raises(TaskError, match=r"'router\.burn' is hosted for a user, and no turn has one"):
        call(None)
    other = Hosted(Router(), ["burn"], name="other", flat=True, user=["plug"])
    with pytest.raises(TaskError, match="hosted twice: plug"):
        call().but(hosted=[Hosted(Router(), ["plug"], flat=True), other])
    assert call().content != call(user_has=["plug"]).content


# --- played by a model ------------------------------------------------------------------------------------------------


def customer(path: str, body: Body, before: int) -> Reply:
    """As `SCRIPT`, its two calls in one message."""
    own = sum(message["role"] == "assistant" for message in body["messages"])
    calls = [("router_unplug", "{}"), ("router_plug", json.dumps({"port": 2}))]
    return [Reply("No internet."), Reply(calls=calls), Reply("It blinks."), Reply("Thanks! ###STOP###")][min(own, 3)]


def test_a_model_is_offered_the_tools_and_told_what_they_tell(play: PlayIt) -> None:
    with simulated(customer) as (config, endpoint):
        played = play(call(LLMUser("You are a user.")), *RIGHT, config=config)
    assert played.reward == 1.0
    bodies = [body for _, body in endpoint.requests]
    offered = [tool["function"]["name"] for tool in bodies[0]["tools"]]
    assert offered == ["router_plug", "router_unplug", "router_ping", "router_manual", "router_burn"]
    asked, done, result, other = bodies[2]["messages"][-4:]
    assert asked == {"role": "user", "content": RIGHT[0]}
    assert [each["function"]["name"] for each in done["tool_calls"]] == ["router_unplug", "router_plug"]
    assert [each["id"] for each in done["tool_calls"]] == [result["tool_call_id"], other["tool_call_id"]]
    assert [each["content"] for each in (result, other)] == ["unplugged", "2"]
    assert bodies[3]["messages"][-2:] == [
        {"role": "assistant", "content": "It blinks."},
        {"role": "user", "content": RIGHT[2]},
    ]


def test_what_it_took_to_act_is_counted(play: PlayIt) -> None:
    with simulated(customer) as (config, _):
        played = play(call(LLMUser("You are a user.")), *RIGHT, config=config)
    told = played.steps[1].info["user"]
    assert told["completion_tokens"] == len("It blinks.")
    assert told["prompt_tokens"] > len("You are a user.") * 2


def test_a_recorded_user_does_it_again(pool: Pool) -> None:
    task = call(LLMUser("You are a user."))

    def played(config: EpisodeConfig, user: User | None = None) -> dict[str, Any]:
        episode, messages = Episode(task, pool=pool, config=config, user=user), iter(RIGHT)
        (rollout,) = play_messages([episode], lambda _: next(messages))
        episode.close()
        return traces.record(rollout)

    with simulated(customer) as (config, _):
        before = played(config)
    after = played(EpisodeConfig(), RecordedUser.of(json.loads(json.dumps(before))))
    told = [[step["user"].get("acts") for step in row["steps"] if "user" in step] for row in (before, after)]
    assert told[0] == told[1]
    assert (before["reward"], after["reward"], len(told[0][1])) == (1.0, 1.0, 2)


@pytest.mark.parametrize("arguments", ["{", "[1]", "null", "[" * 10**5])
def test_calls_that_cannot_be_read_are_asked_for_again_and_then_a_fault(play: PlayIt, arguments: str) -> None:
    def garbled(path: str, body: Body, before: int) -> Reply:
        return Reply("Hi.") if len(body["messages"]) < 3 else Reply(calls=[("router_plug", arguments)])

    with simulated(garbled) as (config, endpoint):
        played = play(call(LLMUser("You are a user.")), "Plug it in.", config=config)
    fault = played.last.info["fault"]
    assert (fault["type"], len(endpoint.requests)) == ("UserFault", 4)
    assert "which is no JSON, asked 3 times" in fault["message"]


def test_without_tools_none_are_offered(play: PlayIt) -> None:
    with simulated(customer) as (config, endpoint):
        play(call(LLMUser("You are a user."), user_has=()), config=config)
    assert "tools" not in endpoint.requests[0][1]


def test_a_call_that_holds_half_of_a_pair_can_be_told_again(play: PlayIt) -> None:
    def customer(path: str, body: Body, before: int) -> Reply:
        half = Reply(calls=[("router_plug", '{"port": "\\ud800"}')])
        return half if body["messages"][-1]["role"] != "tool" else Reply("Hm.")

    with simulated(customer) as (config, endpoint):
        played = play(call(LLMUser("You are a user.")), config=config)
    assert played.steps[0].info["outcome"] == "begun"
    asked = endpoint.requests[-1][1]["messages"][-2]
    assert asked["tool_calls"][0]["function"]["arguments"] == '{"port": "?"}'
