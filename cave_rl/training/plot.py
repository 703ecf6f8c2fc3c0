"""The learning curve of a run."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cave_rl.training.tables import Row

WINDOW = 5


def learning_curve(history: Sequence[dict[str, Any]], rows: Sequence[Row], title: str, path: Path) -> None:
    """Draws training success by step, and evaluated success before and after with its 95 % intervals.

    Args:
        history: the trainer's log, one entry a step with `step` and `solved`.
        rows: the evaluation table.
        title: above the figure.
        path: where the PNG goes.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import MaxNLocator

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 4.4), width_ratios=(1, 1), layout="constrained")
    points = [(entry["step"], 100 * entry["solved"]) for entry in history if "solved" in entry]
    steps, values = [step for step, _ in points], [value for _, value in points]
    left.plot(steps, values, "o", color="0.7", markersize=4, label="one step")
    left.plot(steps, _running(values), color="C0", linewidth=2, label=f"mean of the last {WINDOW}")
    left.set(xlabel="GRPO step", ylabel="episodes solved (%)", ylim=(0, 103), title="in training, sampled")
    left.legend(loc="lower right", frameon=False)
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    names = [f"{textwrap.fill(row.table, 16)}\n{row.decoding}" for row in rows]
    for offset, color, side in ((-0.18, "0.65", "before"), (0.18, "C0", "after")):
        found = [getattr(row, side) for row in rows]
        errors = [[100 * (e.mean - e.low) for e in found], [100 * (e.high - e.mean) for e in found]]
        places = [i + offset for i in range(len(rows))]
        right.bar(places, [100 * e.mean for e in found], 0.34, yerr=errors, color=color, capsize=3, label=side)
    right.set_xticks(range(len(rows)), names, fontsize=8)
    right.set(ylim=(0, 100), title="evaluated, 95 % intervals")
    right.legend(loc="upper right", frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.3)
    figure.suptitle(title)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _running(values: Sequence[float]) -> list[float]:
    return [sum(part) / len(part) for i in range(len(values)) if (part := values[max(0, i + 1 - WINDOW) : i + 1])]
