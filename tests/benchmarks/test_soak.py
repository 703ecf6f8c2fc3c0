"""The soak finds nothing where there is nothing, and finds what there is."""

from __future__ import annotations

import io
import random
import tempfile
from itertools import islice

import pytest
from rich.console import Console

from benchmarks.faults import Kill, Plan, message, plan
from benchmarks.soak import FORKING, POLICY, SUITE, Flight, Ledger, _held, _of_episodes, soak
from cave_rl.runtime import Fault, Pool, Setup, run
from cave_rl.tasks import Episode, EpisodeConfig, Task, find
from tests.runtime.hostile.conftest import CONTAINED, TASK

SILENT = Console(file=io.StringIO())


@CONTAINED
@pytest.mark.timeout(280)
def test_sixty_episodes_leave_nothing_and_none_is_rewarded_for_what_it_did_not_do() -> None:
    pytest.importorskip("pandas")
    ledger = soak(60, 5, 16, SILENT)
    assert ledger.wrong == []
    assert ledger.left == dict.fromkeys(ledger.left, 0)
    assert sum(ledger.ends.values()) == 60
    assert ledger.ends["solved"] > 10
    assert ledger.ends["unsolved"] > 10
    assert {"ok", "answered", "crashed", "error"} <= ledger.outcomes.keys()


def flight(pool: Pool, *messages: str, **expected: object) -> Flight:
    """An episode of the hostile tests' task that was played, with what is claimed of it."""
    episode = Episode(TASK, pool=pool, config=EpisodeConfig(), seed=1)
    run(episode.begin_steps())
    for each in messages:
        run(episode.step_steps(each))
    episode.close()
    return Flight(episode, Plan("played", **expected))  # type: ignore[arg-type]


GOLD = (message(TASK.turns[0].gold[0]), "Done.")


@pytest.mark.parametrize(
    ("messages", "solves", "most", "found"),
    [
        (GOLD, False, 0.0, "false reward: solved without"),
        ((message("acc.deposit(4)"), "Done."), False, 0.0, "false reward 0."),
        (("Done.",), True, 1.0, "solved, but its reward is 0"),
        (GOLD, True, 1.0, None),
        (("Done.",), False, 0.0, None),
        (("Done.",), None, 1.0, None),
    ],
)
def test_rewards_are_held_against_what_was_done(
    pool: Pool, messages: tuple[str, ...], solves: bool | None, most: float, found: str | None
) -> None:
    ledger = Ledger()
    ledger.note(0, flight(pool, *messages, solves=solves, most=most), None)
    assert ledger.clean == (found is None)
    if found:
        assert found in ledger.wrong[0]


def test_a_fault_needs_a_kill_of_the_host_s_that_explains_it(pool: Pool) -> None:
    ledger, played = Ledger(), flight(pool, solves=True, most=1.0)
    ledger.note(0, played, Fault("the template is gone"))
    assert "a fault that nobody caused" in ledger.wrong[0]
    excused, played.excused = Ledger(), True
    excused.note(0, played, Fault("the template is gone"))
    assert excused.clean
    assert excused.ends["fault"] == 1


def test_what_is_left_is_counted() -> None:
    with Pool(POLICY) as pool:
        template = run(pool.template_steps("t", lambda: pool.base(()).template_steps(Setup())))
        before = _of_episodes((pool,))  # other tests' pools are open in this process
        assert (before["runtimes and judges"], before["working directories"]) == (0, 0)
        with template.start():
            found = {kind: count - before[kind] for kind, count in _of_episodes((pool,)).items()}
            assert found.pop("outputs of runtimes") >= 2
            assert found == {"pidfds": 1, "runtimes and judges": 1, "working directories": 1}
    with tempfile.TemporaryDirectory() as scratch:
        before = _held(scratch)
        with tempfile.TemporaryDirectory(dir=scratch), tempfile.TemporaryFile():
            after = _held(scratch)
        assert (after["directories"], after["descriptors"]) == (1, before["descriptors"] + 1)


def tasks() -> list[Task]:
    pytest.importorskip("pandas")
    return list(islice(find(SUITE).tasks("train"), 60))


def test_a_plan_is_a_function_of_its_seed() -> None:
    for number, task in enumerate(tasks()):
        assert plan(random.Random(number), task) == plan(random.Random(number), task)


def test_a_plan_without_gold_must_not_be_solved() -> None:
    kinds = set()
    for number, task in enumerate(tasks() * 20):
        made = plan(random.Random(number), task)
        kinds.add(made.kind)
        golden = all(message(cell) in made.acts for turn in task.turns for cell in turn.gold)
        assert 0.0 <= made.most <= 1.0 + 1e-9
        if not golden:
            assert made.solves is False
        if Kill("runtime") in made.acts:
            assert made.solves is False
        if made.kind in ("idle", "lie", "cut", "malformed twice", "lethal at the end", "os._exit"):
            assert made.most < 1.0 or made.checkpoint
    assert len(kinds) > 40
    assert FORKING.fork > 0
