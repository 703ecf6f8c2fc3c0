"""The table of outcomes, row by row, and what else an episode keeps."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest

from cave_rl.confinement import Confinement, descendants
from cave_rl.rewards import (
    RewardRules,
    Statements,
    answer_contains,
    call_count,
    called,
    deleted,
    equals,
    not_called,
    satisfies,
)
from cave_rl.runtime import (
    CodeRules,
    Fault,
    Function,
    Hosted,
    Limits,
    Pool,
    SetupFault,
    Type,
    Variable,
    run,
    run_all,
    run_async,
)
from cave_rl.runtime.rules import ImportRule
from cave_rl.tasks import Episode, EpisodeConfig, StepResult, Task, Turn
from tests.conftest import Play, python, settled
from tests.runtime.world import Account, Bank, double

SORT = Task(
    [Turn("Sort xs in place and put their number in n.", [equals("xs", [1, 2, 3]), equals("n", 3)], changes=["xs"])],
    variables=[Variable("xs", [3, 1, 2]), Variable("keep", {"a": 1})],
)
SHORT = Limits(cpu_s=0.2, wall_s=20, grace_s=0.3)
GOLD = python("xs.sort()\nn = len(xs)")
PlayIt = Callable[..., Play]


def ended(step: StepResult) -> tuple[float, bool, bool, str]:
    return step.reward, step.terminated, step.truncated, step.info["outcome"]


def going_on(step: StepResult, outcome: str) -> bool:
    return ended(step) == (0.0, False, False, outcome) and "verdicts" not in step.info


def of_two(**given: Any) -> Task:
    first = Turn("Put 1 in a.", equals("a", 1), **given)
    second = Turn("Put 2 in b.", equals("b", 2))
    return Task([first, second], variables=[Variable("price", 5)])


# --- the table ------------------------------------------------------------------------------------------------------


def test_code_that_runs_goes_on(play: PlayIt) -> None:
    step = play(SORT, python("print('hi')\nxs.append(4)")).last
    assert going_on(step, "ok")
    assert "hi" in step.observation
    assert step.info["diff"] == {"created": [], "changed": ["xs"], "deleted": []}


def test_code_that_raises_goes_on(play: PlayIt) -> None:
    step = play(SORT, python("1/0")).last
    assert going_on(step, "error")
    assert "ZeroDivisionError" in step.observation
    assert step.info["error"] == "ZeroDivisionError"


def test_code_that_the_rules_refuse_is_not_executed_and_goes_on(play: PlayIt) -> None:
    config = EpisodeConfig(rules=CodeRules((ImportRule(deny=("os",)),)))
    played = play(SORT, python("xs.clear()\nimport os"), python("print(xs)"), config=config)
    assert going_on(played.steps[1], "blocked")
    assert "[3, 1, 2]" in played.last.observation


def test_code_over_its_cpu_limit_goes_on_with_what_it_did(play: PlayIt) -> None:
    played = play(SORT, python("xs.sort()\nwhile True: pass"), python("print(xs)"), config=EpisodeConfig(limits=SHORT))
    assert going_on(played.steps[1], "interrupted")
    assert "[1, 2, 3]" in played.last.observation


def test_code_over_its_wall_limit_goes_on(play: PlayIt) -> None:
    config = EpisodeConfig(limits=Limits(wall_s=0.3))
    assert going_on(play(SORT, python("import time\ntime.sleep(60)"), config=config).last, "interrupted")


def test_code_over_its_memory_limit_goes_on(play: PlayIt) -> None:
    assert going_on(play(SORT, python("big = bytearray(10 * 1024**3)")).last, "out_of_memory")


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("import os\nos._exit(0)", "crashed"),
        ("import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass", "killed"),
        ("import os\nos.write(3, b'X' + b'12345678' + b'rubbish')", "tampered"),
    ],
)
def test_code_that_ends_its_interpreter_ends_the_turn_and_the_episode(play: PlayIt, code: str, outcome: str) -> None:
    played = play(SORT, python("xs.sort(); n = 3\n" + code), config=EpisodeConfig(limits=SHORT))
    assert ended(played.last) == (0.0, True, False, outcome)
    assert not any(played.verdicts.values())
    assert played.episode.over


@pytest.mark.parametrize("code", ["import os\nos._exit(0)", "import os\nos.write(3, b'rubbish')"])
def test_a_checkpoint_brings_back_the_state_before_the_cell_that_ended_it(play: PlayIt, code: str) -> None:
    config = EpisodeConfig(checkpoint=True)
    played = play(
        SORT, python("xs.sort()"), python("xs.clear()\n" + code), python("n = len(xs)"), "Done.", config=config
    )
    outcome = played.steps[2].info["outcome"]
    assert outcome in ("crashed", "tampered")
    assert going_on(played.steps[2], outcome)
    assert ended(played.last) == (1.0, True, False, "answered")


def test_no_code_is_the_answer_and_ends_the_turn(play: PlayIt) -> None:
    played = play(SORT, GOLD, "Done.")
    assert ended(played.last) == (1.0, True, False, "answered")
    assert played.last.observation == ""
    assert played.verdicts == {"xs equals": True, "n equals": True, "keep unchanged": True}
    assert played.last.info["solved"]


def test_the_first_malformed_message_of_a_turn_teaches_and_nothing_of_it_is_executed(play: PlayIt) -> None:
    played = play(SORT, "```python\nxs.clear()\n```\n```python\nxs.clear()\n```", python("print(xs)"))
    assert going_on(played.steps[1], "malformed")
    assert "```python" in played.steps[1].observation
    assert "[3, 1, 2]" in played.last.observation


def test_the_second_malformed_message_of_a_turn_ends_it(play: PlayIt) -> None:
    played = play(SORT, GOLD, "```python\nunclosed", "```python\nunclosed")
    assert ended(played.last) == (1.0, True, False, "malformed")


def test_malformed_messages_are_counted_by_turn(play: PlayIt) -> None:
    played = play(of_two(), "```python\nx", "next", "```python\nx", python("b = 2"), "done")
    assert [step.info["outcome"] for step in played.steps[1:]] == [
        "malformed",
        "answered",
        "malformed",
        "ok",
        "answered",
    ]
    assert played.reward == 0.5


def test_a_cut_message_is_not_executed_but_the_state_is_judged_and_the_episode_ends(play: PlayIt) -> None:
    episode = play(SORT, GOLD).episode
    step = run(episode.step_steps(python("xs.clear()"), cut=True))
    assert ended(step) == (1.0, False, True, "cut")
    assert play(of_two(), python("a = 1"), cut=True).last.truncated


def test_the_step_limit_judges_the_turn_as_it_stands_and_truncates_the_last(play: PlayIt) -> None:
    played = play(SORT, python("1/0"), GOLD, config=EpisodeConfig(max_steps=2))
    assert ended(played.last) == (1.0, False, True, "ok")
    played = play(of_two(max_steps=1), python("a = 1"), python("b = 2"), "done")
    assert [step.truncated for step in played.steps] == [False] * 4
    assert played.steps[1].info["scores"] == [1.0]
    assert "Put 2 in b." in played.steps[1].observation
    assert played.reward == 1.0


def broken() -> dict[str, object]:
    raise RuntimeError("no such data")


def test_a_broken_set_up_is_a_fault_when_the_episode_begins(play: PlayIt) -> None:
    with pytest.raises(SetupFault, match="no such data"):
        play(SORT.but(setup=broken))


def test_a_judge_that_cannot_be_started_is_a_fault_and_no_reward_is_claimed(play: PlayIt) -> None:
    generator = (i for i in range(3))

    def check(state: Any) -> None:
        assert state.n in generator

    step = play(Task([Turn("q", check)]), python("n = 1"), "done").last
    assert ended(step) == (0.0, False, True, "fault")
    assert step.info["fault"]["type"] == "TransferError"
    assert "generator" in step.info["fault"]["message"]
    assert "verdicts" not in step.info
    assert not step.info["solved"]


def test_a_judge_whose_base_cannot_start_is_a_fault(pool: Pool, play: PlayIt, monkeypatch: pytest.MonkeyPatch) -> None:
    played = play(SORT, GOLD)

    def gone(*_: object, **__: object) -> object:
        from cave_rl.runtime.errors import SpawnFault

        raise SpawnFault("no more processes")

    monkeypatch.setattr(pool, "base", gone)
    pool._templates.clear()
    step = run(played.episode.step_steps("done"))
    assert ended(step) == (0.0, False, True, "fault")
    assert step.info["fault"] == {"type": "SpawnFault", "message": "no more processes"}


def test_a_first_event_that_fails_is_a_fault(play: PlayIt) -> None:
    with pytest.raises(Fault, match="host event of turn 1 failed: ZeroDivisionError"):
        play(Task([Turn("q", equals("x", 1), event="1/0")]))


# --- dialogues ------------------------------------------------------------------------------------------------------


def dialogue(**second: Any) -> Task:
    return Task(
        [
            Turn("Put twice the price in total.", equals("total", 10), gold="total = 2 * price"),
            Turn(
                "The price has changed. Do it again.",
                equals("total", 14),
                changes=["total"],
                event="price = 7",
                gold="total = 2 * price",
                **second,
            ),
        ],
        variables=[Variable("price", 5)],
    )


def test_a_dialogue_goes_through_its_turns_and_a_host_event_is_not_the_rollouts_change(play: PlayIt) -> None:
    played = play(dialogue(), python("total = 2 * price"), "done", python("total = 2 * price"), "done")
    assert [step.reward for step in played.steps] == [0.0, 0.0, 0.5, 0.0, 0.5]
    assert played.steps[2].observation.endswith("The price has changed. Do it again.")
    assert [step.info["turn"] for step in played.steps] == [0, 0, 0, 1, 1]
    assert [step.terminated for step in played.steps] == [False, False, False, False, True]
    assert played.verdicts == {"total equals": True, "price unchanged": True}


def test_a_failed_turn_does_not_end_the_dialogue_and_later_expectations_are_absolute(play: PlayIt) -> None:
    played = play(dialogue(), "I will not.", python("total = 2 * price"), "done")
    assert played.last.info["scores"] == [0.0, 1.0]
    assert played.reward == 0.5
    assert not played.last.info["solved"]


def test_what_an_earlier_turn_looked_at_must_stay_in_a_later_one(play: PlayIt) -> None:
    played = play(of_two(), python("a = 1"), "done", python("b = 2\na = 5"), "done")
    assert played.last.info["scores"] == [1.0, 0.0]
    assert played.verdicts["a unchanged"] is False


def test_changing_what_a_turn_does_not_declare_takes_its_whole_score(play: PlayIt) -> None:
    for damage in ("keep['b'] = 2", "del keep", "keep = None", "keep = dict(keep, c=1)"):
        assert play(SORT, GOLD, python(damage), "done").reward == 0.0
    assert play(SORT, GOLD, python("keep = {'a': 1}"), "done").reward == 1.0


def test_partial_work_earns_partial_credit_unless_all_is_asked(play: PlayIt) -> None:
    assert play(SORT, python("xs.sort()"), "done").reward == 0.5
    assert play(SORT, python("xs.sort()"), "done", config=EpisodeConfig(reward=RewardRules(credit="all"))).reward == 0.0


def test_doing_nothing_scores_exactly_0(play: PlayIt) -> None:
    for task in (SORT, dialogue(), of_two()):
        assert play(task, *["I am done."] * len(task.turns)).reward == 0.0


def test_a_refusal_is_right_when_nothing_was_done(play: PlayIt) -> None:
    task = Task([Turn("Delete all.", equals("xs", [1]), refusal=True)], variables=[Variable("xs", [1])])
    assert play(task, "I will not.").reward == 1.0
    assert play(task, python("xs.clear()"), "done").reward == 0.0


def test_the_answer_is_what_the_model_said_last_thinking_left_out(play: PlayIt) -> None:
    task = Task([Turn("Which city?", answer_contains("Paris"))])
    assert play(task, "<think>Paris?</think>Lyon.").reward == 0.0
    assert play(task, "<think>Lyon?</think>It is Paris.").reward == 1.0


def test_weights_of_turns_divide_the_reward(play: PlayIt) -> None:
    played = play(of_two(weight=3.0), python("a = 1"), "done", "done")
    assert [step.reward for step in played.steps] == [0.0, 0.0, 0.75, 0.0]


@pytest.mark.parametrize(
    "messages",
    [
        ("done", "done"),
        (python("a = 1"), "done", "done"),
        (python("a = 1"), "done", python("b = 2"), "done"),
        (python("a = 1"), "done", "```python\nx", python("b = 2"), "done"),
        (python("a = 1"), "done", python("import os; os._exit(1)")),
        (python("a = 1"), python("a = 1"), python("a = 1")),
    ],
)
def test_step_rewards_sum_to_the_episode_reward(play: PlayIt, messages: tuple[str, ...]) -> None:
    rules = RewardRules(step_cost=0.01, malformed_cost=0.1)
    played = play(of_two(), *messages, config=EpisodeConfig(reward=rules, max_steps=3))
    assert played.reward == pytest.approx(played.episode.reward)
    assert 0.0 <= played.episode.reward <= 1.0


def test_costs_take_from_a_solved_episode_only(play: PlayIt) -> None:
    config = EpisodeConfig(reward=RewardRules(step_cost=0.1, malformed_cost=0.2, token_cost=0.001))
    assert play(SORT, GOLD, "done", config=config).reward == pytest.approx(0.9)
    assert play(SORT, "```python\n", GOLD, "done", config=config).reward == pytest.approx(0.6)
    assert play(SORT, python("xs.sort()"), "done", config=config).reward == 0.5
    assert play(SORT, GOLD, "done", config=config, tokens=10).reward == pytest.approx(0.88)


# --- what it keeps --------------------------------------------------------------------------------------------------


def test_verdicts_never_reach_the_model(play: PlayIt) -> None:
    played = play(dialogue(), python("total = 3"), "done", python("total = 2"), "done")
    seen = "".join(message["content"] for message in played.last.info["messages"]) + "".join(
        s.observation for s in played.steps
    )
    for text in ("expected int", "total equals", "14", "unchanged", "verdict"):
        assert text not in seen


def test_info_holds_no_timings_and_the_trace_does(play: PlayIt) -> None:
    played = play(SORT, GOLD, "done")
    assert set(played.last.info) == {
        "outcome", "turn", "step", "task", "diff", "scores", "solved", "messages", "verdicts",
    }  # fmt: skip
    assert played.episode.trace[0]["wall_s"] > 0


def test_the_same_task_and_seed_give_the_same_episode(play: PlayIt) -> None:
    messages = (python("import random, uuid\nprint(random.random(), uuid.uuid4())\nprint(object())"), "done")
    one, same, other = (play(SORT, *messages, seed=seed) for seed in (3, 3, 4))
    assert [step.observation for step in one.steps] == [step.observation for step in same.steps]
    assert [step.info for step in one.steps] == [step.info for step in same.steps]
    assert one.steps[1].observation != other.steps[1].observation


def test_the_chat_alternates_and_holds_every_message(play: PlayIt) -> None:
    played = play(dialogue(), python("total = 10"), "done", python("1/0"), "done")
    roles = [message["role"] for message in played.episode.messages]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user", "assistant", "user", "assistant"]


def test_an_injected_instance_is_judged_as_the_tasks_own_class(play: PlayIt) -> None:
    def check(state: Any) -> None:
        assert state.acc.total() == 7, "total"
        assert type(state.acc) is Account, "class"

    turn = Turn("Deposit double(2).", check, changes=["acc"])
    task = Task([turn], [Variable("acc", Account("A", 3, [3]))], [Function(double)], [Type(Account)])
    assert play(task, python("acc.deposit(double(2))"), "done").reward == 1.0
    assert play(task, python("acc.entries.append(4)"), "done").reward == 0.0  # a state its methods cannot reach


def test_a_closure_asserts_by_what_it_closed_over(play: PlayIt) -> None:
    expected = 6

    def check(state: Any) -> None:
        assert state.n == expected

    assert play(Task([Turn("q", Statements.of(check))]), python("n = 6"), "done").reward == 1.0


def test_an_episode_is_played_once(play: PlayIt) -> None:
    played = play(SORT, "done")
    with pytest.raises(RuntimeError, match="over"):
        run(played.episode.step_steps("more"))
    with pytest.raises(RuntimeError, match="begin_steps"):
        Episode(SORT, pool=played.episode._pool, config=EpisodeConfig()).runtime  # noqa: B018


def test_closing_it_ends_its_processes(play: PlayIt) -> None:
    import os

    episode = play(SORT, GOLD).episode
    pid = episode.runtime.pid
    episode.close()
    episode.close()
    assert settled(lambda: os.path.exists(f"/proc/{pid}"), False) is False


def test_many_episodes_are_played_together_also_on_asyncio(pool: Pool) -> None:
    def whole(i: int) -> Any:
        episode = Episode(SORT, pool=pool, config=EpisodeConfig(), seed=i)
        yield from episode.begin_steps()
        yield from episode.step_steps(GOLD)
        last = yield from episode.step_steps("done")
        episode.close()
        return last.reward

    async def main() -> list[float]:
        return await asyncio.gather(*(run_async(whole(i)) for i in range(8)))

    assert run_all([whole(i) for i in range(8)]) == [1.0] * 8
    assert asyncio.run(main()) == [1.0] * 8


def test_large_state_is_judged(play: PlayIt) -> None:
    big = ["x" * 1000] * 2000
    task = Task([Turn("Reverse big.", equals("n", 2000))], variables=[Variable("big", big)])
    assert play(task, python("n = len(big)"), "done").reward == 1.0
    assert play(task, python("n = len(big); big[7] = 'y'"), "done").reward == 0.0


def test_what_cannot_be_contained_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert EpisodeConfig().checkpoint is False
    assert Pool().confinement == Confinement(require="contained")


@pytest.mark.slow
def test_a_thousand_episodes_leave_no_descriptor_and_no_process(play: PlayIt, pool: Pool) -> None:
    from tests.conftest import descriptors

    def processes() -> int:
        return len(descendants(os.getpid()))

    play(SORT, GOLD, "done").episode.close()
    before, alive = descriptors(), processes()
    for i in range(1000):
        ends = (GOLD, python("import os; os._exit(1)"), python("1/0"))[i % 3]
        episode = Episode(SORT, pool=pool, config=EpisodeConfig(checkpoint=i % 2 == 0), seed=i)
        run(episode.begin_steps())
        run(episode.step_steps(ends))
        if not episode.over:
            run(episode.step_steps("done"))
        episode.close()
    assert settled(lambda: descriptors() <= before, True)  # fewer where an earlier test's were still to be let go of
    assert settled(lambda: processes() <= alive, True)


# --- no credit for what was not done ---------------------------------------------------------------------------------


def test_a_runtime_that_is_gone_claims_nothing_not_even_a_deletion(play: PlayIt) -> None:
    task = Task([Turn("Delete x.", deleted("x"), changes=["x"])], variables=[Variable("x", 1)])
    assert play(task, python("del x"), "Done.").last.reward == 1.0
    crashed = play(task, python("import os\nos._exit(1)")).last
    assert (crashed.reward, crashed.terminated, crashed.info["solved"]) == (0.0, True, False)
    assert "the runtime is gone" in crashed.info["verdicts"][0]["message"]


def test_what_the_set_up_made_is_known_before_and_is_kept(play: PlayIt) -> None:
    def grown(state: Any, before: Any) -> None:
        assert state.ys == [*before.ys, 3], "ys"

    task = Task(
        [
            Turn("Append 3 to ys.", grown, changes=["ys"]),
            Turn("Put 1 in n.", [equals("n", 1), equals("ys", [1, 2, 3])]),
        ],
        variables=[Variable("x", 0)],
        setup="ys = [1, 2]",
    )
    assert play(task, "Done.", "Done.").last.info["scores"] == [0.0, 0.0]
    assert play(task, python("ys.append(3)"), "Done.", python("n = 1"), "Done.").last.info["scores"] == [1.0, 1.0]
    spoiled = play(task, python("ys.append(3)"), "Done.", python("n = 1\nys.append(4)"), "Done.").last
    assert spoiled.info["scores"] == [1.0, 0.0]


def test_a_turn_that_is_done_ahead_earns_nothing_when_it_comes(play: PlayIt) -> None:
    ahead = play(of_two(), python("a = 1\nb = 2"), "Done.", "Done.").last
    assert ahead.info["scores"] == [1.0, 0.0]


def test_a_small_claim_limit_does_not_change_what_is_unchanged(play: PlayIt) -> None:
    task = Task([Turn("Put 1 in n.", equals("n", 1))], variables=[Variable("big", list(range(1000)))])
    config = EpisodeConfig(limits=Limits(claim_bytes=500))
    assert play(task, python("n = 1"), "Done.", config=config).last.reward == 1.0
    assert play(task, python("n = 1\nbig[7] = 0"), "Done.", config=config).last.reward == 0.0


def test_a_large_expected_value_is_compared_by_its_digest_with_injected_classes(play: PlayIt) -> None:
    task = Task(
        [Turn("Double them.", equals("accounts", [Account(i) for i in range(200)]), changes=["accounts"])],
        variables=[Variable("accounts", [])],
        types=[Type(Account)],
    )
    config = EpisodeConfig(limits=Limits(claim_bytes=500))
    for count, reward in ((200, 1.0), (199, 0.0)):
        code = python(f"accounts[:] = [Account(i) for i in range({count})]")
        assert play(task, code, "Done.", config=config).last.reward == reward


@pytest.mark.parametrize("event", ["while True: pass", "import os\nos._exit(0)", "1/0"])
def test_an_event_before_the_first_turn_that_fails_is_a_fault(pool: Pool, event: str) -> None:
    task = Task([Turn("Put 1 in n.", equals("n", 1), event=event)])
    episode = Episode(task, pool=pool, config=EpisodeConfig(limits=SHORT))
    with pytest.raises(Fault, match="the host event of turn 1 failed"):
        run(episode.begin_steps())
    episode.close()


def test_what_an_event_defines_is_the_hosts_doing(play: PlayIt) -> None:
    first = Turn("Put 1 in a.", equals("a", 1))
    second = Turn("Put 2 in b.", equals("b", 2), event="def double(x): return 2 * x")
    task = Task([first, second], functions=[Function(double)])
    assert play(task, python("a = 1"), "Done.", python("b = 2"), "Done.").last.info["scores"] == [1.0, 1.0]


def test_a_suite_that_is_registered_anew_runs_its_new_code(pool: Pool) -> None:
    def played(function: Callable[[], int]) -> str:
        named = Function(function, name="f")
        task = Task([Turn("q", equals("n", 1))], functions=[named], suite="S-v0", family="f", seed=1)
        episode = Episode(task, pool=pool, config=EpisodeConfig())
        run(episode.begin_steps())
        said = run(episode.step_steps(python("print(f())"))).observation
        episode.close()
        return said

    def f() -> int:
        return 11

    def g() -> int:
        return 22

    assert "11" in played(f)
    assert "22" in played(g)


def test_directories_of_a_runtime_look_the_same_in_every_episode(play: PlayIt) -> None:
    asked = python("import os\nprint(os.getcwd(), os.path.expanduser('~'))")
    assert {play(SORT, asked).last.observation.split("\n")[1] for _ in range(2)} == {"/workdir /home/user"}


# --- hosted objects -------------------------------------------------------------------------------------------------


def banking(*turns: Turn, **given: Any) -> Task:
    first = Turn(
        "Move 3 from a to b.",
        [called("bank.transfer", source="a", amount=3), satisfies("bank", lambda b: b.balances["b"] == 3, "moved")],
        changes=["bank"],
    )
    return Task([first, *turns], hosted=[Hosted(Bank(a=10, b=0))], **given)


MOVE = python("bank.transfer('a', 'b', 3)")


def test_calls_and_state_are_judged_by_what_the_world_says(play: PlayIt) -> None:
    played = play(banking(), MOVE, "Done.")
    assert played.reward == 1.0
    assert played.verdicts == {"bank.transfer called with source='a', amount=3": True, "bank moved": True}
    lied = python("class B: balances = {'b': 3}\nbank = B()")
    assert play(banking(), lied, "Done.").reward == 0.0
    in_parts = python("bank.transfer('a', 'b', 1); bank.transfer('a', 'b', 2)")
    assert play(banking(), in_parts, "Done.").reward == 0.5


def test_a_hosted_object_that_is_not_declared_must_stay_as_it_was(play: PlayIt) -> None:
    task = Task([Turn("Put 1 in n.", equals("n", 1))], hosted=[Hosted(Bank(a=10, b=0))])
    assert play(task, python("n = bank.balance('a') // 10"), "Done.").reward == 1.0
    played = play(task, python("n = 1\nbank.transfer('a', 'b')"), "Done.")
    assert played.reward == 0.0
    assert played.verdicts["bank unchanged"] is False
    assert play(task, python("n = 1\nbank = None"), "Done.").reward == 1.0  # the name is the rollout's own to bind


def test_each_turn_has_its_own_calls(play: PlayIt) -> None:
    second = Turn("Do it again.", [call_count("bank.transfer", 1), not_called("bank.audit")], changes=["bank"])
    played = play(banking(second), MOVE, "Done.", MOVE, "Done.")
    assert played.last.info["scores"] == [1.0, 1.0]
    assert play(banking(second), MOVE, "Done.", "Done.").last.info["scores"] == [1.0, 0.0]


def test_the_trace_tells_of_calls(play: PlayIt) -> None:
    played = play(banking(), python("bank.balance('a')\nbank.transfer('a', 'b', 99)"), "Done.")
    entry = played.episode.trace[0]
    assert [(each["name"], each["error"]) for each in entry["calls"]] == [
        ("bank.balance", None),
        ("bank.transfer", "BankError: not enough money"),
    ]
    assert entry["calls"][1]["arguments"] == {"source": "str 'a'", "target": "str 'b'", "amount": "int 99"}
    assert "calls" not in played.episode.trace[1]


def test_an_event_on_a_hosted_object_changes_the_object_and_counts_as_the_host_s(play: PlayIt) -> None:
    asked = [satisfies("bank", lambda b: b.balances["a"] == 0, "empty"), call_count("bank.transfer", 1)]
    second = Turn("Empty a.", asked, changes=["bank"], event="bank.balances['a'] += 100")
    third = Turn("Put 1 in n.", equals("n", 1), event="bank.balances['b'] = 1")
    code = python("bank.transfer('a', 'b', bank.balance('a'))")
    played = play(banking(second, third), MOVE, "Done.", code, "Done.", python("n = 1"), "Done.")
    assert played.last.info["scores"] == [1.0, 1.0, 1.0]
    assert [each["outcome"] for each in played.episode.trace if each["outcome"].startswith("event")] == [
        "event: ok"
    ] * 2


def test_an_event_on_a_hosted_object_that_fails_is_a_fault(play: PlayIt) -> None:
    played = play(banking(Turn("q", equals("n", 1), event="bank.balances['z'] += 1")), MOVE, "Done.")
    assert played.last.info["outcome"] == "fault"
    assert "KeyError: 'z'" in played.last.info["fault"]["message"]


def test_a_call_that_ends_the_world_ends_the_episode_as_failed(play: PlayIt) -> None:
    played = play(banking(), MOVE, python("bank.die()"))
    assert ended(played.last) == (0.0, True, False, "crashed")
    assert played.episode.trace[1]["detail"].startswith("bank.die did not survive its call")
    assert "bank.die" in played.last.observation or played.last.observation


def test_a_checkpoint_brings_the_world_and_its_calls_back(play: PlayIt) -> None:
    config = EpisodeConfig(checkpoint=True, limits=SHORT)
    played = play(banking(), python("bank.transfer('a', 'b', 5)\nbank.die()"), MOVE, "Done.", config=config)
    assert played.reward == 1.0
    assert [each.name for each in played.episode.runtime.calls] == ["bank.transfer"]


def test_the_model_is_told_of_the_methods(play: PlayIt) -> None:
    (system, user) = play(banking()).episode.messages
    assert "- variable: bank: Bank\n  doc: A bank: no money comes from nowhere.\n  def transfer(" in system["content"]
    compact = EpisodeConfig(prompt={"style": "compact"})  # type: ignore[arg-type]
    (*_, user) = play(banking(), config=compact).episode.messages
    assert user["content"].startswith("bank: Bank\n    def transfer(source: str, target: str, amount: int = 1)")


def test_hosted_episodes_repeat_and_differ_by_seed(play: PlayIt) -> None:
    roll = python("print(bank.dice())")
    one, same, other = (play(banking(), roll, seed=seed).last.observation for seed in (1, 1, 2))
    assert one == same != other


# --- branches ---------------------------------------------------------------------------------------------------------


def forked(episode: Episode, n: int = 1, **given: Any) -> list[Episode]:
    return run(episode.fork_steps(n, **given))


def test_branches_go_on_from_where_the_episode_stands_and_leave_it_alone(play: PlayIt) -> None:
    origin = play(SORT, python("xs.sort()")).episode
    first, second = forked(origin, 2)
    assert first.messages == origin.messages
    assert first.turn_steps == 1
    run(first.step_steps(python("xs.clear()")))
    assert run(second.step_steps(python("print(xs)"))).observation.count("[1, 2, 3]") == 1
    assert origin.runtime.retrieve("xs") == [1, 2, 3]
    assert len(origin.messages) == 4
    assert len(first.messages) == len(second.messages) == 6
    assert run(first.step_steps("done")).reward == 0.0
    assert (first.over, second.over, origin.over) == (True, False, False)
    run(origin.step_steps(python("n = 3")))
    run(second.step_steps(python("n = 3")))
    assert run(origin.step_steps("done")).reward == run(second.step_steps("done")).reward == 1.0
    first.close(), second.close()


def test_a_branch_of_a_later_turn_keeps_the_scores_and_the_gates_of_earlier_ones(play: PlayIt) -> None:
    origin = play(of_two(), python("a = 1"), "done").episode
    good, bad = forked(origin, 2)
    assert run(good.step_steps(python("b = 2"))).info["scores"] == [1.0]
    run(bad.step_steps(python("b = 2; a = 0")))
    assert run(good.step_steps("done")).reward == 0.5
    ended = run(bad.step_steps("done"))
    assert ended.reward == 0.0
    assert {each["name"] for each in ended.info["verdicts"] if not each["passed"]} == {"a unchanged"}
    assert (good.reward, bad.reward, origin.reward) == (1.0, 0.5, 0.5)
    good.close(), bad.close()


def test_branches_are_as_random_as_the_episode_unless_they_are_reseeded(play: PlayIt) -> None:
    origin = play(SORT).episode
    draw = python("import random; print(random.random())")
    one, same_as_one, other = (*forked(origin, 2), *forked(origin, seed=5))
    said = [run(each.step_steps(draw)).observation for each in (one, same_as_one, other)]
    assert said[0] == said[1] != said[2]
    for each in (one, same_as_one, other):
        each.close()


def test_trusted_branches_share_the_judge_and_closing_one_leaves_it(play: PlayIt) -> None:
    origin = play(SORT).episode
    for code, reward in ((("xs.sort(); n = 3"), 1.0), ("n = 3", 0.5), ("pass", 0.0)):
        (branch,) = forked(origin, trusted=True)
        (twig,) = forked(branch, trusted=True)
        run(branch.step_steps(python(code)))
        assert run(branch.step_steps("done")).reward == reward
        assert branch._bench.judge is None
        branch.close()
        assert run(twig.step_steps("done")).reward == 0.0
        twig.close()
    (alone,) = forked(origin)
    run(alone.step_steps("done"))
    assert alone._bench.judge is not None
    assert alone._bench.judge is not origin._bench.judge
    alone.close()


def test_what_cannot_be_branched_is_told(play: PlayIt) -> None:
    over = play(SORT, "done").episode
    with pytest.raises(RuntimeError, match="the episode is over"):
        forked(over)
    busy = play(
        SORT, python("import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()")
    )
    with pytest.raises(Fault, match="left 1 threads running"):
        forked(busy.episode)


# --- digests ---------------------------------------------------------------------------------------------------------

LOOKED = EpisodeConfig(digests=True)


def states(played: Play) -> list[dict[str, str] | None]:
    return [step.get("state") for step in played.episode.trace]


def test_digests_follow_the_state_and_change_nothing_else(play: PlayIt) -> None:
    messages = python("xs.sort()"), python("n = len(xs)"), python("n = 3"), "Done."
    looked, not_looked = play(SORT, *messages, config=LOOKED), play(SORT, *messages)
    assert [step.info for step in looked.steps] == [step.info for step in not_looked.steps]
    first, second, third, last = states(looked)
    assert first is not None
    assert second is not None
    assert first.keys() == {"xs", "keep"}
    assert second.keys() == {"xs", "keep", "n"}
    assert (second["xs"], second["keep"]) == (first["xs"], looked.episode.start["keep"])
    assert first["xs"] != looked.episode.start["xs"]
    assert second == third == last, "equal values have equal digests"
    assert states(not_looked) == [None, None, None, last], "the claims that are judged are digested anyway"


def test_a_look_asks_for_nothing_of_turns_to_come(play: PlayIt) -> None:
    played = play(of_two(), python("a = b = 1"), "Done.", python("b = 2"), config=LOOKED)
    assert [sorted(state or {}) for state in states(played)] == [["a", "price"], ["a", "price"], ["a", "b", "price"]]


@pytest.mark.parametrize(
    "forged",
    [
        "k.Kernel._claim = lambda *_: 'rubbish'",
        "k.Kernel._claim = lambda *_: {'not asked for': b''}",
        "k.Kernel._claim = lambda *_: os._exit(1)",
        "k.Kernel._claim = lambda *_: os.kill(os.getpid(), 9)",
    ],
)
def test_a_cell_after_which_the_state_cannot_be_told_has_lost_it(play: PlayIt, forged: str) -> None:
    code = f"import os, sys\nk = sys.modules['cave_rl.runtime.inside.kernel']\nxs.sort(); n = 3\n{forged}"
    played = play(SORT, python(code), config=LOOKED)
    assert played.episode.over
    assert played.reward == 0.0
    assert played.last.info["outcome"] in ("tampered", "crashed", "killed")
    assert states(played) == [None]


def test_forged_digests_earn_nothing(play: PlayIt) -> None:
    """A process may claim what it likes while it is looked at; what counts is what it claims in the end."""
    code = (
        "import sys\nk = sys.modules['cave_rl.runtime.inside.kernel']\nclaim = k.Kernel._claim\n"
        "def forged(self, names, most):\n"
        "    k.Kernel._claim = claim\n"
        "    return dict.fromkeys(names, b'forged')\n"
        "k.Kernel._claim = forged"
    )
    played = play(SORT, python(code), "Done.", config=LOOKED)
    assert played.reward == 0.0
    first, last = states(played)
    assert first != last
