"""What a person sees while episodes are played."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def progress_bar(console: Console) -> Progress:
    """A bar with counts, time left and a note; nothing where there is no terminal.

    >>> with progress_bar(Console()) as bar:
    ...     task = bar.add_task("episodes", total=10, note="")
    ...     bar.update(task, completed=10)
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        refresh_per_second=2,
        disable=not console.is_terminal,
    )
