"""The work that everyone is given: a state, cells, and how they are counted. Nothing of ours is imported here."""

from __future__ import annotations

import pickle
from typing import Any

WARM = "x = x + 1"
"""The cell whose round trip is measured."""

STEPS = tuple(f"x = x + {n}\nprint('step {n}', x)" for n in range(1, 6))
"""The cells of a rollout of five steps; `x` grows by 15."""

TOUCH = "touched = float(frame['a'].sum())"
"""Reads a column of the state, as a rollout does."""

LOOP = "while True: pass"
STUBBORN = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
"""A loop that ends only with its process."""

DEADLINE_S = 0.05
"""Seconds that these two may run."""

TABLE_ROWS = 1000


def state(megabytes: int) -> dict[str, Any]:
    """The names that a runtime begins with: a counter, and a frame of a size (none if 0)."""
    if not megabytes:
        return {"x": 0}
    import numpy
    import pandas

    rows = megabytes * 1_000_000 // 64
    values = numpy.arange(rows * 8, dtype="float64").reshape(rows, 8)
    return {"x": 0, "frame": pandas.DataFrame(values, columns=list("abcdefgh"))}


def table() -> Any:
    """A frame of a thousand rows with a column of each common kind."""
    import pandas

    return pandas.DataFrame(
        {
            "id": range(TABLE_ROWS),
            "price": [n * 0.5 for n in range(TABLE_ROWS)],
            "name": [f"item {n}" for n in range(TABLE_ROWS)],
            "day": pandas.date_range("2024-01-01", periods=TABLE_ROWS),
        }
    )


def pickled(names: dict[str, Any], path: str) -> None:
    """Writes a state where a process can load it at memory speed (a file in /dev/shm)."""
    with open(path, "wb") as file:
        pickle.dump(names, file, protocol=5)


def same_table(claimed: Any, table: Any) -> None:
    """Fails unless a table came back as it is.

    Raises:
        AssertionError: it did not.
    """
    if not (list(claimed.columns) == list(table.columns) and claimed.equals(table)):
        raise AssertionError("the table that came back is not the one that was there")
