"""A domain's tasks as a suite; what it is made of is read when it is first asked for.

The splits are upstream's `train` and `test`, which share no task; every eighth of `train` is kept for `validation`.
"""

from __future__ import annotations

import contextlib
import functools
import random
from collections.abc import Iterator, Sequence
from typing import Literal

from cave_rl.runtime.nearest import nearest
from cave_rl.suites.third_party.tau2.tasks.data import Scenario, scenarios, splits
from cave_rl.suites.third_party.tau2.tasks.making import make, solve
from cave_rl.suites.third_party.tau2.world.backend import INSTALL, Domain
from cave_rl.tasks.suite import Split, Suite, SuiteError
from cave_rl.tasks.task import Task

DOMAINS: dict[Domain, tuple[str, str, str]] = {
    "retail": ("Retail-SingleAgent", "114 customers of a shop", "; all that they would say is told at once"),
    "airline": ("Airline-SingleAgent", "50 customers of an airline", "; all that they would say is told at once"),
    "telecom": ("Telecom-Solo", "114 customers of a telephone company", "; tickets, solved with their telephones"),
}
"""What each suite is called, what is in it, and how it is where nobody plays the customers."""

FAMILIES: dict[Domain, tuple[str, ...]] = {
    "retail": ("retail",),
    "airline": ("airline",),
    "telecom": ("service_issue", "mobile_data_issue", "mms_issue"),
}

_VALIDATION = 8


class Tickets(Suite):
    """The tasks of a domain.

    Args:
        domain: `retail`, `airline` or `telecom`.
        full: train on all that upstream has for telecom, 2,285 tasks, but for those of the other splits.
        refusals: with the tasks in which nothing need be done; without them, what is left asks for something.
        simulated: a model plays the customer (`env.user.url`, `env.user.model`), who otherwise tells all at once, or
            has left a ticket.
    """

    def __init__(self, domain: Domain, *, full: bool = False, refusals: bool = True, simulated: bool = False) -> None:
        if domain not in DOMAINS:
            raise SuiteError(f"tau2 has no domain {domain!r}{nearest(domain, DOMAINS)}")
        if full and domain != "telecom":
            raise SuiteError(f"only telecom has more tasks than its splits, not {domain}")
        title, told, alone = DOMAINS[domain]
        title = title.replace("-", "Full-") if full else title
        told = f"{told}, played by a model" if simulated else f"{told}{alone}"
        told = f"{told}; 2,235 to train on" if full else told
        title = title.partition("-")[0] if simulated else title
        super().__init__(f"Tau2-{title}-v0", description=f"tau2-bench: {told}")
        self.domain: Domain = domain
        self.full = full
        self.refusals = refusals
        self.simulated = simulated
        for name in FAMILIES[domain]:
            self.family(name=name, tags=("tau2", domain))(functools.partial(self._any, name))

    def names(self, split: Split) -> list[str]:
        """The families of a split.

        Raises:
            SuiteError: no such split.
        """
        super().names(split)
        return [] if split == "heldout" else list(FAMILIES[self.domain])

    def task(self, split: Split, family: str, index: int, *, difficulty: int | None = None) -> Task:
        """The task number `index` of a family in a split; after the last, the first comes again.

        Raises:
            SuiteError: no such split or family, a level is asked for, or tau2 is not installed.
        """
        self.select(split, families=[family])
        if difficulty is not None:
            raise SuiteError(f"{self.name} is a fixed set of tasks: no level can be asked for")
        own = self._ids(split, family)
        return self.scenario(own[index % len(own)])

    def tasks(self, split: Split, *, n: int | None = None, families: Sequence[str] | None = None) -> Iterator[Task]:
        """The tasks of a split, families in turn, each task once; `n` of them, or all.

        Raises:
            SuiteError: no such split or family, there are fewer, or tau2 is not installed.
        """
        chosen = self.select(split, families=families)
        own = [(at, family, each) for family in chosen for at, each in enumerate(self._ids(split, family))]
        if n is not None and n > len(own):
            told = f"{self.name} is a fixed set of tasks: it has {len(own)} of split {split!r}, not {n}"
            raise SuiteError(f"{told}; ask for {len(own)} or fewer (--tasks)")
        own.sort(key=lambda each: (each[0], chosen.index(each[1])))
        yield from (self.scenario(each) for _, _, each in own[:n])

    def scenario(self, id: str) -> Task:
        """The task made of upstream's of an id.

        Raises:
            SuiteError: there is none, or tau2 is not installed.
        """
        with self._needing():
            known = scenarios(self.domain)
            if id not in known:
                raise SuiteError(f"{self.name} has no task {id!r}{nearest(id, known)}")
            family = family_of(known[id])
            return make(known[id], simulated=self.simulated).but(
                suite=self.name, family=family, tags=self.families[family].tags
            )

    @contextlib.contextmanager
    def _needing(self) -> Iterator[None]:
        """Tells what to install."""
        try:
            yield
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            told = f"{missing} is not installed, which {self.name} needs" if missing else str(error)
            raise SuiteError(f"{told}: {INSTALL}") from error

    def _ids(self, split: str, family: str) -> list[str]:
        with self._needing():
            known = scenarios(self.domain)
            own = [each for each in ids(self.domain, split, full=self.full) if family_of(known[each]) == family]  # type: ignore[arg-type]
            return own if self.refusals else [each for each in own if not _needs_nothing(self.domain, each)]

    def _any(self, family: str, rng: random.Random) -> Task:
        return self.task("train", family, rng.randrange(1 << 16))


def ids(domain: Domain, split: Literal["train", "validation", "test"], *, full: bool = False) -> list[str]:
    """The ids of a split, in upstream's order.

    Raises:
        ModuleNotFoundError: tau2 is not installed.
    """
    upstream = splits(domain)
    kept = upstream["train"][::_VALIDATION]
    if split == "train":
        without = {*kept, *upstream["test"]}
        return [each for each in (scenarios(domain) if full else upstream["train"]) if each not in without]
    return list(kept if split == "validation" else upstream["test"])


def family_of(scenario: Scenario) -> str:
    """The family of a task."""
    return scenario.id[1:].partition("]")[0] if scenario.domain == "telecom" else scenario.domain


@functools.cache
def _needs_nothing(domain: Domain, id: str) -> bool:
    return solve(scenarios(domain)[id]).idle
