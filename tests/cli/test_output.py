from __future__ import annotations

import json

import pytest

from cave_rl.cli import output


def test_tables_off_a_terminal_are_aligned_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(["name", "n"], [["[bold]a", 1], ["b", 20]])
    assert capsys.readouterr().out == "name     n\n[bold]a  1\nb        20\n"


def test_a_table_without_rows_is_its_header(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(["name", "n"], [])
    assert capsys.readouterr().out == "name  n\n"


def test_text_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    output.line("xs[red] :smile: " + "long " * 40, "bold")
    output.code("if x:\n    y = [1]")
    assert capsys.readouterr().out == "xs[red] :smile: " + "long " * 40 + "\n    if x:\n        y = [1]\n"


def test_on_a_terminal_it_is_styled_and_still_as_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    output.line("xs[red]", "bold")
    output.table(["name"], [["[bold]a"]])
    output.code("y = 1")
    told = capsys.readouterr().out
    assert "\x1b[" in told
    assert "xs[red]" in told
    assert "[bold]a" in told


def test_json_is_strict(capsys: pytest.CaptureFixture[str]) -> None:
    output.as_json({"text": "naïve ✓ \ud800", "n": 1})
    assert json.loads(capsys.readouterr().out)["n"] == 1
    with pytest.raises(ValueError, match="JSON"):
        output.as_json(float("nan"))
