"""Charts: what a matplotlib figure, or a chart written as plain data, shows.

A figure crosses as the data it draws: lines, bars, scatters, their labels and titles, not as an image. A chart as plain
data is a dict of the kind that front ends draw. Both are read into the same few series:

>>> from cave_rl.rewards.evidence import Evidence, State
>>> chart = {"type": "bar", "title": "Sales", "x": ["Jan", "Feb"], "series": [{"label": "2024", "y": [3, 5]}]}
>>> wanted = chart_shows("chart", {"2024": (["Jan", "Feb"], [3, 5])}, kind="bar", title="Sales")
>>> [verdict.passed for verdict in wanted.check(Evidence(State({"chart": chart})))]
[True]
>>> [verdict.message for verdict in chart_shows("chart", [3, 6]).check(Evidence(State({"chart": chart})))]
["chart: series '2024', point 1: expected int 6, got int 5"]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cave_rl.rewards.chart_data import Chart, Series, Unreadable, listed, read
from cave_rl.rewards.evidence import Evidence, show
from cave_rl.rewards.rows import near, unmatched
from cave_rl.rewards.variable import OnVariable, one_verdict
from cave_rl.rewards.verdict import Verdict

Points = Any
"""The heights of a series, or a pair of its xs and its ys."""


@dataclass(frozen=True, slots=True)
class ChartShows(OnVariable):
    """A chart shows these series and no other. See `chart_shows`."""

    series: tuple[Series, ...] | None = None
    kind: str | None = None
    title: str | None = None
    check_order: bool = True
    tolerance: float = 1e-6
    weight: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        return (f"{self.variable} chart",)

    def check(self, evidence: Evidence) -> list[Verdict]:
        try:
            why = self._against(read(evidence.state[self.variable], horizontal=self.kind == "barh"))
        except Unreadable as wrong:
            why = str(wrong)
        return one_verdict(self.names[0], self.weight, why and f"{self.variable}: {why}")

    def _against(self, chart: Chart) -> str:
        if self.title is not None and self.title.strip() not in [title.strip() for title in chart.titles]:
            return f"expected the title {self.title!r}, got {show([title for title in chart.titles if title])}"
        if not chart.series:
            return "it shows no series"
        for each in chart.series:
            if self.kind is not None and each.kind != self.kind:
                return f"series {each.label!r} is drawn as {show(each.kind)}, expected {self.kind!r}"
        return "" if self.series is None else self._series(chart.series)

    def _series(self, shown: Sequence[Series]) -> str:
        wanted = self.series or ()
        if len(shown) == len(wanted) == 1 and wanted[0].label is None:
            return self._points(shown[0], wanted[0])
        labels, its = [each.label for each in wanted], [each.label for each in shown]
        if sorted(map(str, labels)) != sorted(map(str, its)) or len(set(its)) < len(its):
            told = f"the series {show(labels)}" if labels != [None] else "one series"
            return f"expected {told}, got {show(its)}"
        by_label = {each.label: each for each in shown}
        return next(filter(None, (self._points(by_label[each.label], each) for each in wanted)), "")

    def _points(self, series: Series, wanted: Series) -> str:
        if len(series.y) != len(wanted.y):
            return f"series {series.label!r}: expected {len(wanted.y)} points, got {len(series.y)}"
        if wanted.x is not None and series.x is None:
            return f"series {series.label!r} says no x"
        x = series.at(wanted.x) if wanted.x is not None else ()
        if not self.check_order or series.kind == "scatter":
            points = _points(wanted.x, wanted.y)
            at = unmatched(_points(None if wanted.x is None else x, series.y), points, self.tolerance)
            return "" if at is None else f"series {series.label!r}: no point like {show(points[at])}"
        for its, own in ((x, wanted.x or ()), (series.y, wanted.y)):
            for at, (a, e) in enumerate(zip(its, own, strict=True)):
                if not (near(a, e, self.tolerance) or (type(a) is str and type(e) is str and a.strip() == e.strip())):
                    return f"series {series.label!r}, point {at}: expected {show(e)}, got {show(a)}"
        return ""


def _points(x: Sequence[Any] | None, y: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The points as rows: numbers as floats, texts stripped."""
    sides = [y] if x is None else [x, y]
    plain = [[each.strip() if type(each) is str else float(each) for each in side] for side in sides]
    return list(zip(*plain, strict=True))


def chart_shows(
    variable: str,
    series: Mapping[str, Points] | Points | None = None,
    *,
    kind: str | None = None,
    title: str | None = None,
    check_order: bool = True,
    tolerance: float = 1e-6,
    weight: float = 1.0,
) -> ChartShows:
    """A chart shows these series, and no other.

    The variable is a matplotlib `Figure`, or a dict such as `{"type": "line", "title": ..., "series": [{"label": ...,
    "x": [...], "y": [...]}]}`; the layouts of Plotly, Chart.js and ECharts are read as well.

    Args:
        variable: its name.
        series: by label; or the points of the only series, whatever its label. Points are the ys, or a pair of a list
            of xs (numbers, dates, or texts of categories) and a list of ys.
        kind: how every series is drawn. Of a figure: `line`, `bar`, `barh` or `scatter`; of a dict, as the dict says.
        title: of the figure or of its axes.
        check_order: points come in this order (bars: from left to right, or upwards). Those of a scatter have none.
        tolerance: numbers may differ by `tolerance * max(1, |expected|)`.
        weight: of its verdict.

    Raises:
        ValueError: nothing is asked for, or something that is no series.
    """
    if series is None and kind is None and title is None:
        raise ValueError("chart_shows takes series, a kind or a title: as it stands it would assert nothing")
    wanted: tuple[Series, ...] | None = None
    try:
        if isinstance(series, Mapping):
            wanted = tuple(_wanted(label, points) for label, points in series.items())
        elif series is not None:
            wanted = (_wanted(None, series),)
    except Unreadable as wrong:
        raise ValueError(f"chart_shows: {wrong}") from wrong
    return ChartShows(variable, wanted, kind, title, check_order, tolerance, weight)


def _wanted(label: str | None, points: Points) -> Series:
    x: list[Any] | None
    if isinstance(points, tuple) and len(points) == 2 and not isinstance(points[0], (int, float, str)):
        x, y = (listed(each, "points") for each in points)
        if len(x) != len(y):
            raise Unreadable(f"series {label!r} has {len(x)} xs and {len(y)} ys")
    else:
        x, y = None, listed(points, "points")
    if not all(type(each) in (int, float) for each in y):
        raise Unreadable(f"series {label!r} has ys that are no numbers: {show(y)}")
    return Series(label, "", None if x is None else tuple(x), tuple(y))
