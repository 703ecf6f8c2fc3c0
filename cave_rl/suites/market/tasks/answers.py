"""The references of Market-v0: what is right, computed from the arrays of quotes.

They share no code with the gold, which works on the frame with pandas: each checks the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cave_rl.rewards.charts import ChartShows, chart_shows
from cave_rl.suites.market.tasks.comparing import Column, Table
from cave_rl.suites.market.world import Array, Quotes

PRICES = ("open", "high", "low", "close")


def _of(quotes: Quotes, name: str, symbol: str) -> Array:
    """One column of one symbol."""
    found: Array = getattr(quotes, name)[:, quotes.symbols.index(symbol)]
    return found


def _row(quotes: Quotes, day: str) -> int:
    return int(np.searchsorted(quotes.dates, np.datetime64(day, "D")))


def _returns(close: Array) -> Array:
    """Daily returns, without the first day."""
    found: Array = close[1:] / close[:-1] - 1
    return found


def _by_symbol(quotes: Quotes, values: Array) -> dict[str, Any]:
    return dict(zip(quotes.symbols, values.tolist(), strict=True))


def _descending(quotes: Quotes, values: Array) -> list[str]:
    return [quotes.symbols[at] for at in np.argsort(-values, kind="stable")]


# Queries


def price_on(quotes: Quotes, name: str, symbol: str, day: str) -> float:
    """A price of a symbol on a day."""
    return float(_of(quotes, name, symbol)[_row(quotes, day)])


def days_up(quotes: Quotes, symbol: str | None = None) -> int:
    """On how many days a symbol (or all together) closed above its open."""
    above = quotes.close > quotes.open
    return int(above.sum() if symbol is None else above[:, quotes.symbols.index(symbol)].sum())


def days_down(quotes: Quotes, symbol: str) -> int:
    """On how many days a symbol closed below its open."""
    return int((_of(quotes, "close", symbol) < _of(quotes, "open", symbol)).sum())


def highest(quotes: Quotes, symbol: str, name: str = "close") -> float:
    """The highest price of a symbol."""
    return float(_of(quotes, name, symbol).max())


def highest_day(quotes: Quotes, symbol: str, name: str = "close") -> np.datetime64:
    """The first day of the highest price of a symbol."""
    found: np.datetime64 = quotes.dates[int(_of(quotes, name, symbol).argmax())]
    return found


def span(quotes: Quotes, symbol: str, first: str, last: str) -> float:
    """The highest high less the lowest low from one day to another."""
    rows = slice(_row(quotes, first), _row(quotes, last) + 1)
    return float(_of(quotes, "high", symbol)[rows].max() - _of(quotes, "low", symbol)[rows].min())


def turnover(quotes: Quotes, symbol: str) -> float:
    """The sum of close times volume of a symbol."""
    return float(_of(quotes, "close", symbol) @ _of(quotes, "volume", symbol).astype(float))


def busiest(quotes: Quotes, count: int) -> list[str]:
    """The symbols with the largest total volume, the largest first."""
    return _descending(quotes, quotes.volume.sum(axis=0))[:count]


def busiest_by_peak(quotes: Quotes, count: int) -> list[str]:
    """The symbols with the largest volume on one day."""
    return _descending(quotes, quotes.volume.max(axis=0))[:count]


def gaps_up(quotes: Quotes, symbol: str, name: str = "high") -> int:
    """On how many days a symbol opened above a price of the day before."""
    return int((_of(quotes, "open", symbol)[1:] > _of(quotes, name, symbol)[:-1]).sum())


def worst_return(quotes: Quotes, symbol: str) -> float:
    """The lowest daily return of a symbol."""
    return float(_returns(_of(quotes, "close", symbol)).min())


def worst_day(quotes: Quotes, symbol: str) -> np.datetime64:
    """The first day of the lowest daily return of a symbol."""
    found: np.datetime64 = quotes.dates[1 + int(_returns(_of(quotes, "close", symbol)).argmin())]
    return found


def worst_fall_day(quotes: Quotes, symbol: str) -> np.datetime64:
    """The day of the largest fall in money, not in percent."""
    found: np.datetime64 = quotes.dates[1 + int(np.diff(_of(quotes, "close", symbol)).argmin())]
    return found


# Analyses


def means(quotes: Quotes, name: str = "close") -> dict[str, float]:
    """The mean of a column for each symbol."""
    return _by_symbol(quotes, getattr(quotes, name).mean(axis=0))


def total_returns(quotes: Quotes) -> dict[str, float]:
    """For each symbol last close over first close, less 1."""
    return _by_symbol(quotes, quotes.close[-1] / quotes.close[0] - 1)


def ranking(quotes: Quotes) -> list[str]:
    """The symbols by their total return, the best first."""
    return _descending(quotes, quotes.close[-1] / quotes.close[0])


def ranking_by_close(quotes: Quotes) -> list[str]:
    """The symbols by their last close."""
    return _descending(quotes, quotes.close[-1])


def daily_returns(quotes: Quotes, symbol: str) -> Column:
    """The daily returns of a symbol by date, without the first day."""
    return Column(quotes.dates[1:], _returns(_of(quotes, "close", symbol)))


def rolling_mean(quotes: Quotes, symbol: str, window: int) -> Column:
    """The mean close of each full window, by its last day."""
    close = _of(quotes, "close", symbol)
    windows = np.lib.stride_tricks.sliding_window_view(close, window)
    return Column(quotes.dates[window - 1 :], windows.mean(axis=1))


def month_ends(quotes: Quotes, symbol: str) -> dict[str, float]:
    """The last close of each month."""
    months = quotes.dates.astype("M8[M]").astype(str).tolist()
    return dict(zip(months, _of(quotes, "close", symbol).tolist(), strict=True))  # the last of a month stays


def falls(quotes: Quotes) -> dict[str, float]:
    """For each symbol the lowest ratio of its close to its highest close until then, less 1."""
    peaks = np.maximum.accumulate(quotes.close, axis=0)
    return _by_symbol(quotes, (quotes.close / peaks - 1).min(axis=0))


def fall(quotes: Quotes, symbol: str) -> float:
    """The deepest fall of one symbol."""
    return falls(quotes)[symbol]


def plain_fall(quotes: Quotes, symbol: str) -> float:
    """Lowest over highest, whichever came first."""
    close = _of(quotes, "close", symbol)
    return float(close.min() / close.max() - 1)


def risks(quotes: Quotes) -> dict[str, float]:
    """The sample standard deviation of the daily returns of each symbol."""
    return _by_symbol(quotes, _returns(quotes.close).std(axis=0, ddof=1))


def correlation(quotes: Quotes, one: str, other: str) -> float:
    """Of the daily returns of two symbols."""
    returns = [_returns(_of(quotes, "close", each)) for each in (one, other)]
    return float(np.corrcoef(*returns)[0, 1])


def closest_pair(quotes: Quotes) -> list[str]:
    """The two symbols whose daily returns are correlated most, in alphabetical order."""
    table = np.corrcoef(_returns(quotes.close), rowvar=False)
    np.fill_diagonal(table, -2)
    return sorted(quotes.symbols[at] for at in np.unravel_index(table.argmax(), table.shape))


def closest_correlation(quotes: Quotes) -> float:
    """Their correlation."""
    return correlation(quotes, *closest_pair(quotes))


def sector_volumes(quotes: Quotes, sectors: Mapping[str, str]) -> dict[str, int]:
    """The total volume of each sector; symbols of none are together under `none`."""
    found: dict[str, int] = {}
    for symbol, volume in zip(quotes.symbols, quotes.volume.sum(axis=0).tolist(), strict=True):
        sector = sectors.get(symbol, "none")
        found[sector] = found.get(sector, 0) + volume
    return found


def sector_leaders(quotes: Quotes, sectors: Mapping[str, str]) -> dict[str, str]:
    """The symbol with the best total return of each sector."""
    found: dict[str, str] = {}
    for symbol in ranking(quotes):
        if symbol in sectors:
            found.setdefault(sectors[symbol], symbol)
    return found


def wide(quotes: Quotes, name: str = "close") -> Table:
    """A column of the prices with a row for each day and a column for each symbol."""
    values = getattr(quotes, name)
    return Table({symbol: values[:, at] for at, symbol in enumerate(quotes.symbols)}, quotes.dates)


def vwaps(quotes: Quotes) -> dict[str, float]:
    """The mean close of each symbol, weighted by its volume."""
    return _by_symbol(quotes, (quotes.close * quotes.volume).sum(axis=0) / quotes.volume.sum(axis=0))


# The frame itself, changed


def _whole(quotes: Quotes, **more: Array) -> Table:
    """The frame of the quotes, with further columns given as arrays like theirs."""
    days, count = quotes.close.shape
    columns: dict[str, Any] = {"date": np.repeat(quotes.dates, count), "symbol": list(quotes.symbols) * days}
    columns |= {name: getattr(quotes, name).ravel() for name in (*PRICES, "volume")}
    columns |= {name: values.ravel() for name, values in more.items()}
    return Table(columns, np.arange(days * count))


def with_returns(quotes: Quotes, column: str) -> Table:
    """With a column of daily returns, nan on the first day."""
    first = np.full((1, len(quotes.symbols)), np.nan)
    return _whole(quotes, **{column: np.vstack([first, _returns(quotes.close)])})


def with_flag(quotes: Quotes, column: str) -> Table:
    """With a column that says whether the volume is above the mean volume of its symbol."""
    return _whole(quotes, **{column: quotes.volume > quotes.volume.mean(axis=0)})


def after_split(quotes: Quotes, symbol: str, day: str, ratio: int) -> Table:
    """With the prices of a symbol before a day divided, and its volume multiplied, by a ratio."""
    factors = np.ones(quotes.close.shape)
    factors[: _row(quotes, day), quotes.symbols.index(symbol)] = ratio
    prices = {name: getattr(quotes, name) / factors for name in PRICES}
    return _whole(quotes._replace(**prices, volume=(quotes.volume * factors).astype(np.int64)))


def without(quotes: Quotes, symbol: str) -> Table:
    """Without the rows of a symbol, numbered anew."""
    return _whole(only(quotes, [each for each in quotes.symbols if each != symbol]))


def only(quotes: Quotes, symbols: list[str]) -> Quotes:
    """The quotes of some symbols."""
    at = [quotes.symbols.index(each) for each in symbols]
    arrays = {name: getattr(quotes, name)[:, at] for name in (*PRICES, "volume")}
    return Quotes(quotes.dates, tuple(symbols), **arrays)


def rows_of(quotes: Quotes, symbol: str, first: str, last: str) -> Table:
    """The rows of one symbol from one day to another, numbered anew."""
    return _whole(within(only(quotes, [symbol]), first, last))


def within(quotes: Quotes, first: str, last: str) -> Quotes:
    """The quotes from one day to another, both included."""
    rows = slice(_row(quotes, first), _row(quotes, last) + 1)
    return Quotes(quotes.dates[rows], quotes.symbols, *(getattr(quotes, name)[rows] for name in (*PRICES, "volume")))


# Charts


def _dates(quotes: Quotes) -> list[Any]:
    return list(quotes.dates.astype(object))


def line_chart(quotes: Quotes, variable: str, symbol: str, title: str) -> ChartShows:
    """The closes of a symbol by date."""
    points = _dates(quotes), _of(quotes, "close", symbol).tolist()
    return chart_shows(variable, points, kind="line", title=title)


def average_chart(quotes: Quotes, variable: str, symbol: str, window: int) -> ChartShows:
    """The closes of a symbol and their rolling mean, as two labelled lines."""
    close, mean = _of(quotes, "close", symbol).tolist(), rolling_mean(quotes, symbol, window)
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
    points = tuple(_returns(_of(quotes, "close", each)).tolist() for each in (one, other))
    return chart_shows(variable, points, kind="scatter")


def histogram(quotes: Quotes, variable: str, symbol: str, bins: int) -> ChartShows:
    """How many daily returns lie in each of some bins of equal width from the lowest to the highest."""
    counts, edges = np.histogram(_returns(_of(quotes, "close", symbol)), bins)
    return chart_shows(variable, (((edges[:-1] + edges[1:]) / 2).tolist(), counts.tolist()), kind="bar", tolerance=1e-9)


def line_spec(quotes: Quotes, symbol: str, title: str) -> dict[str, Any]:
    """A chart of the closes of a symbol as plain data."""
    days = [str(day) for day in quotes.dates]
    return {"type": "line", "title": title, "x": days, "y": _of(quotes, "close", symbol).tolist()}


def ranking_spec(quotes: Quotes, title: str) -> dict[str, Any]:
    """A chart of the total returns, the best first, as plain data."""
    totals, ranked = total_returns(quotes), ranking(quotes)
    return {"type": "bar", "title": title, "labels": ranked, "values": [totals[each] for each in ranked]}


# Dialogues


def risk(quotes: Quotes, symbol: str) -> float:
    """The sample standard deviation of the daily returns of one symbol."""
    return risks(quotes)[symbol]


def mean_spread(quotes: Quotes, symbol: str, first: str, last: str) -> float:
    """The mean of high less low, from one day to another."""
    rows = within(quotes, first, last)
    return float((_of(rows, "high", symbol) - _of(rows, "low", symbol)).mean())


def wide_returns(quotes: Quotes, symbols: tuple[str, ...]) -> Table:
    """The daily returns with a row for each day and a column for each of some symbols."""
    chosen = only(quotes, list(symbols))
    returns = _returns(chosen.close)
    return Table({symbol: returns[:, at] for at, symbol in enumerate(symbols)}, quotes.dates[1:])


def _portfolio(quotes: Quotes, weights: Mapping[str, float]) -> Array:
    returns = _returns(only(quotes, list(weights)).close)
    found: Array = returns @ np.array(list(weights.values()))
    return found


def portfolio(quotes: Quotes, weights: Mapping[str, float]) -> Column:
    """The weighted daily returns."""
    return Column(quotes.dates[1:], _portfolio(quotes, weights))


def growth(quotes: Quotes, weights: Mapping[str, float]) -> Column:
    """The running product of 1 plus the weighted daily returns."""
    return Column(quotes.dates[1:], np.cumprod(1 + _portfolio(quotes, weights)))


def portfolio_fall(quotes: Quotes, weights: Mapping[str, float]) -> float:
    """The deepest fall of the growth below its highest value until then."""
    grown = np.cumprod(1 + _portfolio(quotes, weights))
    return float((grown / np.maximum.accumulate(grown) - 1).min())


def rebased(quotes: Quotes) -> Table:
    """The closes with a column for each symbol, as percent of the first close."""
    values = 100 * quotes.close / quotes.close[0]
    return Table({symbol: values[:, at] for at, symbol in enumerate(quotes.symbols)}, quotes.dates)


def widest_day(quotes: Quotes) -> np.datetime64:
    """The first day on which the rebased closes lie furthest apart."""
    values = quotes.close / quotes.close[0]
    found: np.datetime64 = quotes.dates[int((values.max(axis=1) - values.min(axis=1)).argmax())]
    return found


def widest(quotes: Quotes) -> float:
    """How far apart they lie on that day, in percent of the first close."""
    values = 100 * quotes.close / quotes.close[0]
    return float((values.max(axis=1) - values.min(axis=1)).max())
