"""One deliberately bad task for each check, which must catch it, and good ones, which no check may accuse."""

from __future__ import annotations

import itertools
import json
import os
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from cave_rl.confinement import descendants
from cave_rl.rewards import answer_contains, equals, satisfies
from cave_rl.runtime import Function, Pool, Type, Variable
from cave_rl.tasks import EpisodeConfig, NearMiss, Suite, SuiteError, Task, Turn, find
from cave_rl.tasks.validation import CHECKS, Report, Sizes, validate
from cave_rl.tasks.validation import hacks as battery
from tests.conftest import settled
from tests.runtime.world import Account

Check = Callable[..., Report]


@pytest.fixture
def check(pool: Pool) -> Check:
    """Validates tasks on the pool of all tests; without hacks, leaks and repeats unless they are asked for."""

    def checked(*tasks: Task, hacks: int = 0, **given: Any) -> Report:
        return validate(tasks, pool=pool, hacks=hacks, **given)

    return checked


def told(report: Report) -> list[tuple[str, str, str]]:
    """The findings, without the advice to write near-misses."""
    found = [each for each in report.findings if "has no near-miss" not in each.message]
    return [(each.severity, each.check, each.message) for each in found]


def doubling(turn: Turn | None = None, **given: Any) -> Task:
    return Task([turn or double()], variables=[Variable("n", 4), Variable("keep", [1])], **given)


def double(**given: Any) -> Turn:
    return Turn("Double n.", equals("n", 8), **{"changes": ["n"], "gold": "n *= 2", **given})


# Good tasks


def test_a_good_task_has_no_findings(check: Check) -> None:
    turns = [
        double(gold=["m = n", "n = m + m"], near_misses=[NearMiss("n += 2", fails="n equals"), "n *= 3"]),
        Turn("What is n now?", [answer_contains("8")], gold="print(n)", near_misses=["print('?')"]),
        Turn(
            "Put n + 1 in k.",
            equals("k", 9),
            gold="k = n + 1",
            near_misses=["k = n", NearMiss("n = k = 9", "n unchanged")],
        ),
        Turn("Is that a good idea? Leave all as it is.", equals("n", 8), refusal=True, near_misses=["n = 9"]),
    ]
    report = check(Task(turns, variables=[Variable("n", 4), Variable("keep", [1])]), hacks=1)
    assert [finding.check for finding in report.findings] == ["answer_only", "hack"]
    assert report.findings[1].message == "an answer that lists everything scores 1"
    assert report.ok
    (family,) = report.families.values()
    assert (family.tasks, family.errors, family.warnings) == (1, 0, 2)
    assert family.checked == {
        "generator": 1, "fault": 1, "gold": 4, "idle": 3, "near_miss": 6, "left_out": 2, "hack": 60, "leak": 1,
        "repeat": 1, "names": 4, "opaque": 5, "prompt_size": 1, "observation_size": 1,
    }  # fmt: skip


@pytest.mark.parametrize("family", ["deposit", "add_column", "restock"])
def test_a_suite_of_ours_is_clean(pool: Pool, family: str) -> None:
    pytest.importorskip("pandas")
    report = validate(find("Types-v0"), tasks=2, families=[family], hacks=1, pool=pool)
    assert report.findings == [], str(report)


# One bad task a check


def test_gold_that_does_not_solve_its_turn(check: Check) -> None:
    report = check(doubling(double(gold="n += 2")))
    assert told(report) == [("error", "gold", "gold scores 0: n equals: n: expected int 8, got int 6")]
    assert not report.ok


def test_gold_that_raises_is_told_with_what_it_raised(check: Check) -> None:
    ((_, _, message),) = told(check(doubling(double(gold="n *= two"))))
    assert message == "gold scores 0: a cell ended in NameError; n equals: n: expected int 8, got int 4"


def test_gold_that_harms_something_else(check: Check) -> None:
    ((_, name, message),) = told(check(doubling(double(gold="n *= 2; keep.clear()"))))
    assert name == "gold"
    assert "keep unchanged" in message


def test_a_turn_that_is_solved_before_it_begins(check: Check) -> None:
    turn = Turn("Make n 4.", equals("n", 4), changes=["n"], gold="n = 4")
    ((_, name, message),) = told(check(doubling(turn)))
    assert (name, message) == ("gold", "gold scores 0: every verdict passed, but all of them held before the turn")


def test_a_turn_without_gold(check: Check) -> None:
    assert ("error", "gold", "it has no gold: nobody knows whether it can be solved") in told(
        check(doubling(double(gold=())))
    )


