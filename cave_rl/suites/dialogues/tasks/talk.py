"""A talk: the state that a dialogue is about, as its turns so far leave it, and the turns.

It keeps a model of its own of all that is asked for: what a turn expects is what its meaning, a function of the model,
makes of it; no rollout is ever asked. Every turn is judged by the whole of the subject, which must equal the model, or,
where something is to be found out, by what was stored: then the subject must stay as it is.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar

from cave_rl.rewards.assertions import equals
from cave_rl.runtime.codec import same
from cave_rl.runtime.primitives import Hosted, Type, Variable
from cave_rl.tasks.task import NearMiss, Task, TaskError, Turn


@dataclass(frozen=True, slots=True)
class Move:
    """What may be asked next.

    Attributes:
        query: what the user says.
        gold: a cell that does it.
        do: what it makes of the subject; None if it only asks.
        store: the name under which something is to be stored, if anything is.
        value: what is to be stored there.
        misses: cells that look right and are not.
        weight: how hard it is beside the others.
        leaves: what the next turn may refer to.
        keeps: what all later turns may refer to.
    """

    query: str
    gold: str
    do: Callable[[Any], object] | None = None
    store: str = ""
    value: Callable[[Any], Any] | None = None
    misses: Sequence[str] = ()
    weight: float = 1.0
    leaves: Mapping[str, Any] = field(default_factory=dict)
    keeps: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens between two turns: source that makes it happen, and how the user tells of it (or "")."""

    source: str
    told: str


class Talk:
    """A dialogue that is being written.

    Args:
        rng: what is drawn from.
        name: what the subject is called in the runtime.
        subject: it, as it is at first.
        names: names for what is stored.
        types: its classes, if cells may use them.

    Attributes:
        now: the subject, as the turns so far leave it.
        stored: what they stored, by name.
        last: what the last turn left to refer to.
        first: what the first turn left.
        kept: what any turn left for good.
        recent: the names of the last moves: none that refers back is made twice within a few turns.
    """

    __cave_host_only__: ClassVar[bool] = True

    def __init__(
        self, rng: random.Random, name: str, subject: Any, names: Sequence[str], types: Sequence[type] = ()
    ) -> None:
        self.rng = rng
        self.name = name
        self.now = subject
        self.types = tuple(types)
        self.stored: dict[str, Any] = {}
        self.last: Mapping[str, Any] = {}
        self.first: Mapping[str, Any] = {}
        self.kept: dict[str, Any] = {}
        self.recent: list[str] = []
        self._start = copy.deepcopy(subject)
        self._names = rng.sample(names, len(names))
        self._turns: list[Turn] = []
        self._weight = 0.0

    @property
    def length(self) -> int:
        """How many turns there are."""
        return len(self._turns)

    def new_name(self) -> str:
        """A name under which nothing is stored yet."""
        at = len(self.stored)
        name = self._names[at % len(self._names)]
        return name if at < len(self._names) else f"{name}_{at // len(self._names) + 1}"

    def fits(self, move: Move | None) -> bool:
        """Whether a move can be asked for now: it can be done, and doing it makes a difference."""
        if move is None:
            return False
        then = copy.deepcopy(self.now)
        if move.do is None:
            return True
        try:
            move.do(then)
        except ValueError:
            return False
        return not same(then, self.now)

    def happen(self, event: Event) -> None:
        """Lets an event happen to the model. One that is told of ends what the next turn could refer back to."""
        exec(event.source, {self.name: self.now})
        if event.told:
            self.last = {}

    def ask(self, move: Move, harm: str, event: Event | None = None, stale: Any = None, most: int = 3) -> None:
        """Adds a turn.

        Args:
            move: what is asked.
            harm: a cell that changes something that nobody asked to be changed.
            event: what has happened before it; the model knows of it already.
            stale: the subject as it was before the event.
            most: the most near-misses.

        Raises:
            TaskError: the turn asks for nothing that is not there, or its gold does something else.
        """
        if not self.fits(move):
            raise TaskError(f"{move.query!r} is solved before it begins, or cannot be done")
        before = {self.name: copy.deepcopy(self.now), **copy.deepcopy(self.stored)}
        if move.do is not None:
            move.do(self.now)
        assertions, misses = [], [*move.misses]
        if move.do is not None:
            assertions.append(equals(self.name, copy.deepcopy(self.now)))
        if move.value is not None:
            value = self.stored[move.store] = move.value(self.now)
            assertions.append(equals(move.store, copy.deepcopy(value)))
            if event is not None:  # what was right until then
                misses.append(f"{move.store} = {move.value(stale)!r}")
        misses.append(f"{move.gold}\n{harm}")
        if (wrong := self._miss(move.gold, before, move)) is not None:
            raise TaskError(f"{move.query!r}: its gold {move.gold!r} does not do it: {wrong.fails}")
        found = [miss for each in dict.fromkeys(misses) if (miss := self._miss(each, before, move)) is not None]
        told = [event.told] if event is not None and event.told else []
        if not self._turns:
            told.append(f"You look after {self.name}.")
        self._turns.append(
            Turn(
                " ".join([*told, move.query]),
                assertions,
                changes=[self.name] if move.do is not None else [],
                gold=move.gold,
                near_misses=self.rng.sample(found, min(most, len(found))),
                event=event.source if event is not None else None,
            )
        )
        self._weight += move.weight + (event is not None)
        self.last = move.leaves
        self.first = self.first or move.leaves
        self.kept |= move.keeps

    def task(self, description: str) -> Task:
        """The task. With `types` the subject is injected as a variable, else it is hosted."""
        return Task(
            tuple(self._turns),
            variables=(Variable(self.name, self._start, description),) if self.types else (),
            hosted=() if self.types else (Hosted(self._start, name=self.name, description=description),),
            types=tuple(Type(each) for each in self.types),
            difficulty=self._weight,
        )

    def _miss(self, cell: str, before: Mapping[str, Any], move: Move) -> NearMiss | None:
        """A near-miss, with the verdict that must catch it; None where chance makes it a solution."""
        scope = copy.deepcopy(dict(before)) | {each.__name__: each for each in self.types}
        with suppress(ValueError, TypeError, LookupError, AttributeError):  # it has done what it did until then
            exec(cell, scope)
        if not same(scope[self.name], self.now):
            return NearMiss(cell, f"{self.name} {'equals' if move.do is not None else 'unchanged'}")
        for name, value in self.stored.items():
            if name not in scope or not same(scope[name], value):
                return NearMiss(cell, f"{name} {'equals' if name == move.store else 'unchanged'}")
        return None
