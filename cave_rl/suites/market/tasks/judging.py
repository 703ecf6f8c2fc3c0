"""What makes a result of Market-v0 right: it agrees with what a reference computes from the same data.

The judge makes the data again, so a task over a million rows costs the host nothing, and no expected value is kept
where a rollout could find it.

>>> from cave_rl.rewards.evidence import Evidence, State
>>> from cave_rl.suites.market.tasks import answers
>>> market = Market(("ABC", "XYZ"), "2015-01-02", 250, 7)
>>> agrees = Agrees("up", market, answers.days_up, ("ABC",))
>>> [verdict.message for verdict in agrees.check(Evidence(State({"up": 3})))]
['up: expected int 119, got int 3']
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from cave_rl.rewards.charts import ChartShows
from cave_rl.rewards.evidence import Evidence
from cave_rl.rewards.verdict import Verdict
from cave_rl.suites.market import world
from cave_rl.suites.market.tasks.comparing import differs
from cave_rl.suites.market.world import Quotes


@dataclass(frozen=True, slots=True)
class Market:
    """Which prices a task is about.

    Attributes:
        symbols: in alphabetical order.
        start: the first day, as text.
        days: how many days.
        seed: of the random walk; None for real prices.
        then: (day, symbol, close): a close that was corrected later on.
    """

    symbols: tuple[str, ...]
    start: str
    days: int
    seed: int | None
    then: tuple[str, str, float] | None = None

    @property
    def rows(self) -> int:
        """How many rows its frame has."""
        return self.days * len(self.symbols)

    @property
    def dates(self) -> world.Array:
        """Its days."""
        if self.seed is None:
            return world.daily(self.symbols, self.start, self.days).dates
        return world.calendar(self.seed, self.start, self.days)

    @property
    def source(self) -> str:
        """The expression that makes its quotes, and the name in it that `world` defines."""
        arguments = (self.symbols, self.start, self.days)
        return f"daily{arguments!r}" if self.seed is None else f"walk{(self.seed, *arguments)!r}"

    def quotes(self) -> Quotes:
        """Its prices. Those of the last few markets are kept."""
        return _quotes(self)


@functools.lru_cache(maxsize=4)
def _quotes(market: Market) -> Quotes:
    if market.seed is None:
        quotes = world.daily(market.symbols, market.start, market.days)
    else:
        quotes = world.walk(market.seed, market.symbols, market.start, market.days)
    if market.then is not None:
        day, symbol, close = market.then
        quotes.close[list(map(str, quotes.dates)).index(day), market.symbols.index(symbol)] = close
    return quotes


@dataclass(frozen=True, slots=True)
class Agrees:
    """A variable agrees with what a reference computes: exactly where that is exact, floats to six digits or so.

    Attributes:
        variable: its name.
        market: the data.
        reference: (quotes, *arguments) -> what is expected: a value, or a `ChartShows` of any variable.
        arguments: of the reference.
        weight: of its verdict.
    """

    __cave_host_only__: ClassVar[bool] = True

    variable: str
    market: Market
    reference: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    weight: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        return (f"{self.variable} agrees",)

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({self.variable})

    def expected(self) -> Any:
        """What the variable should be."""
        return self.reference(self.market.quotes(), *self.arguments)

    def check(self, evidence: Evidence) -> list[Verdict]:
        actual = evidence.state[self.variable]  # before the data are made: where there is none, they are not needed
        expected = self.expected()
        if type(expected) is ChartShows:
            (verdict,) = expected.check(evidence)
            return [Verdict(self.names[0], verdict.passed, self.weight, verdict.message)]
        why = differs(actual, expected)
        return [Verdict(self.names[0], not why, self.weight, why and f"{self.variable}: {why}")]
