"""What is right of the later turns of dialogues."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cave_rl.suites.market.tasks.answers.analysis import risks
from cave_rl.suites.market.tasks.answers.frames import only, within
from cave_rl.suites.market.tasks.answers.taking import of, returns
from cave_rl.suites.market.tasks.comparing import Column, Table
from cave_rl.suites.market.world import Array, Quotes


def risk(quotes: Quotes, symbol: str) -> float:
    """The sample standard deviation of the daily returns of one symbol."""
    return risks(quotes)[symbol]


def mean_spread(quotes: Quotes, symbol: str, first: str, last: str) -> float:
    """The mean of high less low, from one day to another."""
    rows = within(quotes, first, last)
    return float((of(rows, "high", symbol) - of(rows, "low", symbol)).mean())


def wide_returns(quotes: Quotes, symbols: tuple[str, ...]) -> Table:
    """The daily returns with a row for each day and a column for each of some symbols."""
    chosen = only(quotes, list(symbols))
    values = returns(chosen.close)
    return Table({symbol: values[:, at] for at, symbol in enumerate(symbols)}, quotes.dates[1:])


def _portfolio(quotes: Quotes, weights: Mapping[str, float]) -> Array:
    found: Array = returns(only(quotes, list(weights)).close) @ np.array(list(weights.values()))
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