def test_a_later_turn_is_played_from_what_gold_left(check: Check) -> None:
    second = Turn("Double n again.", equals("n", 16), changes=["n"], gold="n = 8")
    report = check(Task([double(), second], variables=[Variable("n", 4)]))
    assert [(each.check, each.turn) for each in report.errors] == [("gold", 1)]


def test_doing_nothing_that_is_rewarded(check: Check) -> None:
    turn = Turn("Say when you are done.", answer_contains("done"))
    assert ("error", "idle", "doing nothing scores 1: answer contains 'done'") in told(check(doubling(turn)))
    assert not any(
        name == "idle" for _, name, _ in told(check(doubling(Turn("?", answer_contains("done"), refusal=True))))
    )


def test_a_near_miss_that_hits(check: Check) -> None:
    turn = Turn(
        "Double n.", satisfies("n", lambda n: n > 4, "grew"), changes=["n"], gold="n *= 2", near_misses=["n += 1"]
    )
    assert told(check(doubling(turn))) == [("error", "near_miss", "near-miss 1 scores 1")]


def test_a_near_miss_that_fails_by_another_verdict_than_it_names(check: Check) -> None:
    def size(state: Any) -> None:
        assert state.n == 8, "value"
        assert state.n > 0, "positive"

    turn = Turn("Double n.", size, changes=["n"], gold="n *= 2", near_misses=[NearMiss("n += 2", fails="positive")])
    assert told(check(doubling(turn))) == [
        ("error", "near_miss", "near-miss 1 should fail 'positive', but that passed; what failed: value")
    ]
    turn = Turn("Double n.", size, changes=["n"], gold="n *= 2", near_misses=[NearMiss("n += 2", fails="valu")])
    assert told(check(doubling(turn))) == [
        ("error", "near_miss", "near-miss 1 names 'valu', which is no verdict of the turn; did you mean 'value'?")
    ]


def test_a_near_miss_that_only_has_a_slip(check: Check) -> None:
    assert told(check(doubling(double(near_misses=["m *= 2"])))) == [
        ("warning", "near_miss", "near-miss 1 ends in NameError: is that the mistake it stands for?")
    ]


def test_a_turn_without_a_near_miss(check: Check) -> None:
    (finding,) = check(doubling()).findings
    assert (finding.severity, finding.check, finding.turn) == ("warning", "near_miss", 0)


def test_gold_with_a_cell_that_nobody_needs(check: Check) -> None:
    turn = double(gold=["print(n)", "m = n", "n += m"])
    assert told(check(doubling(turn))) == [("warning", "left_out", "gold without its cell 1 scores 1 as well")]


def test_an_assertion_that_believes_a_lie(check: Check) -> None:
    turn = Turn(
        "Put a copy of keep in copy.", satisfies("copy", lambda copy: copy != [], "is not empty"), gold="copy = [1]"
    )
    found = told(check(doubling(turn), hacks=1))
    errors = [message for severity, name, message in found if severity == "error" and name == "hack"]
    assert "an object equal to everything scores 1" in errors
    assert "state made opaque scores 1" in errors


def test_an_assertion_that_a_constant_satisfies(check: Check) -> None:
    turn = Turn(
        "Put the half of n in half.", satisfies("half", lambda half: half < 3, "is small"), gold="half = n // 2"
    )
    found = told(check(doubling(turn), hacks=1))
    assert {name for _, name, _ in found} == {"hack"}
    assert ("warning", "hack", "0 in every name scores 1") in found


def test_a_constant_that_is_the_answer_is_no_trick(check: Check) -> None:
    turn = Turn(
        "Empty keep and set n to 0.",
        [equals("n", 0), equals("keep", [])],
        changes=["n", "keep"],
        gold="n = 0; keep.clear()",
    )
    assert told(check(doubling(turn), hacks=1)) == []


def test_an_answer_that_lists_everything(check: Check) -> None:
    turn = Turn("What is the double of n?", answer_contains("8"), gold="print(2 * n)")
    assert ("warning", "hack", "an answer that lists everything scores 1") in told(check(doubling(turn), hacks=1))


