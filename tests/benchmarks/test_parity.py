"""Our verdict and upstream's are the same, on some tasks of many categories; the benchmark plays all of them."""

from __future__ import annotations

import importlib.util
import os
import random

import pytest

from benchmarks.bfcl.comparing import Parity, compare, table
from benchmarks.bfcl.playing import Outcome, in_episodes, in_process
from benchmarks.bfcl.subjects import SINGLE, subject
from benchmarks.bfcl.throughput import cost
from benchmarks.mutations import (
    by_position,
    drop,
    early,
    empty,
    mutated,
    mutated_calls,
    perturb,
    renamed,
    repeat,
    twice,
)
from cave_rl.runtime import Pool
from cave_rl.suites.third_party.bfcl.tasks.suite import INSTALL

GOLD = (("cd(folder='a')", "touch('b')"), (), ("add(a=1, b=[2, 'x'])",))


def test_mutations_say_what_they_do() -> None:
    rng = random.Random(0)
    assert sum(map(len, drop(GOLD, rng) or ())) == 2
    assert (empty(GOLD, rng) or ()).count(()) == 2
    assert repeat(GOLD, rng) == (*GOLD[:2], GOLD[2] * 2)
    assert early(GOLD, rng) == (GOLD[0], GOLD[2], ())
    assert twice(GOLD, rng) == (GOLD[0], GOLD[2], GOLD[2])
    found = {perturb(GOLD, random.Random(seed)) for seed in range(50)}
    changed = [sum(one != other for one, other in zip(GOLD, each or (), strict=True)) for each in found]
    assert len(found) == 4
    assert set(changed) == {1}


def test_a_dialogue_without_refusals_has_no_mutation_of_one() -> None:
    kinds = [kind for kind, _ in mutated((("ls()",),), "x")]
    assert kinds == ["gold", "drop", "empty", "repeat", "nothing"]


def test_the_calls_of_a_single_turn_are_mutated_one_way_each() -> None:
    found = dict(mutated_calls(["a.f(x=1)", "g(y='z', n=2)"], "seed", "h"))
    assert found["gold"] == ("a.f(x=1)", "g(y='z', n=2)")
    assert found["drop"] in {("a.f(x=1)",), ("g(y='z', n=2)",)}
    assert sum(one != other for one, other in zip(found["gold"], found["perturb"], strict=True)) == 1
    assert found["extra"] == (*found["gold"], "a.f(x=1)")
    assert found["other"] == ("h(x=1)", "g(y='z', n=2)")
    assert found["nothing"] == ()
    assert [kind for kind, _ in mutated_calls([], "seed", None)] == ["gold"]


def test_arguments_go_by_position_as_far_as_there_are_some() -> None:
    assert by_position("a.f(y='(', x=1)", ["x", "y"]) == "a.f(1, '(')"
    assert by_position("f(z=3, x=1)", ["x", "y", "z"]) == "f(1, z=3)"
    assert renamed("a.b.f(x='a.b')", lambda name: name.replace(".", "_")) == "a_b_f(x='a.b')"


@pytest.fixture
def installed() -> None:
    if importlib.util.find_spec("bfcl_eval") is None:
        if os.environ.get("CAVE_RL_EXPECT_BFCL"):
            pytest.fail(f"BFCL is expected here: {INSTALL}")
        pytest.skip(f"bfcl_eval is not installed: {INSTALL}")


NUMBERS = {"base": (7, 98, 147), "miss_func": (3, 60), "miss_param": (110, 180), "long_context": (9, 120)}
"""Dialogue 98 is one of those with a calculator."""


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("category", [*NUMBERS, "live_parallel_multiple", "live_irrelevance", "live_relevance"])
def test_verdicts_agree(pool: Pool, category: str) -> None:
    numbers = NUMBERS.get(category, (1, 11))
    found, same = Parity(), Parity()
    compare(subject(category), numbers, in_episodes(pool), found, together=2)
    assert found.disagreements == found.failed_gold == []
    assert found.kinds["gold"].reward == found.kinds["gold"].checker == len(numbers)
    if category != "live_irrelevance":
        assert found.kinds["nothing"].checker == 0
    compare(subject(category), numbers, in_process, same)
    assert same.kinds == found.kinds
    heading, row = table({category: found})
    assert dict(zip(heading, row, strict=True))["disagreements"].startswith("0 of ")


@pytest.mark.usefixtures("installed")
def test_verdicts_of_single_turns_agree_on_every_thirtieth_entry() -> None:
    for category in SINGLE:
        found = Parity()
        compare(subject(category), range(7, subject(category).size, 30), in_process, found)
        assert found.disagreements == []
        wrong = {"nothing"} if category == "live_relevance" else {"drop", "extra", "other", "nothing", "acts"}
        assert all(found.kinds[kind].reward == 0 for kind in wrong & found.kinds.keys()), category


@pytest.mark.usefixtures("installed")
def test_a_disagreement_is_told() -> None:
    def credulous(runs: object) -> list[Outcome]:
        return [Outcome({"official": True, "checker": {"valid": True}}, 1.0) for _ in runs]  # type: ignore[attr-defined]

    found = Parity()
    compare(subject("simple_python"), [0], credulous, found)
    assert found.kinds["gold"].disagreements == []
    assert found.kinds["drop"].disagreements == [
        "simple_python_0: official True, the checker False; "
        "the checker says {'valid': True} in the judge and False here; strict True, the checker with the irrelevance "
        "checker False"
    ]


@pytest.mark.usefixtures("installed")
def test_what_is_interrupted_keeps_what_was_done() -> None:
    def tired(runs: object) -> list[Outcome]:
        if found.tasks == 2:
            raise KeyboardInterrupt
        return in_process(runs)  # type: ignore[arg-type]

    found = Parity()
    with pytest.raises(KeyboardInterrupt):
        compare(subject("simple_python"), range(5), tired, found)
    assert found.tasks == found.kinds["gold"].reward == 2


@pytest.mark.usefixtures("installed")
def test_the_cost_of_gold_episodes_is_measured_with_all_their_processes() -> None:
    found = cost(subject("simple_python"), range(4), group=2)
    assert found.episodes == found.passed == 8
    assert found.ours_s > 10 * found.theirs_s > 0, "the processes of the pool count"
