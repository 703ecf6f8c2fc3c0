"""What is measured of everyone, in the same way. Every function reports to a `Report`; the rows are in `metrics`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks import work
from benchmarks.contender import Contender, Report, Session
from benchmarks.measure import CORES, Effort, Place, clock, placed, repeat

Section = Callable[[Contender, Report, Effort], None]

PLACES: tuple[Place, ...] = ("same", "cross")
CROWDS = ((16, 100), (64, 100), (64, 1000))
"""Sessions that start together, and the megabytes of their state."""


def places(contender: Contender, report: Report, *metrics: str) -> tuple[Place, ...]:
    """Where a round trip can be measured: on one core, and across two."""
    why = ""
    if contender.in_process:
        why = "there is one process"
    elif len(CORES) < 2:
        why = "this machine has one core"
    if not why:
        return PLACES
    for metric in metrics:
        report.cannot(metric, why, "cross")
    return PLACES[:1]


def warm(contender: Contender, report: Report, effort: Effort) -> None:
    """The round trip of a cell, alone and beside a table of a thousand rows; and the table's to the host."""
    for place in places(contender, report, "warm", "warm.table", "retrieve"):
        for metric, names in (("warm", work.state(0)), ("warm.table", {**work.state(0), "table": work.table()})):
            with placed(place) as settle:
                contender.prepare(names)
                session = contender.start()
                settle()
                ran = 0

                def once(session: Session = session) -> float:
                    nonlocal ran
                    ran += 1
                    return clock(lambda: session.run(work.WARM))

                report.samples(metric, repeat(effort, once, warm=10), place)
                if session.fetch("x") != ran:
                    raise AssertionError(f"{ran} cells were run, and x is {session.fetch('x')}")
                if "table" in names:
                    _retrieve(session, names["table"], contender, report, effort, place)
                session.close()
                contender.close()


def _retrieve(session: Session, table: Any, contender: Contender, report: Report, effort: Effort, place: Place) -> None:
    work.same_table(session.fetch("table"), table)
    if contender.in_process:
        report.cannot("retrieve", "the caller's own object: nothing is read back", place)
    else:
        report.samples("retrieve", repeat(effort, lambda: clock(lambda: session.fetch("table"))), place)


def start(contender: Contender, report: Report, effort: Effort) -> None:
    """A session that begins with a state of a size: until it is ready, and until its first cell has run."""
    for size in (0, 100, 1000):
        if size not in effort.sizes:
            report.cannot(f"start.{size}", "not in the quick run")
            report.cannot(f"first.{size}", "not in the quick run")
            continue
        names = work.state(size)
        cell = work.TOUCH if size else work.WARM
        prepared = clock(lambda names=names: contender.prepare(names))  # type: ignore[misc]
        if size and contender.once_per_task:
            report.samples(f"prepare.{size}", [prepared])
        first: list[float] = []

        def once(cell: str = cell, first: list[float] = first) -> float:
            began = time.perf_counter()
            session = contender.start()
            ready = time.perf_counter() - began
            session.run(work.WARM)
            first.append(time.perf_counter() - began)
            session.run(cell)  # the state is really there
            session.close()
            return ready

        report.samples(f"start.{size}", repeat(effort, once, most=500, warm=0))
        report.samples(f"first.{size}", first)
        del names


def many(contender: Contender, report: Report, effort: Effort) -> None:
    """Sessions that start together, and what each adds to the machine's memory when it has read its state."""
    took = ""
    for n, size in CROWDS:
        crowd = f"{n}.{size}"
        why = contender.cannot.get("many") or ("each would hold the gigabyte itself" if size == 1000 else took)
        if effort.quick and not contender.once_per_task:
            why = why or "not in the quick run"
        elif (n, size) in contender.crowds and "many" not in contender.cannot:
            contender.prepare(work.state(size))
            starts: list[float] = []
            memory: list[float] = []

            def once(n: int = n, starts: list[float] = starts, memory: list[float] = memory) -> float:
                began = time.perf_counter()
                sessions = contender.start_many(n)
                starts.append(time.perf_counter() - began)
                for session in sessions:
                    session.run(work.TOUCH)
                if not memory:
                    memory.extend(session.memory() for session in sessions)
                for session in sessions:
                    session.close()
                return 0.0

            repeat(effort, once, most=20, warm=0)
            took = f"{n} took {min(starts):.1f} s"
            report.samples(f"many.{crowd}", starts)
            report.samples(f"memory.{crowd}", memory)
            continue
        report.cannot(f"many.{crowd}", why)
        report.cannot(f"memory.{crowd}", why)


