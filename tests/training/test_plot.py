from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cave_rl.evaluation.statistics import Difference, Estimate
from cave_rl.training.plot import WINDOW, learning_curve
from cave_rl.training.tables import Row

ROW = Row(
    "unseen", "greedy", Estimate(0.2, 0.1, 0.3, 10, 5), Estimate(0.7, 0.5, 0.8, 10, 5),
    Difference(0.5, 0.3, 0.6, 20, 5), 10, 0,
)  # fmt: skip
HISTORY = [{"step": i + 1, "solved": i / 10} for i in range(10)]


def size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG."""
    head = path.read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


@pytest.mark.parametrize(
    ("history", "rows"),
    [
        (HISTORY, [ROW, ROW]),
        (HISTORY, []),
        ([], [ROW]),
        ([{"step": 1, "faults": 8}, *HISTORY[1:2]], [ROW]),  # a step of nothing but faults has no success
        (HISTORY[:1], [Row("a", "b", *[Estimate(1.0, 0.4, 1.0, 2, 1)] * 2, ROW.difference, 2, 0)]),  # type: ignore[arg-type]
    ],
)
def test_a_figure_is_written_whatever_there_is_to_show(
    tmp_path: Path, history: list[dict[str, Any]], rows: list[Row]
) -> None:
    learning_curve(history, rows, "a run", tmp_path / "curve.png")
    width, height = size(tmp_path / "curve.png")
    assert width > height > 200


def test_it_shows_steps_means_and_intervals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import pyplot

    kept: list[Any] = []
    monkeypatch.setattr(pyplot, "close", kept.append)
    learning_curve(HISTORY, [ROW], "a run", tmp_path / "curve.png")
    monkeypatch.undo()
    (figure,) = kept
    left, right = figure.axes
    points, mean = left.lines
    assert points.get_xydata() == pytest.approx(np.array([[i + 1, 10.0 * i] for i in range(10)]))
    assert mean.get_ydata()[-1] == pytest.approx(sum([90, 80, 70, 60, 50]) / WINDOW)
    assert mean.get_ydata()[1] == pytest.approx(5.0), "of what there is so far"
    assert [bar.get_height() for bar in right.patches] == pytest.approx([20.0, 70.0])
    assert [label.get_text() for label in right.get_xticklabels()] == ["unseen\ngreedy"]
    pyplot.close(figure)


def test_figures_are_closed(tmp_path: Path) -> None:
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    learning_curve(HISTORY, [ROW], "a run", tmp_path / "curve.png")
    assert pyplot.get_fignums() == before
