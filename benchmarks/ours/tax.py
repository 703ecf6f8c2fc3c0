"""What isolation costs: the same work in runtimes that are hardened and in ones that are not, in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from benchmarks import work
from benchmarks.contender import Contender, Report
from benchmarks.measure import Effort, clock, placed
from benchmarks.ours.contender import MODULES
from benchmarks.ours.unconfined import unconfined_base
from cave_rl.runtime import Base, Runtime, Setup, Template, Variable

_BLOCK = 50
_FILES = "for _ in range(20):\n    with open('f', 'w') as file: file.write('x')"


def tax(contender: Contender, report: Report, effort: Effort) -> None:
    """Ratios of hardened to not: of a cell, of a cell that is all system calls, and of a start."""
    setup = Setup(variables=(Variable("x", 0),))
    with (
        placed("same"),
        Base(MODULES) as wall,
        unconfined_base(MODULES) as no_wall,
        wall.template(setup) as hardened,
        no_wall.template(setup) as bare,
    ):
        if bare.summary["rungs"] or not hardened.summary["rungs"]:
            raise AssertionError(f"rungs are {hardened.summary['rungs']} and {bare.summary['rungs']}")
        with hardened.start(1) as one, bare.start(1) as other:
            for metric, code in (("tax.cell", work.WARM), ("tax.files", _FILES)):
                report.samples(metric, _ratios(effort, _cells(one, code), _cells(other, code)))
        report.samples("tax.start", _ratios(effort, _starts(hardened), _starts(bare)))


def _ratios(effort: Effort, ours: Callable[[], float], bare: Callable[[], float]) -> list[float]:
    """Of pairs of blocks that ran one after the other, so that whatever slows the machine slows both."""
    ours(), bare()
    found: list[float] = []
    until = time.monotonic() + effort.seconds
    while len(found) < 3 * effort.least or time.monotonic() < until:
        first, second = (ours, bare) if len(found) % 2 else (bare, ours)
        times = {first: first(), second: second()}
        found.append(times[ours] / times[bare] - 1)
    return found


def _cells(runtime: Runtime, code: str) -> Callable[[], float]:
    def block() -> float:
        return statistics.median(clock(lambda: runtime.execute(code)) for _ in range(_BLOCK))

    return block


def _starts(template: Template[Runtime]) -> Callable[[], float]:
    def once() -> float:
        began = time.perf_counter()
        runtime = template.start(1)
        took = time.perf_counter() - began
        runtime.close()
        return took

    def block() -> float:
        return statistics.median(once() for _ in range(_BLOCK // 5))

    return block
