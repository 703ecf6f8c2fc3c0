"""Plays thousands of episodes with faults injected by chance, and looks for what they leave behind.

    python -m benchmarks.soak --episodes 10000 --seed 0

Real tasks, real processes, many at once. Cells exit, crash, hang, flood, fork, forge frames; the host loses runtimes,
judges and templates between steps. At the end stand the outcomes and what is left: descriptors, processes, memory
files, directories. It fails on anything left, on an episode that was rewarded without being solved, on one that was
solved without being rewarded, and on a fault that nobody caused.
"""

from __future__ import annotations

import gc
import os
import random
import re
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.faults import Cut, Kill, Plan, plan
from cave_rl.confinement import Confinement, descendants
from cave_rl.runtime import Fault, Limits, Pool, Steps, Template, gather
from cave_rl.tasks import Episode, EpisodeConfig, Suite, Task, find

SUITE = "cave_rl.suites.types.tasks:suite"
LIMITS = Limits(cpu_s=0.3, wall_s=2.0, grace_s=0.2)
POLICY = Confinement(memory_mb=256)
FORKING = Confinement(memory_mb=256, fork=4)
"""The policy of every tenth episode: a fork bomb gets somewhere."""


@dataclass(eq=False)
class Flight:
    """An episode that is being played.

    Attributes:
        template: the pid of the process that its runtime was forked from; 0 as long as it has none.
        excused: whether the host killed something that it may rest on: then it need not be solved, and may end in a
            fault.
        told: what the last message came to.
    """

    episode: Episode
    plan: Plan
    template: int = 0
    excused: bool = False
    told: str = ""


@dataclass
class Ledger:
    """What came of it.

    Attributes:
        outcomes: of messages, by type.
        ends: of episodes: solved, unsolved, fault.
        kinds: of plans, each with how its episodes ended.
        wrong: what must not be, in words.
        left: what was left, by kind.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong and nothing is left."""
        return not self.wrong and not any(self.left.values())

    def note(self, number: int, flight: Flight, fault: Fault | None) -> None:
        """Takes an episode that is over."""
        episode, done = flight.episode, flight.plan
        self.outcomes.update(entry["outcome"] for entry in episode.trace)
        failed = fault is not None or "fault" in episode._tally.outcomes
        end = "fault" if failed else "solved" if episode.solved else "unsolved"
        self.ends[end] += 1
        self.kinds[re.sub(r" \+ .*|: .*", " ...", done.kind), end] += 1
        what = f"episode {number} ({episode.task.id}; {done.kind}{'; checkpoint' if done.checkpoint else ''})"
        if failed:
            if not flight.excused:
                self.wrong.append(f"{what}: a fault that nobody caused: {fault or flight.told}")
            return
        if done.solves is False and episode.solved:
            self.wrong.append(f"{what}: false reward: solved without having done it")
        elif episode.reward > done.most + 1e-9:
            self.wrong.append(f"{what}: false reward {episode.reward}, at most {done.most} was earned")
        elif done.solves and not flight.excused and not (episode.solved and episode.reward == 1.0):
            told = [entry["outcome"] for entry in episode.trace]
            self.wrong.append(f"{what}: solved, but its reward is {episode.reward}; outcomes {told}")


class Soak:
    """The episodes of one run: a pure function of the seed, but for what runs at the same moment."""

    def __init__(self, suite: Suite, seed: int) -> None:
        self.ledger = Ledger()
        self.pools = (Pool(POLICY), Pool(FORKING))
        self._suite = suite
        self._seed = seed
        self._flights: set[Flight] = set()
        # Templates that were killed, and that fail who asks next: those of set-ups by pool and task, those of judges.
        self._dead_setups: set[tuple[int, str]] = set()
        self._dead_judges: list[Template[Any]] = []
        self._tasks: dict[tuple[str, str, int], Task] = {}
        self._families = [(split, name) for split in ("train", "heldout") for name in suite.names(split)]

    def worker(self, numbers: Iterator[int], progress: Progress, bar: int) -> Steps[None]:
        """Plays one episode after the other."""
        for number in numbers:
            yield from self._episode_steps(number)
            progress.advance(bar)  # type: ignore[arg-type]

    def _episode_steps(self, number: int) -> Steps[None]:
        rng = random.Random(f"{self._seed}/{number}")
        task = self._task(*rng.choice(self._families), rng.randrange(2))
        done = plan(rng, task)
        config = EpisodeConfig(limits=LIMITS, checkpoint=done.checkpoint)
        pool = self.pools[rng.random() < 0.1]
        setup = (id(pool), task.id)
        flight = Flight(Episode(task, pool=pool, config=config, seed=number), done)
        self._flights.add(flight)
        fault: Fault | None = None
        try:
            flight.excused = setup in self._dead_setups
            yield from flight.episode.begin_steps()
            flight.template = _parent(flight.episode.runtime.pid)
            self._dead_setups.discard(setup)
            yield from self._play_steps(flight, pool)
        except Fault as raised:  # the runtime could not be started
            fault = raised
            self._dead_setups.discard(setup)
        finally:
            flight.episode.close()
            self._flights.discard(flight)
        self.ledger.note(number, flight, fault)

    def _play_steps(self, flight: Flight, pool: Pool) -> Steps[None]:
        episode = flight.episode
        for act in flight.plan.acts:
            if episode.over:
                return
            if any(not each.closed for each in self._dead_judges):  # nobody has found out yet: it may be this one
                flight.excused = True
            if isinstance(act, Kill):
                self._kill(act, flight, pool)
            else:
                cut = isinstance(act, Cut)
                done = yield from episode.step_steps(act.message if isinstance(act, Cut) else act, cut=cut)
                flight.told = str(done.info.get("fault", done.info["outcome"]))

    def _kill(self, kill: Kill, flight: Flight, pool: Pool) -> None:
        episode, pid = flight.episode, 0
        if kill.target == "runtime":
            pid = episode.runtime.pid if episode.runtime.alive else 0
        elif kill.target == "judge":
            judge = episode._bench.judge
            pid = judge.pid if judge is not None and judge.alive else 0
        elif kill.target == "template":
            pid = flight.template
            self._dead_setups.add((id(pool), episode.task.id))
            self._excuse(pid)
        else:
            judges = [each for key, each in pool._templates.items() if isinstance(key, tuple) and key[0] == "judge"]
            if judges:
                pid = judges[0].pid
                self._dead_judges.append(judges[0])
                self._excuse(0)
        if pid > 0:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                return  # another has killed it

    def _excuse(self, template: int) -> None:
        """All that may rest on a template; on any, if 0 is given."""
        for flight in self._flights:
            if not template or flight.template in (0, template):
                flight.excused = True

    def _task(self, split: str, family: str, index: int) -> Task:
        key = (split, family, index)
        if key not in self._tasks:
            self._tasks[key] = self._suite.task(split, family, index)  # type: ignore[arg-type]
        return self._tasks[key]


