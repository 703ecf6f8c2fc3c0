"""The benchmark runs and tells what it must. No time is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pandas")
ROOT = Path(__file__).parents[2]


def run(*arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=timeout, cwd=ROOT, check=False
    )


def test_sections_of_ours_and_of_a_peer_are_measured_alike(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    done = run("benchmarks/runtime.py", "--quick", "--only", "floor,reset", "--peers", "fork", "--json", str(out))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    data = json.loads(out.read_text())
    rows = {(row["metric"], row["place"]): row for row in data["rows"]}
    assert {"floor.ping", "floor.fork", "reset", "reset.spares"} == {metric for metric, _ in rows}
    assert rows["reset", "any"]["ours"]["p50"] > 0
    assert rows["reset", "any"]["peers"]["fork"]["ratio"] > 0
    assert data["contenders"]["cave-rl"]["isolation"].startswith("seccomp")
    assert "load average" in done.stdout


def test_a_name_that_is_not_there_is_told_with_the_nearest() -> None:
    done = run("-m", "benchmarks.runtime", "--only", "wram")
    assert done.returncode == 2
    assert "warm" in done.stderr


@pytest.mark.slow
def test_the_quick_run_of_ours_fails_nowhere(tmp_path: Path) -> None:
    done = run("-m", "benchmarks.runtime", "--quick", "--peers", "none", timeout=280)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "failed" not in done.stdout


@pytest.mark.slow
def test_vector_environments_are_measured(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    done = run("-m", "benchmarks.vector", "--quick", "--json", str(out), timeout=280)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert all(row["steps"] > 0 for row in json.loads(out.read_text())["rows"])


@pytest.mark.rung("seccomp")
def test_what_is_called_unconfined_is() -> None:
    from benchmarks.ours.unconfined import unconfined_base
    from cave_rl.runtime import Base, Setup

    look = "open('/etc/hostname').read() and 'read'"
    with unconfined_base(()) as base, base.template(Setup()) as template, template.start() as runtime:
        assert template.summary["rungs"] == []
        assert runtime.execute(look).value == "'read'"
    with Base() as base, base.template(Setup()) as template, template.start() as runtime:
        assert runtime.execute(look).error is not None
