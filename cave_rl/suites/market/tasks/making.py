"""The two suites, and what all families make their tasks with."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import math
import random
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cave_rl.runtime.primitives import Variable
from cave_rl.suites.market import world
from cave_rl.suites.market.tasks.comparing import differs
from cave_rl.suites.market.tasks.judging import Agrees, Market
from cave_rl.suites.market.world import Quotes
from cave_rl.tasks.suite import Suite
from cave_rl.tasks.task import NearMiss, Task, Turn

FRAMES = ("prices", "quotes", "market", "df")
_NO_TICKERS = {"NA", "NAN", "NULL", "NONE", "TRUE"}

suite = Suite("Market-v0", description="frames of daily prices, from a hundred to a million rows")
real = Suite("MarketDaily-v0", description="the families of Market-v0 over real daily prices of five symbols")

Draw = Callable[..., Market]
Make = Callable[[random.Random, Draw], Task]


class Redraw(Exception):
    """What was drawn does not tell right from wrong: draw again."""


def family(*, held_out: bool = False, large: bool = False, tags: tuple[str, ...] = ()) -> Callable[[Make], Make]:
    """Registers a generator `(rng, draw) -> Task`; `draw(rng)` gives the data.

    Args:
        held_out: never trained on.
        large: registers it once more, as `large_...`, over frames of a hundred thousand to a million rows.
        tags: of its tasks.
    """

    def register(make: Make) -> Make:
        name = make.__name__
        suite.family(name=name, held_out=held_out, tags=tags)(_drawn(make, walked))
        real.family(name=name, held_out=held_out, tags=tags)(_drawn(make, traded))
        if large:
            suite.family(name=f"large_{name}", held_out=held_out, tags=(*tags, "large"))(_drawn(make, large_walked))
        return make

    return register


def _drawn(make: Make, draw: Draw) -> Callable[[random.Random], Task]:
    def drawn(rng: random.Random) -> Task:
        while True:
            try:
                return make(rng, draw)
            except Redraw:
                continue

    return drawn


# Data


def walked(rng: random.Random, symbols: tuple[int, int] = (4, 8), days: tuple[int, int] = (60, 260)) -> Market:
    """A random walk of some hundred to two thousand rows."""
    return _walk(rng, rng.randint(*symbols), rng.randint(*days))


def large_walked(rng: random.Random, symbols: tuple[int, int] = (0, 0), days: tuple[int, int] = (0, 0)) -> Market:
    """A random walk of a hundred thousand to a million rows, whatever is asked for."""
    rows = 10 ** rng.uniform(5.1, 6)
    count = rng.randint(80, 400)
    return _walk(rng, count, round(max(250, rows / count)))


def traded(rng: random.Random, symbols: tuple[int, int] = (4, 8), days: tuple[int, int] = (60, 260)) -> Market:
    """Real prices of as many symbols as there are."""
    importlib.import_module("bokeh_sampledata")  # here, where its absence can be told with what installs it
    most = len(world.REAL_SYMBOLS)
    chosen = tuple(sorted(rng.sample(world.REAL_SYMBOLS, rng.randint(min(symbols[0], most), min(symbols[1], most)))))
    dates = world.traded(chosen)
    count = min(rng.randint(*days), len(dates) - 1)
    return Market(chosen, str(dates[rng.randrange(len(dates) - count)]), count, None)


def _walk(rng: random.Random, symbols: int, days: int) -> Market:
    names: set[str] = set()
    while len(names) < symbols:
        name = "".join(rng.choice(string.ascii_uppercase) for _ in range(rng.randint(3, 4)))
        names |= {name} - _NO_TICKERS
    start = np.busday_offset("2005-01-03", rng.randrange(2500), roll="forward")
    return Market(tuple(sorted(names)), str(start), days, rng.getrandbits(40))


def tell_apart(market: Market, *answers: Callable[[Quotes], Any]) -> None:
    """Draws again if a wrong answer would pass for the first, the right one. Large data are not looked at."""
    if market.rows < world.MANY_ROWS:
        right, *wrong = (answer(market.quotes()) for answer in answers)
        if any(not differs(each, right) for each in wrong):
            raise Redraw


def days_of(rng: random.Random, market: Market, count: int, apart: int = 5) -> list[str]:
    """Some days of a market in order, not its first nor last ones, at least so many apart."""
    dates = market.dates
    while True:
        at = sorted(rng.sample(range(3, len(dates) - 3), count))
        if all(second - first >= apart for first, second in itertools.pairwise(at)):
            return [str(dates[each]) for each in at]


# Tasks


@dataclass(frozen=True, slots=True)
class Goal:
    """What a variable must agree with: a reference of `answers`, and its arguments."""

    reference: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


def goal(reference: Callable[..., Any], *arguments: Any) -> Goal:
    """What a variable must agree with."""
    return Goal(reference, arguments)


def ask(
    market: Market,
    query: str,
    goals: Mapping[str, Goal],
    gold: str,
    misses: Sequence[str | tuple[str, str]],
    *,
    changes: Sequence[str] = (),
    event: str | None = None,
) -> Turn:
    """A turn that must bring variables to their goals.

    Args:
        market: the data.
        query: what is asked.
        goals: by variable.
        gold: a cell that reaches them.
        misses: wrong cells; with each, where it is not the first goal that it must fail, the verdict that it must.
        changes: what may change.
        event: what the host does first.
    """
    first = next(iter(goals))
    split = [(each, f"{first} agrees") if isinstance(each, str) else each for each in misses]
    return Turn(
        query,
        [Agrees(name, market, each.reference, each.arguments) for name, each in goals.items()],
        changes=changes,
        gold=gold,
        near_misses=[NearMiss(cells, fails) for cells, fails in split],
        event=event,
    )


def task(
    market: Market,
    frame: str,
    *turns: Turn,
    steps: int = 1,
    variables: Sequence[Variable] = (),
    setup: str = "",
    charts: bool = False,
) -> Task:
    """A task over a frame of prices, which the set-up makes.

    Args:
        market: the data.
        frame: its name.
        turns: its turns.
        steps: how many operations they take; with the rows, the difficulty.
        variables: what else is injected.
        setup: what else the set-up makes.
        charts: whether matplotlib is needed.
    """
    modules = ["pandas", *["bokeh_sampledata.stocks"] * (market.seed is None)]
    if charts:
        if importlib.util.find_spec("matplotlib") is None:
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
        modules.append("matplotlib.pyplot")
    making = market.source.partition("(")[0]
    source = (
        f"from cave_rl.suites.market.world import frame as _frame, {making} as _{making}\n"
        f"{frame} = _frame(_{market.source})\ndel _frame, _{making}\n{setup}"
    )
    return Task(
        turns=turns,
        variables=(_described(market, frame), *variables),
        setup=source,
        modules=tuple(modules),
        difficulty=round(steps + math.log10(market.rows) - 2, 1),
    )


def _described(market: Market, frame: str) -> Variable:
    import pandas as pd

    kind = "categorical" if market.rows >= world.MANY_ROWS else "text"
    return Variable(
        frame,
        None,
        f"Daily prices of {len(market.symbols)} symbols over {market.days} trading days, one row a symbol and day, by "
        f"date, then symbol: {market.rows} rows. Columns: date (datetime64), symbol ({kind}), open, high, low, close "
        "(float), volume (int).",
        made=pd.DataFrame,
    )


def grouped(frame: str, column: str = "close") -> str:
    """The expression that groups a column of a frame by symbol."""
    return f"{frame}.groupby('symbol', observed=True)['{column}']"


def sectors_of(rng: random.Random, market: Market) -> tuple[dict[str, str], Variable, str]:
    """A sector for most of the symbols: as a dict, as the variable `sectors`, and the source that makes the frame."""
    import pandas as pd

    names = rng.sample(("energy", "health", "retail", "banks", "chips", "transport"), 3 if market.rows > 500 else 2)
    left_out = set(rng.sample(market.symbols, max(1, len(market.symbols) // 5)))
    listed = [symbol for symbol in market.symbols if symbol not in left_out]
    sectors = {symbol: names[at % len(names)] for at, symbol in enumerate(rng.sample(listed, len(listed)))}
    told = "The sector of most symbols. Columns: symbol (text), sector (text)."
    columns = {"symbol": list(sectors), "sector": list(sectors.values())}
    made = f"import pandas as _pd\nsectors = _pd.DataFrame({columns!r})\ndel _pd"
    return sectors, Variable("sectors", None, told, made=pd.DataFrame), made
