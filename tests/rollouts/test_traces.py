from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cave_rl.rewards.assertions import equals
from cave_rl.rollouts import Chat, Sampling, Scripted, gold, play, play_messages, traces
from cave_rl.runtime.primitives import Variable
from cave_rl.semantic.parsing import fenced
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.task import Task, Turn
from tests.training import tiny

Begin = Callable[..., Episode]


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line, parse_constant=refuse) for line in path.read_text("ascii").splitlines()]


def test_what_is_read_back_is_what_was_recorded(begin: Begin, tmp_path: Path) -> None:
    rollouts = play_messages([begin(tiny.suite.task("train", family, 1)) for family in ("put", "both")], gold)
    records = [traces.record(rollout, eval="mine", number=i) for i, rollout in enumerate(rollouts)]
    path = tmp_path / "below" / "traces.jsonl"
    traces.append(path, records[:1])
    traces.append(path, records[1:])
    assert read(path) == records


def test_a_record_tells_what_happened_and_why(begin: Begin, chat: Chat) -> None:
    task = tiny.suite.task("test", "put", 0)
    wrong = tiny.tokenizer().encode(fenced("x = 0"), add_special_tokens=False)
    scripted = Scripted([[[*wrong, tiny.tokenizer().eos_token_id]], [wrong]])
    (rollout,) = play([begin(task)], scripted, chat, Sampling())
    found = traces.record(rollout, train_step=3)
    assert found["train_step"] == 3
    assert (found["suite"], found["family"], found["task"]) == ("Tiny-v0", "put", task.id)
    assert found["tags"] == ["easy"]
    assert (found["reward"], found["solved"], found["scores"]) == (0.0, False, [0.0])
    assert (found["stop"], found["outcomes"], found["fault"]) == ("cut", ["ok", "cut"], None)
    assert found["messages"] == rollout.episode.messages
    assert [each["passed"] for each in found["verdicts"] if not each["gate"]] == [False]
    written, between = 2 * len(wrong) + 1, len(chat.suffix("ok"))
    opening = len(rollout.prompt_ids)
    assert found["tokens"] == {
        "prompt": opening,
        "completion": written,
        "observation": between,
        "sent": opening + opening + len(wrong) + 1 + between,
        "by": "ids",
    }
    assert (found["opening"], found["queries"]) == (2, [task.turns[0].query])
    assert [step["outcome"] for step in found["steps"]] == found["outcomes"]
    assert found["steps"][0]["diff"]["changed"] == ["x"], "which variables a cell changed"
    assert [(step["code"], step["message"]) for step in found["steps"]] == [("x = 0", 2), (None, 4)]
    assert "ok" in found["steps"][0]["observation"]


def test_every_documented_field_is_there_and_no_other(begin: Begin) -> None:
    (rollout,) = play_messages([begin(tiny.suite.task("train", "put", 1))], gold)
    record = traces.record(rollout, key="k", split="train", index=1, rollout=0)
    told = [line.split("|")[1] for line in str(traces.__doc__).splitlines() if line.startswith("| ")]
    fields = {name.strip() for cell in told for name in cell.split(",")} - {"", "field"}
    cell, answer = record["steps"]
    elsewhere = {"protocol", "users", "user", "opinion"}  # not cave; a user; a referee
    assert fields == record.keys() | cell.keys() | elsewhere
    assert not elsewhere & (record.keys() | cell.keys())
    assert answer.keys() < cell.keys()


def test_digests_tell_the_state_after_each_cell(begin: Begin) -> None:
    task = Task([Turn("Set x to 3.", equals("x", 3), changes=["x"])], variables=[Variable("x", 1)])
    said = [fenced("x = 2"), fenced("x += 1"), fenced("y = 0"), "Done."]

    def played(**changes: object) -> dict[str, Any]:
        episode = begin(task, max_steps=8, **changes)
        policy = iter(said)
        (rollout,) = play_messages([episode], lambda _: next(policy))
        return traces.record(rollout)

    row, again, without = played(digests=True), played(digests=True), played()
    states = [step["state"]["x"] for step in row["steps"]]
    assert len({row["start"]["x"], *states[:2]}) == 3
    assert states[1] == states[2] == states[3], "what changed nothing that matters changes no digest"
    assert [step["state"] for step in again["steps"]] == [step["state"] for step in row["steps"]]
    assert [step["state"] for step in without["steps"]] == [None, None, None, row["steps"][3]["state"]]


def test_the_last_line_of_a_key_counts() -> None:
    rows = [{"key": "a", "n": 1}, {"key": "b", "n": 2}, {"key": "a", "n": 3}]
    assert traces.latest(rows) == [{"key": "a", "n": 3}, {"key": "b", "n": 2}]


def test_a_fault_has_no_reward_and_is_not_solved(begin: Begin, tmp_path: Path) -> None:
    broken = Task([Turn("?", equals("x", 1))], setup="raise OSError('disk')")
    (rollout,) = play_messages([begin(broken)], gold)
    traces.append(tmp_path / "t.jsonl", [traces.record(rollout)])
    (found,) = read(tmp_path / "t.jsonl")
    assert (found["reward"], found["solved"], found["stop"]) == (None, False, "fault")
    assert "disk" in str(found["fault"])


def test_no_output_can_break_a_line(begin: Begin, tmp_path: Path) -> None:
    """Lines are ASCII: line separators, lone surrogates and infinities are carried as text."""
    code = fenced("print('\\u2028 \\ud800 \\r\\n é', float('nan'))\nraise ValueError('\\ud800\\n')")
    task = Task([Turn("?", equals("x", float("inf")))], variables=[Variable("x", float("nan"))])
    said = iter([code, "\ud800\u2028"])
    (rollout,) = play_messages([begin(task)], lambda _: next(said))
    record = traces.record(rollout)
    traces.append(tmp_path / "t.jsonl", [record])
    assert read(tmp_path / "t.jsonl") == [record]


def test_what_is_not_wanted_is_taken_out_and_the_rest_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    traces.append(path, [{"step": i, "text": "\u2028\ud800é", "x": 0.1} for i in range(4)])
    kept = path.read_bytes().splitlines(keepends=True)
    with path.open("a") as file:
        file.write('{"step": 4, "te')  # its writer was killed
    assert [row["step"] for row in traces.read(path)] == [0, 1, 2, 3]
    traces.keep(path, lambda row: row["step"] != 2)
    assert path.read_bytes() == b"".join([kept[0], kept[1], kept[3]])
    assert [each.name for each in tmp_path.iterdir()] == ["t.jsonl"]


def test_a_file_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert traces.read(tmp_path / "none.jsonl") == []
    traces.keep(tmp_path / "none.jsonl", lambda row: True)
    assert list(tmp_path.iterdir()) == []
