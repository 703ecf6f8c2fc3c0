"""Validation of a suite: many tasks at once, each by one conversation."""

from __future__ import annotations

import functools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from cave_rl.runtime.drive import Steps, run_all
from cave_rl.runtime.errors import Fault
from cave_rl.runtime.pool import Pool
from cave_rl.tasks.config import EpisodeConfig, JudgeConfig
from cave_rl.tasks.episode import Episode, check_users
from cave_rl.tasks.settings import ConfigError
from cave_rl.tasks.suite import Split, Suite
from cave_rl.tasks.task import Task
from cave_rl.tasks.validation import reading
from cave_rl.tasks.validation.leaks import leaks_steps
from cave_rl.tasks.validation.repeats import repeats_steps
from cave_rl.tasks.validation.report import Notes, Report
from cave_rl.tasks.validation.solutions import solutions_steps


@dataclass(frozen=True, slots=True)
class Sizes:
    """Lengths above which validation warns, in characters.

    Attributes:
        prompt: of the messages before the first of the model.
        observation: of what one cell of gold shows.
    """

    prompt: int = 8000
    observation: int = 2000


@dataclass(frozen=True, slots=True)
class _Job:
    """One task to be made and inspected.

    Attributes:
        family: its family.
        name: what it is called in findings.
        make: makes it.
        closely: whether hacks, leaks and repeats are tried as well.
    """

    family: str
    name: str
    make: Callable[[], Task]
    closely: bool


def validate(
    suite: Suite | Iterable[Task],
    *,
    tasks: int = 20,
    split: Split | None = None,
    families: Sequence[str] | None = None,
    hacks: int = 3,
    seed: int = 0,
    concurrency: int = 16,
    config: EpisodeConfig | None = None,
    sizes: Sizes | None = None,
    pool: Pool | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Report:
    """Plays gold, nothing, near-misses and tricks against the tasks of a suite, and reports what is wrong.

    Users that a model plays are played by their scripts; a task with one that has none is not validated, and says so.

    >>> from cave_rl.rewards import equals
    >>> from cave_rl.runtime import Variable
    >>> from cave_rl.tasks import Turn
    >>> turn = Turn("Double n.", equals("n", 10), changes=["n"], gold="n += 4", near_misses=["n += 3"])
    >>> report = validate([Task([turn], variables=[Variable("n", 5)])])
    >>> report.ok, report.errors[0].message
    (False, 'gold scores 0: n equals: n: expected int 10, got int 9')

    Args:
        suite: a suite, or tasks.
        tasks: how many of each family.
        split: of these; each family in its own (`heldout`, or else `train`) if left out.
        families: only these.
        hacks: with how many tasks of each family hacks, leaks and repeats are tried, which cost more.
        seed: the environment's.
        concurrency: most tasks that are inspected at once.
        config: how episodes are put, run and rewarded.
        sizes: lengths above which it warns.
        pool: where templates are kept; its own if none is given.
        progress: is told how many tasks are done.

    Returns:
        A report; `report.ok` says that there is no error.

    Raises:
        SuiteError: no such split or family.
    """
    started = time.monotonic()
    name = suite.name if isinstance(suite, Suite) else "tasks"
    jobs = _jobs(suite, tasks, split, families, hacks) if isinstance(suite, Suite) else _given(suite, hacks)
    makers = [each.make for each in suite.families.values()] if isinstance(suite, Suite) else []
    modules = sorted({_module_of(make) for make in makers})
    shared = pool or Pool(templates=2 * concurrency + 8)
    config = config or EpisodeConfig()
    inspector = _Inspector(
        shared,
        config.but(user=config.user.model_copy(update={"scripted": True}), judge=JudgeConfig()),  # nobody is asked
        sizes or Sizes(),
        seed,
        examples=suite.examples if isinstance(suite, Suite) else (),
        modules=[each for each in modules if each != "__main__"],
    )
    done: list[tuple[int, Notes]] = []

    def work(waiting: Iterator[tuple[int, _Job]]) -> Steps[None]:
        for number, job in waiting:
            done.append((number, (yield from inspector.inspect_steps(job))))
            progress(len(done))

    try:
        waiting = iter(list(enumerate(jobs)))
        run_all([work(waiting) for _ in range(concurrency)])
    finally:
        if pool is None:
            shared.close()
    notes = tuple(each for _, each in sorted(done, key=lambda pair: pair[0]))
    return Report(name, notes, time.monotonic() - started)


def _module_of(make: Callable[..., Task]) -> str:
    """The module that a family's maker stands in, which may be given with some of its arguments."""
    while isinstance(make, functools.partial):
        make = make.func
    return make.__module__


def _jobs(suite: Suite, tasks: int, split: Split | None, families: Sequence[str] | None, hacks: int) -> Iterator[_Job]:
    """The tasks of a suite: those of one family follow each other, so that they share what is warm."""
    if split is not None:
        chosen = suite.select(split, families=families)
    else:
        chosen = list(suite.families if families is None else families)
    for family in chosen:
        own = split or suite.first_split(family)
        suite.select(own, families=[family])
        for index in range(tasks):
            make = _maker(suite, own, family, index)
            yield _Job(family, f"{own} {family}/{index}", make, index < hacks)


def _maker(suite: Suite, split: Split, family: str, index: int) -> Callable[[], Task]:
    return lambda: suite.task(split, family, index)


def _given(tasks: Iterable[Task], hacks: int) -> Iterator[_Job]:
    seen: Counter[str] = Counter()
    for task in tasks:
        seen[task.family] += 1
        yield _Job(task.family or "task", task.id, lambda task=task: task, seen[task.family] <= hacks)  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class _Inspector:
    """Inspects one task after another, by what all of them share."""

    pool: Pool
    config: EpisodeConfig
    sizes: Sizes
    seed: int
    examples: tuple[Task, ...]
    modules: Sequence[str]

    def inspect_steps(self, job: _Job) -> Steps[Notes]:
        """All checks of one task."""
        notes = Notes(job.family, job.name)
        notes.checked["generator"] += 1
        try:
            task = job.make()
        except Exception as error:  # whatever a family raises is what is wrong with it
            notes.error("generator", f"{type(error).__name__}: {error}")
            return notes
        reading.read(task, notes)
        notes.checked["user"] += any(turn.user is not None for turn in task.turns)
        try:
            check_users(task, self.config)
        except ConfigError as error:
            notes.warn("user", f"not validated: nothing of it was played: {error}")
            return notes
        try:
            solved = yield from self._play_steps(task, notes, closely=job.closely)
            if solved and job.closely:
                given = {"pool": self.pool, "config": self.config, "seed": self.seed}
                yield from repeats_steps(task, job.make, notes, **given)  # type: ignore[arg-type]
                yield from leaks_steps(task, notes, modules=self.modules, **given)  # type: ignore[arg-type]
        except Fault as fault:
            notes.error("fault", f"{type(fault).__name__}: {fault}")
        return notes

    def _play_steps(self, task: Task, notes: Notes, *, closely: bool) -> Steps[bool]:
        notes.checked["fault"] += 1
        episode = Episode(task, pool=self.pool, config=self.config, seed=self.seed, examples=self.examples)
        try:
            yield from episode.begin_steps()
            reading.measure_prompt(episode.messages, self.sizes.prompt, notes)
            if closely:
                reading.weigh_values(task, episode.claims, episode.claims, notes)
            solved = yield from solutions_steps(episode, notes, hacks=closely)
            reading.measure_observations(self.sizes.observation, notes)
            return solved
        finally:
            episode.close()
