"""Writes dialogues about a subject: which moves there are, and in which order they come."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from cave_rl.suites.dialogues.tasks.talk import Event, Move, Talk
from cave_rl.tasks.suite import Suite
from cave_rl.tasks.task import Task, TaskError

LENGTHS = {"brief": 5, "medium": 10, "long": 20, "longest": 40}
"""The families of each subject, and how many turns they have."""

EVENTS, TOLD, BACK = 0.3, 0.5, 0.6
"""How often something happens before a turn, how often the user tells of it, and how often a turn refers back."""

_ATTEMPTS = 500


@dataclass(frozen=True, slots=True)
class Subject:
    """What dialogues may be about.

    Attributes:
        name: what it is called in the runtime.
        draw: makes one.
        opening: the first move; later ones may refer to it.
        fresh: moves that stand for themselves.
        back: moves that refer back.
        events: what may happen on its own.
        harm: a cell that changes something nobody asked to be changed, whatever the state is.
        description: what the model is told of it.
        names: names for what is stored.
        types: its classes, if it is injected rather than hosted.
    """

    __cave_host_only__: ClassVar[bool] = True

    name: str
    draw: Callable[[random.Random], Any]
    opening: Callable[[Talk], Move | None]
    fresh: Sequence[Callable[[Talk], Move | None]]
    back: Sequence[Callable[[Talk], Move | None]]
    events: Sequence[Callable[[Talk], Event]]
    harm: Callable[[Talk], str]
    description: str
    names: Sequence[str]
    types: tuple[type, ...] = ()


def register(suite: Suite, subject: Subject, *, held_out: bool = False) -> None:
    """Registers a subject's families in a suite: one for each length."""
    for length, turns in LENGTHS.items():
        tags = (subject.name, "injected" if subject.types else "hosted", f"{turns} turns")
        suite.family(name=f"{subject.name}_{length}", held_out=held_out, tags=tags)(_maker(subject, turns))


def _maker(subject: Subject, turns: int) -> Callable[[random.Random], Task]:
    def make(rng: random.Random) -> Task:
        talk = Talk(rng, subject.name, subject.draw(rng), subject.names, subject.types)
        while talk.length < turns:
            stale, event = copy.deepcopy(talk.now), None
            if talk.length and rng.random() < EVENTS:
                event = rng.choice(subject.events)(talk)
                event = event if rng.random() < TOLD else replace(event, told="")
                talk.happen(event)
            talk.ask(_next(talk, subject), subject.harm(talk), event, stale, most=3 if turns <= 10 else 1)
        return talk.task(subject.description)

    return make


def _next(talk: Talk, subject: Subject) -> Move:
    for _ in range(_ATTEMPTS):
        draws: list[Callable[[Talk], Move | None]] = [
            talk.rng.choice([each for each in subject.fresh if each.__name__ not in talk.recent[:1]])
        ]
        if not talk.length:
            draws = [subject.opening]
        elif talk.rng.random() < BACK:
            back = [each for each in subject.back if each.__name__ not in talk.recent]
            draws = talk.rng.sample(back, len(back))
        for draw in draws:
            move = draw(talk)
            if move is not None and talk.fits(move):
                talk.recent = [draw.__name__, *talk.recent[:2]]
                return move
    raise TaskError(f"no move of {subject.name} can be asked for after {talk.length} turns")


def listed(names: Sequence[str]) -> str:
    """Names as one says them.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def more(n: int) -> str:
    """A difference, as code that adds it.

    >>> more(3), more(-3)
    ('+ 3', '- 3')
    """
    return f"{'-' if n < 0 else '+'} {abs(n)}"
