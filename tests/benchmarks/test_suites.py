"""The benchmark of suites runs, and looks at every family."""

from __future__ import annotations

import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from benchmarks import suites
from cave_rl.tasks import registry


def test_every_family_is_drawn_and_both_ends_are_started(tmp_path: Path) -> None:

    app = typer.Typer()
    app.command()(suites.main)
    out = tmp_path / "suites.json"
    arguments = ["--suite", "Variables-v0", "--seconds", "0.01", "--starts", "2", "--json", str(out)]
    ended = CliRunner().invoke(app, arguments)
    assert ended.exit_code == 0, ended.output
    found = json.loads(out.read_text())
    suite = registry.find("Variables-v0")
    assert {each["family"] for each in found["drawn"]} == {*suite.names("train"), *suite.names("heldout")}
    assert all(each["rate"] > 0 for each in found["drawn"])
    slow, quick = found["started"]
    assert slow["setup_s"] >= quick["setup_s"] > 0
    assert slow["start"]["n"] == quick["start"]["n"] == 2
    assert "Variables-v0" in ended.output
