from __future__ import annotations

import io

import pytest
from rich.console import Console

from cave_rl.evaluation.bar import progress_bar


@pytest.mark.parametrize("terminal", [True, False])
def test_it_is_shown_on_a_terminal_only(terminal: bool) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100)
    with progress_bar(console) as bar:
        task = bar.add_task("episodes", total=3, note="")
        bar.update(task, completed=3, note="all solved")
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    if terminal:
        assert "episodes" in shown
        assert "3/3" in shown
        assert "all solved" in shown
    else:
        assert shown.strip() == ""
