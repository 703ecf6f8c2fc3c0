"""The benchmark of training: what it says of runs, and a small one that really runs, through the script too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.train_gpu import Cost, cost, interrupted_after, main, numbers, resident_mib
from cave_rl.evaluation.statistics import Estimate
from cave_rl.tasks import registry
from cave_rl.training.config import TrainConfig
from tests.training import tiny

ROOT = Path(__file__).parents[2]


def small() -> TrainConfig:
    return tiny.config(
        "out",
        suite__tags=["dialogue"],
        rollout__budget=90,
        train__branches={"continuations": 1, "most": 4},
        eval__tables=[{"split": "test", "tags": ["dialogue"], "rollouts": 4}],
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(json.dumps(small().model_dump(mode="json")))
    return path


def test_a_run_s_cost_is_told_by_its_log(tmp_path: Path) -> None:
    log = [
        {"step": 1, "time/rollouts_s": 3.0, "time/blocked_s": 0.5},
        {"step": 2, "time/rollouts_s": 3.0, "time/blocked_s": 0.5, "time/trainer_s": 4.0},
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in log))
    assert cost(tiny.config(tmp_path), 100.0, None) == Cost(16 / 10, 0.1, 100.0, None)


def test_an_estimate_without_an_interval_is_read_back() -> None:
    kept = json.loads(json.dumps(Estimate(0.5, float("nan"), float("nan"), 4, 1).as_dict()))
    assert str(Estimate(**numbers(kept))) == "50.0 % [nan, nan]"


def test_peak_memory_is_of_what_was_held_since() -> None:
    Path("/proc/self/clear_refs").write_text("5")
    before = resident_mib()
    held = bytearray(os.urandom(1) * (64 * 2**20))
    assert resident_mib() - before > 48
    del held


def test_what_takes_too_long_is_interrupted() -> None:
    with pytest.raises(KeyboardInterrupt), interrupted_after(0.05):
        time.sleep(30)
    with interrupted_after(0.2):
        pass
    time.sleep(0.3)


def test_runs_are_compared_and_their_costs_told(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    registry.register(tiny.suite)
    output = tmp_path / "out"
    arguments = ["--config", str(file), "--steps", "1", "--seeds", "0", "--output", str(output)]
    arguments += ["--credits", "episode,branch"]
    main(arguments)
    told = (output / "results.md").read_text()
    for name in ("episode", "branch"):
        assert f"| {name}-seed0 | test | " in told, "success before and after"
        assert json.loads((output / f"{name}-seed0" / "cost.json").read_text())["samples_per_s"] > 0
    assert "| run | samples/s | environment's share | peak GPU memory | peak RSS |" in told
    assert "| test, T=1 | branch | 1 |" in told, "the comparison of credits"
    assert told in capsys.readouterr().out
    main([*arguments, "--minutes", "0"])
    assert (output / "results.md").read_text() == told, "what is done is only read"


def test_at_the_end_of_the_time_what_is_not_done_is_left_for_later(file: Path, tmp_path: Path) -> None:
    registry.register(tiny.suite)
    arguments = ["--config", str(file), "--steps", "1", "--seeds", "0", "--output", str(tmp_path / "out")]
    with pytest.raises(SystemExit, match="no run was done after 0 minutes; the same command goes on"):
        main([*arguments, "--minutes", "0"])


@pytest.mark.slow
def test_the_script_runs_what_it_is_told(file: Path, tmp_path: Path) -> None:
    given = {"PYTHON": sys.executable, "STEPS": "1", "SEEDS": "0", "CREDITS": "turn", "MODEL": tiny.directory()}
    environment = {**os.environ, **given, "OUTPUT": str(tmp_path / "out"), "OMP_NUM_THREADS": "1"}
    command = ["bash", str(ROOT / "benchmarks" / "train_gpu.sh"), "--config", str(file)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "| turn-seed0 | test | " in done.stdout
