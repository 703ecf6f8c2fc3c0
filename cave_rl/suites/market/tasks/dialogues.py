"""Dialogues of two to four turns: each builds on what the earlier ones left in the runtime."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random
from dataclasses import replace

from cave_rl.runtime.primitives import Variable
from cave_rl.suites.market.tasks import answers
from cave_rl.suites.market.tasks.making import FRAMES, Draw, ask, days_of, family, goal, task, tell_apart
from cave_rl.tasks.task import Task


@family(tags=("dialogue", "analysis"))
def returns_then_risk(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    symbol, risk = rng.choice(market.symbols), rng.choice(("risk", "deviation"))
    closes = f"closes = {frame}[{frame}['symbol'] == '{symbol}'].set_index('date')['close']\n"
    first = ask(
        market,
        f"Store the daily returns of {symbol} in returns: a Series indexed by date, close over the close of the "
        f"trading day before, less 1, without the first day. The prices are in {frame}.",
        {"returns": goal(answers.daily_returns, symbol)},
        f"{closes}returns = closes.pct_change().dropna()",
        [f"{closes}returns = closes.pct_change()", f"{closes}returns = closes.diff().dropna()"],
    )
    second = ask(
        market,
        f"Now store the sample standard deviation of those returns in {risk}, as a float.",
        {risk: goal(answers.risk, symbol)},
        f"{risk} = float(returns.std())",
        [
            f"{risk} = float(returns.std(ddof=0))",
            f"{risk} = float(closes.std())",
            (f"returns = returns * 1.0\nreturns.iloc[0] += 0.5\n{risk} = float(returns.std())", f"{risk} agrees"),
        ],
    )
    third = ask(
        market,
        "On which date was the return the lowest? Store it in worst.",
        {"worst": goal(answers.worst_day, symbol)},
        "worst = returns.idxmin()",
        ["worst = returns.idxmax()", "worst = returns.abs().idxmin()", "worst = returns.min()"],
    )
    return task(market, frame, first, second, third, steps=4)


@family(tags=("dialogue", "query"))
def rows_then_spread(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    symbol, (start, end) = rng.choice(market.symbols), days_of(rng, market, 2, apart=10)
    rows, out = rng.choice(("chosen", "part")), rng.choice(("spread", "mean_spread"))
    picked = f"({frame}['symbol'] == '{symbol}') & {frame}['date'].between('{start}', '{end}')"
    first = ask(
        market,
        f"Store the rows of {symbol} from {start} to {end} (both included) of {frame} in the DataFrame {rows}, with "
        "all columns and numbered from 0.",
        {rows: goal(answers.rows_of, symbol, start, end)},
        f"{rows} = {frame}[{picked}].reset_index(drop=True)",
        [
            f"{rows} = {frame}[{picked}]",
            f"{rows} = {frame}[{frame}['symbol'] == '{symbol}'].reset_index(drop=True)",
            f"{rows} = {frame}[{picked} & ({frame}['date'] < '{end}')].reset_index(drop=True)",
        ],
    )
    second = ask(
        market,
        f"Store the mean of high minus low over {rows} in {out}, as a float.",
        {out: goal(answers.mean_spread, symbol, start, end)},
        f"{out} = float(({rows}['high'] - {rows}['low']).mean())",
        [
            f"{out} = float(({frame}['high'] - {frame}['low']).mean())",
            f"{out} = float({rows}['high'].max() - {rows}['low'].min())",
            (
                f"{rows}['spread'] = {rows}['high'] - {rows}['low']\n{out} = float({rows}['spread'].mean())",
                f"{rows} unchanged",
            ),
        ],
    )
    return task(market, frame, first, second, steps=3)


@family(tags=("dialogue", "analysis"))
def portfolio(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng, symbols=(4, 8)), rng.choice(FRAMES)
    held = tuple(rng.sample(market.symbols, 3))
    tenths = rng.choice(((5, 3, 2), (6, 3, 1), (4, 5, 1), (2, 7, 1)))
    weights = {symbol: part / 10 for symbol, part in zip(held, tenths, strict=True)}
    tell_apart(market, lambda quotes: answers.portfolio_fall(quotes, weights), lambda quotes: 0.0)
    first = ask(
        market,
        "Store the daily returns (close over previous close, less 1) of the symbols of weights in the DataFrame wide: "
        f"a row a date (the index), without the first, and a column a symbol. The prices are in {frame}.",
        {"wide": goal(answers.wide_returns, held)},
        f"table = {frame}.pivot(index='date', columns='symbol', values='close')\n"
        "wide = table[list(weights)].pct_change().dropna()",
        [
            f"table = {frame}.pivot(index='date', columns='symbol', values='close')\nwide = "
            "table.pct_change().dropna()",
            f"table = {frame}.pivot(index='date', columns='symbol', values='close')\n"
            "wide = table[list(weights)].pct_change()",
        ],
    )
    second = ask(
        market,
        "Store the daily returns of a portfolio with these weights, rebalanced every day, in the Series mix: the sum "
        "of weight times return over the symbols.",
        {"mix": goal(answers.portfolio, weights)},
        "mix = sum(wide[symbol] * weight for symbol, weight in weights.items())",
        [
            "mix = wide.mean(axis=1)",
            "mix = sum(wide[symbol] * weight for symbol, weight in zip(weights, [1/3] * 3))",
            "mix = wide.mul(list(weights.values()), axis=1)",
        ],
    )
    third = ask(
        market,
        "What does 1 invested at the start become? Store the running product of 1 + return in the Series growth.",
        {"growth": goal(answers.growth, weights)},
        "growth = (1 + mix).cumprod()",
        ["growth = 1 + mix.cumsum()", "growth = (1 + mix).prod()", "growth = (1 + wide).cumprod()"],
    )
    fourth = ask(
        market,
        "How deep did growth fall below its running maximum at worst? Store the lowest growth / running maximum - 1 in "
        "fall, as a float.",
        {"fall": goal(answers.portfolio_fall, weights)},
        "fall = float((growth / growth.cummax() - 1).min())",
        ["fall = float((growth - growth.cummax()).max())", "fall = -float((growth / growth.cummax() - 1).min())"],
    )
    held_weights = Variable("weights", weights, "the part of each symbol in a portfolio")
    return task(market, frame, first, second, third, fourth, steps=6, variables=[held_weights])


@family(tags=("dialogue", "event"))
def correction(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    symbol, (day,), close = rng.choice(market.symbols), days_of(rng, market, 1), rng.randint(50_000, 99_999) / 100
    out = rng.choice(("averages", "means"))
    corrected = replace(market, then=(day, symbol, close))
    compute = f"{out} = {frame}.groupby('symbol')['close'].mean().to_dict()"
    first = ask(
        market,
        f"Store the mean close of each symbol of {frame} in {out}, a dict from symbol to float.",
        {out: goal(answers.means)},
        compute,
        [compute.replace(".mean()", ".median()")],
    )
    second = ask(
        corrected,
        f"A close of {symbol} in {frame} was wrong and has just been corrected there. Bring {out} up to date.",
        {out: goal(answers.means)},
        compute,
        [
            f"{out} = dict({out})",
            f"{out} = {frame}['close'].mean()",
            f"{out} = {{'{symbol}': {frame}.loc[{frame}['symbol'] == '{symbol}', 'close'].mean()}}",
            (f"{compute}\n{frame} = {frame}[{frame}['symbol'] != '{symbol}']", f"{frame} unchanged"),
        ],
        changes=[out],
        event=f"{frame}.loc[({frame}['symbol'] == '{symbol}') & ({frame}['date'] == '{day}'), 'close'] = {close!r}",
    )
    return task(market, frame, first, second, steps=3)


@family(tags=("dialogue", "chart", "data"))
def table_then_chart(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    title = rng.choice(("Total return", "Gains"))
    tell_apart(market, answers.ranking, answers.ranking_by_close, lambda quotes: sorted(quotes.symbols))
    closes = f"closes = {frame}.groupby('symbol')['close']\n"
    first = ask(
        market,
        f"Store the total return of each symbol of {frame} in total, a dict from symbol to float: last close over "
        "first close, less 1.",
        {"total": goal(answers.total_returns)},
        f"{closes}total = (closes.last() / closes.first() - 1).to_dict()",
        [
            f"{closes}total = (closes.max() / closes.min() - 1).to_dict()",
            f"{closes}total = closes.last() / closes.first() - 1",
        ],
    )
    second = ask(
        market,
        "Store the symbols in the list ranking, by their total return, the best first.",
        {"ranking": goal(answers.ranking)},
        "ranking = sorted(total, key=total.get, reverse=True)",
        ["ranking = sorted(total, key=total.get)", "ranking = sorted(total)", "ranking = list(total.items())"],
    )
    third = ask(
        market,
        f"Describe a bar chart of that in the dict chart: 'type' is 'bar', 'title' is '{title}', 'labels' the list "
        "ranking, 'values' the list of their total returns in the same order.",
        {"chart": goal(answers.ranking_spec, title)},
        "chart = "
        f"{{'type': 'bar', 'title': '{title}', 'labels': list(ranking), 'values': [total[s] for s in ranking]}}",
        [
            f"chart = {{'type': 'bar', 'title': '{title}', 'labels': list(total), 'values': list(total.values())}}",
            f"chart = {{'type': 'bar', 'title': '{title}', 'labels': list(ranking), 'values': list(total.values())}}",
            f"chart = {{'title': '{title}', 'labels': list(ranking), 'values': [total[s] for s in ranking]}}",
        ],
    )
    return task(market, frame, first, second, third, steps=4)


@family(held_out=True, tags=("dialogue", "analysis"))
def rebased(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    day, gap = rng.choice((("day", "gap"), ("when", "distance")))
    first = ask(
        market,
        f"Make index a DataFrame with the dates of {frame} as its index and one column a symbol: the close in percent "
        "of the symbol's first close (so each begins at 100).",
        {"index": goal(answers.rebased)},
        f"wide = {frame}.pivot(index='date', columns='symbol', values='close')\nindex = 100 * wide / wide.iloc[0]",
        [
            f"wide = {frame}.pivot(index='date', columns='symbol', values='close')\nindex = wide / wide.iloc[0]",
            f"wide = {frame}.pivot(index='date', columns='symbol', values='close')\nindex = 100 * wide / wide.max()",
        ],
    )
    second = ask(
        market,
        f"When did the highest and the lowest value of index lie furthest apart? Store the (first such) date in {day} "
        f"and the difference on that date in {gap}, a float.",
        {day: goal(answers.widest_day), gap: goal(answers.widest)},
        f"apart = index.max(axis=1) - index.min(axis=1)\n{day} = apart.idxmax()\n{gap} = float(apart.max())",
        [
            f"apart = index.max(axis=1) - index.min(axis=1)\n{day} = apart.idxmin()\n{gap} = float(apart.min())",
            (
                f"apart = wide.max(axis=1) - wide.min(axis=1)\n{day} = apart.idxmax()\n{gap} = float(apart.max())",
                f"{gap} agrees",
            ),
            (
                f"index['apart'] = index.max(axis=1) - index.min(axis=1)\n{day} = index['apart'].idxmax()\n"
                f"{gap} = float(index['apart'].max())",
                "index unchanged",
            ),
        ],
    )
    return task(market, frame, first, second, steps=4)
