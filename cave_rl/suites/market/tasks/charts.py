"""Charts, asserted by the values they show: matplotlib figures, and charts as plain data."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random

from cave_rl.suites.market.tasks import answers
from cave_rl.suites.market.tasks.making import FRAMES, Draw, ask, family, goal, task, tell_apart
from cave_rl.tasks.task import Task

FIGURES = ("fig", "figure", "chart")
PYPLOT = "import matplotlib.pyplot as plt\n"


@family(tags=("chart", "figure"))
def line_chart(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    (symbol, other), out = rng.sample(market.symbols, 2), rng.choice(FIGURES)
    title = rng.choice((f"{symbol} close", f"Close of {symbol}"))
    query = rng.choice(
        (
            f"Draw the close of {symbol} in {frame} over its date as a line chart with the title '{title}'. Keep the "
            f"matplotlib Figure in {out}.",
            f"Make {out} a matplotlib Figure with one line: the closes of {symbol} in {frame} against their dates. Its "
            f"title is '{title}'.",
        )
    )

    def drawn(rows: str, name: str = "close", how: str = "plot") -> str:
        return (
            f"{PYPLOT}rows = {rows}\n{out}, ax = plt.subplots()\nax.{how}(rows['date'], rows['{name}'])\n"
            f"ax.set_title('{title}')"
        )

    own = f"{frame}[{frame}['symbol'] == '{symbol}']"
    turn = ask(
        market,
        query,
        {out: goal(answers.line_chart, out, symbol, title)},
        drawn(own),
        [
            drawn(own, "open"),
            drawn(frame),
            drawn(f"{frame}[{frame}['symbol'] == '{other}']"),
            drawn(own, how="scatter"),
            drawn(own).replace(f"'{title}'", "'Chart'"),
            drawn(own).replace("rows['date'], ", ""),
        ],
    )
    return task(market, frame, turn, steps=2, charts=True)


@family(tags=("chart", "figure"))
def average_chart(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    symbol, window, out = rng.choice(market.symbols), rng.randint(5, 25), rng.choice(FIGURES)
    query = rng.choice(
        (
            f"Make {out} a matplotlib Figure with two lines over the dates of {symbol} in {frame}: its close, labelled "
            f"'close', and the {window}-day rolling mean of it, labelled 'mean', from its first full window on.",
            f"Plot the closes of {symbol} in {frame} by date (label 'close') together with their rolling mean over "
            f"{window} days, full windows only (label 'mean'). Keep the matplotlib Figure in {out}.",
        )
    )

    def drawn(mean: str, labels: tuple[str, str] = ("close", "mean")) -> str:
        return (
            f"{PYPLOT}closes = {frame}[{frame}['symbol'] == '{symbol}'].set_index('date')['close']\nmean = {mean}\n"
            f"{out}, ax = plt.subplots()\nax.plot(closes.index, closes, label='{labels[0]}')\n"
            f"ax.plot(mean.index, mean, label='{labels[1]}')\nax.legend()"
        )

    right = f"closes.rolling({window}).mean().dropna()"
    turn = ask(
        market,
        query,
        {out: goal(answers.average_chart, out, symbol, window)},
        drawn(right),
        [
            drawn(f"closes.rolling({window}, min_periods=1).mean()"),
            drawn(f"closes.rolling({window + 1}).mean().dropna()"),
            drawn(right, ("mean", "close")),
            drawn(right).replace("ax.plot(mean", "ax.scatter(mean"),
            drawn(right) + "\nax.plot(closes.index, closes.cummax(), label='high')",
        ],
    )
    return task(market, frame, turn, steps=3, charts=True)


@family(tags=("chart", "figure"))
def bar_chart(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    title, out = rng.choice(("Mean volume", "Usual volume")), rng.choice(FIGURES)
    query = rng.choice(
        (
            f"Draw the mean volume of each symbol of {frame} as upright bars, the symbols in alphabetical order along "
            f"the x axis, titled '{title}'. Keep the matplotlib Figure in {out}.",
            f"Make {out} a matplotlib Figure titled '{title}': a vertical bar chart with one bar a symbol of {frame}, "
            "in alphabetical order, as high as its mean volume.",
        )
    )

    def drawn(values: str, how: str = "bar", order: str = "") -> str:
        return (
            f"{PYPLOT}values = {frame}.groupby('symbol')['volume'].{values}{order}\n{out}, ax = plt.subplots()\n"
            f"ax.{how}(values.index, values)\nax.set_title('{title}')"
        )

    turn = ask(
        market,
        query,
        {out: goal(answers.bar_chart, out, title)},
        drawn("mean()"),
        [
            drawn("sum()"),
            drawn("median()"),
            drawn("mean()", "barh"),
            drawn("mean()", order=".sort_index(ascending=False)"),
            drawn("mean()").replace("values.index, values", "values.index, values / values.max()"),
        ],
    )
    return task(market, frame, turn, steps=2, charts=True)


@family(tags=("chart", "figure"))
def scatter_chart(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    (one, other), out = rng.sample(market.symbols, 2), rng.choice(FIGURES)
    query = rng.choice(
        (
            f"Make {out} a matplotlib Figure: a scatter plot of the daily returns (close over previous close, less 1) "
            f"of {other} (y) against those of {one} (x), one dot a day. The prices are in {frame}.",
            f"With the prices in {frame}, scatter the daily returns of {one} (x axis) and {other} (y axis), close / "
            f"previous close - 1, one dot a day. Keep the matplotlib Figure in {out}.",
        )
    )
    wide = f"{PYPLOT}wide = {frame}.pivot(index='date', columns='symbol', values='close')\n"

    def drawn(change: str, x: str = one, y: str = other, how: str = "scatter") -> str:
        return f"{wide}change = {change}\n{out}, ax = plt.subplots()\nax.{how}(change['{x}'], change['{y}'])"

    turn = ask(
        market,
        query,
        {out: goal(answers.scatter_chart, out, one, other)},
        drawn("wide.pct_change().dropna()"),
        [
            drawn("wide"),
            drawn("wide.pct_change().dropna()", other, one),
            drawn("wide.diff().dropna()"),
            drawn("wide.pct_change().dropna()", how="plot"),
            drawn("wide.pct_change().dropna().head(20)"),
        ],
    )
    return task(market, frame, turn, steps=3, charts=True)


@family(tags=("chart", "data"))
def line_spec(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    symbol, out = rng.choice(market.symbols), rng.choice(("spec", "chart"))
    title = rng.choice((f"{symbol} close", f"Close of {symbol}"))
    query = rng.choice(
        (
            f"Store a line chart of the closes of {symbol} in {frame} as plain data in {out}: a dict with 'type' "
            f"('line'), 'title' ('{title}'), 'x' (a list of its dates as text like '2010-03-01') and 'y' (a list of "
            "its closes).",
            f"Describe a chart in the dict {out}: 'type' is 'line', 'title' is '{title}', 'x' is the list of the dates "
            f"of {symbol} in {frame} written like '2010-03-01', 'y' the list of its closes.",
        )
    )

    def spec(x: str, y: str) -> str:
        return (
            f"rows = {frame}[{frame}['symbol'] == '{symbol}']\n"
            f"{out} = {{'type': 'line', 'title': '{title}', 'x': {x}, 'y': {y}}}"
        )

    days, closes = "rows['date'].dt.strftime('%Y-%m-%d').tolist()", "rows['close'].tolist()"
    turn = ask(
        market,
        query,
        {out: goal(answers.line_spec, symbol, title)},
        spec(days, closes),
        [
            spec("rows['date'].astype(str).tolist()[1:]", closes + "[1:]"),
            spec("rows['date'].tolist()", closes),
            spec(days, "rows['close']"),
            spec(days, "rows['open'].tolist()"),
            spec(days, closes).replace("'line'", "'bar'"),
        ],
    )
    return task(market, frame, turn, steps=2)


@family(tags=("chart", "data"))
def ranking_spec(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    out, title = rng.choice(("spec", "chart")), rng.choice(("Total return", "Who gained most"))
    tell_apart(market, answers.ranking, lambda quotes: sorted(quotes.symbols))
    query = rng.choice(
        (
            f"Store a bar chart of the total returns (last close over first close, less 1) of the symbols of {frame} "
            f"in {out}: a dict with 'type' ('bar'), 'title' ('{title}'), 'labels' (list of symbols, the best return "
            "first) and 'values' (list of their returns).",
            f"Describe a bar chart in the dict {out}: 'type' is 'bar', 'title' is '{title}', 'labels' lists the "
            f"symbols of {frame} from the best total return (last close / first close - 1) to the worst, 'values' the "
            "returns.",
        )
    )

    def spec(order: str, value: str = "closes.last() / closes.first() - 1") -> str:
        return (
            f"closes = {frame}.groupby('symbol')['close']\ntotal = ({value}){order}\n"
            f"{out} = {{'type': 'bar', 'title': '{title}', 'labels': total.index.tolist(), 'values': total.tolist()}}"
        )

    descending = ".sort_values(ascending=False)"
    turn = ask(
        market,
        query,
        {out: goal(answers.ranking_spec, title)},
        spec(descending),
        [
            spec(".sort_values()"),
            spec(".sort_index()"),
            spec(descending, "closes.last() / closes.first()"),
            spec(descending).replace("total.tolist()", "total.to_dict()"),
        ],
    )
    return task(market, frame, turn, steps=3)


@family(held_out=True, tags=("chart", "figure"))
def histogram(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng, days=(120, 260)), rng.choice(FRAMES)
    symbol, bins, out = rng.choice(market.symbols), rng.randint(6, 20), rng.choice(FIGURES)
    query = (
        f"Make {out} a matplotlib Figure: a histogram of the daily returns (close over previous close, less 1) of "
        f"{symbol} in {frame}, with {bins} bins of equal width from the lowest return to the highest; bars as high as "
        "the counts."
    )

    def drawn(change: str, more: str = "", count: int = bins) -> str:
        return (
            f"{PYPLOT}closes = {frame}.loc[{frame}['symbol'] == '{symbol}', 'close']\n"
            f"{out}, ax = plt.subplots()\nax.hist({change}, bins={count}{more})"
        )

    right = "closes.pct_change().dropna()"
    turn = ask(
        market,
        query,
        {out: goal(answers.histogram, out, symbol, bins)},
        drawn(right),
        [
            drawn("closes"),
            drawn(right, ", density=True"),
            drawn(right, count=bins + 1),
            drawn(right, ", cumulative=True"),
        ],
    )
    return task(market, frame, turn, steps=3, charts=True)
