"""Curriculum: which family to play next, by what has been measured.

A group of rollouts teaches where some succeed and some fail. So a family is drawn in proportion to p (1 - p), where p
is its measured success: those that always pass or always fail come up less, and a floor keeps any from being forgotten.
A family that takes a difficulty is one arm for each of its levels, so its level rises as the model does.

It is a state machine and nothing else: what is drawn depends on the seed, on what was observed and on how much was
drawn before. Its state is plain data, for a run that goes on later.

>>> curriculum = Curriculum(["easy", "right", "hard"], floor=0.3)
>>> for family, successes in (("easy", 8), ("right", 4), ("hard", 0)):
...     curriculum.observe(family, successes, rollouts=8)
>>> {arm.family: round(weight, 2) for arm, weight in curriculum.weights().items()}
{'easy': 0.25, 'right': 0.5, 'hard': 0.24}
>>> curriculum.draw()
Arm(family='right', difficulty=None)
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cave_rl.runtime.nearest import nearest
from cave_rl.tasks.suite import Split, Suite, SuiteError


class Arm(NamedTuple):
    """What is drawn: a family, and its level if it takes one. Both go to `Suite.task`."""

    family: str
    difficulty: int | None = None


class Curriculum:
    """Draws families by their measured success.

    Args:
        arms: the families, or families with levels.
        floor: the share of draws that is spread evenly over all arms, from 0 to 1.
        memory: how many rollouts of an arm are remembered, about: what is older fades.
        seed: of the draws.

    Raises:
        ValueError: there is no arm, one comes twice, or a setting is out of its range.
    """

    def __init__(
        self, arms: Iterable[str | tuple[str, int | None]], *, floor: float = 0.2, memory: int = 64, seed: int = 0
    ) -> None:
        named = [_arm(each) for each in arms]
        self._counts: dict[Arm, tuple[float, float]] = dict.fromkeys(named, (0.0, 0.0))  # successes, rollouts
        if not named or len(self._counts) < len(named):
            raise ValueError("a curriculum has one arm or more, each once")
        if not 0 <= floor <= 1:
            raise ValueError(f"floor is a share from 0 to 1, not {floor}")
        if memory < 1:
            raise ValueError(f"memory is a number of rollouts, at least 1, not {memory}")
        self.floor = floor
        self.memory = memory
        self._seed = seed
        self._drawn = 0

    @classmethod
    def of(
        cls,
        suite: Suite,
        split: Split = "train",
        *,
        families: Sequence[str] | None = None,
        tags: Sequence[str] = (),
        floor: float = 0.2,
        memory: int = 64,
        seed: int = 0,
    ) -> Curriculum:
        """Over the families of a suite or mixture, each level of those that have levels.

        Raises:
            SuiteError: no family fits.
        """
        arms: list[tuple[str, int | None]] = []
        for name in suite.select(split, families=families, tags=tags):
            levels = suite.families[name].difficulty
            arms += [(name, None)] if levels is None else [(name, n) for n in range(levels[0], levels[1] + 1)]
        return cls(arms, floor=floor, memory=memory, seed=seed)

    def observe(self, arm: str | tuple[str, int | None], successes: int, rollouts: int) -> None:
        """Takes in how many rollouts of an arm were solved. Those with a fault are no rollouts.

        Raises:
            SuiteError: there is no such arm.
            ValueError: more successes than rollouts, or less than none.
        """
        if not 0 <= successes <= rollouts:
            raise ValueError(f"{successes} successes of {rollouts} rollouts")
        key = self._known(arm)
        # what was hopeless once may not be any more: what is not drawn for long is forgotten, and so becomes promising
        fade = (1 - 1 / (self.memory * len(self._counts) + 1)) ** rollouts
        self._counts = {each: (held * fade, seen * fade) for each, (held, seen) in self._counts.items()}
        held, seen = self._counts[key]
        held, seen = held + successes, seen + rollouts
        kept = min(1.0, self.memory / seen) if seen else 1.0
        self._counts[key] = held * kept, seen * kept

    def success(self, arm: str | tuple[str, int | None]) -> float | None:
        """The measured success of an arm; None before anything was observed.

        Raises:
            SuiteError: there is no such arm.
        """
        held, seen = self._counts[self._known(arm)]
        return held / seen if seen else None

    def weights(self) -> dict[Arm, float]:
        """How likely each arm is drawn next; they sum to 1."""
        # as if one success and one failure had been seen: what is new counts as promising, and nothing as hopeless
        rates = {arm: (held + 1) / (seen + 2) for arm, (held, seen) in self._counts.items()}
        teaches = {arm: rate * (1 - rate) for arm, rate in rates.items()}
        total, even = sum(teaches.values()), self.floor / len(teaches)
        return {arm: even + (1 - self.floor) * each / total for arm, each in teaches.items()}

    def draw(self) -> Arm:
        """The next arm to play."""
        weights = self.weights()
        rng = random.Random(f"{self._seed}/{self._drawn}")
        self._drawn += 1
        return rng.choices(list(weights), list(weights.values()))[0]

    def state_dict(self) -> dict[str, Any]:
        """The state, as plain data."""
        counts = [[arm.family, arm.difficulty, held, seen] for arm, (held, seen) in self._counts.items()]
        return {"seed": self._seed, "drawn": self._drawn, "counts": counts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state; the draws that follow are those that would have followed then.

        Raises:
            SuiteError: it is the state of other arms.
        """
        counts = {Arm(family, level): (held, seen) for family, level, held, seen in state["counts"]}
        for arm in counts:
            self._known(arm)
        missing = [arm for arm in self._counts if arm not in counts]
        if missing:
            raise SuiteError(f"the state knows nothing of {_told(missing[0])}: it is of another curriculum")
        self._counts = {arm: counts[arm] for arm in self._counts}
        self._seed, self._drawn = state["seed"], state["drawn"]

    def _known(self, arm: str | tuple[str, int | None]) -> Arm:
        key = _arm(arm)
        if key not in self._counts:
            known = [_told(each) for each in self._counts]
            raise SuiteError(f"the curriculum has no {_told(key)}{nearest(_told(key), known)}")
        return key


def _arm(given: str | tuple[str, int | None]) -> Arm:
    return Arm(given) if isinstance(given, str) else Arm(*given)


def _told(arm: Arm) -> str:
    return f"family {arm.family}" if arm.difficulty is None else f"family {arm.family} at level {arm.difficulty}"
