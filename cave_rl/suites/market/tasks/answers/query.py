"""What is right of the questions."""

from __future__ import annotations

import numpy as np

from cave_rl.suites.market.tasks.answers.taking import descending, of, returns, row
from cave_rl.suites.market.world import Quotes


def price_on(quotes: Quotes, name: str, symbol: str, day: str) -> float:
    """A price of a symbol on a day."""
    return float(of(quotes, name, symbol)[row(quotes, day)])


def days_up(quotes: Quotes, symbol: str | None = None) -> int:
    """On how many days a symbol (or all together) closed above its open."""
    above = quotes.close > quotes.open
    return int(above.sum() if symbol is None else above[:, quotes.symbols.index(symbol)].sum())


def days_down(quotes: Quotes, symbol: str) -> int:
    """On how many days a symbol closed below its open."""
    return int((of(quotes, "close", symbol) < of(quotes, "open", symbol)).sum())


def highest(quotes: Quotes, symbol: str, name: str = "close") -> float:
    """The highest price of a symbol."""
    return float(of(quotes, name, symbol).max())


def highest_day(quotes: Quotes, symbol: str, name: str = "close") -> np.datetime64:
    """The first day of the highest price of a symbol."""
    found: np.datetime64 = quotes.dates[int(of(quotes, name, symbol).argmax())]
    return found


def span(quotes: Quotes, symbol: str, first: str, last: str) -> float:
    """The highest high less the lowest low from one day to another."""
    rows = slice(row(quotes, first), row(quotes, last) + 1)
    return float(of(quotes, "high", symbol)[rows].max() - of(quotes, "low", symbol)[rows].min())


def turnover(quotes: Quotes, symbol: str) -> float:
    """The sum of close times volume of a symbol."""
    return float(of(quotes, "close", symbol) @ of(quotes, "volume", symbol).astype(float))


def busiest(quotes: Quotes, count: int) -> list[str]:
    """The symbols with the largest total volume, the largest first."""
    return descending(quotes, quotes.volume.sum(axis=0))[:count]


def busiest_by_peak(quotes: Quotes, count: int) -> list[str]:
    """The symbols with the largest volume on one day."""
    return descending(quotes, quotes.volume.max(axis=0))[:count]


def gaps_up(quotes: Quotes, symbol: str, name: str = "high") -> int:
    """On how many days a symbol opened above a price of the day before."""
    return int((of(quotes, "open", symbol)[1:] > of(quotes, name, symbol)[:-1]).sum())


def worst_return(quotes: Quotes, symbol: str) -> float:
    """The lowest daily return of a symbol."""
    return float(returns(of(quotes, "close", symbol)).min())


def worst_day(quotes: Quotes, symbol: str) -> np.datetime64:
    """The first day of the lowest daily return of a symbol."""
    found: np.datetime64 = quotes.dates[1 + int(returns(of(quotes, "close", symbol)).argmin())]
    return found


def worst_fall_day(quotes: Quotes, symbol: str) -> np.datetime64:
    """The day of the largest fall in money, not in percent."""
    found: np.datetime64 = quotes.dates[1 + int(np.diff(of(quotes, "close", symbol)).argmin())]
    return found