def soak(episodes: int, seed: int, at_once: int, console: Console) -> Ledger:
    """Plays episodes; what came of them, and what they left."""
    suite = find(SUITE)
    elsewhere, scratch = tempfile.tempdir, tempfile.mkdtemp(prefix="cave-rl-soak-")
    tempfile.tempdir = scratch  # so that only what is ours is counted
    try:
        soaking = Soak(suite, seed)
        ledger = soaking.ledger
        before, others = _held(scratch), _of_episodes(())  # another pool of this process may keep spares
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        numbers = iter(range(episodes))
        with Progress(*columns, console=console, transient=True) as progress:
            bar = progress.add_task("episodes", total=episodes)
            for ended in gather([soaking.worker(numbers, progress, bar) for _ in range(at_once)]):
                if isinstance(ended, Exception):
                    ledger.wrong.append(f"a worker raised {type(ended).__name__}: {ended}")
        for template in (each for pool in soaking.pools for each in pool._templates.values()):
            if hasattr(template, "warm"):
                template.warm(0)  # spares that wait for the next episode are not left by the last
        gc.collect()
        for kind, count in _settled(others, lambda: _of_episodes(soaking.pools)).items():  # the pools are still warm
            ledger.left[kind] = count - others[kind]
        for pool in soaking.pools:
            pool.close()
        for kind, count in _settled(before, lambda: _held(scratch)).items():
            ledger.left[kind] = count - before[kind]
        return ledger
    finally:
        tempfile.tempdir = elsewhere
        os.rmdir(scratch) if not os.listdir(scratch) else None


def _held(scratch: str) -> dict[str, int]:
    files = _descriptors()
    return {
        "descriptors": len(files),
        "memory files": sum(name.startswith("/memfd:") for name in files),
        "processes": len(descendants(os.getpid())),
        "directories": len(os.listdir(scratch)),
    }


def _of_episodes(pools: tuple[Pool, ...]) -> dict[str, int]:
    """What only a live runtime or judge holds, of which there is none any more."""
    files = _descriptors()
    templates = [each for pool in pools for each in pool._templates.values() if not each.closed]
    scratches = [base.scratch for pool in pools for base in pool._bases.values()]
    return {
        "outputs of runtimes": sum("cave-output" in name for name in files),
        "pidfds": sum("pidfd" in name for name in files),
        "runtimes and judges": sum(len(descendants(each.pid)) for each in templates),
        "working directories": sum(
            name.startswith("work-") for scratch in scratches if os.path.isdir(scratch) for name in os.listdir(scratch)
        ),
    }


def _descriptors() -> list[str]:
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{fd}"))
        except FileNotFoundError:
            continue  # the listing's own
    return found


def _settled(expected: dict[str, int], measure: object, within: float = 15.0) -> dict[str, int]:
    """What is measured once it is as expected (all zero where nothing is), or at last: a kill takes a moment."""
    until = time.monotonic() + within
    while True:
        found: dict[str, int] = measure()  # type: ignore[operator]
        if all(count <= expected.get(kind, 0) for kind, count in found.items()) or time.monotonic() > until:
            return found
        time.sleep(0.05)


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def main(
    episodes: Annotated[int, typer.Option(min=1, help="how many")] = 1000,
    seed: Annotated[int, typer.Option(help="what is done in each follows from it")] = 0,
    at_once: Annotated[int, typer.Option(min=1, help="how many are played together")] = 32,
) -> None:
    """Plays episodes with faults injected by chance, and looks for what they leave behind."""
    console = Console()
    began = time.monotonic()
    ledger = soak(episodes, seed, at_once, Console(stderr=True))
    took = time.monotonic() - began
    console.print(f"{episodes} episodes, seed {seed}, in {took:.0f} s ({episodes / took:.0f} per second)")
    console.print("episodes: " + ", ".join(f"{count} {end}" for end, count in ledger.ends.most_common()))
    console.print("messages: " + ", ".join(f"{count} {kind}" for kind, count in ledger.outcomes.most_common()))
    for (kind, end), count in sorted(ledger.kinds.items()):
        console.print(f"  {kind:<40} {end:<9} {count}")
    console.print("left: " + ", ".join(f"{kind} {count:+d}" for kind, count in ledger.left.items()))
    for line in ledger.wrong[:50]:
        console.print(f"WRONG: {line}", markup=False)
    if not ledger.clean:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
