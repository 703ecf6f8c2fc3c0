"""What is right of the charts."""

from __future__ import annotations

from typing import Any

import numpy as np

from cave_rl.rewards.charts import ChartShows, chart_shows
from cave_rl.suites.market.tasks.answers.analysis import ranking, rolling_mean, total_returns
from cave_rl.suites.market.tasks.answers.taking import of, returns
from cave_rl.suites.market.world import Quotes


def _dates(quotes: Quotes) -> list[Any]:
    return list(quotes.dates.astype(object))


def line_chart(quotes: Quotes, variable: str, symbol: str, title: str) -> ChartShows:
    """The closes of a symbol by date."""
    points = _dates(quotes), of(quotes, "close", symbol).tolist()
    return chart_shows(variable, points, kind="line", title=title)


def average_chart(quotes: Quotes, variable: str, symbol: str, window: int) -> ChartShows:
    """The closes of a symbol and their rolling mean, as two labelled lines."""
    close, mean = of(quotes, "close", symbol).tolist(), rolling_mean(quotes, symbol, window)
    days = _dates(quotes)
    return chart_shows(
        variable, {"close": (days, close), "mean": (days[window - 1 :], mean.values.tolist())}, kind="line"
    )


def bar_chart(quotes: Quotes, variable: str, title: str) -> ChartShows:
    """The mean volume of each symbol, in alphabetical order."""
    points = list(quotes.symbols), quotes.volume.mean(axis=0).tolist()
    return chart_shows(variable, points, kind="bar", title=title)


def scatter_chart(quotes: Quotes, variable: str, one: str, other: str) -> ChartShows:
    """The daily returns of one symbol over those of another."""
    points = tuple(returns(of(quotes, "close", each)).tolist() for each in (one, other))
    return chart_shows(variable, points, kind="scatter")


def histogram(quotes: Quotes, variable: str, symbol: str, bins: int) -> ChartShows:
    """How many daily returns lie in each of some bins of equal width from the lowest to the highest."""
    counts, edges = np.histogram(returns(of(quotes, "close", symbol)), bins)
    return chart_shows(variable, (((edges[:-1] + edges[1:]) / 2).tolist(), counts.tolist()), kind="bar", tolerance=1e-9)


def line_spec(quotes: Quotes, symbol: str, title: str) -> dict[str, Any]:
    """A chart of the closes of a symbol as plain data."""
    days = [str(day) for day in quotes.dates]
    return {"type": "line", "title": title, "x": days, "y": of(quotes, "close", symbol).tolist()}


def ranking_spec(quotes: Quotes, title: str) -> dict[str, Any]:
    """A chart of the total returns, the best first, as plain data."""
    totals, ranked = total_returns(quotes), ranking(quotes)
    return {"type": "bar", "title": title, "labels": ranked, "values": [totals[each] for each in ranked]}
