"""From rows to numbers: what counts, what is left out, and what is not known."""

from __future__ import annotations

import json
import random
from math import comb
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cave_rl.evaluation.statistics import clustered_interval
from cave_rl.evaluation.summary import no_verdict, summarise

NOBODY = dict.fromkeys(("prompt", "completion", "observation", "sent", "by"))


def row(task: int = 0, rollout: int = 0, solved: bool = False, **changes: Any) -> dict[str, Any]:
    """A line of a trace, as far as a summary looks at it."""
    given = {
        "key": f"S-v0/test/f{task % 2}/{task}#{rollout}",
        "rollout": rollout,
        "suite": "S-v0",
        "family": f"f{task % 2}",
        "task": f"f{task % 2}/{task:016x}",
        "tags": ["core"],
        "difficulty": None,
        "turns": 1,
        "scores": [float(solved)],
        "reward": float(solved),
        "solved": solved,
        "stop": "answered",
        "fault": None,
        "fault_type": None,
        "outcomes": ["ok", "answered"],
        "verdicts": [{"turn": 0, "name": "x equals", "passed": solved, "gate": False}],
        "opening": 2,
        "prompt_hash": {"messages": f"m{task}", "ids": None},
        "tokens": NOBODY,
        "calls": [],
        "wall_s": 2.0,
        "env_s": 0.5,
        "policy_s": 1.5,
    }
    return {**given, **changes}


def fault(task: int, rollout: int, kind: str = "ServerError") -> dict[str, Any]:
    told = {"fault": f"{kind}: why", "fault_type": kind, "stop": "fault"}
    return row(task, rollout, **told, reward=None, scores=[], outcomes=[], verdicts=[])


def test_faults_are_left_out_counted_and_bounded() -> None:
    rows = [row(0, 0, True), row(0, 1, False), fault(1, 0), fault(1, 1, "SetupFault")]
    found = summarise(rows, planned=6)
    assert (found["rollouts"], found["faults"], found["missing"]) == (4, 2, 2)
    assert found["faults_by_type"] == {"ServerError": 1, "SetupFault": 1}
    assert (found["success"]["mean"], found["success_with_faults"]["mean"]) == (0.5, 0.25)
    assert (found["reward"], found["by"]["family"]["f0"]["mean"]) == (0.5, 0.5)
    assert "f1" not in found["by"]["family"], "nothing of it was scored"


@pytest.mark.parametrize(("episodes", "faults", "some"), [(100, 2, False), (100, 3, True), (49, 1, True), (0, 0, True)])
def test_no_verdict_above_two_percent(episodes: int, faults: int, some: bool) -> None:
    assert (no_verdict(episodes, faults) is not None) == some


def test_where_all_are_faults_nothing_is_claimed() -> None:
    found = summarise([fault(0, 0)])
    assert (found["success"], found["turn_success"], found["pass_at"], found["families"]) == (None, None, {1: None}, {})
    assert found["success_with_faults"]["mean"] == 0.0
    json.dumps(found, allow_nan=False)
    json.dumps(summarise([]), allow_nan=False)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.sampled_from("+-!"), min_size=1, max_size=8), min_size=1, max_size=6))
def test_pass_at_k_is_a_mean_over_the_tasks_with_enough(tasks: list[list[str]]) -> None:
    rows = [
        fault(task, i) if mark == "!" else row(task, i, mark == "+")
        for task, marks in enumerate(tasks)
        for i, mark in enumerate(marks)
    ]
    found = summarise(rows)
    most = max(map(len, tasks))
    assert list(found["pass_at"]) == [k for k in (1, 2, 4, 8) if k <= most]
    counts = [(len(marks) - marks.count("!"), marks.count("+")) for marks in tasks]
    for k in found["pass_at"]:
        at = [1 - comb(n - c, k) / comb(n, k) for n, c in counts if n >= k]
        hat = [comb(c, k) / comb(n, k) for n, c in counts if n >= k]
        assert found["pass_tasks"][k] == len(at)
        assert found["pass_at"][k] == (pytest.approx(sum(at) / len(at)) if at else None)
        assert found["pass_hat"][k] == (pytest.approx(sum(hat) / len(hat)) if hat else None)


