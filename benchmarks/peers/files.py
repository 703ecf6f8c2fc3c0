"""States in memory files with a name, for interpreters that can only be handed code."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import work

WHERE = "CAVE_RL_BENCHMARK_FILES"
"""Names the directory to use; whoever sets it removes what a contender that was killed left there."""


class StateFiles:
    """A directory of pickled states at memory speed."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="states-", dir=os.environ.get(WHERE))
        self._count = 0

    def new(self) -> str:
        """A path where nothing is yet."""
        self._count += 1
        return str(Path(self._directory.name, f"{self._count}.pickle"))

    def write(self, names: dict[str, Any]) -> str:
        """Writes a state; its path."""
        path = self.new()
        work.pickled(names, path)
        return path

    def close(self) -> None:
        """Removes them."""
        self._directory.cleanup()


def load_code(path: str) -> str:
    """The cell that loads a state."""
    return f"import pandas, pickle\nwith open({path!r}, 'rb') as file: globals().update(pickle.load(file))\ndel file"


def save_code(path: str) -> str:
    """The cell that keeps the state in a file."""
    names = "{name: globals()[name] for name in ('x', 'frame')}"
    return f"import pickle\nwith open({path!r}, 'wb') as file: pickle.dump({names}, file, protocol=5)\ndel file"
