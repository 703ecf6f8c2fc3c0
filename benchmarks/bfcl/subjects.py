"""What of BFCL is compared: which tasks there are, the ways that each is played in, and what upstream says of a way."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.bfcl.upstream import evaluated
from benchmarks.mutations import Turns, by_position, mutated, mutated_calls, renamed
from cave_rl.suites.third_party.bfcl.tasks import suite
from cave_rl.suites.third_party.bfcl.tasks.data import dialogues
from cave_rl.suites.third_party.bfcl.tasks.judging import checked
from cave_rl.suites.third_party.bfcl.tasks.single.answering import answer, any_call
from cave_rl.suites.third_party.bfcl.tasks.single.data import Entry, entries
from cave_rl.suites.third_party.bfcl.tasks.single.functions import function, name_of
from cave_rl.suites.third_party.bfcl.tasks.single.suite import CATEGORIES, Single
from cave_rl.suites.third_party.bfcl.tasks.writing import write
from cave_rl.tasks import Task

MULTI, SINGLE = tuple(suite.CATEGORIES), CATEGORIES


@dataclass(frozen=True)
class Way:
    """A way to play a task.

    Attributes:
        kind: of which kind.
        turns: the calls as call strings, as cells make them.
        said: the same as upstream reads them, where it reads text.
    """

    kind: str
    turns: Turns
    said: str = ""


class Subject(ABC):
    """The tasks of a category."""

    size: int

    @abstractmethod
    def name(self, number: int) -> str:
        """Upstream's name of a task."""

    @abstractmethod
    def task(self, number: int) -> Task:
        """Our task."""

    @abstractmethod
    def ways(self, number: int) -> Iterator[Way]:
        """The answers, and each mutation of them that there is."""

    @abstractmethod
    def theirs(self, number: int, way: Way, told: Mapping[str, Any]) -> dict[str, bool]:
        """What upstream's code, run in this process, says of a run: as it is run (`checker`), and `strict`ly.

        Args:
            number: which task.
            way: how it was played.
            told: what was told of the run.
        """


class Multi(Subject):
    """The dialogues of a multi-turn category; upstream is asked of the calls that were recorded."""

    size = 200

    def __init__(self, category: str) -> None:
        self._suite, self._category = suite.Dialogues(category), category

    def name(self, number: int) -> str:
        return dialogues(self._category)[number].id

    def task(self, number: int) -> Task:
        return self._suite.dialogue(number)

    def ways(self, number: int) -> Iterator[Way]:
        dialogue = dialogues(self._category)[number]
        return (Way(kind, turns) for kind, turns in mutated(dialogue.gold, dialogue.id))

    def theirs(self, number: int, way: Way, told: Mapping[str, Any]) -> dict[str, bool]:
        from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker import (
            multi_turn_checker,
            multi_turn_irrelevance_checker,
        )

        dialogue = dialogues(self._category)[number]
        valid = checked(multi_turn_checker, dialogue, told["calls"])["valid"]
        gold = [list(turn) for turn in dialogue.gold]
        strict = multi_turn_irrelevance_checker(told["calls"], gold)["valid"]
        return {"checker": valid, "strict": valid and strict}


class SingleTurn(Subject):
    """The entries of a single-turn category; upstream is asked of the text of what was to be played."""

    def __init__(self, category: str) -> None:
        self._suite, self._category = Single(official=True), category
        self.size = len(entries(category))

    def name(self, number: int) -> str:
        return self._entry(number).id

    def task(self, number: int) -> Task:
        return self._suite.made(self._entry(number))

    def ways(self, number: int) -> Iterator[Way]:
        from cave_rl.suites.third_party.bfcl.tasks.single.official import check

        entry = self._entry(number)
        gold = _written(answer(entry, check))
        wanted = {each.partition("(")[0] for each in gold}
        other = next((each["name"] for each in entry.functions if each["name"] not in wanted), None)
        for kind, calls in mutated_calls(gold, entry.id, other):
            yield Way(kind, (tuple(renamed(each, name_of) for each in calls),), f"[{', '.join(calls)}]")
        if gold:
            orders = {each["name"]: list(inspect.signature(function(each)).parameters) for each in entry.functions}
            placed = [by_position(each, orders[each.partition("(")[0]]) for each in gold]
            yield Way("positional", (tuple(renamed(each, name_of) for each in placed),), f"[{', '.join(gold)}]")
        elif entry.functions:  # of a few questions there are none to call
            (call,) = _written([any_call(entry)])
            yield Way("acts", ((renamed(call, name_of),),), f"[{call}]")

    def theirs(self, number: int, way: Way, told: Mapping[str, Any]) -> dict[str, bool]:
        valid = evaluated(self._entry(number), way.said)["valid"]
        return {"checker": valid, "strict": valid}

    def _entry(self, number: int) -> Entry:
        return entries(self._category)[number]


def _written(calls: Sequence[Mapping[str, Any]]) -> list[str]:
    return [write(name, arguments) for call in calls for name, arguments in call.items()]


def subject(category: str) -> Subject:
    """The tasks of one of upstream's categories."""
    return Multi(category) if category in MULTI else SingleTurn(category)