@settings(deadline=None, max_examples=10)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rng: random.Random) -> None:
    rows = [row(task, i, (task * 3 + i) % 4 == 0) for task in range(5) for i in range(3)] + [fault(5, 0)]
    expected = summarise(rows)
    rng.shuffle(rows)
    assert summarise(rows) == expected


def test_the_interval_is_clustered_by_task_and_wilsons_at_the_ends() -> None:
    rows = [row(task, i, task < 6) for task in range(12) for i in range(8)]
    found = summarise(rows)
    expected = clustered_interval([float(each["solved"]) for each in rows], [each["task"] for each in rows])
    assert found["success"] == expected.as_dict()
    assert found["success"]["clusters"] == 12
    assert found["success_over_families"]["clusters"] == 2
    assert found["success"]["high"] - found["success"]["low"] > 0.4, "not as narrow as 96 independent episodes"
    every = summarise([row(task, i, True) for task in range(12) for i in range(8)])["success"]
    assert (every["mean"], every["high"]) == (1.0, 1.0)
    assert every["low"] == pytest.approx(0.757, abs=0.001), "12 of 12, not 96 of 96"


def test_a_turn_that_was_not_reached_was_not_solved() -> None:
    found = summarise([row(0, 0, turns=3, scores=[1.0, 0.5]), row(0, 1, turns=3, scores=[1.0, 1.0, 1.0], solved=True)])
    assert found["turns"] == [
        {"turn": 0, "episodes": 2, "judged": 2, "solved": 2},
        {"turn": 1, "episodes": 2, "judged": 2, "solved": 1},
        {"turn": 2, "episodes": 2, "judged": 1, "solved": 1},
    ]
    assert found["turn_success"] == pytest.approx(4 / 6)


def test_tokens_that_nobody_counted_are_not_zero() -> None:
    assert summarise([row()])["tokens"] == {
        **dict.fromkeys(("prompt", "completion", "observation", "sent")),
        "by": {"nobody": 1},
    }
    counted = {"prompt": 10, "completion": 4, "observation": 2, "sent": 26, "by": "usage"}
    found = summarise([row(), row(0, 1, tokens=counted)])["tokens"]
    assert found == {"prompt": 10, "completion": 4, "observation": 2, "sent": 26, "by": {"nobody": 1, "usage": 1}}


def test_groups_and_their_faults() -> None:
    rows = [row(0, 0, True, tags=["core", "list"], difficulty=2), row(2, 0, tags=["core"], difficulty=10), fault(0, 1)]
    by = summarise(rows)["by"]
    assert {tag: (each["mean"], each["n"], each["faults"]) for tag, each in by["tag"].items()} == {
        "core": (0.5, 2, 1),
        "list": (1.0, 1, 0),
    }
    assert list(by["difficulty"]) == ["2", "10"], "in the order of numbers"
    assert by["suite"]["S-v0"]["n"] == 2


def test_each_assertion_is_counted_where_its_turn_was_judged() -> None:
    gate = {"turn": 0, "name": "y unchanged", "passed": False, "gate": True}
    rows = [row(0, 0, True), row(0, 1), row(0, 2, verdicts=[gate])]
    assert summarise(rows)["assertions"] == [
        {"suite": "S-v0", "family": "f0", "turn": 0, "gate": False, "name": "x equals", "judged": 2, "passed": 1},
        {"suite": "S-v0", "family": "f0", "turn": 0, "gate": True, "name": "y unchanged", "judged": 1, "passed": 0},
    ]


def test_seconds_and_the_environments_share() -> None:
    found = summarise([row(), row(0, 1, wall_s=4.0, env_s=2.5)])
    assert found["seconds"] == {"wall": 3.0, "env": 1.5, "policy": 1.5}
    assert (found["env_share"], found["env_ms"]) == (0.5, 1500)


def test_one_hash_stands_for_all_prompts_where_all_are_known() -> None:
    ids = [row(task, prompt_hash={"messages": "m", "ids": f"i{task}"}) for task in range(3)]
    found = summarise(ids)["prompt_hash"]
    assert found["ids"] == summarise([*ids, {**ids[0], "key": "S-v0/test/f0/0#1"}])["prompt_hash"]["ids"]
    assert found["ids"] != summarise(ids[:2])["prompt_hash"]["ids"]
    assert summarise([*ids, row(4)])["prompt_hash"]["ids"] is None
