"""The benchmark of evaluation runs, and its display is one that draws."""

from __future__ import annotations

import json

import pytest

from benchmarks.evaluation import main


def test_it_tells_what_an_episode_costs_and_what_of_it_the_display_takes(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--tasks", "2", "--rollouts", "2", "--repeat", "1", "--json"])
    found = json.loads(capsys.readouterr().out)
    (run,) = found["runs"]
    assert run["episodes"] == 4
    assert found["per_core"] == pytest.approx(4 / (run["own_s"] + run["others_s"]))
    assert 0 < run["display_s"] < run["own_s"]
    assert found["display_share"] == pytest.approx(run["display_s"] / (run["own_s"] + run["others_s"]))
