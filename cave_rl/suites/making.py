"""What families of tasks are made with: collecting them by kind, and turns from goals. Host and Judge only.

>>> from random import Random
>>> family = Families()
>>> @family(tags=("number",))
... def double(rng: Random) -> Task:
...     n = rng.randrange(10, 1000)
...     return single("Double n.", {"n": n}, {"n": 2 * n}, "n *= 2", "n += 2")
>>> suite = Suite("Doubling-v0")
>>> collect(suite, family)
>>> turn = suite.task("train", "double", 0).turns[0]
>>> turn.near_misses[0].fails, turn.changes
('n equals', frozenset({'n'}))
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, TypeVar

from cave_rl.rewards.assertions import Assertion, equals
from cave_rl.rewards.court import judge
from cave_rl.rewards.evidence import Evidence, State
from cave_rl.runtime.primitives import Type, Variable
from cave_rl.tasks.suite import Family, Suite
from cave_rl.tasks.task import NearMiss, Task, TaskError, Turn

Make = Callable[[random.Random], Task]
T = TypeVar("T")


class Families:
    """The families of one module, in the order in which they stand there: a decorator that keeps what it decorates."""

    __cave_host_only__: ClassVar[bool] = True

    def __init__(self) -> None:
        self._kept: list[Family] = []

    def __call__(self, *, held_out: bool = False, tags: tuple[str, ...] = ()) -> Callable[[Make], Make]:
        """Keeps a generator under its own name."""

        def keep(make: Make) -> Make:
            self._kept.append(Family(make.__name__, make, held_out, tags))
            return make

        return keep

    def __iter__(self) -> Iterator[Family]:
        return iter(self._kept)


class Step(NamedTuple):
    """One change of a variable {x} by a drawn argument {n}: how it is asked for, what comes of it, the code."""

    ask: str
    apply: Callable[[Any, Any], Any]
    code: str

    def query(self, x: str, n: Any) -> str:
        """The question."""
        return self.ask.format(x=x, n=n)

    def cell(self, x: str, n: Any) -> str:
        """The answer."""
        return self.code.format(x=x, n=n)


def collect(suite: Suite, *parts: Families) -> None:
    """Registers families in a suite, part by part."""
    for part in parts:
        for each in part:
            suite.family(name=each.name, held_out=each.held_out, tags=each.tags)(each.make)


def turn(
    query: str,
    before: Mapping[str, Any],
    goal: Mapping[str, Any],
    gold: str,
    misses: Sequence[str | NearMiss] = (),
) -> Turn:
    """A turn that must bring the variables of `goal` to its values and leave all others alone.

    Args:
        query: what the user asks; it names every variable of `goal`.
        before: the variables as they are when the turn begins.
        goal: what the turn is judged by: exact values, or assertions that say otherwise (`close(...)`).
        gold: a cell that solves it.
        misses: cells that look right and are not. One that is given as text must fail the first assertion.

    Raises:
        TaskError: part of the goal holds before the turn, or the query does not name it.
    """
    assertions = [each if isinstance(each, Assertion) else equals(name, each) for name, each in goal.items()]
    state = State(before)
    held = [verdict.name for verdict in judge(tuple(assertions), Evidence(state, state)) if verdict.passed]
    if held:
        raise TaskError(f"{query!r}: {held[0]!r} holds before it begins")
    unnamed = [name for name in goal if name not in query]
    if unnamed:
        raise TaskError(f"{query!r} does not name {unnamed[0]!r}, which it is judged by")
    return Turn(
        query,
        assertions,
        changes=[name for name in goal if name in before],
        gold=gold,
        near_misses=[NearMiss(miss, assertions[0].names[0]) if isinstance(miss, str) else miss for miss in misses],
    )


def single(
    query: str,
    before: Mapping[str, Any],
    goal: Mapping[str, Any],
    gold: str,
    *misses: str | NearMiss,
    types: Sequence[type] = (),
    modules: Sequence[str] = (),
    difficulty: float = 1.0,
) -> Task:
    """A task of one turn. See `turn`."""
    return dialogue(
        before, turn(query, before, goal, gold, misses), types=types, modules=modules, difficulty=difficulty
    )


def dialogue(
    before: Mapping[str, Any],
    *turns: Turn,
    types: Sequence[type] = (),
    modules: Sequence[str] = (),
    difficulty: float = 1.0,
) -> Task:
    """A task whose first turn begins with the variables of `before`."""
    return Task(
        turns=turns,
        variables=tuple(Variable(name, value) for name, value in before.items()),
        types=tuple(Type(cls) for cls in types),
        modules=tuple(modules),
        difficulty=difficulty,
    )


def spoils(cells: str, name: str) -> NearMiss:
    """A near-miss that gets everything that was asked right, but changes another variable on the way."""
    return NearMiss(cells, f"{name} unchanged")


def where(draw: Callable[[], T], fits: Callable[[T], bool]) -> T:
    """What is drawn, again and again, until it fits."""
    while True:
        if fits(drawn := draw()):
            return drawn


def fails(cells: str, verdict: str) -> NearMiss:
    """A near-miss that another verdict than the first must catch."""
    return NearMiss(cells, verdict)
