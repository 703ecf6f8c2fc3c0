"""A scene: the variables of a task as they are while its turns are written, one after the other."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from cave_rl.rewards.assertions import Deleted
from cave_rl.suites.making import dialogue, spoils, turn
from cave_rl.suites.variables.kinds import KINDS, Change, change, kind_of
from cave_rl.suites.variables.world import Gauge
from cave_rl.tasks.task import NearMiss, Task, Turn

TIERS = ((1, 5), (6, 15), (16, 30), (31, 50))

# Words that tell nothing of what the variables hold.
NAMES = (
    "alder", "amber", "anchor", "arch", "badge", "basin", "beacon", "birch", "bridge", "canal", "cedar", "cliff",
    "cloud", "coral", "crane", "delta", "dune", "eagle", "ember", "fern", "ferry", "field", "flint", "forge", "frost",
    "garnet", "glade", "grove", "gull", "harbor", "hazel", "heron", "island", "ivory", "jade", "juniper", "kelp",
    "lagoon", "larch", "ledge", "lotus", "maple", "marsh", "meadow", "mesa", "mint", "nectar", "oak", "olive", "opal",
    "orchid", "otter", "pearl", "pine", "pond", "quarry", "quartz", "raven", "reef", "ridge", "river", "robin", "sage",
    "sparrow", "spruce", "summit", "thistle", "tulip", "valley", "willow",
)  # fmt: skip


class Scene:
    """Some variables, and the turns that change them.

    Args:
        rng: what is drawn from.
        needs: the kinds of variables that there must be; the others are of any kind.
        most: the most variables.

    Attributes:
        now: the variables and their values, as the turns so far leave them.
    """

    __cave_host_only__: ClassVar[bool] = True

    def __init__(self, rng: random.Random, needs: Sequence[str] = (), most: int = 50) -> None:
        low, high = rng.choice([tier for tier in TIERS if tier[1] >= len(needs) and tier[0] <= most])
        self.size = rng.randint(max(low, len(needs), 1), min(high, most))
        kinds = [*needs, *rng.choices(list(KINDS), k=self.size - len(needs))]
        rng.shuffle(kinds)
        names = rng.sample(NAMES, self.size)
        self.now: dict[str, Any] = {name: KINDS[kind].draw(rng) for name, kind in zip(names, kinds, strict=True)}
        self._rng = rng
        self._start = dict(self.now)
        self._names = set(names)
        self._turns: list[Turn] = []
        self._changed = 0

    def open(self) -> list[str]:
        """The variables whose change may be asked for: no bool, which could be guessed, and nothing nearly empty."""
        return [
            name
            for name, value in self.now.items()
            if kind_of(value) not in ("bool", "other") and not (hasattr(value, "__len__") and len(value) < 2)
        ]

    def of_kind(self, *kinds: str) -> list[str]:
        """The variables of these kinds."""
        return [name for name, value in self.now.items() if kind_of(value) in kinds]

    def new_names(self, count: int) -> list[str]:
        """Names that are not taken."""
        names = self._rng.sample([name for name in NAMES if name not in self._names], count)
        self._names.update(names)
        return names

    def change(self, name: str) -> tuple[Change, Change]:
        """A drawn change of a variable, and a mistaken one."""
        return change(self._rng, name, self.now[name])

    def ask(self, query: str, goal: Mapping[str, Any], gold: str, misses: Iterable[NearMiss] = ()) -> None:
        """Adds a turn. To its near-misses comes one that does all that is asked, and changes one variable more."""
        found = list(misses)
        others = [name for name in self.open() if name not in goal]
        if others:
            other = self._rng.choice(others)
            found.append(spoils(f"{gold}\n{self.change(other)[0].code}", other))
        self._turns.append(turn(query, self.now, goal, gold, found))
        self._changed += len(goal)
        for name, value in goal.items():
            if isinstance(value, Deleted):
                del self.now[name]
            else:
                self.now[name] = value

    def task(self) -> Task:
        """The task. It is the harder, the more is changed, and the more there is beside it."""
        low, high = next(tier for tier in TIERS if tier[1] >= self.size)
        kinds = {kind_of(value) for value in self._start.values()}
        made = dialogue(
            self._start,
            *self._turns,
            types=(Gauge,) if "gauge" in kinds else (),
            difficulty=self._changed + self.size / 10,
        )
        return made.but(tags=(f"{low}-{high} variables",))


def listed(names: Sequence[str]) -> str:
    """Names as one says them.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def sentence(asks: Sequence[str]) -> str:
    """What is asked, as one query.

    >>> sentence(["sort a"]), sentence(["sort a", "halve b"])
    ('Sort a.', 'Make these changes: sort a; halve b.')
    """
    if len(asks) == 1:
        return f"{asks[0][0].upper()}{asks[0][1:]}."
    return f"Make these changes: {'; '.join(asks)}."
