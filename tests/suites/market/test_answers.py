"""The references, on prices that a reader can check by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cave_rl.suites.market.tasks import answers
from cave_rl.suites.market.world import Quotes

DATES = np.array(["2020-01-30", "2020-01-31", "2020-02-03", "2020-02-04"], "M8[D]")
CLOSE = np.array([[10.0, 40.0], [12.0, 20.0], [9.0, 30.0], [15.0, 30.0]])
OPEN = np.array([[9.0, 40.0], [11.0, 41.0], [12.5, 20.0], [9.0, 31.0]])
VOLUME = np.array([[1, 10], [2, 10], [3, 30], [4, 10]])
QUOTES = Quotes(DATES, ("AA", "BB"), OPEN, CLOSE + 1, np.minimum(OPEN, CLOSE) - 1, CLOSE, VOLUME)


def test_queries() -> None:
    assert answers.price_on(QUOTES, "open", "BB", "2020-01-31") == 41.0
    assert (answers.days_up(QUOTES, "AA"), answers.days_up(QUOTES), answers.days_down(QUOTES, "AA")) == (3, 4, 1)
    assert answers.highest(QUOTES, "BB") == 40.0
    assert str(answers.highest_day(QUOTES, "BB")) == "2020-01-30"
    assert answers.span(QUOTES, "AA", "2020-01-31", "2020-02-03") == 13.0 - 8.0
    assert answers.turnover(QUOTES, "AA") == 10 + 24 + 27 + 60
    assert answers.busiest(QUOTES, 1) == ["BB"]
    assert answers.gaps_up(QUOTES, "AA") == 0
    assert answers.gaps_up(QUOTES, "AA", "close") == 2
    assert str(answers.worst_day(QUOTES, "BB")) == "2020-01-31"
    assert answers.worst_return(QUOTES, "BB") == -0.5


def test_analyses() -> None:
    assert answers.means(QUOTES) == {"AA": 11.5, "BB": 30.0}
    assert answers.total_returns(QUOTES) == {"AA": 0.5, "BB": -0.25}
    assert answers.ranking(QUOTES) == ["AA", "BB"]
    assert answers.ranking_by_close(QUOTES) == ["BB", "AA"]
    assert answers.daily_returns(QUOTES, "BB").values.tolist() == [-0.5, 0.5, 0.0]
    rolling = answers.rolling_mean(QUOTES, "AA", 2)
    assert (rolling.values.tolist(), str(rolling.index[0])) == ([11.0, 10.5, 12.0], "2020-01-31")
    assert answers.month_ends(QUOTES, "AA") == {"2020-01": 12.0, "2020-02": 15.0}
    assert answers.falls(QUOTES) == {"AA": -0.25, "BB": -0.5}
    assert answers.plain_fall(QUOTES, "AA") == 9 / 15 - 1, "the low after the high is what counts, not this"
    assert answers.risks(QUOTES)["BB"] == pytest.approx(0.5)
    assert answers.correlation(QUOTES, "AA", "AA") == pytest.approx(1.0)
    assert answers.sector_volumes(QUOTES, {"AA": "banks"}) == {"banks": 10, "none": 60}
    assert answers.sector_leaders(QUOTES, {"AA": "banks", "BB": "banks"}) == {"banks": "AA"}
    assert answers.vwaps(QUOTES)["AA"] == pytest.approx(12.1)


def test_changes_of_the_frame() -> None:
    split = answers.after_split(QUOTES, "AA", "2020-02-03", 2).columns
    assert split["close"].tolist() == [5.0, 40.0, 6.0, 20.0, 9.0, 30.0, 15.0, 30.0]
    assert split["volume"].tolist() == [2, 10, 4, 10, 3, 30, 4, 10]
    left = answers.without(QUOTES, "AA").columns
    assert left["symbol"] == ["BB"] * 4
    assert answers.rows_of(QUOTES, "AA", "2020-01-31", "2020-02-03").columns["close"].tolist() == [12.0, 9.0]
    assert answers.with_flag(QUOTES, "busy").columns["busy"].tolist() == [False] * 4 + [True, True, True, False]


def test_dialogues() -> None:
    weights = {"AA": 0.5, "BB": 0.5}
    assert answers.portfolio(QUOTES, weights).values.tolist() == pytest.approx([-0.15, 0.125, 1 / 3])
    assert answers.growth(QUOTES, weights).values.tolist() == pytest.approx([0.85, 0.95625, 1.275])
    assert answers.portfolio_fall(QUOTES, weights) == 0.0
    assert answers.rebased(QUOTES).columns["BB"].tolist() == [100.0, 50.0, 75.0, 75.0]
    assert (str(answers.widest_day(QUOTES)), answers.widest(QUOTES)) == ("2020-02-04", pytest.approx(75.0))
