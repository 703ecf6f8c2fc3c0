"""What is right of the analyses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cave_rl.suites.market.tasks.answers.taking import by_symbol, descending, of, returns
from cave_rl.suites.market.tasks.comparing import Column, Table
from cave_rl.suites.market.world import Quotes


def means(quotes: Quotes, name: str = "close") -> dict[str, float]:
    """The mean of a column for each symbol."""
    return by_symbol(quotes, getattr(quotes, name).mean(axis=0))


def total_returns(quotes: Quotes) -> dict[str, float]:
    """For each symbol last close over first close, less 1."""
    return by_symbol(quotes, quotes.close[-1] / quotes.close[0] - 1)


def ranking(quotes: Quotes) -> list[str]:
    """The symbols by their total return, the best first."""
    return descending(quotes, quotes.close[-1] / quotes.close[0])


def ranking_by_close(quotes: Quotes) -> list[str]:
    """The symbols by their last close."""
    return descending(quotes, quotes.close[-1])


def daily_returns(quotes: Quotes, symbol: str) -> Column:
    """The daily returns of a symbol by date, without the first day."""
    return Column(quotes.dates[1:], returns(of(quotes, "close", symbol)))


def rolling_mean(quotes: Quotes, symbol: str, window: int) -> Column:
    """The mean close of each full window, by its last day."""
    close = of(quotes, "close", symbol)
    windows = np.lib.stride_tricks.sliding_window_view(close, window)
    return Column(quotes.dates[window - 1 :], windows.mean(axis=1))


def month_ends(quotes: Quotes, symbol: str) -> dict[str, float]:
    """The last close of each month."""
    months = quotes.dates.astype("M8[M]").astype(str).tolist()
    return dict(zip(months, of(quotes, "close", symbol).tolist(), strict=True))  # the last of a month stays


def falls(quotes: Quotes) -> dict[str, float]:
    """For each symbol the lowest ratio of its close to its highest close until then, less 1."""
    peaks = np.maximum.accumulate(quotes.close, axis=0)
    return by_symbol(quotes, (quotes.close / peaks - 1).min(axis=0))


def fall(quotes: Quotes, symbol: str) -> float:
    """The deepest fall of one symbol."""
    return falls(quotes)[symbol]


def plain_fall(quotes: Quotes, symbol: str) -> float:
    """Lowest over highest, whichever came first."""
    close = of(quotes, "close", symbol)
    return float(close.min() / close.max() - 1)


def risks(quotes: Quotes) -> dict[str, float]:
    """The sample standard deviation of the daily returns of each symbol."""
    return by_symbol(quotes, returns(quotes.close).std(axis=0, ddof=1))


def correlation(quotes: Quotes, one: str, other: str) -> float:
    """Of the daily returns of two symbols."""
    first, second = (returns(of(quotes, "close", each)) for each in (one, other))
    return float(np.corrcoef(first, second)[0, 1])


def closest_pair(quotes: Quotes) -> list[str]:
    """The two symbols whose daily returns are correlated most, in alphabetical order."""
    table = np.corrcoef(returns(quotes.close), rowvar=False)
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
    return by_symbol(quotes, (quotes.close * quotes.volume).sum(axis=0) / quotes.volume.sum(axis=0))
