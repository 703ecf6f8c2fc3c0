"""What a report takes for a run, and what it makes of its lines."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from cave_rl.evaluation.report.runs import ReportError, episode, read
from tests.evaluation.lines import failed, faulty, line, older, runs, written


def test_a_run_is_a_directory_or_a_file_of_traces(tmp_path: Path) -> None:
    written(tmp_path / "mine", [line(), failed()])
    (run,) = read([tmp_path / "mine"])
    (same,) = read([str(tmp_path / "mine" / "traces.jsonl")])
    assert run == same
    assert (run.name, [each.result for each in run.episodes]) == ("mine", ["solved", "failed"])
    (tmp_path / "mine" / "traces.jsonl").rename(tmp_path / "before.jsonl")
    assert read([tmp_path / "before.jsonl"])[0].name == "before"


def test_names_are_as_long_as_it_takes_to_tell_runs_apart(tmp_path: Path) -> None:
    paths = [written(tmp_path / name, [line()]) for name in ("a/run", "b/run")]
    assert [run.name for run in read(paths)] == ["a/run", "b/run"]
    assert [run.name for run in read([paths[0], paths[0]])] == ["1: run", "2: run"]


def test_its_configuration_is_read_if_it_has_one(tmp_path: Path) -> None:
    run = written(tmp_path / "run", [line()])
    assert read([run])[0].config == ""
    (run / "config.json").write_text('{"model": {"name": "gold"}}')
    assert read([run])[0].config == "model:\n  name: gold\n"
    (run / "config.yaml").write_text("model: noop\n")
    assert read([run])[0].config == "model: noop\n"
    (run / "config.yaml").write_text("model: [\n")
    assert "cannot be read" in read([run])[0].config


def test_its_secrets_are_left_out(tmp_path: Path) -> None:
    run = written(tmp_path / "run", [line()])
    text = """
        env: {key: "the hidden\n thing", key_env: NAME, max_steps: 8}
        models: [{url: "https://me:hidden@host/v1", api_key: hidden, tokenizer: t, max_tokens: 5, password: null}]
    """
    (run / "config.yaml").write_text(text)
    shown = read([run])[0].config
    assert "hidden" not in shown
    for kept in ("key_env: NAME", "max_steps: 8", "https://(not shown)@host/v1", "tokenizer: t", "max_tokens: 5"):
        assert kept in shown


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no run was given"):
        read([])
    with pytest.raises(ReportError, match=r"there is no run at .*nowhere"):
        read([tmp_path / "nowhere"])
    (tmp_path / "before.jsonl").write_text("")
    with pytest.raises(ReportError, match=r"has no traces.jsonl \(but before.jsonl\)"):
        read([tmp_path])


@pytest.mark.parametrize(
    ("text", "told"),
    [("{oops}\n", "line 2: not JSON"), ("[1]\n", "line 2: not an episode"), ('{"step": 1}\n', "`task` and `solved`")],
)
def test_a_line_that_is_no_episode_is_told_with_its_number(tmp_path: Path, text: str, told: str) -> None:
    run = written(tmp_path / "run", [line()])
    with (run / "traces.jsonl").open("a") as file:
        file.write(text)
    with pytest.raises(ReportError, match=told):
        read([run])


def test_a_last_line_that_is_still_being_written_is_not_one_yet(tmp_path: Path) -> None:
    run = written(tmp_path / "run", [line()])
    with (run / "traces.jsonl").open("a") as file:
        file.write(json.dumps(failed())[:40])
    assert [each.result for each in read([run])[0].episodes] == ["solved"]


def test_of_an_episode_that_was_played_again_the_last_line_counts(tmp_path: Path) -> None:
    rows = [faulty(key="S/test/f/0#0"), line(key="S/test/f/0#1"), failed(key="S/test/f/0#0"), line(), line()]
    (run,) = runs(tmp_path, run=rows)
    assert [(each.line, each.result) for each in run.episodes] == [
        (3, "failed"),
        (2, "solved"),
        (4, "solved"),
        (5, "solved"),
    ]


def test_a_fault_is_neither_solved_nor_failed_and_has_no_reward() -> None:
    told = episode(faulty(), 0, 1)
    assert (told.result, told.solved, told.reward) == ("fault", None, None)


def test_an_id_is_the_run_and_the_line() -> None:
    assert episode(line(), 1, 7).id == "2.7"


def test_older_lines_have_neutral_values_for_what_they_lack() -> None:
    told = episode({"task": "f/1", "solved": 1}, 0, 1)
    assert (told.family, told.case, told.protocol, told.part, told.stop) == ("f", "f/1", "", "", "")
    assert (told.outcomes, told.tokens, told.seconds, told.reward) == ((), {}, None, None)
    assert episode(older(line()), 0, 1).seconds == 0.02
    assert episode(line(), 0, 1).seconds == 0.5


def test_families_of_several_suites_are_told_apart(tmp_path: Path) -> None:
    (run,) = runs(tmp_path, run=[line(suite="A-v0"), line(suite="B-v0"), line(suite=None)])
    assert [each.family for each in run.episodes] == ["A-v0/sum_values", "B-v0/sum_values", "?/sum_values"]


def test_tokens_that_nobody_counted_are_not_zero() -> None:
    none = dict.fromkeys(("prompt", "completion", "observation", "sent", "by"))
    assert episode(line(tokens=none), 0, 1).tokens == {}
    assert episode(line(tokens={"prompt": 0, "completion": 0, "observation": 0}), 0, 1).tokens == {}
    assert episode(line(), 0, 1).tokens == {"prompt": 100, "completion": 20, "observation": 5, "sent": 220}


@pytest.mark.parametrize("wrong", [None, "text", [], {}, math.nan, math.inf, True, 3, [["x"]]])
def test_values_of_a_wrong_kind_break_nothing(wrong: object) -> None:
    row = {key: wrong for key in line()} | {"task": "f/1", "solved": False, "fault": None}
    assert episode(row, 0, 1).result == "failed"
