"""Measures cave-rl's runtime and its peers on identical work, in one run.

    python -m benchmarks.runtime                            # everything: under 8 minutes on two free cores
    python -m benchmarks.runtime --quick                    # one minute
    python -m benchmarks.runtime --only warm,start --peers ipykernel,fork
    python -m benchmarks.runtime --json out.json --png out.png --markdown out.md

Each contender is measured in a process of its own, one after the other; one whose package is missing is named and left
out. Nothing here asserts a time: aims are shown beside what was measured. See `docs/benchmarks.md`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # it may be started by its path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.measure import load, machine
from benchmarks.metrics import SECTIONS
from benchmarks.peers import OURS, PEERS
from benchmarks.peers.files import WHERE
from benchmarks.plot import draw
from benchmarks.results import Results
from benchmarks.table import markdown, show
from cave_rl.confinement import descendants
from cave_rl.runtime.nearest import nearest

ROOT = Path(__file__).resolve().parents[1]
LONGEST_S = {True: 60.0, False: 240.0}
"""Wall seconds for one contender, in the quick run and in the whole one; then it is ended where it is."""


def main(
    only: Annotated[str, typer.Option(help=f"sections, with commas: {', '.join(SECTIONS)}")] = "",
    peers: Annotated[str, typer.Option(help=f"with commas: {', '.join(PEERS)}; `none` for ours alone")] = "",
    peer_python: Annotated[
        list[str], typer.Option(help="the interpreter of a peer, NAME=PATH; or PATH alone, for all of them")
    ] = [],  # noqa: B006  # typer reads it, nobody changes it
    quick: Annotated[bool, typer.Option("--quick", help="few samples, small states")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="all numbers")] = None,
    png: Annotated[Path | None, typer.Option(help="a picture (needs matplotlib)")] = None,
    markdown_file: Annotated[Path | None, typer.Option("--markdown", help="the table for the documentation")] = None,
) -> None:
    """Measures cave-rl's runtime and its peers on identical work."""
    sections = _chosen(only, SECTIONS, "section") or list(SECTIONS)
    names = [OURS, *([] if peers == "none" else _chosen(peers, PEERS, "peer") or PEERS)]
    pythons = dict(_interpreter(each) for each in peer_python)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that contenders end too
    results = Results({**machine(), "quick": quick, "load_before": load()})
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        for name in names:
            bar = progress.add_task(name, total=len(sections))
            python = pythons.get(name) or (pythons.get("") if name != OURS else None) or sys.executable
            for told in _lines(name, python, sections, quick):
                results.take(name, told)
                if "section" in told:
                    progress.update(bar, advance=1, description=f"{name}: {told['section']}")
            results.contenders.setdefault(name, {"missing": "it ended without a word: see standard error"})
            progress.update(bar, completed=len(sections), description=name)
    results.about["load_after"] = load()
    show(results, console)
    if json_file is not None:
        json_file.write_text(json.dumps(results.as_json(), indent=2, allow_nan=False) + "\n")
    if markdown_file is not None:
        markdown_file.write_text(markdown(results))
    if png is not None:
        draw(results, png)
    if any(failure.startswith(f"{OURS}:") for failure in results.failures):
        raise typer.Exit(1)  # a measurement of ours that could not be made; never a time


def _lines(name: str, python: str, sections: list[str], quick: bool) -> Iterator[dict[str, Any]]:
    """What a contender tells, as it tells it; a contender that takes too long is ended with all it started."""
    command = [python, "-m", "benchmarks.contend", name, "--only", ",".join(sections), *(["--quick"] if quick else [])]
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    environment = {**os.environ, **threads, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    files = tempfile.TemporaryDirectory(prefix="cave-rl-benchmark-", dir=shared, ignore_cleanup_errors=True)
    environment[WHERE] = files.name
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment, cwd=ROOT, start_new_session=True
    )
    assert process.stdout is not None
    until, rest, section = time.monotonic() + LONGEST_S[quick], b"", ""
    try:
        while True:
            left = until - time.monotonic()
            if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
                yield {"failed": section, "reason": f"it took longer than {LONGEST_S[quick]:.0f} s in all"}
                return
            data = os.read(process.stdout.fileno(), 1 << 16)
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                told = json.loads(line)
                section = told.get("section", section)
                yield told
        if process.wait() != 0:
            yield {"failed": section, "reason": f"its process ended with code {process.returncode}"}
    finally:
        _end(process)
        files.cleanup()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a contender and its processes, those in sessions of their own too."""
    for pid in (*descendants(process.pid), process.pid) if process.poll() is None else ():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _chosen(given: str, known: tuple[str, ...], what: str) -> list[str]:
    names = [name.strip() for name in given.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"no {what} {name!r}: {', '.join(known)}{nearest(name, known)}")
    return names


def _interpreter(given: str) -> tuple[str, str]:
    name, equals, path = given.rpartition("=")
    if equals and name not in PEERS:
        raise typer.BadParameter(f"no peer {name!r}: {', '.join(PEERS)}{nearest(name, PEERS)}")
    if not os.access(path, os.X_OK):
        raise typer.BadParameter(f"{path} is no interpreter that can be executed")
    return name, path


if __name__ == "__main__":
    typer.run(main)
