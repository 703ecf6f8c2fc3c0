"""Small charts as SVG. Each stands beside its numbers as text, and says nothing that they do not."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cave_rl.evaluation.report.markup import Html, tag
from cave_rl.evaluation.statistics import Estimate

MARKERS = 4  # shapes; a fifth line begins anew
WIDTH, HEIGHT = 460, 240
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 10, 34


def estimate_bar(estimate: Estimate | None) -> Html:
    """A share as a bar from 0 to 100 %, with its interval as a whisker."""
    if estimate is None:
        return Html("")
    low, high = (100 * each for each in (estimate.low, estimate.high))
    whisker = [] if math.isnan(low) or math.isnan(high) else [_whisker(low, high)]
    return _bar(100 * estimate.mean, *whisker)


def bar(value: float | None, most: float) -> Html:
    """A number as a bar, the longest being `most`."""
    return Html("") if not value or not most else _bar(100 * value / most)


def lines(curves: Sequence[tuple[str, Sequence[tuple[int, float]]]], title: str) -> Html:
    """Shares over powers of two, a line a curve; told apart by marker and dash, not by colour alone."""
    ks = sorted({k for _, points in curves for k, _ in points})
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def place(k: int, share: float) -> tuple[float, float]:
        span = math.log2(ks[-1]) or 1.0
        return LEFT + 10 + (right - LEFT - 20) * math.log2(k) / span, bottom - (bottom - TOP) * share

    grid = []
    for percent in (0, 25, 50, 75, 100):
        y = round(place(1, percent / 100)[1], 1)
        grid.append(tag("line", x1=LEFT, x2=right, y1=y, y2=y, class_="grid"))
        grid.append(tag("text", f"{percent} %", x=LEFT - 6, y=y + 4, text_anchor="end"))
    grid += [tag("text", k, x=round(place(k, 0)[0], 1), y=bottom + 16, text_anchor="middle") for k in ks]
    grid.append(tag("text", "k", x=right, y=bottom + 30, text_anchor="end"))
    drawn = []
    for number, (_, points) in enumerate(curves):
        places = [place(k, share) for k, share in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        drawn.append(tag("polyline", points=path, class_=f"curve side{number % MARKERS}"))
        drawn += [_marker(number, x, y) for x, y in places]
    return tag(
        "svg",
        tag("title", title),
        grid,
        drawn,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        class_="lines",
        role="img",
        aria_label=title,
    )


def swatch(number: int) -> Html:
    """The line and the marker of a curve, for a legend."""
    line = tag("polyline", points="2,8 38,8", class_=f"curve side{number % MARKERS}")
    return tag("svg", line, _marker(number, 20, 8), viewBox="0 0 40 16", class_="swatch", aria_hidden="true")


def _bar(percent: float, *over: Html) -> Html:
    track = tag("rect", x=0.5, y=1.5, width=99, height=11, class_="track")
    value = tag("rect", x=0.5, y=1.5, width=round(0.99 * min(percent, 100), 2), height=11, class_="value")
    return tag("svg", track, value, over, viewBox="0 0 100 14", class_="bar", aria_hidden="true")


def _whisker(low: float, high: float) -> Html:
    x1, x2 = (round(0.5 + 0.99 * min(max(each, 0), 100), 2) for each in (low, high))
    return tag("path", d=f"M{x1} 4V10M{x2} 4V10M{x1} 7H{x2}", class_="whisker")


def _marker(number: int, x: float, y: float) -> Html:
    kind, x, y = number % MARKERS, round(x, 1), round(y, 1)
    shapes = (
        f"M{x - 4} {y}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
        f"M{x - 4} {y - 4}h8v8h-8z",
        f"M{x} {y - 5}l5 9h-10z",
        f"M{x} {y - 5}l5 5l-5 5l-5 -5z",
    )
    return tag("path", d=shapes[kind], class_=f"marker side{kind}")
