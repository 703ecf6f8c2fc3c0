"""What is right of the frame itself, changed or in part."""

from __future__ import annotations

from typing import Any

import numpy as np

from cave_rl.suites.market.tasks.answers.taking import PRICES, returns, row
from cave_rl.suites.market.tasks.comparing import Table
from cave_rl.suites.market.world import Array, Quotes


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
    return _whole(quotes, **{column: np.vstack([first, returns(quotes.close)])})


def with_flag(quotes: Quotes, column: str) -> Table:
    """With a column that says whether the volume is above the mean volume of its symbol."""
    return _whole(quotes, **{column: quotes.volume > quotes.volume.mean(axis=0)})


def after_split(quotes: Quotes, symbol: str, day: str, ratio: int) -> Table:
    """With the prices of a symbol before a day divided, and its volume multiplied, by a ratio."""
    factors = np.ones(quotes.close.shape)
    factors[: row(quotes, day), quotes.symbols.index(symbol)] = ratio
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
    rows = slice(row(quotes, first), row(quotes, last) + 1)
    return Quotes(quotes.dates[rows], quotes.symbols, *(getattr(quotes, name)[rows] for name in (*PRICES, "volume")))
