"""`cave-rl report` and `cave-rl view`: what happened in a run, as a page."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from cave_rl.cli import output
from cave_rl.evaluation.report import Viewer, read, write

RUNS = Annotated[list[Path], typer.Argument(metavar="RUN...", help="A run's directory, or a file of traces.")]
TITLE = Annotated[str | None, typer.Option(help="The page's title.  [default: the names of the runs]")]


def report(
    runs: RUNS,
    to: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where the page goes.  [default: report.html in the last run's directory]"),
    ] = None,
    title: TITLE = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Embed episodes uncompressed, for browsers from before 2023.")
    ] = False,
) -> None:
    """Write one HTML page of one or more runs: figures, and every episode to be read.

    The page needs no network and nothing beside it: it can be sent as it is. It holds whatever the traces hold. Of two
    runs, the second is compared with the first.

    Examples:
        cave-rl report outputs/my-run
        cave-rl report outputs/run-a outputs/run-b --output a-and-b.html
        cave-rl report outputs/quickstart/before.jsonl outputs/quickstart/after.jsonl -o quickstart.html
    """
    path = write(runs, to or _beside(runs[-1]), title=title, plain=plain)
    output.line(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def view(
    runs: RUNS,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 0,
    browser: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
    title: TITLE = None,
) -> None:
    """Serve the page of `cave-rl report` to this machine, and say in it when the runs have grown.

    It listens on 127.0.0.1 only, and answers nothing but the page. Ctrl-C stops it.

    Examples:
        cave-rl view outputs/my-run
        cave-rl view outputs/run-a outputs/run-b --port 8000
    """
    read(runs)  # what is wrong with them is told here rather than in the browser
    viewer = Viewer(runs, port=port, title=title)
    output.line(f"{viewer.url} (Ctrl-C stops it)")
    if browser:
        webbrowser.open(viewer.url)
    try:
        viewer.serve()
    except KeyboardInterrupt:
        output.line("stopped")


def _beside(run: Path) -> Path:
    """Where a page goes if it is not told."""
    return (run if run.is_dir() else run.parent) / "report.html"
