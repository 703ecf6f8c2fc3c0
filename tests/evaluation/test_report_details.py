"""What the trace reader is given of an episode: all of it, and each thing once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cave_rl.evaluation.report.details import details, opening_length, segments
from cave_rl.evaluation.report.runs import episode
from cave_rl.runtime.pool import Pool
from cave_rl.semantic.parsing import fenced
from tests.evaluation.lines import HOSTILE, failed, faulty, line, older, real


def told(row: dict[str, Any]) -> dict[str, Any]:
    return details(episode(row, 0, 1))


def said(step: dict[str, Any]) -> str:
    return "".join(text for _, text in step["message"])


@pytest.mark.parametrize("form", [line, lambda: older(line())], ids=["as written now", "as written before"])
def test_an_episode_is_taken_apart_into_turns_and_steps(form: Any) -> None:
    found = told(form())
    assert found["opening"] == [["system", "Write Python."], ["user", "xs: list\nPut the sum of xs in total."]]
    (turn,) = found["turns"]
    assert (turn["turn"], turn["score"]) == (1, "1")
    first, second = turn["steps"]
    assert first["message"] == [
        ["text", "I add them up.\n```python\n"],
        ["code", "total = sum(xs)"],
        ["text", "\n```"],
    ]
    assert (first["name"], first["outcome"], first["observation"]) == ("step 1", "ok", "it ran")
    assert first["facts"] == [
        ["state", "created total"],
        ["wall", "2 ms"],
        ["CPU", "1 ms"],
        ["peak memory", "20.0 MiB"],
    ]
    assert (second["name"], second["outcome"], said(second)) == ("step 2", "answered", "Done.")
    assert second["facts"] == []
    assert [each["name"] for each in turn["verdicts"]] == ["total equals", "xs unchanged"]


def test_a_verdict_is_told_with_what_was_found() -> None:
    verdict, gate = told(failed())["turns"][0]["verdicts"]
    assert verdict == {
        "name": "total equals",
        "passed": False,
        "gate": False,
        "weight": "1",
        "message": "total: expected 6, got 5",
    }
    assert gate["gate"]


def test_each_turn_has_its_query_and_its_own_steps_and_verdicts() -> None:
    steps = [{"turn": 0, "step": 1, "outcome": "answered"}, {"turn": 1, "step": 2, "outcome": "answered"}]
    verdicts = [{"turn": 1, "name": "b", "passed": True}, {"turn": 0, "name": "a", "passed": False}]
    found = told(line(steps=steps, verdicts=verdicts, scores=[0.0, 1.0], queries=["first", "second"]))
    assert [(t["query"], t["score"], len(t["steps"])) for t in found["turns"]] == [
        ("first", "0", 1),
        ("second", "1", 1),
    ]
    assert [[v["name"] for v in t["verdicts"]] for t in found["turns"]] == [["a"], ["b"]]


def test_a_host_event_is_a_step_without_a_message() -> None:
    event = {"turn": 0, "step": 0, "outcome": "event: ok", "wall_s": 0.001, "diff": {"created": []}}
    row = line()
    found = told({**row, "steps": [event, *row["steps"]]})
    before = told({**older(row), "steps": [event, *older(row)["steps"]]})
    for each in (found, before):
        first, second, _ = each["turns"][0]["steps"]
        assert (first["name"], first["outcome"], first["message"]) == ("host event", "ok", [])
        assert first["facts"][0] == ["state", "unchanged"]
        assert said(second).startswith("I add them up.")


def test_few_shot_examples_belong_to_the_opening() -> None:
    row = older(line())
    shots = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "```python\n1\n```"}]
    row["messages"] = [row["messages"][0], *shots, *row["messages"][1:]]
    assert opening_length(row) == 4
    assert opening_length({**row, "opening": 3}) == 3


def test_a_message_that_had_no_room_has_no_text() -> None:
    """Its step is there, with no message."""
    row = older(line())
    row["messages"] = row["messages"][:-1]
    row["outcomes"], row["steps"][-1]["outcome"] = ["ok", "cut"], "cut"
    first, last = told(row)["turns"][0]["steps"]
    assert said(first).startswith("I add them up.")
    assert (last["outcome"], last["message"], last["observation"]) == ("cut", [], "")


def test_a_message_on_which_our_side_failed_is_shown() -> None:
    """It has no record of its own."""
    row = faulty()
    row["steps"] = row["steps"][:1]
    found = told(row)
    assert [said(step) for step in found["turns"][0]["steps"]][1] == "Done."
    assert found["fault"] == "OSError: disk"


def test_an_episode_that_did_not_begin_has_nothing_but_its_fault() -> None:
    found = told(faulty(messages=[], steps=[], outcomes=[], opening=0, queries=[]))
    assert (found["opening"], found["turns"], found["fault"]) == ([], [], "OSError: disk")


def test_what_is_not_known_here_is_shown_as_it_is() -> None:
    row = line(prompt_hash={"ids": "ab"})
    row["steps"][0]["state"] = {"total": "00ff"}
    found = told(row)
    assert ["prompt_hash", '{\n  "ids": "ab"\n}'] in found["more"]
    assert found["turns"][0]["steps"][0]["more"] == [["state", '{\n  "total": "00ff"\n}']]


def test_a_call_of_a_protocol_that_has_them_is_shown() -> None:
    row = line()
    row["messages"][2] = {"role": "assistant", "content": None, "tool_calls": [{"name": "add"}]}
    row["steps"][0]["code"] = None
    assert '"name": "add"' in said(told(row)["turns"][0]["steps"][0])


@pytest.mark.parametrize("message", ["", "Done.", HOSTILE, fenced(HOSTILE), "```python\nx", "a\n```\nb\n```\nc\n"])
def test_segments_are_the_message(message: str) -> None:
    assert "".join(text for _, text in segments(message)) == message


def test_code_that_stands_otherwise_in_the_message_is_shown_beside_it() -> None:
    message = "  ```python\n  x = 1\n  y = 2\n  ```"
    assert segments(message) == [["text", message], ["code", "x = 1\ny = 2"]]


def test_of_a_malformed_message_nothing_is_marked_as_code() -> None:
    message = f"{fenced('x')}\n{fenced('y')}"
    assert segments(message) == [["text", message]]


@pytest.mark.parametrize("wrong", [None, "text", {}, 3, True, [None, 1, "x", [], {}], float("nan")])
@pytest.mark.parametrize("form", [line, lambda: older(line())])
def test_values_of_a_wrong_kind_break_nothing(form: Any, wrong: object) -> None:
    for key in form():
        if key not in ("task", "solved"):
            json.dumps(told({**form(), key: wrong}), allow_nan=False)
    for key in form()["steps"][0]:
        row = form()
        row["steps"][0][key] = wrong
        json.dumps(told(row), allow_nan=False)


def test_of_real_episodes_nothing_is_lost(pool: Pool) -> None:
    rows = real(pool)
    assert {outcome for row in rows for outcome in row["outcomes"]} >= {"ok", "error", "answered", "malformed"}
    assert any(row["fault"] for row in rows)
    for row in rows:
        found = told(row)
        steps = [step for turn in found["turns"] for step in turn["steps"]]
        messages = [step for step in steps if step["name"] != "host event"]
        opening, played = row["messages"][: len(found["opening"])], row["messages"][len(found["opening"]) :]
        assert found["opening"] == [[each["role"], each["content"]] for each in opening]
        assert [said(step) for step in messages] == [m["content"] for m in played if m["role"] == "assistant"]
        assert [step["outcome"] for step in messages] == [each for each in row["outcomes"] if each != "fault"]
        assert len(steps) - len(messages) == sum(each["outcome"].startswith("event:") for each in row["steps"])
        read = [step["observation"] for step in steps if step["observation"]] + row.get("queries", [])
        assert all(any(m["content"].startswith(each) for each in read) for m in played if m["role"] != "assistant")
        verdicts = [verdict["name"] for turn in found["turns"] for verdict in turn["verdicts"]]
        assert verdicts == [each["name"] for each in row["verdicts"]]
