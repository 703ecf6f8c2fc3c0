"""What a person sees while a run goes on."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from cave_rl.evaluation import live
from cave_rl.evaluation.live import Live


def shown(terminal: bool, rows: list[dict[str, Any]], kept: list[dict[str, Any]] | None = None) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=200)
    with Live(console, "Tiny-v0 test m") as display:
        display.begun(10, kept or [], ["pandas was 2.3 and is 3.1 now"] if kept else [])
        for row in rows:
            display.progress(row)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def row(solved: bool = False, fault: str | None = None) -> dict[str, Any]:
    return {"solved": solved, "reward": 0.5, "fault": fault, "fault_type": fault}


ROWS = [row(True), row(), row(fault="RateLimited"), row(fault="RateLimited"), row(fault="SetupFault")]
NOTE = "solved 50.0 %  reward 0.500  faults: RateLimited 2, SetupFault 1"


def test_a_bar_tells_the_numbers_so_far_and_the_faults_by_type() -> None:
    assert NOTE in shown(True, ROWS)
    assert "5/10" in shown(True, ROWS)


def test_off_a_terminal_it_is_a_plain_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(False, ROWS) == "", "a short run says nothing"
    monkeypatch.setattr(live, "EVERY_S", 0.0)
    lines = shown(False, ROWS).splitlines()
    assert len(lines) == 5
    assert lines[-1].startswith(f"5/10  {NOTE}  about 0:0")
    assert "\x1b" not in lines[-1]


def test_a_run_that_goes_on_counts_what_is_there() -> None:
    told = shown(False, [], [row(True), row(True)])
    assert told.splitlines() == [
        "2 of 10 episodes are there already",
        "since the run was begun pandas was 2.3 and is 3.1 now",
    ]
    assert "solved 66.7 %" in shown(True, [row()], [row(True), row(True)])


def test_before_anything_is_scored_it_says_so() -> None:
    assert "nothing scored yet  faults: SetupFault 1" in shown(True, [row(fault="SetupFault")])