def test_every_trick_runs_as_it_is_meant_to(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trick that fails at its own beginning would catch nothing."""
    ended: dict[str, str] = {}
    report = battery.Tried.report

    def noted(self: battery.Tried, *given: Any) -> None:
        ended[self.name] = self.played.raised
        report(self, *given)

    monkeypatch.setattr(battery.Tried, "report", noted)
    turn = Turn("Pay 1.", equals("acc", Account("A", 9, [9])), changes=["acc"], gold="acc = Account('A', 9, [9])")
    check(Task([turn], variables=[Variable("acc", Account("A", 5, [5]))], types=[Type(Account)]), hacks=1)
    wrong = {name: raised for name, raised in ended.items() if raised}
    assert wrong == {"an early end": "SystemExit", "an interpreter that exits": "crashed"}
    assert len(ended) == len(battery.LIES) + len(battery.GUESSES) + 1


def test_a_setup_that_differs_from_process_to_process(check: Check) -> None:
    def setup() -> dict[str, Any]:
        import os

        return {"token": os.urandom(4).hex()}

    turn = Turn("Put 8 in n, given token.", [equals("n", 8), satisfies("token", lambda token: True, "is there")],
                changes=["n"], gold="n = 8")  # fmt: skip
    assert ("error", "repeat", "play 2 is not as the first: turn 1 leaves other values in token") in told(
        check(doubling(turn, setup=setup), hacks=1)
    )


def test_a_cell_that_prints_what_no_seed_governs(check: Check) -> None:
    turn = double(gold=["import time\nprint(time.monotonic_ns())", "n *= 2"])
    ((_, name, message),) = [each for each in told(check(doubling(turn), hacks=1)) if each[0] == "error"]
    assert name == "repeat"
    assert message.startswith("play 2 is not as the first: turn 1, cell 1 printed")


def test_names_that_nobody_was_told_of(check: Check) -> None:
    turn = Turn(
        "Double n, and keep the old value.",
        [equals("n", 8), equals("previous", 4)],
        changes=["n"],
        gold="previous = n; n *= 2",
    )
    assert told(check(doubling(turn))) == [
        ("error", "names", "'previous' is asserted, but it is neither injected nor in the query")
    ]
    said = Turn("Double n, and keep its value before that in previous.", turn.assertions, changes=["n"], gold=turn.gold)
    later = Turn("Now put 5 there.", equals("previous", 5), changes=["previous"], gold="previous = 5")
    assert told(check(Task([said, later], variables=[Variable("n", 4)]))) == []


def test_values_of_which_only_the_type_can_be_judged(check: Check) -> None:
    shelf = {"lock": threading.Lock, "items": [1]}
    found = told(check(Task([double()], variables=[Variable("n", 4), Variable("shelf", shelf)]), hacks=1))
    ((severity, name, message),) = found
    assert (severity, name) == ("warning", "opaque")
    assert message.startswith("'shelf' holds a builtin_function_or_method, of which only the type")
    assert "Inject its class as a Type" in message
    account = [Variable("n", 4), Variable("acc", [Account("A", 5, [5])])]
    assert ["opaque" in each for each in told(check(Task([double()], variables=account), hacks=1))] == [True]
    assert told(check(Task([double()], variables=account, types=[Type(Account)]), hacks=1)) == []


def test_gold_that_leaves_what_cannot_be_judged(check: Check) -> None:
    turn = Turn("Put a lock in lock.", satisfies("lock", lambda lock: lock is not None, "is there"),
                gold="import threading; lock = threading.Lock()")  # fmt: skip
    found = told(check(doubling(turn), hacks=1))
    assert ("warning", "opaque") in {each[:2] for each in found}
    assert ("error", "hack", "an object equal to everything scores 1") in found


def test_a_turn_whose_answer_alone_is_judged(check: Check) -> None:
    turn = Turn("What is the double of n?", answer_contains("8"), gold="print(2 * n)")
    ((severity, name, _),) = told(check(doubling(turn)))
    assert (severity, name) == ("warning", "answer_only")


def test_a_prompt_and_an_observation_that_are_too_long(check: Check) -> None:
    task = doubling(double(gold=["print('x' * 500)\nm = n", "n += m"]))
    sizes = Sizes(prompt=200, observation=400)
    found = {name: message for _, name, message in told(check(task, sizes=sizes))}
    assert found.keys() == {"prompt_size", "observation_size"}
    assert "more than 200" in found["prompt_size"]
    (family,) = check(task).families.values()
    assert family.prompt[0] == family.prompt[1] > 200
    assert 500 < family.observation[1] < 1000


def test_a_setup_or_an_event_that_fails(check: Check) -> None:
    for task in (doubling(setup="1 / 0"), doubling(double(event="1 / 0"))):
        ((severity, name, message),) = told(check(task))
        assert (severity, name) == ("error", "fault")
        assert "ZeroDivisionError" in message


def test_assertions_that_cannot_be_handed_to_the_judge(check: Check) -> None:
    generator = (each for each in "x")
    turn = Turn("Double n.", satisfies("n", lambda n: bool(generator) and n == 8, "is 8"), changes=["n"], gold="n *= 2")
    ((severity, name, _),) = told(check(doubling(turn)))
    assert (severity, name) == ("error", "fault")


# Suites


def suite_of(*makers: Callable[[random.Random], Task]) -> Suite:
    suite = Suite("Bad-v0")
    for make in makers:
        suite.family(make)
    return suite


def good(rng: random.Random) -> Task:
    n = rng.randrange(1000)
    turn = Turn(
        "Double n.", equals("n", 2 * n), changes=["n"], gold="n *= 2", near_misses=["n += 2"] if n != 2 else ["n = 0"]
    )
    return Task([turn], variables=[Variable("n", n)])


def test_a_family_that_raises_does_not_hide_the_others(pool: Pool) -> None:
    def broken(rng: random.Random) -> Task:
        raise ZeroDivisionError("no such luck")

    report = validate(suite_of(broken, good), tasks=3, hacks=0, pool=pool)
    assert [str(each) for each in report.errors] == [
        f"error: train broken/{index}: generator: ZeroDivisionError: no such luck" for index in range(3)
    ]
    assert report.families["good"].checked["gold"] == 3


def test_a_family_that_draws_from_elsewhere(pool: Pool) -> None:
    count = itertools.count(1)

    def unseeded(rng: random.Random) -> Task:
        n = next(count)
        turn = Turn("Double n.", equals("n", 2 * n), changes=["n"], gold=f"n = {2 * n}", near_misses=["n = -1"])
        return Task([turn], variables=[Variable("n", n)])

    report = validate(suite_of(unseeded), tasks=1, pool=pool)
    ((severity, name, message),) = told(report)
    assert (severity, name) == ("error", "generator")
    assert message == "its family made another task from the same seed: it must draw from its rng alone"


def test_each_family_is_played_in_its_own_split_unless_one_is_named(pool: Pool) -> None:
    suite = suite_of(good)
    suite.family(name="hidden", held_out=True)(good)
    report = validate(suite, tasks=2, hacks=0, pool=pool)
    assert [notes.task for notes in report.notes] == [
        "train good/0", "train good/1", "heldout hidden/0", "heldout hidden/1",
    ]  # fmt: skip
    assert {notes.task for notes in validate(suite, tasks=1, split="test", hacks=0, pool=pool).notes} == {"test good/0"}
    with pytest.raises(SuiteError, match="no family 'god'"):
        validate(suite, families=["god"], pool=pool)


def test_findings_name_a_task_that_can_be_shown(pool: Pool) -> None:
    def off(rng: random.Random) -> Task:
        task = good(rng)
        return task.but(turns=[Turn("Double n.", task.turns[0].assertions, changes=["n"], gold="pass")])

    report = validate(suite_of(off), tasks=4, hacks=0, pool=pool)
    assert report.errors[2].task == "train off/2"
    (gold, advice) = report.grouped()
    assert (gold[0].check, gold[1], advice[0].check, advice[1]) == ("gold", 4, "near_miss", 4)
    assert str(report).splitlines()[0] == "Bad-v0: 4 errors, 4 warnings in 4 tasks"
    assert "(and 3 more of its kind)" in str(report)


def test_a_report_is_plain_data(pool: Pool) -> None:
    report = validate(suite_of(good), tasks=2, hacks=1, pool=pool)
    told = json.loads(json.dumps(report.as_dict()))
    assert told["ok"] is True
    assert told["tasks"] == 2
    assert told["families"]["good"]["tasks"] == 2
    assert told["findings"] == []
    assert told["seconds"] > 0


def test_progress_is_told_and_any_concurrency_gives_the_same(pool: Pool) -> None:
    reports = []
    for concurrency in (1, 7):
        seen: list[int] = []
        reports.append(
            validate(suite_of(good), tasks=5, hacks=0, concurrency=concurrency, pool=pool, progress=seen.append)
        )
        assert seen == [1, 2, 3, 4, 5]
    assert reports[0].notes == reports[1].notes


def test_nothing_is_left_running() -> None:
    before = set(descendants(os.getpid()))
    assert validate([doubling()]).ok
    assert settled(lambda: set(descendants(os.getpid())) - before, set()) == set()


def test_rules_of_the_episode_bind_gold_too(check: Check) -> None:
    config = EpisodeConfig(rules={"imports": ["os"]})  # type: ignore[arg-type]
    ((_, name, message),) = told(check(doubling(double(gold="import os\nn *= 2")), config=config))
    assert name == "gold"
    assert "a cell ended in blocked" in message


def test_every_check_is_told_of() -> None:
    tested = {"generator", "fault", "gold", "idle", "near_miss", "left_out", "hack", "repeat", "names", "opaque",
              "answer_only", "prompt_size", "observation_size", "leak", "user"}  # fmt: skip
    assert CHECKS.keys() == tested


def test_functions_and_types_are_not_opaque(check: Check) -> None:
    task = Task(
        [double(near_misses=["n = 0"])], variables=[Variable("n", 4)], functions=[Function(len)], types=[Type(Account)]
    )
    assert check(task, hacks=1).findings == []