def reset(contender: Contender, report: Report, effort: Effort) -> None:
    """From a session that was used to one in the first state that has run its first cell."""
    contender.prepare(work.state(0))
    session = contender.start()

    def once() -> float:
        nonlocal session
        session.run(work.WARM)
        began = time.perf_counter()
        session = contender.reset(session)
        session.run(work.WARM)
        took = time.perf_counter() - began
        if session.fetch("x") != 1:
            raise AssertionError(f"x is {session.fetch('x')} after a reset and one cell")
        return took

    report.samples("reset", repeat(effort, once, most=500, warm=0))
    session.close()


def deadline(contender: Contender, report: Report, effort: Effort) -> None:
    """Seconds over a deadline: of a cell that can be interrupted, and of one that must be killed and replaced."""
    contender.prepare(work.state(0))
    session = contender.start()
    if "overrun" in contender.cannot:
        report.cannot("overrun", contender.cannot["overrun"])
    else:

        def stop() -> float:
            return clock(lambda: contender.overrun(session)) - work.DEADLINE_S

        report.samples("overrun", repeat(effort, stop, most=100, warm=0))
        session.run(work.WARM)
    if "replace" in contender.cannot:
        report.cannot("replace", contender.cannot["replace"])
    else:

        def replace() -> float:
            nonlocal session
            began = time.perf_counter()
            session = contender.replace(session)
            session.run(work.WARM)
            return time.perf_counter() - began - work.DEADLINE_S - contender.grace_s

        report.samples("replace", repeat(effort, replace, most=100, warm=0))
    session.close()


def snapshot(contender: Contender, report: Report, effort: Effort) -> None:
    """Keeping the state of a session that holds 100 MB, and a session that goes on from there."""
    if "snapshot" in contender.cannot:
        report.cannot("save", contender.cannot["snapshot"])
        report.cannot("restore", contender.cannot["snapshot"])
        return
    contender.prepare(work.state(100))
    session = contender.start()
    session.run(work.WARM)
    restored: list[float] = []

    def once() -> float:
        began = time.perf_counter()
        saved = contender.save(session)
        took = time.perf_counter() - began
        began = time.perf_counter()
        other = contender.restore(saved)
        restored.append(time.perf_counter() - began)
        if other.fetch("x") != 1:
            raise AssertionError(f"x is {other.fetch('x')} in what was restored, not 1")
        other.close()
        contender.forget(saved)
        return took

    report.samples("save", repeat(effort, once, most=300, warm=0))
    report.samples("restore", restored)
    session.close()


def rollouts(contender: Contender, report: Report, effort: Effort) -> None:
    """Whole rollouts on one core: start, five cells that print, one value, end. Seconds for each."""
    with placed("same"):
        contender.prepare(work.state(0))

        def once() -> float:
            began = time.perf_counter()
            session = contender.start()
            for cell in work.STEPS:
                session.run(cell)
            total = session.fetch("x")
            session.close()
            took = time.perf_counter() - began
            if total != 15:
                raise AssertionError(f"x is {total} after five steps, not 15")
            return took

        report.samples("rollout", repeat(effort, once, most=2000, warm=0))


SECTIONS: dict[str, Section] = {
    "warm": warm,
    "start": start,
    "many": many,
    "reset": reset,
    "deadline": deadline,
    "snapshot": snapshot,
    "rollouts": rollouts,
}
