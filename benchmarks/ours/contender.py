"""cave-rl's runtime, hardened as it is by default, in the same work as everyone else."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from benchmarks import work
from benchmarks.contender import Contender, Session
from benchmarks.measure import resident
from benchmarks.peers import OURS
from cave_rl.runtime import Base, Limits, Outcome, Runtime, Setup, Snapshot, Template, Variable, run_all

MODULES = ("numpy", "pandas")
GRACE_S = 0.01
DEADLINE = Limits(cpu_s=work.DEADLINE_S, wall_s=10, grace_s=0.5)
KILL = Limits(cpu_s=work.DEADLINE_S, wall_s=10, grace_s=GRACE_S)


class Live:
    """One runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def wait(self) -> None:
        pass

    def run(self, code: str) -> str:
        done = self.runtime.execute(code)
        if not done.ok:
            raise RuntimeError(f"{done.outcome}: {done.error or done.detail}")
        return done.stdout

    def fetch(self, name: str) -> Any:
        return self.runtime.retrieve(name)

    def memory(self) -> float:
        """Its share of pages, and its own memory files: output and replies."""
        files = (self.runtime._stdout, self.runtime._stderr, self.runtime._channel._replies)
        return resident(self.runtime.pid) + sum(os.fstat(fd).st_blocks * 512 for fd in files) / 2**20

    def close(self) -> None:
        self.runtime.close()


class Ours(Contender):
    """A Base with pandas, and a Template for each state."""

    name = OURS
    isolation = "seccomp, Landlock, fork tickets, limits"
    once_per_task = True
    grace_s = GRACE_S
    crowds = ((16, 100), (64, 100), (64, 1000))
    cannot: ClassVar[dict[str, str]] = {}

    def __init__(self) -> None:
        self.base: Base | None = None
        self._template: Template[Runtime] | None = None
        self._seed = 0

    def versions(self) -> str:
        import cave_rl

        return f"cave-rl {cave_rl.__version__}"

    @property
    def template(self) -> Template[Runtime]:
        """The Template of the state that was prepared."""
        assert self._template is not None, "prepare() first"
        return self._template

    def prepare(self, names: dict[str, Any]) -> None:
        self.prepare_setup(Setup(variables=[Variable(name, value) for name, value in names.items()]))  # type: ignore[arg-type]

    def prepare_setup(self, setup: Setup) -> None:
        """A Template of any set-up."""
        if self._template is not None:
            self._template.close()
        if self.base is None:
            self.base = Base(MODULES)
        self._template = self.base.template(setup)

    def begin(self) -> Live:
        self._seed += 1
        return Live(self.template.start(self._seed))

    def start_many(self, n: int) -> list[Session]:
        self._seed += n
        return [Live(each) for each in run_all([self.template.start_steps(self._seed + i) for i in range(n)])]

    def overrun(self, session: Any) -> None:
        _expect(session.runtime.execute(work.LOOP, DEADLINE).outcome, Outcome.INTERRUPTED)

    def replace(self, session: Any) -> Live:
        _expect(session.runtime.execute(work.STUBBORN, KILL).outcome, Outcome.KILLED)
        session.close()
        return self.begin()

    def save(self, session: Any) -> Snapshot:
        snapshot: Snapshot = session.runtime.snapshot()
        return snapshot

    def restore(self, saved: Any) -> Live:
        return Live(saved.fork(1)[0])

    def forget(self, saved: Any) -> None:
        saved.close()

    def close(self) -> None:
        if self._template is not None:
            self._template.close()
        if self.base is not None:
            self.base.close()
        self._template = self.base = None


def _expect(outcome: Outcome, expected: Outcome) -> None:
    if outcome is not expected:
        raise AssertionError(f"the cell ended as {outcome.value}, not {expected.value}")
