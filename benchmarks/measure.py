"""Samples, their percentiles, where processes run, and what they hold. Nothing but the standard library."""

from __future__ import annotations

import math
import os
import resource
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

Place = Literal["same", "cross", "any"]
"""Host and runtime on one core, on two, or wherever the kernel puts them."""

CORES = sorted(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Stats:
    """What is told of samples."""

    p50: float
    p99: float
    n: int

    @classmethod
    def of(cls, samples: list[float]) -> Stats:
        """The statistics of at least one sample.

        >>> Stats.of([3.0, 1.0, 2.0])
        Stats(p50=2.0, p99=3.0, n=3)
        """
        ordered = sorted(samples)
        return cls(_at(ordered, 0.5), _at(ordered, 0.99), len(ordered))


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, max(0, math.ceil(share * len(ordered)) - 1))]


@dataclass(frozen=True, slots=True)
class Effort:
    """How long is measured.

    Attributes:
        seconds: for one row of the table.
        most: samples of it.
        least: samples of it, however long they last.
        sizes: megabytes of state that a session starts from.
        quick: whether it is the short run.
    """

    seconds: float = 2.5
    most: int = 5000
    least: int = 3
    sizes: tuple[int, ...] = (0, 100, 1000)
    quick: bool = False


QUICK = Effort(seconds=0.3, most=1000, least=1, sizes=(0, 100), quick=True)


def repeat(effort: Effort, once: Callable[[], float], *, warm: int = 1, most: int = 0) -> list[float]:
    """Samples that `once` gives, until there are enough of them or the time is over.

    Args:
        effort: how long.
        once: one sample, in seconds.
        warm: calls before the first sample.
        most: samples, if fewer than `effort.most`.
    """
    for _ in range(warm):
        once()
    found: list[float] = []
    until = time.monotonic() + effort.seconds
    while len(found) < (most or effort.most) and (len(found) < effort.least or time.monotonic() < until):
        found.append(once())
    return found


def clock(action: Callable[[], object]) -> float:
    """The seconds that an action takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


@contextmanager
def placed(place: Place) -> Iterator[Callable[[], None]]:
    """Puts this process, and what it starts, on cores.

    What is started before the given function is called runs on the core of the runtimes; then this process goes to
    its own. Both are the same core for `same`.
    """
    everywhere = set(CORES)
    host, others = {"same": ({CORES[0]}, {CORES[0]}), "cross": ({CORES[0]}, {CORES[-1]})}.get(
        place, (everywhere, everywhere)
    )
    pin(others)
    try:
        yield lambda: pin(host)
    finally:
        pin(everywhere)


def pin(cores: Collection[int], pid: int | None = None) -> None:
    """Every thread of a process (this one if none is given) runs on these cores from now on."""
    for thread in os.listdir(f"/proc/{pid or 'self'}/task"):
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.sched_setaffinity(int(thread), cores)


def resident(pid: int) -> float:
    """Megabytes that a process adds to the machine: its share of anonymous and of file pages.

    Pages of memory files are left out: the kernel counts one that a single process maps as wholly its own, also where
    it is shared by all (the injected data). Those that belong to a runtime are added by who knows them.

    Raises:
        PermissionError: the process is not dumpable, and this user is not root.
    """
    found = 0
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            if line.startswith(("Pss_Anon:", "Pss_File:")):
                found += int(line.split()[1])
    return found / 1024


def machine() -> dict[str, object]:
    """What was measured on."""
    with open("/proc/cpuinfo") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) // 1024
    system = os.uname()
    return {
        "cpu": models[0] if models else system.machine,
        "cores": len(CORES),
        "memory_mb": memory,
        "kernel": f"{system.sysname} {system.release}",
    }


def cpu_s() -> float:
    """CPU seconds of this process, and of all its descendants that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def load() -> float:
    """The load average of the last minute."""
    return round(os.getloadavg()[0], 2)
