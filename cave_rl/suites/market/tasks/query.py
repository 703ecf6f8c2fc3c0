"""Questions that one look at the frame answers."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random

from cave_rl.suites.market.tasks import answers
from cave_rl.suites.market.tasks.making import FRAMES, Draw, ask, days_of, family, goal, task, tell_apart
from cave_rl.tasks.task import Task


@family(tags=("query",))
def price_on(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    symbol, (day,) = rng.choice(market.symbols), days_of(rng, market, 1)
    name, other = rng.sample(answers.PRICES, 2)
    out = rng.choice(("price", "level", "found"))
    tell_apart(
        market,
        lambda quotes: answers.price_on(quotes, name, symbol, day),
        lambda quotes: answers.price_on(quotes, other, symbol, day),
        lambda quotes: float(quotes.close.mean()),
    )
    query = rng.choice(
        (
            f"Store the {name} of {symbol} on {day}, as {frame} has it, in {out} (a float).",
            f"What was the {name} of {symbol} on {day}? Look it up in {frame} and put it in {out}, as a float.",
        )
    )
    row = f"({frame}['symbol'] == '{symbol}') & ({frame}['date'] == '{day}')"
    turn = ask(
        market,
        query,
        {out: goal(answers.price_on, name, symbol, day)},
        f"{out} = float({frame}.loc[{row}, '{name}'].iloc[0])",
        [
            f"{out} = float({frame}.loc[{row}, '{other}'].iloc[0])",
            f"{out} = {frame}.loc[{row}, '{name}']",
            (f"{frame} = {frame}[{row}]\n{out} = float({frame}['{name}'].iloc[0])", f"{frame} unchanged"),
        ],
    )
    return task(market, frame, turn)


@family(tags=("query",))
def days_up(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    symbol, out = rng.choice(market.symbols), rng.choice(("up", "ups", "count"))
    tell_apart(
        market,
        lambda quotes: answers.days_up(quotes, symbol),
        lambda quotes: answers.days_down(quotes, symbol),
        lambda quotes: answers.days_up(quotes),
    )
    query = rng.choice(
        (
            f"On how many days did {symbol} close above its open? Count them in {frame}; store the number in {out}.",
            f"Set {out} to the number of rows of {frame} for {symbol} whose close is above the open.",
        )
    )
    rows = f"{frame}[{frame}['symbol'] == '{symbol}']"
    turn = ask(
        market,
        query,
        {out: goal(answers.days_up, symbol)},
        f"rows = {rows}\n{out} = int((rows['close'] > rows['open']).sum())",
        [
            f"rows = {rows}\n{out} = int((rows['close'] < rows['open']).sum())",
            f"{out} = int(({frame}['close'] > {frame}['open']).sum())",
            f"rows = {rows}\n{out} = rows['close'] > rows['open']",
        ],
    )
    return task(market, frame, turn)


@family(tags=("query",), large=True)
def highest_close(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    symbol, (day, top) = rng.choice(market.symbols), rng.choice((("day", "top"), ("when", "peak")))
    tell_apart(
        market,
        lambda quotes: answers.highest_day(quotes, symbol),
        lambda quotes: answers.highest_day(quotes, symbol, "volume"),
        lambda quotes: quotes.dates[0],
    )
    tell_apart(
        market,
        lambda quotes: answers.highest(quotes, symbol),
        lambda quotes: answers.highest(quotes, symbol, "high"),
        lambda quotes: float(quotes.close.max()),
    )
    query = rng.choice(
        (
            f"Find the highest close of {symbol} in {frame}: store its date in {day} (the first, if there are several) "
            f"and the close in {top}.",
            f"On which date did {symbol} close highest? Use {frame}; put the (first such) date in {day} and that close "
            f"in {top}.",
        )
    )
    rows = f"rows = {frame}[{frame}['symbol'] == '{symbol}']\n"
    best = f"best = rows.loc[rows['close'].idxmax()]\n{day} = best['date']\n{top} = float(best['close'])"
    turn = ask(
        market,
        query,
        {day: goal(answers.highest_day, symbol), top: goal(answers.highest, symbol)},
        rows + best,
        [
            (rows + best.replace("best['close']", "rows['high'].max()"), f"{top} agrees"),
            rows + best.replace("idxmax()", "idxmin()"),
            rows + best.replace("rows['close'].idxmax", "rows['volume'].idxmax"),
            *[(f"rows = {frame}\n{best}", f"{top} agrees")] * (market.rows < 10_000),
        ],
    )
    return task(market, frame, turn, steps=2)


@family(tags=("query",))
def price_range(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    symbol, (first, last) = rng.choice(market.symbols), days_of(rng, market, 2, apart=8)
    out = rng.choice(("span", "gap", "width"))
    tell_apart(
        market,
        lambda quotes: answers.span(quotes, symbol, first, last),
        lambda quotes: answers.span(quotes, symbol, str(quotes.dates[0]), str(quotes.dates[-1])),
    )
    query = rng.choice(
        (
            f"Store in {out} how far the highest high of {symbol} lies above its lowest low from {first} to {last} "
            f"(both days included), as {frame} has them.",
            f"In {frame}, take the rows of {symbol} from {first} up to and including {last}. Set {out} to their "
            "highest high minus their lowest low.",
        )
    )
    rows = f"rows = {frame}[({frame}['symbol'] == '{symbol}') & {frame}['date'].between('{first}', '{last}')]\n"
    turn = ask(
        market,
        query,
        {out: goal(answers.span, symbol, first, last)},
        f"{rows}{out} = float(rows['high'].max() - rows['low'].min())",
        [
            f"rows = {frame}[{frame}['symbol'] == '{symbol}']\n{out} = float(rows['high'].max() - rows['low'].min())",
            f"{rows}{out} = float(rows['low'].min() - rows['high'].max())",
            f"{rows}{out} = (float(rows['low'].min()), float(rows['high'].max()))",
        ],
    )
    return task(market, frame, turn, steps=2)


@family(tags=("query",), large=True)
def turnover(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    symbol, out = rng.choice(market.symbols), rng.choice(("turnover", "traded", "money"))
    query = rng.choice(
        (
            f"Store the turnover of {symbol} in {out}: the sum of close times volume over its rows in {frame}.",
            f"For {symbol}, add up close times volume over all days of {frame}; put the sum in {out}.",
        )
    )
    rows = f"rows = {frame}[{frame}['symbol'] == '{symbol}']\n"
    turn = ask(
        market,
        query,
        {out: goal(answers.turnover, symbol)},
        f"{rows}{out} = float((rows['close'] * rows['volume']).sum())",
        [
            f"{rows}{out} = float((rows['close'] * rows['volume']).mean())",
            f"{rows}{out} = float(rows['close'].sum() * rows['volume'].sum())",
            f"{rows}{out} = float((rows['close'] * rows['volume']).head(50).sum())",
            (
                f"{frame}['turnover'] = {frame}['close'] * {frame}['volume']\n"
                f"{out} = float({frame}.loc[{frame}['symbol'] == '{symbol}', 'turnover'].sum())",
                f"{frame} unchanged",
            ),
        ],
    )
    return task(market, frame, turn, steps=2)


@family(tags=("query",), large=True)
def busiest(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng, symbols=(5, 10)), rng.choice(FRAMES)
    count, out = rng.randint(3, 4), rng.choice(("busiest", "leaders", "most_traded"))
    tell_apart(
        market,
        lambda quotes: answers.busiest(quotes, count),
        lambda quotes: answers.busiest_by_peak(quotes, count),
        lambda quotes: list(quotes.symbols[:count]),
        lambda quotes: answers.busiest(quotes, count)[::-1],
    )
    query = rng.choice(
        (
            f"Store in {out} a list of the {count} symbols of {frame} with the largest total volume, the largest "
            "first.",
            f"Which {count} symbols of {frame} have the largest volume over all days together? Put them in the list "
            f"{out}, the largest first.",
        )
    )
    totals = f"totals = {frame}.groupby('symbol', observed=True)['volume'].sum()\n"
    turn = ask(
        market,
        query,
        {out: goal(answers.busiest, count)},
        f"{totals}{out} = totals.nlargest({count}).index.tolist()",
        [
            f"{totals}{out} = totals.nsmallest({count}).index.tolist()",
            f"{totals}{out} = totals.nlargest({count}).index",
            f"{totals}{out} = totals.nlargest({count}).index.tolist()[::-1]",
            *[f"{totals.replace('.sum()', '.max()')}{out} = totals.nlargest({count}).index.tolist()"]
            * (market.rows < 10_000),
        ],
    )
    return task(market, frame, turn, steps=2)


@family(held_out=True, tags=("query",))
def gaps_up(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng, days=(150, 400)), rng.choice(FRAMES)
    symbol, out = rng.choice(market.symbols), rng.choice(("gaps", "jumps"))
    tell_apart(
        market,
        lambda quotes: answers.gaps_up(quotes, symbol),
        lambda quotes: answers.gaps_up(quotes, symbol, "close"),
        lambda quotes: answers.gaps_up(quotes, symbol, "low"),
        lambda quotes: 0,
        lambda quotes: 1,
    )
    query = (
        f"Count the days in {frame} on which {symbol} opened above its high of the trading day before; store the "
        f"number in {out}."
    )
    rows = f"rows = {frame}[{frame}['symbol'] == '{symbol}']\n"
    turn = ask(
        market,
        query,
        {out: goal(answers.gaps_up, symbol)},
        f"{rows}{out} = int((rows['open'] > rows['high'].shift()).sum())",
        [
            f"{rows}{out} = int((rows['open'] > rows['close'].shift()).sum())",
            f"{rows}{out} = int((rows['open'] > rows['low'].shift()).sum())",
            f"{rows}{out} = int((rows['open'] > rows['high']).sum())",
        ],
    )
    return task(market, frame, turn, steps=2)


@family(held_out=True, tags=("query",))
def worst_day(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    symbol, (day, drop) = rng.choice(market.symbols), rng.choice((("day", "drop"), ("when", "loss")))
    tell_apart(
        market,
        lambda quotes: answers.worst_day(quotes, symbol),
        lambda quotes: answers.worst_fall_day(quotes, symbol),
    )
    query = (
        f"In {frame}, find the lowest daily return of {symbol} (close over the close of the trading day before, less "
        f"1): store its date in {day} and the return in {drop}."
    )
    rows = f"rows = {frame}[{frame}['symbol'] == '{symbol}'].set_index('date')['close']\n"
    ends = f"{day} = change.idxmin()\n{drop} = float(change.min())"
    turn = ask(
        market,
        query,
        {day: goal(answers.worst_day, symbol), drop: goal(answers.worst_return, symbol)},
        f"{rows}change = rows.pct_change()\n{ends}",
        [
            f"{rows}change = rows.diff()\n{ends}",
            f"{rows}change = rows.pct_change()\n{ends}".replace("min()", "max()"),
            (f"{rows}change = rows.pct_change()\n{ends} * 100", f"{drop} agrees"),
        ],
    )
    return task(market, frame, turn, steps=3)
