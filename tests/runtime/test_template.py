from __future__ import annotations

import os
import signal

import pytest

from cave_rl.confinement import Confinement
from cave_rl.runtime import Base, Fault, Function, Runtime, Setup, SetupFault, SpawnFault, Template, Variable, run_all
from tests.conftest import settled


def test_the_summary_tells_the_names_that_the_set_up_left(base: Base) -> None:
    with base.template(Setup(variables=(Variable("x", 1),), run="y = x + 1")) as template:
        assert template.summary["names"] == ["x", "y"]


def test_a_set_up_that_raises_is_a_fault_with_its_traceback(base: Base) -> None:
    with pytest.raises(SetupFault, match="ZeroDivisionError: division by zero") as caught:
        base.template(Setup(run="x = 1\ny = x / 0"))
    assert '"<setup>", line 2' in str(caught.value)


def test_a_set_up_function_that_raises_is_a_fault(base: Base) -> None:
    def broken() -> dict[str, object]:
        raise RuntimeError("no such data")

    with pytest.raises(SetupFault, match="RuntimeError: no such data"):
        base.template(Setup(run=broken))


@pytest.mark.parametrize(
    ("code", "told"),
    [("import sys; sys.exit(3)", "SystemExit|ended"), ("import os; os._exit(3)", "ended during the set-up")],
)
def test_a_set_up_that_ends_its_process_is_a_fault(base: Base, code: str, told: str) -> None:
    with pytest.raises(SetupFault, match=told):
        base.template(Setup(run=code))


def test_a_set_up_that_takes_too_long_is_a_fault_and_its_process_is_ended(base: Base) -> None:
    with pytest.raises(SetupFault, match="longer than"):
        base.template(Setup(run="while True: pass"), timeout=0.3)
    with base.template(Setup()) as template, template.start() as runtime:
        assert runtime.execute("1").ok


def test_a_set_up_that_leaves_threads_is_a_fault_that_names_them(base: Base) -> None:
    with pytest.raises(SetupFault, match="left threads running"):
        base.template(
            Setup(run="import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()")
        )


def test_a_failed_set_up_harms_no_other_template(base: Base) -> None:
    with base.template(Setup(variables=(Variable("x", 1),))) as good:
        with pytest.raises(SetupFault):
            base.template(Setup(run="1/0"))
        with good.start() as runtime:
            assert runtime.execute("x").value == "1"


def test_the_set_up_sees_what_was_injected_and_a_function_may_return_more(base: Base) -> None:
    def more() -> dict[str, object]:
        import random

        return {"made": random.Random(0).randrange(10)}

    setup = Setup(functions=(Function(lambda: 5, name="five"),), run=more)
    with base.template(setup) as template, template.start() as runtime:
        assert runtime.execute("five(), made").value == "(5, 6)"


def test_closing_a_template_ends_its_forks(base: Base) -> None:
    template = base.template(Setup())
    runtime = template.start()
    assert template.live == 1
    template.close()
    assert not runtime.alive
    with pytest.raises(SpawnFault, match="closed"):
        template.start()


def test_a_retired_template_closes_with_its_last_fork(base: Base) -> None:
    template = base.template(Setup())
    one, other = template.start(), template.start()
    template.retire()
    one.close()
    assert not template.closed
    assert other.execute("1").ok
    other.close()
    assert template.closed


def test_a_retired_template_stays_for_what_descends_from_a_snapshot(base: Base) -> None:
    template = base.template(Setup())
    runtime = template.start()
    snapshot = runtime.snapshot()
    template.retire()
    runtime.close()
    (fork,) = snapshot.fork()
    snapshot.close()
    assert not template.closed
    assert fork.execute("1").ok
    fork.close()
    assert template.closed


def test_a_template_that_is_retired_while_it_forks_stays_for_the_fork(base: Base) -> None:
    template = base.template(Setup())
    steps = template.start_steps(1)
    wait = next(steps)
    template.retire()

    def rest() -> object:
        from cave_rl.runtime.drive import _ready

        nonlocal wait
        try:
            while True:
                wait = steps.send(_ready(wait))
        except StopIteration as stop:
            return stop.value

    runtime = rest()
    assert isinstance(runtime, Runtime)
    assert runtime.execute("1").ok
    runtime.close()
    assert template.closed


def test_a_template_that_was_killed_is_a_fault_then_closed(base: Base) -> None:
    template = base.template(Setup())
    os.kill(template.pid, signal.SIGKILL)

    def closed() -> bool:
        with pytest.raises(Fault):
            template.start()
        return template.closed

    assert settled(closed, True)


def test_many_forks_at_once_are_all_different_processes(template: Template[Runtime]) -> None:
    runtimes = run_all([template.start_steps(i) for i in range(40)])
    assert len({each.pid for each in runtimes}) == 40
    for each in runtimes:
        each.close()


def test_forks_come_up_while_others_end(template: Template[Runtime]) -> None:
    for _ in range(60):  # a child's end is a signal that may interrupt the next fork
        template.start().close()


def test_what_cannot_be_confined_as_required_does_not_start(base: Base) -> None:
    assert base.confinement == Confinement()
    with base.template(Setup()) as template:
        assert {"seccomp", "landlock", "tickets"} <= set(template.summary["rungs"])
