"""Changes of the frame itself. The whole frame is asserted: what was asked for is there, and all else as it was."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random

from cave_rl.suites.market.tasks import answers
from cave_rl.suites.market.tasks.making import FRAMES, Draw, ask, days_of, family, goal, task
from cave_rl.tasks.task import Task


@family(tags=("change",))
def add_returns(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    column = rng.choice(("return", "change", "move"))
    query = rng.choice(
        (
            f"Add a column '{column}' to {frame}: the daily return of each symbol (close over its close of the trading "
            "day before, less 1), missing (nan) on its first day.",
            f"Give {frame} a new column '{column}' with close / previous close - 1 of the same symbol; the first day "
            "of a symbol has nan.",
        )
    )
    grouped = f"{frame}.groupby('symbol')['close']"
    turn = ask(
        market,
        query,
        {frame: goal(answers.with_returns, column)},
        f"{frame}['{column}'] = {grouped}.pct_change()",
        [
            f"{frame}['{column}'] = {frame}['close'].pct_change()",
            f"{frame}['{column}'] = {grouped}.pct_change()\n{frame} = {frame}.dropna()",
            f"{frame}['{column}'] = {grouped}.pct_change().fillna(0)",
            f"changed = {frame}.assign({column if column != 'return' else 'returns'}={grouped}.pct_change())",
            f"{frame} = {frame}.sort_values(['symbol', 'date'])\n{frame}['{column}'] = {grouped}.pct_change()",
        ],
        changes=[frame],
    )
    return task(market, frame, turn, steps=2)


@family(tags=("change",))
def split(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    symbol, (day,), ratio = rng.choice(market.symbols), days_of(rng, market, 1), rng.choice((2, 4))
    query = rng.choice(
        (
            f"On {day} {symbol} had a {ratio}-for-1 split. Adjust its rows in {frame} before that day: divide open, "
            f"high, low and close by {ratio} and multiply volume by {ratio}.",
            f"{symbol} was split {ratio} for 1 on {day}. In {frame}, restate the days before {day}: prices (open, "
            f"high, low, close) divided by {ratio}, volume times {ratio}.",
        )
    )

    def adjusted(rows: str, volume: bool = True) -> str:
        cell = f"rows = {rows}\nfor name in ('open', 'high', 'low', 'close'):\n    {frame}.loc[rows, name] /= {ratio}"
        return f"{cell}\n{frame}.loc[rows, 'volume'] *= {ratio}" if volume else cell

    own, earlier = f"({frame}['symbol'] == '{symbol}')", f"({frame}['date'] < '{day}')"
    turn = ask(
        market,
        query,
        {frame: goal(answers.after_split, symbol, day, ratio)},
        adjusted(f"{own} & {earlier}"),
        [
            adjusted(f"{own} & ({frame}['date'] <= '{day}')"),
            adjusted(earlier),
            adjusted(own),
            adjusted(f"{own} & {earlier}", volume=False),
            f"rows = {own} & {earlier}\n{frame}.loc[rows, 'close'] /= {ratio}\n{frame}.loc[rows, 'volume'] *= {ratio}",
        ],
        changes=[frame],
    )
    return task(market, frame, turn, steps=3)


@family(tags=("change",))
def drop_symbol(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    symbol, other = rng.sample(market.symbols, 2)
    query = rng.choice(
        (
            f"Remove all rows of {symbol} from {frame} and number the rows from 0 again.",
            f"{symbol} was delisted: take its rows out of {frame}, and reset the index to 0, 1, 2 and so on.",
        )
    )
    kept = f"{frame} = {frame}[{frame}['symbol'] != '{symbol}']"
    turn = ask(
        market,
        query,
        {frame: goal(answers.without, symbol)},
        f"{kept}.reset_index(drop=True)",
        [
            kept,
            f"{kept}.reset_index()",
            f"{frame} = {frame}[{frame}['symbol'] != '{other}'].reset_index(drop=True)",
            f"left = {frame}[{frame}['symbol'] != '{symbol}'].reset_index(drop=True)",
        ],
        changes=[frame],
    )
    return task(market, frame, turn)


@family(held_out=True, tags=("change",))
def flag_active(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    column = rng.choice(("active", "busy"))
    query = (
        f"Add a boolean column '{column}' to {frame}: whether the volume of the row is above the mean volume of its "
        "symbol."
    )
    usual = f"{frame}.groupby('symbol')['volume'].transform('mean')"
    turn = ask(
        market,
        query,
        {frame: goal(answers.with_flag, column)},
        f"{frame}['{column}'] = {frame}['volume'] > {usual}",
        [
            f"{frame}['{column}'] = {frame}['volume'] > {frame}['volume'].mean()",
            f"{frame}['{column}'] = {frame}['volume'] < {usual}",
            f"{frame}['usual'] = {usual}\n{frame}['{column}'] = {frame}['volume'] > {frame}['usual']",
        ],
        changes=[frame],
    )
    return task(market, frame, turn, steps=2)
