"""Analyses of each symbol: groups, returns, windows, months, drawdown."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random

from cave_rl.suites.market.tasks import answers
from cave_rl.suites.market.tasks.making import FRAMES, Draw, ask, family, goal, grouped, task, tell_apart
from cave_rl.tasks.task import Task


@family(tags=("analysis",), large=True)
def mean_close(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    out = rng.choice(("average", "averages", "means"))
    name, other = rng.sample(("open", "close", "volume"), 2)
    query = rng.choice(
        (
            f"Store the mean {name} of each symbol of {frame} in {out}: a dict from symbol to float.",
            f"Make {out} a dict that has for every symbol of {frame} its mean {name}, as a float.",
        )
    )
    turn = ask(
        market,
        query,
        {out: goal(answers.means, name)},
        f"{out} = {grouped(frame, name)}.mean().to_dict()",
        [
            f"{out} = {grouped(frame, name)}.median().to_dict()",
            f"{out} = {grouped(frame, name)}.mean()",
            f"{out} = {grouped(frame, other)}.mean().to_dict()",
            f"{out} = {grouped(f'{frame}.head(len({frame}) // 2)', name)}.mean().to_dict()",
        ],
    )
    return task(market, frame, turn)


@family(tags=("analysis",), large=True)
def total_return(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    out = rng.choice(("total", "gains", "results"))
    query = rng.choice(
        (
            f"Store the total return of each symbol of {frame} in {out}, a dict from symbol to float: its last close "
            "over its first close, less 1.",
            f"For every symbol of {frame}: how much did its close gain from its first day to its last, as a fraction "
            f"of the first? Put a dict from symbol to float in {out}.",
        )
    )
    start = f"closes = {grouped(frame)}\n"
    turn = ask(
        market,
        query,
        {out: goal(answers.total_returns)},
        f"{start}{out} = (closes.last() / closes.first() - 1).to_dict()",
        [
            f"{start}{out} = (closes.last() / closes.first()).to_dict()",
            f"{start}{out} = (1 - closes.first() / closes.last()).to_dict()",
            f"{start}{out} = (closes.max() / closes.min() - 1).to_dict()",
            f"{start}{out} = (100 * (closes.last() / closes.first() - 1)).to_dict()",
        ],
    )
    return task(market, frame, turn, steps=2)


@family(tags=("analysis",))
def daily_returns(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    symbol, out = rng.choice(market.symbols), rng.choice(("returns", "changes", "moves"))
    query = rng.choice(
        (
            f"Store the daily returns of {symbol} in {out}: a Series indexed by date, close over the close of the "
            f"trading day before, less 1; leave the first day out. The prices are in {frame}.",
            f"From {frame}, make {out}: a Series of the daily returns of {symbol} (close / previous close - 1) with "
            "the dates as index and without the first day, which has none.",
        )
    )
    rows = f"closes = {frame}[{frame}['symbol'] == '{symbol}'].set_index('date')['close']\n"
    turn = ask(
        market,
        query,
        {out: goal(answers.daily_returns, symbol)},
        f"{rows}{out} = closes.pct_change().dropna()",
        [
            f"{rows}{out} = closes.pct_change()",
            f"{rows}{out} = closes.pct_change().dropna().reset_index(drop=True)",
            f"import numpy as np\n{rows}{out} = np.log(closes).diff().dropna()",
            f"{rows}{out} = closes.diff().dropna()",
        ],
    )
    return task(market, frame, turn, steps=2)


@family(tags=("analysis",))
def rolling_mean(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    symbol, window, out = rng.choice(market.symbols), rng.randint(4, 30), rng.choice(("smooth", "trend", "rolling"))
    query = rng.choice(
        (
            f"Store the {window}-day rolling mean of the close of {symbol} in {out}: a Series indexed by date, full "
            f"windows only, each at its last day. The prices are in {frame}.",
            f"Smooth the closes of {symbol} in {frame} by a rolling mean over {window} days. {out} is to be a Series "
            "indexed by date that begins with the first day that has a full window.",
        )
    )
    rows = f"closes = {frame}[{frame}['symbol'] == '{symbol}'].set_index('date')['close']\n"
    turn = ask(
        market,
        query,
        {out: goal(answers.rolling_mean, symbol, window)},
        f"{rows}{out} = closes.rolling({window}).mean().dropna()",
        [
            f"{rows}{out} = closes.rolling({window}).mean()",
            f"{rows}{out} = closes.rolling({window}, min_periods=1).mean()",
            f"{rows}{out} = closes.rolling({window}, center=True).mean().dropna()",
            f"{rows}{out} = closes.rolling({window}).median().dropna()",
        ],
    )
    return task(market, frame, turn, steps=2)


@family(tags=("analysis",))
def month_ends(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng, days=(90, 260)), rng.choice(FRAMES)
    symbol, out = rng.choice(market.symbols), rng.choice(("monthly", "month_ends", "by_month"))
    query = rng.choice(
        (
            f"Store the last close of {symbol} in each month of {frame} in {out}: a dict from month (such as "
            "'2010-03') to float.",
            f"Make {out} a dict from month, written like '2010-03', to the close of {symbol} on its last trading day "
            f"in {frame} in that month (a float).",
        )
    )
    rows = f"rows = {frame}[{frame}['symbol'] == '{symbol}']\nmonths = rows['date'].dt.strftime('%Y-%m')\n"
    turn = ask(
        market,
        query,
        {out: goal(answers.month_ends, symbol)},
        f"{rows}{out} = rows.groupby(months)['close'].last().to_dict()",
        [
            f"{rows}{out} = rows.groupby(months)['close'].first().to_dict()",
            f"{rows}{out} = rows.groupby(months)['close'].mean().to_dict()",
            f"{rows}{out} = rows.groupby(rows['date'].dt.month)['close'].last().to_dict()",
            f"rows = {frame}\nmonths = rows['date'].dt.strftime('%Y-%m')\n"
            f"{out} = rows.groupby(months)['open'].last().to_dict()",
        ],
    )
    return task(market, frame, turn, steps=3)


@family(tags=("analysis",), large=True)
def drawdown(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng, days=(120, 260)), rng.choice(FRAMES)
    symbol, out = rng.choice(market.symbols), rng.choice(("fall", "drawdown", "worst"))
    tell_apart(
        market,
        lambda quotes: answers.fall(quotes, symbol),
        lambda quotes: answers.plain_fall(quotes, symbol),
        lambda quotes: answers.worst_return(quotes, symbol),
        lambda quotes: 0.0,
    )
    query = rng.choice(
        (
            f"Store the maximum drawdown of {symbol} in {out}: the lowest value of close over the highest close until "
            f"then, less 1 (a negative float). The prices are in {frame}.",
            f"How deep did the close of {symbol} in {frame} fall below its running maximum? Set {out} to the lowest "
            "close / running maximum - 1, a float that is not above 0.",
        )
    )
    rows = f"closes = {frame}.loc[{frame}['symbol'] == '{symbol}', 'close']\n"
    turn = ask(
        market,
        query,
        {out: goal(answers.fall, symbol)},
        f"{rows}{out} = float((closes / closes.cummax() - 1).min())",
        [
            f"{rows}{out} = -float((closes / closes.cummax() - 1).min())",
            f"{rows}{out} = float((closes - closes.cummax()).min())",
            f"{rows}{out} = float(closes.pct_change().min())",
            *[f"{rows}{out} = float(closes.min() / closes.max() - 1)"] * (market.rows < 10_000),
        ],
    )
    return task(market, frame, turn, steps=3)


@family(tags=("analysis",), large=True)
def volatility(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    out = rng.choice(("risks", "volatility", "deviations"))
    query = rng.choice(
        (
            f"Store the volatility of each symbol of {frame} in {out}, a dict from symbol to float: the sample "
            "standard deviation (ddof 1) of its daily returns, close over previous close less 1.",
            f"Make {out} a dict from symbol to float: for every symbol of {frame} the sample standard deviation (n - "
            "1) of close / previous close - 1.",
        )
    )
    change = f"change = {grouped(frame)}.pct_change()\n"
    each = f"change.groupby({frame}['symbol'], observed=True)"
    turn = ask(
        market,
        query,
        {out: goal(answers.risks)},
        f"{change}{out} = {each}.std().to_dict()",
        [
            f"{change}{out} = {each}.std(ddof=0).to_dict()",
            f"change = {frame}['close'].pct_change()\n{out} = {each}.std().to_dict()",
            f"{change}{out} = {each}.var().to_dict()",
            f"{change}{out} = change.fillna(0).groupby({frame}['symbol'], observed=True).std().to_dict()",
        ],
    )
    return task(market, frame, turn, steps=3)


@family(tags=("analysis",))
def wide_table(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng, days=(60, 160)), rng.choice(FRAMES)
    name, other = rng.sample(("open", "high", "low", "close"), 2)
    out = rng.choice(("wide", "table", "grid"))
    query = rng.choice(
        (
            f"Make {out} a DataFrame of the {name} prices in {frame}: one row a date (the index), one column a symbol.",
            f"Pivot {frame} into the DataFrame {out}: dates as index, symbols as columns, {name} as values.",
        )
    )
    turn = ask(
        market,
        query,
        {out: goal(answers.wide, name)},
        f"{out} = {frame}.pivot(index='date', columns='symbol', values='{name}')",
        [
            f"{out} = {frame}.pivot(index='date', columns='symbol', values='{other}')",
            f"{out} = {frame}.pivot(index='symbol', columns='date', values='{name}')",
            f"{out} = {frame}.pivot(index='date', columns='symbol', values='{name}').reset_index()",
            f"{out} = {frame}.pivot(index='date', columns='symbol', values='{name}').sort_index(ascending=False)",
        ],
    )
    return task(market, frame, turn, steps=2)


@family(held_out=True, tags=("analysis",), large=True)
def vwap(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    out = rng.choice(("vwap", "weighted"))
    query = (
        f"Store in {out} a dict from symbol to float: the mean close of each symbol of {frame}, weighted by volume "
        "(sum of close times volume over sum of volume)."
    )
    money = f"money = ({frame}['close'] * {frame}['volume']).groupby({frame}['symbol'], observed=True).sum()\n"
    turn = ask(
        market,
        query,
        {out: goal(answers.vwaps)},
        f"{money}{out} = (money / {grouped(frame, 'volume')}.sum()).to_dict()",
        [
            f"{out} = {grouped(frame)}.mean().to_dict()",
            f"{money}{out} = (money / {frame}['volume'].sum()).to_dict()",
            f"{money}{out} = money.to_dict()",
        ],
    )
    return task(market, frame, turn, steps=3)
