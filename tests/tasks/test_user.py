"""A user in the loop of a turn: what goes to whom, when the turn ends, and what is judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from cave_rl import Hosted, Task, Turn, Variable, equals
from cave_rl.evaluation.config import EvalConfig
from cave_rl.rewards import said_contains
from cave_rl.rollouts import play_messages, traces
from cave_rl.rollouts.experts import expert
from cave_rl.runtime import Pool, run
from cave_rl.semantic.protocols import ProtocolName
from cave_rl.suites.simulator import LLMUser
from cave_rl.tasks import (
    Dialogue,
    Episode,
    EpisodeConfig,
    Said,
    Say,
    ScriptedUser,
    TaskError,
    UserConfig,
    static,
    validate,
)
from cave_rl.tasks.expressing import Inexpressible
from cave_rl.tasks.settings import ConfigError, override, parse
from cave_rl.tasks.static import StaticError
from tests.conftest import Play, python
from tests.tasks.lamp import Lamp
from tests.tasks.shop import RIGHT, SCRIPT, SCRIPTED, SYSTEM, USER, shop

PlayIt = Callable[..., Play]
LAMP_USER = ScriptedUser(["Dim the lamp.", "Half.", "Thanks.", "###STOP###"])


def test_what_is_said_goes_to_the_user_until_the_user_ends_the_turn(play: PlayIt) -> None:
    played = play(shop(), *RIGHT, config=SCRIPTED)
    assert [step.info["outcome"] for step in played.steps] == ["begun", "said", "ok", "answered"]
    assert [step.reward for step in played.steps] == [0.0, 0.0, 0.0, 1.0]
    assert played.steps[1].observation == "Three."
    assert (played.last.terminated, played.last.truncated) == (True, False)
    chat = [(each["role"], each["content"]) for each in played.episode.messages[1:]]
    assert chat[0][1].endswith("I want lamps.")
    assert chat[1:4] == [("assistant", "How many?"), ("user", "Three."), ("assistant", RIGHT[1])]
    assert chat[-1] == ("assistant", "That is 21."), "what ends the turn is not shown"
    assert played.episode.queries == ["I want lamps."]


def test_what_the_user_said_stands_in_info_and_trace(play: PlayIt) -> None:
    played = play(shop(), *RIGHT, config=SCRIPTED)
    told = {"text": "Three.", "over": False, "stop": "", "limited": False}
    assert played.steps[1].info["user"].items() >= told.items()
    assert played.last.info["user"].items() >= {"text": "Thanks!", "over": True, "stop": "###STOP###"}.items()
    said = [(each["outcome"], each["user"]["text"]) for each in played.episode.trace if "user" in each]
    assert said == [("event: user", "I want lamps."), ("said", "Three."), ("answered", "Thanks!")]


def test_a_turn_with_a_query_begins_with_it(play: PlayIt) -> None:
    user = ScriptedUser(["Three.", "###STOP###"])
    played = play(shop(user, query="I want lamps."), *RIGHT)
    assert played.reward == 1.0
    assert played.steps[0].observation.endswith("I want lamps.")


def test_everything_that_was_said_is_judged_not_only_the_last(play: PlayIt) -> None:
    user = ScriptedUser(["Yes.", "Bye. ###STOP###"])
    played = play(shop(user, query="Three lamps."), python("total = 21"), "That is 21, right?", "Goodbye.")
    assert played.reward == 1.0
    silent = play(shop(user, query="Three lamps."), python("total = 21"), "Right?", "Goodbye.")
    assert silent.verdicts["said '21'"] is False


def test_code_and_thoughts_are_not_said(play: PlayIt) -> None:
    user = ScriptedUser(["###STOP###"])
    told = "It is 21.\n" + python("total = 21"), "<think>21</think>Done."
    played = play(shop(user, query="Three lamps."), *told)
    assert played.verdicts == {"total equals": True, "said '21'": False, "price unchanged": True}


def test_assert_functions_may_take_what_was_said(play: PlayIt) -> None:
    def polite(state: Any, said: Any) -> None:
        assert state.n == 2, "n"
        assert list(said) == ["Wait.", "Done."], "said"

    user = ScriptedUser(["Well?", "###STOP###"])
    task = Task([Turn("Two.", polite, changes=["n"], user=user)], variables=[Variable("n", 1)])
    assert play(task, "Wait.", python("n = 2"), "Done.").reward == 1.0


def test_without_a_user_what_was_said_is_the_answer(play: PlayIt) -> None:
    task = Task([Turn("Say two.", said_contains("two"))], variables=[Variable("n", 1)])
    assert play(task, "It is Two.").reward == 1.0
    assert play(task, "It is three.").reward == 0.0


def test_the_step_limit_ends_a_dialogue_and_nobody_is_asked_any_more(play: PlayIt) -> None:
    user = ScriptedUser(["Hm."] * 50)

    def told(state: Any) -> None:
        assert state.total == 21, "total"

    task = Task([Turn("Lamps.", told, changes=["total"], user=user)], variables=[Variable("total", 0)])
    played = play(task, python("total = 21"), "One.", "Two.", config=EpisodeConfig(max_steps=3))
    limited = played.episode._bench.limited
    assert played.last.info["outcome"] == "said"
    assert (played.last.terminated, played.last.truncated, played.reward, limited) == (False, True, 1.0, [True])
    assert "user" not in played.last.info


def test_a_bound_on_its_messages_ends_a_dialogue_as_a_step_limit_does(play: PlayIt) -> None:
    user = ScriptedUser(["Hm."] * 50)
    config = EpisodeConfig(user=UserConfig(max_messages=2), max_steps=20)
    played = play(shop(user, query="Lamps."), "One.", "Two.", "Three.", config=config)
    assert [step.info["outcome"] for step in played.steps[1:]] == ["said", "said", "said"]
    assert played.last.info["user"]["stop"] == "messages"
    assert (played.last.truncated, played.episode._bench.limited) == (True, [True])


def test_a_script_that_is_at_its_end_ends_the_dialogue(play: PlayIt) -> None:
    played = play(shop(ScriptedUser(), query="Lamps."), "Hello.")
    assert played.last.info["user"]["stop"] == "script"
    assert played.last.terminated


def test_a_script_may_wait_for_a_cue(play: PlayIt) -> None:
    user = ScriptedUser(["One.", "Two.", "Three."], cue="Next?")
    played = play(shop(user, query=""), "Next?", "Next?", "And now?")
    assert [step.observation for step in played.steps[1:3]] == ["Two.", "Three."]
    assert (played.last.terminated, played.last.info["user"]["stop"]) == (True, "script")
    assert play(shop(user, query=""), "Done.").last.info["user"]["stop"] == "script"


def test_a_message_that_is_cut_is_not_said(play: PlayIt, pool: Pool) -> None:
    episode = Episode(shop(), pool=pool, config=SCRIPTED)
    run(episode.begin_steps())
    last = run(episode.step_steps("That is 21", cut=True))
    episode.close()
    assert last.info["outcome"] == "cut"
    assert [each["passed"] for each in last.info["verdicts"] if each["name"] == "said '21'"] == [False]


def test_the_next_turn_follows_a_dialogue_and_may_have_another(play: PlayIt) -> None:
    second = Turn(
        "", equals("total", 0), changes=["total"], gold="total = 0", user=ScriptedUser(["Forget it.", "###STOP###"])
    )
    third = Turn("Set price to 1.", equals("price", 1), changes=["price"], gold="price = 1")
    played = play(shop(more=(second, third)), *RIGHT, python("total = 0"), "Done.", config=SCRIPTED)
    assert played.steps[3].observation == "Forget it."
    assert played.last.observation == "Set price to 1."
    assert played.episode.queries == ["I want lamps.", "Forget it.", "Set price to 1."]
    assert played.episode.scores == [1.0, 1.0]


def test_saying_nothing_of_use_scores_nothing(play: PlayIt) -> None:
    assert play(shop(), "Done.", "Done.", config=SCRIPTED).reward == 0.0


def test_a_branch_has_the_dialogue_so_far_and_goes_on_by_itself(play: PlayIt) -> None:
    origin = play(shop(), RIGHT[0], config=SCRIPTED).episode
    one, other = run(origin.fork_steps(2))
    run(one.step_steps(RIGHT[1]))
    assert run(one.step_steps(RIGHT[2])).reward == 1.0
    assert run(other.step_steps("What?")).info["verdicts"]
    assert (other.reward, origin.over) == (0.0, False)
    run(origin.step_steps(RIGHT[1]))
    assert run(origin.step_steps(RIGHT[2])).reward == 1.0
    one.close(), other.close()


def test_a_user_that_says_nothing_is_a_fault(play: PlayIt) -> None:
    class Mute:
        def check(self, config: UserConfig) -> None:
            pass

        def say_steps(self, dialogue: Dialogue) -> Any:
            yield from ()
            return Said("")

    played = play(shop(Mute(), query="Lamps."), "How many?")
    assert played.last.info["fault"]["type"] == "UserFault"
    assert played.last.reward == 0.0
    assert "verdicts" not in played.last.info


def test_a_user_that_a_model_plays_needs_to_be_configured(pool: Pool) -> None:
    with pytest.raises(ConfigError, match=r"set user\.url and user\.model .* or user\.scripted=true"):
        Episode(shop(), pool=pool, config=EpisodeConfig())
    with pytest.raises(ConfigError, match="has no script"):
        Episode(shop(LLMUser(SYSTEM)), pool=pool, config=SCRIPTED)


def test_a_task_with_a_user_says_so_in_its_content() -> None:
    assert shop().content == shop().content
    assert shop().content != shop(ScriptedUser(SCRIPT)).content


def test_gold_says_what_it_says_to_a_user_and_only_to_one() -> None:
    assert shop().turns[0].gold_cells == ("total = 3 * price",)
    with pytest.raises(TaskError, match="said to a user, and it has none"):
        Turn("Sum.", equals("n", 1), gold=[Say("Hello?")])


def test_validation_plays_the_script(pool: Pool) -> None:
    report = validate([shop()], hacks=1, pool=pool)
    assert report.ok, report.errors
    assert (report.families["task"].checked["gold"], report.warnings) == (1, [])


def test_validation_says_what_it_could_not_play(pool: Pool) -> None:
    report = validate([shop(LLMUser(SYSTEM))], pool=pool)
    (finding,) = [each for each in report.warnings if each.check == "user"]
    assert "not validated" in finding.message


def test_stop_tokens_are_taken_out_of_what_is_said() -> None:
    said = Said.read("Bye. ###TRANSFER###", USER.stops)
    assert (said.text, said.over, said.stop) == ("Bye.", True, "###TRANSFER###")
    assert Said.read("No ###STOP sign", USER.stops).over is False


@pytest.mark.parametrize("protocol", ["cave", "codeact", "json"])
def test_gold_is_played_in_every_protocol(pool: Pool, protocol: ProtocolName) -> None:
    def asks(state: Any, said: Any) -> None:
        assert state.lamp.level == 50, "level"
        assert any("half" in each for each in said), "said"

    turn = Turn(
        "", asks, changes=["lamp"], gold=[Say("How bright?"), "lamp.dim(50)", Say("It is at half.")], user=LAMP_USER
    )
    task = Task([turn], hosted=[Hosted(Lamp())])
    episode = Episode(task, pool=pool, config=EpisodeConfig(protocol=protocol))
    (rollout,) = play_messages([episode], expert(protocol))
    episode.close()
    assert (rollout.fault, rollout.reward) == (None, 1.0), rollout.verdicts
    assert traces.record(rollout)["users"]["messages"] == 3


def test_without_live_objects_a_user_cannot_be_told_variables(pool: Pool) -> None:
    with pytest.raises(Inexpressible, match="answers go to a user"):
        run(Episode(shop(), pool=pool, config=SCRIPTED.but(protocol="json")).express_steps())


def test_a_file_cannot_hold_a_user(tmp_path: Path) -> None:
    with pytest.raises(StaticError, match="user: a file cannot hold it"):
        static.dump([shop()], tmp_path / "shop.jsonl")


def test_an_environment_of_gymnasium_has_the_user_in_its_observations() -> None:
    env = gymnasium.make("cave_rl/Task-v0", task=shop(), config=SCRIPTED)
    observation, _ = env.reset(seed=0)
    assert observation.endswith("I want lamps.")
    observation, reward, terminated, _, info = env.step(RIGHT[0])
    assert (observation, reward, terminated, info["outcome"]) == ("Three.", 0.0, False, "said")
    env.step(RIGHT[1])
    _, reward, terminated, _, info = env.step(RIGHT[2])
    env.close()
    assert (reward, terminated, info["solved"]) == (1.0, True, True)


def test_a_configuration_file_sets_who_plays_it() -> None:
    data: dict[str, Any] = {"suites": ["Types-v0"], "model": {"name": "gold"}}
    override(data, "env.user.url=http://127.0.0.1:8000/v1")
    override(data, "env.user.model=smol")
    user = parse(EvalConfig, data).env.user
    assert (user.url, user.model) == ("http://127.0.0.1:8000/v1", "smol")
    override(data, "env.user.modle=smol")
    with pytest.raises(ConfigError, match=r"modle.*model"):
        parse(EvalConfig, data)
