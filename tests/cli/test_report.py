"""`cave-rl report` and `cave-rl view`: what they write, serve and say."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cave_rl import cli
from tests.evaluation.lines import failed, line, written


def call(*arguments: object) -> Any:
    return CliRunner().invoke(cli.app, list(map(str, arguments)), prog_name="cave-rl")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return written(tmp_path / "run", [line(), failed()])


def test_a_report_is_written_beside_the_run(run: Path) -> None:
    result = call("report", run)
    assert result.exit_code == 0, result.output
    assert re.fullmatch(rf"{run}/report.html: 0\.\d MB\n", result.stdout)
    assert "50.0 %" in (run / "report.html").read_text()
    (run / "report.html").unlink()
    assert call("report", run / "traces.jsonl").exit_code == 0
    assert (run / "report.html").exists()


def test_of_several_runs_it_is_written_where_asked(run: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "other", [line(), line()])
    result = call("report", run, other, "-o", tmp_path / "new" / "page.html", "--title", "a & b", "--plain")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "new" / "page.html").read_text()
    assert "<h1>a &amp; b</h1>" in text
    assert '<script type="application/json" id="index">' in text


def test_what_is_wrong_is_one_line_on_stderr(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for arguments, told in (
            (["report", tmp_path / "nowhere"], "there is no run at"),
            (["report", tmp_path], "it has no traces.jsonl"),
            (["report", run, "-o", tmp_path / "file" / "page.html"], "cannot write"),
            (["view", tmp_path / "nowhere"], "there is no run at"),
            (["view", run, "--port", port], f"cannot listen on 127.0.0.1, port {port}"),
        ):
            result = call(*arguments)
            assert (result.exit_code, result.stdout) == (2, ""), arguments
            assert told in result.stderr
            assert len(result.stderr.splitlines()) == 1
    assert call("report").exit_code == 2


def test_view_serves_until_it_is_interrupted(run: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cave_rl", "view", str(run)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[0]
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(url, timeout=30) as answer:
            assert "50.0 %" in answer.read().decode()
        process.send_signal(signal.SIGINT)
        told, errors = process.communicate(timeout=30)
        assert (process.returncode, told, errors) == (0, "stopped\n", "")
    finally:
        process.kill()
        process.wait()
