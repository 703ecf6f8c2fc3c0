from __future__ import annotations

import json

import pytest
from rich.console import Console

from benchmarks.peers import OURS
from benchmarks.results import Results
from benchmarks.table import markdown, notes, show

ABOUT = {
    "cpu": "a CPU", "cores": 2, "memory_mb": 4096, "kernel": "Linux", "quick": True,
    "load_before": 0.1, "load_after": 0.2,
}  # fmt: skip
KNOWN = {"versions": "1.0", "python": "3.11", "isolation": "some", "in_process": False}


@pytest.fixture
def results() -> Results:
    found = Results(dict(ABOUT))
    found.take(OURS, {"about": KNOWN})
    found.take("slow", {"about": KNOWN})
    found.take("gone", {"about": {"missing": "No module named 'gone'"}})
    found.take(OURS, {"metric": "warm", "place": "same", "samples": [20e-6]})
    found.take("slow", {"metric": "warm", "place": "same", "samples": [200e-6]})
    found.take(OURS, {"metric": "overrun", "place": "any", "samples": [0.009]})
    found.take("slow", {"metric": "overrun", "place": "any", "reason": "it cannot"})
    return found


def test_ratios_stand_beside_the_peers_medians(results: Results) -> None:
    row = next(line for line in markdown(results).splitlines() if "warm cell, `execute`, same core" in line)
    assert [cell.strip() for cell in row.split("|")[2:-1]] == ["≤ 25 µs", "20.0 µs", "20.0", "yes", "200 (10x)"]


def test_an_aim_that_is_missed_is_said_and_a_dash_has_its_reason(results: Results) -> None:
    row = next(line for line in markdown(results).splitlines() if line.startswith("| over the deadline"))
    assert [cell.strip() for cell in row.split("|")[2:-1]] == ["≤ 5 ms", "9.00 ms", "9.00", "no", "-"]
    assert notes(results) == ["it cannot: slow (over the deadline until interrupted)"]


def test_a_peer_that_is_not_installed_is_named_and_left_out(results: Results) -> None:
    assert results.peers == ["slow"]
    assert "gone: not measured: No module named 'gone'" in markdown(results)


def test_a_section_that_fails_is_told_and_keeps_what_it_had(results: Results) -> None:
    results.take(OURS, {"failed": "warm", "reason": "RuntimeError: no"})
    assert results.samples[OURS, "warm", "same"] == [20e-6]
    assert f"{OURS}: warm failed: RuntimeError: no" in results.failures
    assert "failed: RuntimeError: no" in markdown(results)


def test_json_holds_the_rows_the_machine_and_the_reasons(results: Results) -> None:
    data = json.loads(json.dumps(results.as_json(), allow_nan=False))
    assert (data["cpu"], data["load_before"]) == ("a CPU", 0.1)
    by_key = {(row["metric"], row["place"]): row for row in data["rows"]}
    assert by_key["warm", "same"]["ours"] == {"p50": 20.0, "p99": 20.0, "n": 1}
    assert by_key["warm", "same"]["peers"]["slow"]["ratio"] == pytest.approx(10)
    assert by_key["overrun", "any"]["peers"]["slow"] == {"reason": "it cannot"}
    assert by_key["overrun", "any"]["met"] is False


def test_a_row_may_be_compared_with_another_of_the_peers(results: Results) -> None:
    results.take(OURS, {"metric": "warm.raw", "place": "same", "samples": [10e-6]})
    row = next(line for line in markdown(results).splitlines() if "channel and child alone, same core" in line)
    assert "200 (20x)" in row


def test_a_terminal_shows_it_too(results: Results) -> None:
    console = Console(record=True, width=200, file=open("/dev/null", "w"))  # noqa: SIM115
    show(results, console)
    text = console.export_text()
    assert "load average 0.1 before, 0.2 after" in text
    assert "it cannot: slow" in text


def test_a_picture_can_be_drawn(results: Results, tmp_path: object) -> None:
    pytest.importorskip("matplotlib")
    from pathlib import Path

    from benchmarks.plot import draw

    path = Path(str(tmp_path), "out.png")
    draw(results, path)
    assert path.read_bytes()[:4] == b"\x89PNG"
