"""The data of Market-v0: plausible prices, the same from the same seed, and a frame that says what the arrays say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cave_rl.suites.market import world

SYMBOLS = ("ABC", "DEF", "XYZ")
DAYS = st.integers(2, 300)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**40), days=DAYS)
def test_a_walk_is_a_plausible_market(seed: int, days: int) -> None:
    quotes = world.walk(seed, SYMBOLS, "2015-01-02", days)
    assert quotes.close.shape == (days, 3)
    assert (quotes.low <= np.minimum(quotes.open, quotes.close)).all()
    assert (quotes.high >= np.maximum(quotes.open, quotes.close)).all()
    assert quotes.low.min() > 0
    assert quotes.volume.min() > 0
    for name in ("open", "high", "low", "close"):
        values = getattr(quotes, name)
        assert (values == np.round(values, 2)).all(), "in whole cents"


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**40), days=DAYS)
def test_the_calendar_has_business_days_and_an_early_holiday(seed: int, days: int) -> None:
    dates = world.calendar(seed, "2015-01-02", days)
    assert len(dates) == days
    assert str(dates[0]) == "2015-01-02"
    assert (np.diff(dates) > np.timedelta64(0, "D")).all()
    assert np.is_busday(dates).all()
    if days > 21:  # no library takes its dates for a regular range
        assert np.busday_count(dates[0], dates[21]) > 21


def test_the_same_arguments_give_the_same_quotes_and_another_seed_others() -> None:
    one, again, other = (world.walk(seed, SYMBOLS, "2015-01-02", 30) for seed in (5, 5, 6))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one.close, other.close)


def test_symbols_have_something_in_common() -> None:
    close = world.walk(5, SYMBOLS, "2015-01-02", 500).close
    table = np.corrcoef(np.diff(np.log(close), axis=0), rowvar=False)
    assert 0.02 < table[0, 1] < 0.95


def test_the_frame_says_what_the_arrays_say() -> None:
    pd = pytest.importorskip("pandas")
    quotes = world.walk(5, SYMBOLS, "2015-01-02", 30)
    frame = world.frame(quotes)
    assert list(frame.columns) == ["date", "symbol", "open", "high", "low", "close", "volume"]
    assert frame.index.equals(pd.RangeIndex(90))
    assert frame.equals(frame.sort_values(["date", "symbol"]))
    row = frame[(frame["symbol"] == "DEF") & (frame["date"] == str(quotes.dates[7]))].iloc[0]
    assert (row["open"], row["low"], row["volume"]) == (quotes.open[7, 1], quotes.low[7, 1], quotes.volume[7, 1])


def test_a_large_frame_has_a_categorical_symbol() -> None:
    pd = pytest.importorskip("pandas")
    symbols = tuple(f"S{at:03}" for at in range(100))
    frame = world.frame(world.walk(5, symbols, "2015-01-02", 1000))
    assert isinstance(frame["symbol"].dtype, pd.CategoricalDtype)
    assert list(frame["symbol"].iloc[:100]) == list(symbols)


def test_real_prices_are_those_of_the_package() -> None:
    stocks = pytest.importorskip("bokeh_sampledata.stocks")
    quotes = world.daily(("AAPL", "IBM"), "2010-01-04", 20)
    at = stocks.IBM["date"].index(str(quotes.dates[3]))
    assert quotes.close[3, 1] == round(stocks.IBM["close"][at], 2)
    assert quotes.volume[3, 1] == stocks.IBM["volume"][at]
    assert len(world.traded(("AAPL", "FB"))) < len(world.traded(("AAPL", "IBM"))), "FB begins later"
