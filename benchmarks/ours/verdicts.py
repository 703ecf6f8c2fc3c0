"""Verdicts: what it costs to have a clean process judge a turn's claims."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from benchmarks import sections, work
from benchmarks.contender import Contender, Report
from benchmarks.measure import Effort, clock, placed, repeat
from benchmarks.ours.contender import MODULES
from cave_rl.rewards import Assertion, Judge, Ruling, equals, judge_steps
from cave_rl.runtime import Pool, Runtime, Setup, Variable, run


@dataclass(frozen=True)
class Statute:
    """What one turn is judged by."""

    assertions: tuple[Assertion, ...]
    changes: frozenset[str]


def judge_of(pool: Pool, statute: Statute, modules: tuple[str, ...]) -> Judge:
    """A fresh judge."""
    return run(judge_steps(pool, [statute], {}, modules))


def rule(judge: Judge, before: dict[str, bytes], after: dict[str, bytes]) -> Ruling:
    """One verdict; it must hold.

    Raises:
        AssertionError: it does not.
    """
    ruling = run(judge.rule_steps(0, before, after, "done"))
    if not all(verdict.passed for verdict in ruling.verdicts):
        raise AssertionError(f"a true statement was judged false: {ruling.verdicts}")
    return ruling


def verdict(contender: Contender, report: Report, effort: Effort) -> None:
    """A judge forked for an episode and its first verdict; and a further one of the same judge."""
    table = work.table()
    doubled = table.assign(price=table.price * 2)
    cases: dict[str, tuple[str, Statute, tuple[str, ...]]] = {
        "scalar": (work.WARM, Statute((equals("x", 1),), frozenset({"x"})), ()),
        "frame": (
            "table = table.assign(price=table.price * 2)",
            Statute((equals("table", doubled),), frozenset({"table"})),
            MODULES,
        ),
    }
    for place in sections.places(contender, report, *(f"verdict.{case}" for case in cases)):
        for case, (cell, statute, modules) in cases.items():
            with placed(place) as settle, Pool() as pool:
                shown = {"x": 0} if case == "scalar" else {"table": table}
                before, after = _claims(pool, modules, shown, cell)
                judge_of(pool, statute, modules).close()  # the template of all judges, once
                settle()
                again: list[float] = []

                def once(
                    pool: Pool = pool,
                    statute: Statute = statute,
                    modules: tuple[str, ...] = modules,
                    claims: tuple[dict[str, bytes], dict[str, bytes]] = (before, after),
                    again: list[float] = again,
                ) -> float:
                    began = time.perf_counter()
                    judge = judge_of(pool, statute, modules)
                    rule(judge, *claims)
                    took = time.perf_counter() - began
                    again.append(clock(lambda: rule(judge, *claims)))
                    judge.close()
                    return took

                report.samples(f"verdict.{case}", repeat(effort, once, most=500), place)
                report.samples(f"verdict.{case}.again", again, place)


def _claims(
    pool: Pool, modules: tuple[str, ...], names: dict[str, Any], cell: str
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """What a runtime claims before and after a cell."""
    setup = Setup(variables=tuple(Variable(name, value) for name, value in names.items()))
    with pool.base(modules).template(setup) as template, template.start(1) as runtime:
        before = runtime.claim(names)
        if not runtime.execute(cell).ok:
            raise AssertionError(f"the cell failed: {cell}")
        return before, runtime.claim(names)


def judged_rollouts(report: Report, effort: Effort) -> None:
    """The rollouts of five steps with a verdict on a scalar, whose judge is forked for each."""
    statute = Statute((equals("x", 15),), frozenset({"x"}))
    setup = Setup(variables=(Variable("x", 0),))
    with Pool() as pool, pool.base(MODULES).template(setup) as template:

        def once() -> float:
            began = time.perf_counter()
            runtime: Runtime = template.start(1)
            before = runtime.claim(["x"])
            for cell in work.STEPS:
                runtime.execute(cell)
            judge = judge_of(pool, statute, ())
            rule(judge, before, runtime.claim(["x"]))
            judge.close()
            runtime.close()
            return time.perf_counter() - began

        report.samples("rollout.verdict", repeat(effort, once, most=2000))
