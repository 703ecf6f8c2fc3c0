"""Two runs side by side: what is paired, what is said, and what would make it unfair."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from cave_rl.evaluation.compare import Side, compare, unfair
from cave_rl.evaluation.config import EvalConfig
from cave_rl.evaluation.directory import RunDirectory
from cave_rl.tasks.settings import ConfigError

FAMILIES = ("a", "b", "c")


def row(number: int, rollout: int, solved: bool, **changes: Any) -> dict[str, Any]:
    """A line of a trace, as far as a comparison looks at it."""
    family = FAMILIES[number % 3]
    return {
        "key": f"S-v0/test/{family}/{number}#{rollout}",
        "suite": "S-v0",
        "family": family,
        "task": f"{family}/{number}",
        "seed": 0,
        "solved": solved,
        "fault": None,
        "stop": "answered",
        "prompt_hash": {"messages": f"m{number}", "ids": None},
        **changes,
    }


def side(path: Path, rows: list[dict[str, Any]], **changes: Any) -> Side:
    config = EvalConfig.model_validate({"suites": ["S-v0"], "model": {"name": "gold"}, **changes})
    with RunDirectory.create(path, config) as run:
        for each in rows:
            run.append(each)
    (path / "summary.json").write_text("{}")
    return Side.read(path)


def outcomes(*solved: str) -> list[dict[str, Any]]:
    """Rows of tasks, each given as its rollouts: "+-" is one solved and one not."""
    return [row(task, i, mark == "+") for task, marks in enumerate(solved) for i, mark in enumerate(marks)]


def compared(tmp_path: Path, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> dict[str, Any]:
    return compare(side(tmp_path / "before", before), side(tmp_path / "after", after))


def test_tasks_weigh_the_same_whatever_their_rollouts(tmp_path: Path) -> None:
    found = compared(tmp_path, outcomes("----", "-"), outcomes("+++-", "-"))
    assert found["difference"]["mean"] == pytest.approx((0.75 + 0) / 2)
    assert (found["success"]["before"]["mean"], found["success"]["after"]["mean"]) == (0.0, 0.375)
    assert (found["tasks"], found["gained"], found["lost"], found["left_out"]) == (2, 1, 0, 0)


def test_a_difference_that_is_there_is_found_and_one_that_is_not_is_not(tmp_path: Path) -> None:
    rng = random.Random(0)
    old = ["".join(rng.choice("+-") for _ in range(4)) for _ in range(40)]
    better = ["".join("+" if rng.random() < 0.4 else mark for mark in marks) for marks in old]
    again = ["".join(rng.sample(marks, 4)) for marks in old]
    found = compared(tmp_path / "1", outcomes(*old), outcomes(*better))
    assert found["difference"]["low"] > 0
    assert found["sign_flip_p"] < 0.01
    nothing = compared(tmp_path / "2", outcomes(*old), outcomes(*again))
    assert (nothing["difference"]["mean"], nothing["sign_flip_p"]) == (0.0, 1.0)


def test_mcnemar_only_where_there_is_one_rollout_a_task(tmp_path: Path) -> None:
    single = compared(tmp_path / "1", outcomes(*"---------+"), outcomes(*"++++++++--"))
    assert single["mcnemar_p"] == pytest.approx(0.0390625)
    assert single["sign_flip_p"] == pytest.approx(single["mcnemar_p"]), "the same test there"
    assert compared(tmp_path / "2", outcomes("--", "+"), outcomes("-+", "+"))["mcnemar_p"] is None


def test_flips_are_listed_with_where_to_read_why(tmp_path: Path) -> None:
    found = compared(tmp_path, outcomes("+-", "--", "++"), outcomes("--", "-+", "++"))
    lost, gained = found["flips"]
    assert (lost["task"], lost["before"], lost["after"]) == ("S-v0/test/a/0", 0.5, 0.0)
    assert [place["key"] for place in lost["traces"]] == ["S-v0/test/a/0#0", "S-v0/test/a/0#0"]
    assert [place["key"] for place in gained["traces"]] == ["S-v0/test/b/1#0", "S-v0/test/b/1#1"]
    for flip in found["flips"]:
        for place in flip["traces"]:
            line = Path(place["file"]).read_text().splitlines()[place["line"] - 1]
            assert json.loads(line)["key"] == place["key"]


def test_a_trace_is_that_of_the_last_time_an_episode_was_played(tmp_path: Path) -> None:
    failed = row(0, 0, False, fault="ServerError: HTTP 500")
    found = compared(tmp_path, [failed, *outcomes("-")], outcomes("+"))
    assert found["flips"][0]["traces"][0]["line"] == 2
    assert found["no_verdict"] is None


def test_faults_are_left_out_and_leave_no_verdict(tmp_path: Path) -> None:
    failed = [{**each, "fault": "ServerError: HTTP 500"} for each in outcomes("-", "-")]
    found = compared(tmp_path, [*failed, *outcomes("--", "--", "--")[4:]], outcomes("+", "+", "+"))
    assert (found["tasks"], found["left_out"]) == (1, 2)
    assert "more than 2 %" in found["no_verdict"]
    assert unfair(found)[0].startswith("no verdict: ")


@pytest.mark.parametrize("changes", [{"seed": 1}, {"task": "a/another"}])
def test_what_did_not_begin_in_the_same_state_is_not_paired(tmp_path: Path, changes: dict[str, Any]) -> None:
    after = [row(0, 0, True, **changes), row(1, 0, True)]
    found = compared(tmp_path, outcomes("-", "-"), after)
    assert (found["tasks"], found["left_out"]) == (1, 1)
    assert "1 tasks are left out" in unfair(found)[-1]
    with pytest.raises(ConfigError, match="no task in common"):
        compared(tmp_path / "none", outcomes("-"), after[:1])


def test_prompts_that_differ_are_said_aloud(tmp_path: Path) -> None:
    other = {"messages": "x", "ids": None}
    found = compared(tmp_path, outcomes("-", "-"), [row(0, 0, True, prompt_hash=other), row(1, 0, True)])
    assert found["prompts"]["messages"] == {"same": 1, "different": 1, "one_sided": 0, "unknown": 0}
    assert unfair(found) == ["the prompts differ (messages) in 1 of 2 tasks"]


def test_token_ids_are_compared_where_they_are_known(tmp_path: Path) -> None:
    """The same messages may be other tokens."""
    ids = [{"messages": "m0", "ids": name} for name in ("one", "two")]
    found = compared(tmp_path, [row(0, 0, True, prompt_hash=ids[0])], [row(0, 0, True, prompt_hash=ids[1])])
    assert unfair(found) == ["the prompts differ (token ids) in 1 of 1 tasks"]


def test_that_a_chat_endpoint_makes_prompts_of_its_own_is_said(tmp_path: Path) -> None:
    known = row(0, 0, True, prompt_hash={"messages": "m0", "ids": "one"})
    endpoint = side(tmp_path / "a", outcomes("+"), model={"name": "http://127.0.0.1:1/v1"})
    checkpoint = side(tmp_path / "b", [known], model={"name": "some/model"})
    (told,) = unfair(compare(endpoint, checkpoint))
    assert "a chat endpoint renders chats by its own template" in told
    assert unfair(compare(checkpoint, checkpoint)) == []


def test_settings_that_differ_are_said_but_not_the_model_and_not_how_it_was_carried_out(tmp_path: Path) -> None:
    before = side(tmp_path / "a", outcomes("+"), concurrency=2)
    after = side(tmp_path / "b", outcomes("+"), model={"name": "noop"}, sampling={"temperature": 0.0}, rollouts=1)
    assert unfair(compare(before, after)) == ["sampling.temperature is 1.0 before and 0.0 after"]
