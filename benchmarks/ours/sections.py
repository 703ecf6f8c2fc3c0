"""What is measured of ours alone, beside what is measured of everyone."""

from __future__ import annotations

import os
import select
import socket
import time
from typing import Any

from benchmarks import sections, work
from benchmarks.contender import Contender, Report
from benchmarks.measure import CORES, Effort, clock, pin, placed, repeat
from benchmarks.ours.contender import MODULES, Live, Ours
from benchmarks.ours.tasks import episodes, unseen
from benchmarks.ours.tax import tax
from benchmarks.ours.verdicts import judged_rollouts, verdict
from cave_rl.runtime import Runtime, Setup, Template
from cave_rl.runtime.inside import frames


def floor(contender: Contender, report: Report, effort: Effort) -> None:
    """What the machine gives: a round trip between two Pythons on a socket, and a fork of one that has pandas."""
    for place in sections.places(contender, report, "floor.ping"):
        with placed(place) as settle:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            child = os.fork()
            if child == 0:
                try:
                    ours.close()
                    while said := theirs.recv(64):
                        theirs.send(said)
                finally:
                    os._exit(0)
            theirs.close()
            settle()

            def once(ours: socket.socket = ours) -> float:
                began = time.perf_counter()
                ours.send(b"x")
                ours.recv(64)
                return time.perf_counter() - began

            report.samples("floor.ping", repeat(effort, once, warm=50), place)
            ours.close()
            os.waitpid(child, 0)
    import pandas  # noqa: F401  # for what is forked

    read, write = os.pipe()

    def fork() -> float:
        began = time.perf_counter()
        child = os.fork()
        if child == 0:
            os.write(write, b"x")
            os._exit(0)
        os.read(read, 1)
        took = time.perf_counter() - began
        os.waitpid(child, 0)
        return took

    report.samples("floor.fork", repeat(effort, fork, most=300))
    os.close(read)
    os.close(write)


def warm(contender: Contender, report: Report, effort: Effort) -> None:
    """As everyone's, and apart: the channel and the child alone, and `execute` without the state diff."""
    sections.warm(contender, report, effort)
    assert isinstance(contender, Ours)
    for place in sections.places(contender, report, "warm.raw", "warm.nodiff"):
        with placed(place) as settle:
            contender.prepare(work.state(0))
            session = contender.begin()
            settle()
            runtime = session.runtime
            report.samples("warm.raw", repeat(effort, lambda runtime=runtime: _raw(runtime), warm=50), place)  # type: ignore[misc]

            def once(runtime: Runtime = runtime) -> float:
                return clock(lambda: runtime.execute(work.WARM, diff=False))

            report.samples("warm.nodiff", repeat(effort, once, warm=50), place)
            session.close()
            contender.close()


def _raw(runtime: Runtime) -> float:
    """One cell by its frames: what a host would pay that did nothing but send, wait and receive."""
    sock = runtime._channel._socket
    frame = frames.pack(frames.EXECUTE, bytes(frames.NONCE_BYTES), {"code": work.WARM, "diff": False})
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    began = time.perf_counter()
    sock.send(frame)
    poll.poll()
    sock.recv(4096)
    return time.perf_counter() - began


def start(contender: Contender, report: Report, effort: Effort) -> None:
    """As everyone's, and by place; before that, how long a Base takes to be there."""
    assert isinstance(contender, Ours)
    from cave_rl.runtime import Base

    report.samples("base", repeat(effort, lambda: clock(lambda: Base(MODULES).close()), most=3, warm=0))
    contender.base = Base(MODULES)
    sections.start(contender, report, effort)
    contender.close()
    for place in sections.places(contender, report, "start.placed"):
        with placed(place) as settle:
            contender.prepare(work.state(0))
            settle()

            def once() -> float:
                began = time.perf_counter()
                session = contender.begin()
                took = time.perf_counter() - began
                session.close()
                return took

            report.samples("start.placed", repeat(effort, once, most=500), place)
            contender.close()


def reset(contender: Contender, report: Report, effort: Effort) -> None:
    """As everyone's, and with children that wait, forked before they are asked for."""
    sections.reset(contender, report, effort)
    assert isinstance(contender, Ours)
    if not hasattr(Template, "warm"):
        report.cannot("reset.spares", "Templates keep no spares yet")
        return
    contender.prepare(work.state(0))
    template: Any = contender.template
    template.warm(8)
    session = contender.begin()

    def once() -> float:
        nonlocal session
        session.run(work.WARM)
        time.sleep(0.03)  # a model writes meanwhile, and the spare that was taken is replaced
        began = time.perf_counter()
        session.close()
        session = contender.begin()
        session.run(work.WARM)
        took = time.perf_counter() - began
        if session.fetch("x") != 1:
            raise AssertionError("a spare was not in the first state")
        return took

    report.samples("reset.spares", repeat(effort, once, most=200, warm=3))
    session.close()
    template.warm(0)


def hosted(contender: Contender, report: Report, effort: Effort) -> None:
    """A call of a method of a hosted object, from a cell."""
    from cave_rl.runtime import primitives

    assert isinstance(contender, Ours)
    if not hasattr(primitives, "Hosted"):
        report.cannot("hosted", "there are no hosted objects yet", "same")
        report.cannot("hosted", "there are no hosted objects yet", "cross")
        return
    from benchmarks.ours.world import Counter

    calls = 100  # 92 times, with the two that warm it up: a runtime may call at most 10,000 times
    cell = f"for _ in range({calls}):\n    counter.add(1)\nx = counter.add(0)"
    for place in sections.places(contender, report, "hosted"):
        with placed(place) as settle:
            setup: Any = Setup
            contender.prepare_setup(setup(hosted=[primitives.Hosted(Counter())]))
            session = contender.begin()
            settle()
            ran = 0

            def once(session: Live = session) -> float:
                nonlocal ran
                ran += calls
                return clock(lambda: session.run(cell)) / (calls + 1)

            report.samples("hosted", repeat(effort, once, most=90, warm=2), place)
            if session.fetch("x") != ran:
                raise AssertionError(f"{ran} calls were made, and the object counted {session.fetch('x')}")
            session.close()
            contender.close()


def rollouts(contender: Contender, report: Report, effort: Effort) -> None:
    """As everyone's, and with verdicts."""
    sections.rollouts(contender, report, effort)
    contender.close()
    with placed("same"):
        judged_rollouts(report, effort)
        episodes(report, effort)
    pin(CORES)


SECTIONS: dict[str, sections.Section] = {
    **sections.SECTIONS,
    "floor": floor,
    "warm": warm,
    "start": start,
    "reset": reset,
    "rollouts": rollouts,
    "verdict": verdict,
    "hosted": hosted,
    "tax": tax,
    "unseen": unseen,
}
