"""Reports: what happened in a run, as one page that can be read, sent and kept.

`write` makes the file, `serve` shows it as runs grow.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cave_rl.evaluation.report.page import render
from cave_rl.evaluation.report.runs import ReportError, read
from cave_rl.evaluation.report.serve import Viewer

__all__ = ["ReportError", "Viewer", "read", "render", "write"]


def write(runs: Sequence[Path | str], path: Path | str, *, title: str | None = None, plain: bool = False) -> Path:
    """Writes the report of some runs.

    Args:
        runs: run directories, or trace files.
        path: where the page goes.
        title: its title; the names of the runs if left out.
        plain: whether episodes are embedded uncompressed, for browsers from before 2023.

    Raises:
        ReportError: one of them is no run, or the page cannot be written there.
    """
    page = render(read(runs), title=title, plain=plain)
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ReportError(f"cannot write {path}: {error.strerror}") from error
    return path
