"""Daily prices: a seeded random walk, or real ones from `bokeh-sampledata`.

A task names its data by a few arguments. The set-up makes them in the template, the judge makes them again: nothing
large is kept, hashed or sent by the host. What stands here enters a rollout, and holds no answer.

>>> quotes = walk(7, ("ABC", "XYZ"), "2015-01-02", 250)
>>> quotes.close.shape, str(quotes.dates[0])
((250, 2), '2015-01-02')
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

MANY_ROWS = 100_000
"""From so many rows on, the symbol is a categorical: as text it would be most of what a claim of the frame costs."""

REAL_SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")

Array = np.ndarray[Any, Any]


class Quotes(NamedTuple):
    """Prices and volumes, a row for each day and a column for each symbol."""

    dates: Array
    symbols: tuple[str, ...]
    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array


def calendar(seed: int, start: str, days: int) -> Array:
    """Business days from `start` on, without about one in twenty-five: holidays. The first is never one."""
    rng = np.random.default_rng([seed, 1])
    count = days + days // 20 + 2
    holidays = 1 + np.flatnonzero(rng.random(count - 1) < 0.04)
    holidays = np.union1d(holidays[: count - days], 1 + rng.integers(0, min(20, days - 1), 1))  # one early, in any case
    open_days = np.delete(np.arange(count), holidays[: count - days])
    return np.busday_offset(np.datetime64(start, "D"), open_days[:days], roll="forward")


def walk(seed: int, symbols: tuple[str, ...], start: str, days: int) -> Quotes:
    """A geometric random walk for each symbol, with a part that all share. Prices are in whole cents."""
    rng = np.random.default_rng(seed)
    shape = days, len(symbols)
    first = np.exp(rng.uniform(np.log(20), np.log(400), len(symbols)))
    own = rng.uniform(0.008, 0.02, len(symbols))
    shared = rng.normal(0.0002, 0.006, days)[:, None] * rng.uniform(0.5, 1.5, len(symbols))
    close = first * np.exp(np.cumsum(rng.standard_normal(shape) * own + shared, axis=0))
    close = np.round(np.maximum(close, 1.0), 2)
    before = np.vstack([first, close[:-1]])
    opened = np.round(np.maximum(before * np.exp(rng.standard_normal(shape) * 0.005), 1.0), 2)
    high = np.round(np.maximum(opened, close) * (1 + rng.random(shape) * 0.012), 2)
    low = np.round(np.minimum(opened, close) * (1 - rng.random(shape) * 0.012), 2)
    usual = np.exp(rng.uniform(np.log(1e5), np.log(1e7), len(symbols)))
    volume = np.maximum(usual * np.exp(rng.standard_normal(shape) * 0.4), 100).astype(np.int64)
    return Quotes(calendar(seed, start, days), tuple(symbols), opened, high, low, close, volume)


@functools.cache
def _read(symbol: str) -> dict[str, Array]:
    """The real prices of one symbol."""
    from bokeh_sampledata import stocks

    rows = getattr(stocks, symbol)
    found = {name: np.array(rows[name], float) for name in ("open", "high", "low", "close")}
    return {
        "date": np.array(rows["date"], "M8[D]"),
        "volume": np.array(rows["volume"], np.int64),
        **{name: np.round(values, 2) for name, values in found.items()},
    }


def traded(symbols: tuple[str, ...]) -> Array:
    """The days on which all of some real symbols were traded."""
    return functools.reduce(np.intersect1d, (_read(each)["date"] for each in symbols))


def daily(symbols: tuple[str, ...], start: str, days: int) -> Quotes:
    """Real daily prices, unadjusted, of days on which all of the symbols were traded.

    Raises:
        ModuleNotFoundError: `bokeh-sampledata` is not installed.
    """
    dates = traded(symbols)
    at = int(np.searchsorted(dates, np.datetime64(start, "D")))
    chosen = dates[at : at + days]
    columns: dict[str, Array] = {}
    for name in ("open", "high", "low", "close", "volume"):
        read = [_read(each) for each in symbols]
        columns[name] = np.column_stack([each[name][np.searchsorted(each["date"], chosen)] for each in read])
    return Quotes(chosen, tuple(symbols), **columns)


def frame(quotes: Quotes) -> pd.DataFrame:
    """The quotes as a frame: one row for each day and symbol, by date, then symbol."""
    import pandas as pd

    days, count = quotes.close.shape
    each = np.tile(np.arange(count), days)
    names = list(quotes.symbols)
    symbol: Any
    if days * count >= MANY_ROWS:
        symbol = pd.Categorical.from_codes(each, categories=names)
    else:
        symbol = pd.Series(names).array.take(each)
    columns = {name: getattr(quotes, name).ravel() for name in ("open", "high", "low", "close", "volume")}
    dates = np.repeat(quotes.dates.astype("M8[ns]"), count)
    return pd.DataFrame({"date": dates, "symbol": symbol, **columns})
