"""The results as a picture: medians on a logarithmic scale, ours beside the peers'."""

from __future__ import annotations

from pathlib import Path

from benchmarks.peers import OURS
from benchmarks.results import Results

_SHOWN = (
    ("warm", "same"), ("start.100", "any"), ("first.1000", "any"), ("many.16.100", "any"), ("memory.16.100", "any"),
    ("reset", "any"), ("overrun", "any"), ("replace", "any"), ("restore", "any"), ("retrieve", "same"),
    ("rollout", "any"),
)  # fmt: skip


def draw(results: Results, path: Path) -> None:
    """Writes a PNG: one panel a measurement, one dot a contender; hollow where code runs in the caller's process."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [metric for metric in results.rows() if (metric.key, metric.place) in _SHOWN and results.stats(OURS, metric)]
    names = [OURS, *results.peers]
    across = min(4, max(1, len(rows)))
    down = max(1, -(-len(rows) // across))
    figure, panels = pyplot.subplots(
        down, across, figsize=(3.6 * across, down * (0.24 * len(names) + 1)), layout="constrained", squeeze=False
    )
    for axes in panels.flat[len(rows) :]:
        axes.set_visible(False)
    for axes, metric in zip(panels.flat, rows, strict=False):
        for name in names:
            stats = results.stats(name, metric)
            if stats is None or stats.p50 <= 0:
                continue
            color = "C0" if name == OURS else "0.45"
            inside = results.contenders[name].get("in_process", False)
            axes.plot(stats.p50, name, "o", color=color, markerfacecolor="white" if inside else color)
        axes.set_xscale("log")
        axes.invert_yaxis()
        axes.set_title(metric.label, fontsize=9)
        axes.set_xlabel(f"{metric.unit}, {'more' if metric.more else 'less'} is better", fontsize=8)
        axes.minorticks_off()
        axes.tick_params(labelsize=8)
        axes.margins(x=0.1, y=0.15)
        axes.grid(axis="x", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        if metric.aim is not None:
            axes.axvline(metric.aim, color="C3", linewidth=1, linestyle=":")
    about = results.about
    figure.suptitle(
        "medians, logarithmic; dotted: the aim; hollow: in the caller's process. "
        f"{about['cpu']}, {about['cores']} cores, load {about['load_before']:g}",
        fontsize=9,
    )
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
