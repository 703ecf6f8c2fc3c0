"""What a person sees while a run goes on: a bar on a terminal, a plain line now and then anywhere else."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console

from cave_rl.evaluation.bar import progress_bar

EVERY_S = 10.0
"""Between two lines where there is no terminal."""


class Live:
    """Counts episodes as they end.

    Args:
        console: where it is shown.
        title: of the bar.
    """

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._bar = progress_bar(console)
        self._faults: Counter[str] = Counter()
        self._planned = self._scored = self._solved = self._played = 0
        self._reward = 0.0
        self._started = self._told = time.monotonic()

    def begun(self, planned: int, rows: Sequence[dict[str, Any]], changed: Sequence[str]) -> None:
        """How many episodes there are, and those that count already."""
        self._planned = planned
        for row in rows:
            self._count(row)
        if rows:
            self._say(f"{len(rows)} of {planned} episodes are there already")
        for each in changed:
            self._say(f"since the run was begun {each}")
        self._task = self._bar.add_task(self._title, total=planned, completed=len(rows), note="")
        self._started = self._told = time.monotonic()

    def progress(self, row: dict[str, Any]) -> None:
        """An episode has ended."""
        self._count(row)
        self._played += 1
        if self._console.is_terminal:
            self._bar.update(self._task, advance=1, note=self.note())
        elif time.monotonic() - self._told >= EVERY_S:
            self._told = time.monotonic()
            self._say(f"{self._scored + self._faults.total()}/{self._planned}  {self.note()}  {self._left()}")

    def note(self) -> str:
        """The numbers so far.

        >>> live = Live(Console(), "test")
        >>> live.note()
        'nothing scored yet'
        """
        scored = self._scored
        told = f"solved {100 * self._solved / scored:.1f} %  reward {self._reward / scored:.3f}" if scored else ""
        faults = ", ".join(f"{name} {count}" for name, count in self._faults.most_common(3))
        return "  ".join(filter(None, [told or "nothing scored yet", faults and f"faults: {faults}"]))

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()

    def _count(self, row: dict[str, Any]) -> None:
        if row["fault"] is not None:
            self._faults[row["fault_type"]] += 1
            return
        self._scored += 1
        self._solved += row["solved"]
        self._reward += row["reward"]

    def _left(self) -> str:
        rest = self._planned - self._scored - self._faults.total()
        seconds = (time.monotonic() - self._started) / self._played * rest
        return f"about {seconds // 60:.0f}:{seconds % 60:02.0f} left"

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
