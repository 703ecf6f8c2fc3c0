from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cave_rl.confinement import Confinement
from cave_rl.runtime import Base, Fault, Function, Runtime, Setup, SetupFault, SpawnFault, Template, Variable, run_all
from tests.conftest import children, settled


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
    before = children()
    with pytest.raises(SetupFault, match="longer than"):
        base.template(Setup(run="while True: pass"), timeout=0.3)
    assert settled(lambda: children() - before, set()) == set()
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


def test_spares_are_made_in_the_background_and_taken(base: Base) -> None:
    with base.template(Setup(variables=[Variable("xs", [1])])) as template:
        template.warm(3)
        assert template.spares == 3
        assert template.live == 0
        with template.start(seed=1) as one, template.start(seed=2) as other:
            assert template.spares == 3  # those that were taken have been made again
            assert template.live == 2
            one.execute("xs.append(2)")
            assert (one.retrieve("xs"), other.retrieve("xs")) == ([1, 2], [1])
        template.warm(1)
        assert template.spares == 1


def test_a_spare_and_a_fork_on_demand_are_the_same(base: Base) -> None:
    look = (
        "import random, os, uuid, linecache, sys, gc, threading\n"
        "random.random(), os.urandom(4), uuid.uuid4(), sorted(linecache.cache), len(sys.modules), "
        "os.listdir('.'), threading.active_count(), sorted(globals())"
    )
    with base.template(Setup(run="import random")) as template:
        with template.start(seed=7) as made:
            expected = made.execute(look)
        template.warm(1)
        with template.start(seed=7) as spare:
            found = spare.execute(look)
    assert (found.value, found.diff, found.stdout) == (expected.value, expected.diff, expected.stdout)


def test_a_spare_that_died_meanwhile_is_passed_over(base: Base) -> None:
    with base.template(Setup()) as template:
        template.warm(2)
        children = Path(f"/proc/{template.pid}/task/{template.pid}/children")
        until = time.monotonic() + 10
        while len(children.read_text().split()) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        for pid in children.read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        with template.start(seed=1) as runtime:
            assert runtime.execute("1").ok


def test_spares_that_are_closed_before_they_are_made_harm_nothing(base: Base) -> None:
    with base.template(Setup()) as template:
        for _ in range(5):
            template.warm(8)
            template.warm(0)
        with template.start() as runtime:
            assert runtime.execute("1").ok


def test_a_runtime_that_ends_with_its_template_is_a_fault(base: Base) -> None:
    with base.template(Setup()) as template:
        runtime = template.start()
        os.kill(template.pid, signal.SIGKILL)
        with pytest.raises(SpawnFault, match="all its forks with it"):
            runtime.execute("import time; time.sleep(5)")


def test_closing_and_retiring_end_the_spares(base: Base) -> None:
    for end in (Template.close, Template.retire):
        template = base.template(Setup())
        template.warm(4)
        end(template)
        assert template.closed
        assert template.spares == 0


def test_many_more_are_asked_for_at_once_than_a_socket_holds(base: Base) -> None:
    with base.template(Setup(variables=[Variable("x", 1)])) as template:
        runtimes = run_all([template.start_steps(i) for i in range(300)])
        results = run_all([each.execute_steps("x += 1; x") for each in runtimes])
        assert {result.value for result in results} == {"2"}


HOLDING_BACK = """
import os, resource, warnings
from cave_rl.runtime import Base, HostLimitFault, Setup, Wait, run_all
import time

def one(template, i):
    runtime = yield from template.start_steps(i)
    result = yield from runtime.execute_steps("1")
    yield Wait(-1, time.monotonic() + 0.05)
    runtime.close()
    return result.value

with Base() as base, base.template(Setup()) as template, warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
    print(set(run_all([one(template, i) for i in range(40)])), "holding back" in str(told[0].message))
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")), 100))
    with template.start():
        print(resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_who_is_out_of_descriptors_raises_its_limit_and_then_waits_for_some() -> None:
    done = subprocess.run([sys.executable, "-c", HOLDING_BACK], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout == "{'1'} True\n(100, 100)\n"
