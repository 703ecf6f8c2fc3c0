"""`cave-rl compare` and `cave-rl rescore`, on real runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cave_rl import cli
from cave_rl.tasks import registry
from tests.training import tiny


def call(*arguments: object) -> Any:
    return CliRunner().invoke(cli.app, [str(each) for each in arguments], prog_name="cave-rl")


@pytest.fixture(autouse=True)
def _runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two runs on the same tasks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_registered", {"Tiny-v0": tiny.suite})
    for model in ("noop", "gold"):
        assert call("eval", "Tiny-v0", "-m", model, "-n", 4, "-r", 2, "-o", model).exit_code == 0


def test_a_comparison_tells_the_difference_its_tests_and_what_changed() -> None:
    shown = call("compare", "noop", "gold")
    assert shown.exit_code == 0, shown.output
    assert "+100.0 points" in shown.stdout
    assert "sign-flip test over tasks                 p = 0.125" in shown.stdout
    assert "McNemar" not in shown.stdout, "there are two rollouts a task"
    assert "4: 4 gained, 0 lost" in shown.stdout
    assert "Tiny-v0/test/put/0" in shown.stdout
    assert "noop/traces.jsonl:" in shown.stdout
    found = json.loads(call("compare", "noop", "gold", "--json").stdout)
    assert (found["difference"]["mean"], found["gained"], len(found["flips"])) == (1.0, 4, 4)


def test_what_makes_it_unfair_is_said_first() -> None:
    assert call("eval", "Tiny-v0", "-m", "gold", "-n", 4, "-o", "other", "--style", "compact").exit_code == 0
    shown = call("compare", "gold", "other").stdout.splitlines()
    assert shown[0] == "! the prompts differ (messages) in 4 of 4 tasks"
    assert shown[1] == "! env.prompt.style is 'cave' before and 'compact' after"


def test_what_is_no_run_is_told_in_a_line() -> None:
    result = call("compare", "noop", "nowhere")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "nowhere holds no run" in result.stderr


def test_a_run_is_scored_again() -> None:
    shown = call("rescore", "gold")
    assert shown.exit_code == 0, shown.output
    assert "8 of 8 episodes" in shown.stdout
    found = json.loads(call("rescore", "gold", "--json").stdout)
    assert (found["exact"], found["changed"]) == (8, {})
    assert json.loads(Path("gold/rescored.json").read_text()) == found
    assert len(Path("gold/rescored.jsonl").read_text().splitlines()) == 8


def test_a_digest_that_is_not_met_is_told_and_is_an_error() -> None:
    path = Path("gold/traces.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[0]["steps"][0]["state"]["x"] = "0" * 12
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = call("rescore", "gold")
    assert result.exit_code == 1
    assert "Not what was recorded" in result.stdout
    assert f"{rows[0]['key']}  step 1: x" in result.stdout
