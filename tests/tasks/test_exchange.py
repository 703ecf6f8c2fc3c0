"""Episodes without live objects: the same rewards for the same deeds, and none for what only looks like one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from cave_rl.rewards import called, deleted, equals, satisfies, unchanged
from cave_rl.runtime import Fault, Function, Hosted, Limits, Pool, RuntimeGone, Type, Variable, run
from cave_rl.semantic.protocols import ProtocolName, call_text
from cave_rl.tasks import Episode, EpisodeConfig, Task, Turn
from cave_rl.tasks.expressing import Inexpressible
from tests.conftest import Play, python
from tests.runtime.world import Account, Bank
from tests.semantic.world import pick

PlayIt = Callable[..., Play]
TEXT: list[ProtocolName] = ["codeact", "json"]
CODEACT, JSON = EpisodeConfig(protocol="codeact"), EpisodeConfig(protocol="json")

SORT = Task(
    [
        Turn(
            "Sort xs in place and put their number in n.",
            [equals("xs", [1, 2, 3]), equals("n", 3)],
            changes=["xs"],
            gold="xs.sort()\nn = len(xs)",
        )
    ],
    variables=[Variable("xs", [3, 1, 2]), Variable("keep", {"a": 1})],
)
PAID = Bank(ada=5, bo=1)
PAID.transfer("ada", "bo", 2)
PAY = Task(
    [
        Turn(
            "Move 2 from ada to bo.",
            [called("bank.transfer", source="ada", target="bo", amount=2), equals("bank", PAID)],
            changes=["bank"],
            gold="bank.transfer('ada', 'bo', 2)",
        )
    ],
    hosted=[Hosted(Bank(ada=5, bo=1))],
)
RIGHT = '{"n": 3, "xs": [1, 2, 3]}'


def config(protocol: ProtocolName, **changes: Any) -> EpisodeConfig:
    return EpisodeConfig(protocol=protocol, **changes)


# --- doing it ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", TEXT)
def test_an_answer_that_keeps_its_contract_is_judged_by_the_same_assertions(
    play: PlayIt, protocol: ProtocolName
) -> None:
    played = play(SORT, RIGHT, config=config(protocol))
    assert (played.reward, played.last.terminated, played.last.info["outcome"]) == (1.0, True, "answered")
    assert played.verdicts == {"xs equals": True, "n equals": True, "keep unchanged": True}


@pytest.mark.parametrize("protocol", TEXT)
def test_a_part_of_it_earns_a_part(play: PlayIt, protocol: ProtocolName) -> None:
    assert play(SORT, '{"n": 3}', config=config(protocol)).reward == 0.5
    assert play(SORT, '{"n": 3, "xs": [3, 2, 1]}', config=config(protocol)).reward == 0.5


def test_the_model_is_told_of_functions_and_of_the_contract_and_of_nothing_live(play: PlayIt) -> None:
    for each in (CODEACT, JSON):
        messages = play(SORT, config=each).episode.messages
        assert "def read_xs(page: int = 1) -> str" in messages[0]["content"]
        assert "xs: list" not in messages[0]["content"]
        assert '{"n": <whole number>, "xs": <list of whole number>}' in messages[1]["content"]
        assert "[1, 2, 3]" not in str(messages)


def test_a_call_is_made_where_the_objects_are_and_is_on_record(play: PlayIt) -> None:
    call = call_text("bank_transfer", {"source": "ada", "target": "bo", "amount": 2})
    played = play(PAY, call, "Done.", config=JSON)
    assert '"ada": 3' in played.steps[1].observation
    assert played.reward == 1.0
    (step, _) = played.episode.trace
    assert step["code"] == "bank_transfer(source='ada', target='bo', amount=2)"
    assert [each["name"] for each in step["calls"]] == ["bank.transfer"]


def test_code_calls_the_same_functions_and_is_given_the_same_text(play: PlayIt) -> None:
    played = play(PAY, python("print(bank_transfer('ada', target='bo', amount=2))"), "Done.", config=CODEACT)
    assert '"ada": 3' in played.steps[1].observation
    assert played.reward == 1.0


def test_the_calls_of_one_message_are_made_in_order(play: PlayIt) -> None:
    calls = [call_text("read_xs", {}), call_text("read_ys", {}), call_text("read_keep", {})]
    told = play(SORT, "\n".join(calls), config=JSON).last
    assert told.info["outcome"] == "error"
    assert told.observation.index("[3, 1, 2]") < told.observation.index("there is no function 'read_ys'")
    assert '{"a": 1}' in told.observation


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (call_text("reed_xs", {}), "no function 'reed_xs'; did you mean 'read_xs'"),
        (call_text("read_xs", {"pages": 1}), "no parameter 'pages'; did you mean 'page'"),
        (call_text("read_xs", {"page": 2}), "IndexError: there are 1 pages, no page 2"),
    ],
)
def test_a_call_that_cannot_be_made_is_told_without_our_frames(play: PlayIt, call: str, told: str) -> None:
    step = play(SORT, call, config=JSON).last
    assert (step.info["outcome"], step.terminated, step.truncated) == ("error", False, False)
    assert told in step.observation
    assert "Traceback" not in step.observation


@pytest.mark.parametrize("protocol", TEXT)
def test_later_turns_see_events_and_what_was_answered_before(play: PlayIt, protocol: ProtocolName) -> None:
    task = Task(
        [
            Turn("Double price, as twice.", equals("twice", 10), gold="twice = 2 * price"),
            Turn("The price changed: twice again.", equals("twice", 14), changes=["twice"], event="price = 7",
                 gold="twice = 2 * price"),
            Turn("And thrice.", equals("thrice", 21), gold="thrice = 3 * price"),
        ],
        variables=[Variable("price", 5)],
    )  # fmt: skip
    answers = ['{"twice": 10}', '{"twice": 14}', '{"thrice": 21}']
    assert play(task, *answers, config=config(protocol)).reward == pytest.approx(1.0)
    forgetful = play(task, '{"twice": 10}', '{"twice": 10}', '{"thrice": 21}', config=config(protocol))
    assert forgetful.episode.scores == [1.0, 0.0, 1.0]
    changed = play(task, '{"twice": 10}', '{"twice": 14}', '{"thrice": 21, "twice": 0}', config=config(protocol))
    assert (changed.last.info["outcome"], changed.episode.scores) == ("malformed", [1.0, 1.0])


def test_text_is_cut_as_an_observation_is(play: PlayIt) -> None:
    def much() -> str:
        """Much."""
        return "a" * 300

    task = SORT.but(functions=(Function(much),))
    small = {"observation_chars": 100}
    by_call = play(task, call_text("much", {}), config=config("json", **small)).last.observation
    by_code = play(task, python("print(len(much()), 'left out' in much())"), config=config("codeact", **small)).last
    assert by_call.count("a" * 50) == 2
    assert "left out" in by_call
    size, marked = by_code.observation.split("\n")[1].split()
    assert int(size) < 160
    assert marked == "True"


# --- not doing it -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", TEXT)
@pytest.mark.parametrize(
    "answer",
    [
        "Done.",
        "{}",
        '{"xs": [3, 1, 2]}',
        '{"n": null}',
        '{"n": NaN, "xs": NaN}',
        '{"n": 3, "xs": [1, 2, 3], "keep": {"a": 2}}',
        '{"n": 3, "n": 3, "xs": [1, 2, 3]}',
        '{"n": 3, "xs": [1, 2, 3], "__builtins__": {}}',
        '{"n": 3, "xs": ' + "[" * 500 + "]" * 500 + "}",
        '{"n": 3, "xs": ["' + "a" * 10_000_000 + '"]}',
        '{"xs equals": true, "n equals": true}',
        '{"n": {"__eq__": true}, "xs": {"__class__": "list"}}',
        '{"n": 3.5, "xs": "[1, 2, 3]"}',
        '[{"n": 3, "xs": [1, 2, 3]}]  {"n": 3}',
    ],
    ids=lambda answer: answer[:30],
)
def test_an_answer_that_is_not_the_task_done_earns_nothing_and_is_no_fault(
    play: PlayIt, protocol: ProtocolName, answer: str
) -> None:
    played = play(SORT, answer, config=config(protocol))
    if not played.last.terminated:
        assert played.last.info["outcome"] == "malformed"
        played = play(SORT, answer, answer, config=config(protocol))
    assert played.reward == 0.0
    assert played.last.terminated
    assert "fault" not in played.last.info


def test_an_answer_may_be_corrected_once(play: PlayIt) -> None:
    for each in (CODEACT, JSON):
        played = play(SORT, "n is 3", RIGHT, config=each)
        assert "the answer holds no JSON object" in played.steps[1].observation
        assert played.reward == 1.0


def test_what_code_binds_or_patches_in_its_own_session_is_nothing_that_is_judged(play: PlayIt) -> None:
    cells = [
        "n, xs, keep = 3, [1, 2, 3], {'a': 1}",
        "import json\njson.loads = lambda *_: 3\nread_xs.__defaults__ = ([1, 2, 3],)\nread_xs = lambda: '[1, 2, 3]'",
        "import gc\nprint([type(each) for each in gc.get_objects() if each == [3, 1, 2]])",
    ]
    played = play(SORT, *map(python, cells), "Done.", "Done.", config=CODEACT)
    assert "<execution_output>\n[]\n" in played.steps[3].observation
    assert played.reward == 0.0
    assert played.verdicts["keep unchanged"]


def test_code_cannot_hand_over_more_than_json(play: PlayIt) -> None:
    code = "class A(str): pass\nfor each in ((1,), {1: 2}, {1}, A('x'), b'x', print, 1j):\n"
    code += "    try:\n        read_xs(each)\n    except Exception as error:\n        print(type(error).__name__)"
    observation = play(SORT, python(code), config=CODEACT).last.observation
    assert observation.count("TypeError") == 7


def test_arguments_that_are_small_to_write_and_huge_to_read_are_refused_at_once(play: PlayIt) -> None:
    started = time.process_time()
    code = "x = [1]\nfor _ in range(30):\n    x = [x, x]\ny = []\ny.append(y)\nfor each in (x, y, [0] * 200_000):\n"
    code += "    try:\n        read_xs(each)\n    except TypeError as error:\n        print(error)"
    observation = play(SORT, python(code), config=CODEACT).last.observation
    assert observation.count("read_xs takes JSON: it holds more than 100000 items") == 2
    assert "nested deeper than 32 levels" in observation
    assert time.process_time() - started < 5


def test_a_session_that_ends_is_the_end_as_ever(play: PlayIt) -> None:
    pay = "bank_transfer('ada', 'bo', 2)\nimport os\nos._exit(0)"
    played = play(PAY, python(pay), config=CODEACT)
    assert (played.reward, played.last.terminated, played.last.info["outcome"]) == (0.0, True, "crashed")
    assert "fault" not in played.last.info


def test_a_function_that_does_not_return_is_stopped(play: PlayIt) -> None:
    def forever() -> None:
        while True:
            pass

    short = Limits(cpu_s=0.2, wall_s=20, grace_s=0.5)
    task = SORT.but(functions=(Function(forever),))
    by_call = play(task, call_text("forever", {}), RIGHT, config=config("json", limits=short))
    assert (by_call.steps[1].info["outcome"], by_call.reward) == ("interrupted", 1.0)
    by_code = play(task, python("forever()"), RIGHT, config=config("codeact", limits=short))
    assert (by_code.steps[1].info["outcome"], by_code.reward) == ("error", 1.0)


def test_undoing_nothing_is_idle_and_refusing_is_right_only_where_it_is(play: PlayIt) -> None:
    leave = Task([Turn("Leave xs.", unchanged("xs"), gold="print(xs)", refusal=True)], variables=[Variable("xs", [1])])
    there = Task([Turn("Set n to 3.", equals("n", 3), changes=["n"], gold="n = 3")], variables=[Variable("n", 3)])
    for each in (CODEACT, JSON):
        assert play(leave, "Done.", config=each).reward == 1.0
        assert play(there, '{"n": 3}', config=each).reward == 0.0


def test_steps_run_out_as_ever(play: PlayIt) -> None:
    played = play(SORT, call_text("read_xs", {}), config=config("json", max_steps=1))
    assert (played.reward, played.last.terminated, played.last.truncated) == (0.0, False, True)


def test_code_in_json_and_calls_in_codeact_are_malformed(play: PlayIt) -> None:
    assert play(SORT, python("xs.sort()"), config=JSON).last.info["outcome"] == "malformed"
    assert play(SORT, call_text("read_xs", {}), config=CODEACT).last.info["outcome"] == "malformed"


# --- what cannot be put -----------------------------------------------------------------------------------------------


def of(turn: Turn, *variables: Variable, types: tuple[Type, ...] = ()) -> Task:
    return Task([turn], variables=variables, types=types)


@pytest.mark.parametrize(
    ("task", "why"),
    [
        (of(Turn("Drop x.", deleted("x"), changes=["x"], gold="del x"), Variable("x", 1)), "x is deleted"),
        (
            of(
                Turn("Open an account a.", satisfies("a", bool, "is"), gold="a = Account()"),
                types=(Type(Account),),
            ),
            "a: JSON does not say a Account",
        ),
        (of(Turn("Keep the function f.", satisfies("f", bool, "is"), gold="f = len")), "f: JSON does not say a"),
        (of(Turn("Set n.", equals("n", 1))), "has no gold"),
        (
            of(
                Turn("Set n.", equals("n", 0), gold="n = pick(Account())"), types=(Type(Account),)
            ).but(functions=(Function(pick),)),
            "pick is given what JSON does not say",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("protocol", TEXT)
def test_a_task_that_cannot_be_put_says_why(task: Task, why: str, protocol: ProtocolName, pool: Pool) -> None:
    episode = Episode(task, pool=pool, config=config(protocol))
    try:
        with pytest.raises(Inexpressible, match=why):
            run(episode.express_steps())
        with pytest.raises(Inexpressible, match=why):
            run(episode.begin_steps())
    finally:
        episode.close()
    assert issubclass(Inexpressible, Fault)


def test_a_gold_that_fails_is_a_fault_of_ours(pool: Pool) -> None:
    task = of(Turn("Set n.", equals("n", 1), gold="1/0"))
    with pytest.raises(Fault, match="its gold failed: ZeroDivisionError"):
        run(Episode(task, pool=pool, config=JSON).express_steps())


def test_settings_of_live_code_alone_are_refused() -> None:
    with pytest.raises(ValueError, match="checkpoint is of protocol cave"):
        EpisodeConfig(protocol="codeact", checkpoint=True)
    with pytest.raises(ValueError, match="examples show code on live objects"):
        EpisodeConfig.model_validate({"protocol": "json", "prompt": {"examples": 1}})
    with pytest.raises(ValueError, match="calls: native is of protocol json"):
        EpisodeConfig(calls="native")


# --- the rest of an episode -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", TEXT)
def test_branches_go_on_apart(pool: Pool, protocol: ProtocolName) -> None:
    pay = {"source": "ada", "target": "bo", "amount": 2}
    message = call_text("bank_transfer", pay) if protocol == "json" else python("bank_transfer('ada', 'bo', 2)")
    whole = Episode(PAY, pool=pool, config=config(protocol))
    try:
        run(whole.begin_steps())
        one, other = run(whole.fork_steps(2, seed=1))
        run(one.step_steps(message))
        assert run(one.step_steps("Done.")).reward == 1.0
        assert run(other.step_steps("Done.")).reward == 0.0
        run(whole.step_steps(message))
        assert run(whole.step_steps("Done.")).reward == 1.0
        for each in (one, other):
            each.close()
    finally:
        whole.close()


def test_the_same_episode_says_the_same_again(play: PlayIt) -> None:
    for each, message in ((CODEACT, python("print(read_xs(), read_xs)")), (JSON, call_text("read_xs", {}))):
        one, other = (play(SORT, message, RIGHT, config=each, seed=3) for _ in range(2))
        assert [step.observation for step in one.steps] == [step.observation for step in other.steps]
        assert one.episode.messages == other.episode.messages


def test_what_cave_plays_is_untouched_by_there_being_others(play: PlayIt) -> None:
    played = play(SORT, python("xs.sort()\nn = len(xs)"), "Done.")
    assert played.reward == 1.0
    with pytest.raises(RuntimeError, match="protocol cave has live objects"):
        _ = played.episode.exchange
    assert json.dumps(played.episode.trace)


def test_a_session_of_an_episode_that_is_over_is_gone(pool: Pool) -> None:
    episode = Episode(SORT, pool=pool, config=CODEACT)
    run(episode.begin_steps())
    session = episode.exchange.session
    episode.close()
    assert session is not None
    with pytest.raises(RuntimeGone):
        run(session.execute_steps("1"))
