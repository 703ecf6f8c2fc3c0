"""Mixtures: several suites as one, each as often as its weight says.

A mixture is a suite like any other: environments, evaluation, training and the command line take it where they take a
suite. Its families are called by suite and family, and a task stays what it is in its own suite, split included:

>>> mixed = Mixture({"Types-v0": 1.0})
>>> mixed.names("train")[0]
'Types-v0:increase'
>>> task = mixed.task("train", "Types-v0:increase", 0)
>>> task.suite, task.family
('Types-v0', 'increase')

Wherever a suite's name is expected, `2*Types-v0 + my_suite.tasks:suite` is a mixture too.
"""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from cave_rl.tasks import registry
from cave_rl.tasks.suite import Make, Split, Suite, SuiteError
from cave_rl.tasks.task import Task


class Mixture(Suite):
    """A weighted mixture of suites, as they are when it is made.

    Args:
        parts: suites, or their names, with their weights: of 2.0 and 1.0, the first comes up twice as often.
        name: how it is called; by default after its parts.
        description: one line for `cave-rl list`.

    Attributes:
        weights: by the names of the parts.

    Raises:
        SuiteError: there is no part, one is not to be found, one comes twice, or a weight is not above zero.
    """

    def __init__(self, parts: Mapping[str | Suite, float], *, name: str | None = None, description: str = "") -> None:
        found = [(registry.find(part) if isinstance(part, str) else part, weight) for part, weight in parts.items()]
        self.parts = {part.name: part for part, _ in found}
        self.weights = {part.name: float(weight) for part, weight in found}
        if not found or len(self.parts) < len(found):
            names = ", ".join(part.name for part, _ in found)
            raise SuiteError(f"a mixture is of one suite or more, each once, not of: {names or 'none'}")
        for key, weight in self.weights.items():
            if not (weight > 0 and math.isfinite(weight)):
                raise SuiteError(f"the weight of {key} in a mixture is a number above zero, not {weight}")
        shares = ", ".join(f"{weight:g} of {key}" for key, weight in self.weights.items())
        rounds = itertools.zip_longest(*(part.examples for part in self.parts.values()))
        super().__init__(
            name or "_and_".join(self.parts),
            description=description or f"a mixture: {shares}",
            examples=tuple(task for each in rounds for task in each if task is not None),
        )
        for suite in self.parts.values():
            for inner in suite.families.values():
                outer = f"{suite.name}:{inner.name}"
                self.families[outer] = replace(inner, name=outer)

    def family(self, make: Make | None = None, /, **_: object) -> object:  # type: ignore[override]
        """A mixture has its parts' families: register new ones with a suite.

        Raises:
            SuiteError: always.
        """
        raise SuiteError(f"{self.name} is a mixture: register the family with one of {', '.join(self.parts)}")

    def turns(self, families: Sequence[str], rng: random.Random | None = None) -> Iterator[str]:
        """Whose turn it is: the parts spread evenly by their weights, each with its families in turn."""
        streams = {part: self.parts[part].turns(inner, rng) for part, inner in self._by_part(families).items()}
        count: Counter[str] = Counter()
        while streams:
            part = min(streams, key=lambda each: (count[each] + 0.5) / self.weights[each])
            count[part] += 1
            yield f"{part}:{next(streams[part])}"

    def pick(self, families: Sequence[str], rng: np.random.Generator) -> str:
        """One of some families by chance: a part by its weight, then one of its families."""
        inner = self._by_part(families)
        weights = np.array([self.weights[part] for part in inner])
        part = list(inner)[int(rng.choice(len(inner), p=weights / weights.sum()))]
        return f"{part}:{self.parts[part].pick(inner[part], rng)}"

    def task(self, split: Split, family: str, index: int, *, difficulty: int | None = None) -> Task:
        """The very task that the part gives."""
        self.select(split, families=[family])
        part, _, inner = family.partition(":")
        return self.parts[part].task(split, inner, index, difficulty=difficulty)

    def _by_part(self, families: Sequence[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for family in families:
            part, _, inner = family.partition(":")
            found.setdefault(part, []).append(inner)
        return found


def parse(text: str) -> Mixture:
    """A mixture from `2*Types-v0 + my_suite.tasks:suite`; a part without a weight has 1.

    Raises:
        SuiteError: it cannot be read, or a part is not to be found.
    """
    parts: dict[str | Suite, float] = {}
    for term in text.split("+"):
        weight, star, name = (each.strip() for each in term.rpartition("*"))
        try:
            number = float(weight) if star else 1.0
        except ValueError:
            raise SuiteError(f"{term.strip()!r} is no part of a mixture: write 2*Types-v0 + Other-v0") from None
        if not name or name in parts:
            raise SuiteError(f"a mixture looks like 2*Types-v0 + Other-v0, each part once, not {text!r}")
        parts[name] = number
    return Mixture(parts)
