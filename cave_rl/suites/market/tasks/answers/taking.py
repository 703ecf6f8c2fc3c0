"""What the references take from quotes."""

from __future__ import annotations

from typing import Any

import numpy as np

from cave_rl.suites.market.world import Array, Quotes

PRICES = ("open", "high", "low", "close")


def of(quotes: Quotes, name: str, symbol: str) -> Array:
    """One column of one symbol."""
    found: Array = getattr(quotes, name)[:, quotes.symbols.index(symbol)]
    return found


def row(quotes: Quotes, day: str) -> int:
    """Where a day stands."""
    return int(np.searchsorted(quotes.dates, np.datetime64(day, "D")))


def returns(close: Array) -> Array:
    """Daily returns, without the first day."""
    found: Array = close[1:] / close[:-1] - 1
    return found


def by_symbol(quotes: Quotes, values: Array) -> dict[str, Any]:
    """One value for each symbol."""
    return dict(zip(quotes.symbols, values.tolist(), strict=True))


def descending(quotes: Quotes, values: Array) -> list[str]:
    """The symbols by their values, the largest first."""
    return [quotes.symbols[at] for at in np.argsort(-values, kind="stable")]
