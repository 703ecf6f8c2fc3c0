"""The comparison of credits: what it says of results, and one small comparison that really runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.credit import Result, draw, main, markdown
from cave_rl.tasks import registry
from cave_rl.training.config import load
from tests.training import tiny

RESULTS = [
    Result("episode", 0, "test, T=1", 0.1, 0.2, 0.4),
    Result("turn", 0, "test, T=1", 0.1, 0.3, 0.5),
    Result("episode", 1, "test, T=1", 0.1, 0.4, 0.6),
    Result("turn", 1, "test, T=1", 0.1, 0.5, 0.9),
]


def test_runs_of_one_seed_are_compared() -> None:
    _, _, first, second, *_ = markdown(RESULTS, ["episode", "turn"]).splitlines()
    assert first == "| test, T=1 | episode | 2 | 10.0 % | 30.0 % | 50.0 % |  |"
    assert second == "| test, T=1 | turn | 2 | 10.0 % | 40.0 % | 70.0 % | +20.0 points (+10.0, +30.0) |"


def test_every_run_is_a_dot(tmp_path: Path) -> None:
    draw(RESULTS, {"episode": [[0.1, 0.2], [0.3, 0.4]], "turn": [[0.1, 0.3], [0.2]]}, tmp_path / "dots.png")
    assert (tmp_path / "dots.png").read_bytes().startswith(b"\x89PNG")


def test_a_comparison_that_is_done_is_only_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    registry.register(tiny.suite)
    config = tmp_path / "tiny.yaml"
    config.write_text(
        json.dumps(
            tiny.config(
                "out",
                suite__tags=["dialogue"],
                rollout__budget=90,
                sft={"tasks": 8},
                eval__tables=[{"split": "test", "tags": ["dialogue"], "rollouts": 4}],
            ).model_dump(mode="json")
        )
    )
    arguments = ["--config", str(config), "--steps", "1", "--seeds", "0", "--output", str(tmp_path / "out")]
    main(arguments)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [(result["credit"], result["seed"]) for result in results] == [("episode", 0), ("turn", 0)]
    assert results[0]["before"] == results[1]["before"], "they begin with the same model, on the same tasks"
    begun = {load(path).model.name for path in (tmp_path / "out").glob("*-seed0/config.yaml")}
    assert begun == {str(tmp_path / "out" / "warm" / "adapter")}
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*/metrics.jsonl")}
    assert len(kept) == 2
    main(arguments)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == results
