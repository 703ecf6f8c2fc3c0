from __future__ import annotations

import asyncio
import time

import pytest

from cave_rl.runtime import (
    Base,
    Function,
    Limits,
    Opaque,
    Outcome,
    Runtime,
    RuntimeGone,
    Setup,
    Template,
    TransferError,
    Type,
    Variable,
    run_all,
    run_async,
)
from tests.runtime.world import Account, double

SHORT = Limits(cpu_s=0.2, wall_s=20, grace_s=0.3)


def test_forks_of_a_template_share_nothing(template: Template[Runtime]) -> None:
    with template.start(seed=1) as one, template.start(seed=1) as other:
        one.execute("xs.append(7); total = 9")
        assert one.retrieve("xs") == [3, 1, 2, 7]
        assert other.retrieve("xs") == [3, 1, 2]
        assert other.retrieve("total") == 0


def test_output_is_bounded_head_and_tail(runtime: Runtime) -> None:
    done = runtime.execute("print('a' * 50_000 + 'b' * 900_000 + 'z' * 50_000)", Limits(output_bytes=10_000))
    assert done.ok
    assert done.stdout.startswith("a" * 5000)
    assert done.stdout.rstrip().endswith("z" * 4000)
    assert "left out" in done.stdout
    assert len(done.stdout) < 11_000
    assert len(runtime.execute("import sys\nprint('e' * 10**6, file=sys.stderr)").stderr) < 70_000


# --- limits ---------------------------------------------------------------------------------------------------------


def test_a_cell_over_its_cpu_limit_is_interrupted_and_its_state_kept(runtime: Runtime) -> None:
    began = time.monotonic()
    done = runtime.execute("n = 0\nwhile True:\n    n += 1", SHORT)
    assert done.outcome is Outcome.INTERRUPTED
    assert done.error is not None
    assert done.error.type == "KeyboardInterrupt"
    assert 0.15 < done.cpu_s < 2
    assert time.monotonic() - began < 10
    assert runtime.execute("n > 0").value == "True"


def test_a_swallowed_interrupt_is_a_kill(runtime: Runtime) -> None:
    spin = "def spin():\n    n = 0\n    while True:\n        n += 1\n"
    done = runtime.execute(
        spin + "while True:\n    try:\n        spin()\n    except BaseException:\n        pass", SHORT
    )
    assert done.outcome is Outcome.KILLED
    assert not runtime.alive
    with pytest.raises(RuntimeGone, match="killed"):
        runtime.execute("1")


def test_an_ignored_interrupt_is_a_kill(runtime: Runtime) -> None:
    code = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    assert runtime.execute(code, SHORT).outcome is Outcome.KILLED


def test_a_cell_that_sleeps_is_stopped_by_the_wall_limit(runtime: Runtime) -> None:
    done = runtime.execute("import time\ntime.sleep(60)", Limits(cpu_s=5, wall_s=0.3))
    assert done.outcome is Outcome.INTERRUPTED
    assert 0.3 <= done.wall_s < 5
    assert done.cpu_s < 0.2
    assert runtime.execute("xs").ok


def test_a_cell_that_waits_for_a_coroutine_is_stopped_and_the_next_await_works(runtime: Runtime) -> None:
    assert runtime.execute("import asyncio\nawait asyncio.sleep(60)", Limits(wall_s=0.3)).outcome is Outcome.INTERRUPTED
    assert runtime.execute("await asyncio.sleep(0, 'again')").value == "'again'"


def test_waiting_costs_no_cpu_time(runtime: Runtime) -> None:
    assert runtime.execute("import time\ntime.sleep(0.5)", Limits(cpu_s=0.2, wall_s=20)).ok


def test_memory_over_the_limit_is_an_outcome_and_the_state_is_kept(runtime: Runtime) -> None:
    done = runtime.execute("big = bytearray(10 * 1024**3)")
    assert done.outcome is Outcome.OUT_OF_MEMORY
    assert runtime.execute("xs").value == "[3, 1, 2]"


def test_code_over_its_length_is_blocked(runtime: Runtime) -> None:
    assert runtime.execute("x = 1 # " + "y" * 200_000).outcome is Outcome.BLOCKED
    assert runtime.execute("xs").ok


def test_code_near_its_length_runs(runtime: Runtime) -> None:
    assert runtime.execute("x = '" + "✓" * 49_000 + "'; len(x)").value == "49000"


# --- state ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "created", "changed", "deleted"),
    [
        ("y = 1", {"y"}, set(), set()),
        ("xs.sort()", set(), {"xs"}, set()),
        ("total = 5", set(), {"total"}, set()),
        ("total = 0", set(), set(), set()),
        ("del total", set(), set(), {"total"}),
        ("_private = 1", set(), set(), set()),
        ("import math", set(), set(), set()),
        ("def f(): pass", {"f"}, set(), set()),
        ("xs = list(xs)", set(), set(), set()),
        ("deep = {'a': [1, {'b': 2}]}", {"deep"}, set(), set()),
    ],
)
def test_a_cell_tells_what_it_created_changed_and_deleted(
    runtime: Runtime, code: str, created: set[str], changed: set[str], deleted: set[str]
) -> None:
    diff = runtime.execute(code).diff
    assert (set(diff.created), set(diff.changed), set(diff.deleted)) == (created, changed, deleted)


def test_a_change_deep_inside_is_a_change(runtime: Runtime) -> None:
    runtime.execute("deep = {'a': [1, {'b': 2}]}")
    assert runtime.execute("deep['a'][1]['b'] = 3").diff.changed == ("deep",)


def test_large_nested_state_does_not_slow_every_cell(runtime: Runtime) -> None:
    assert runtime.execute("big = [[i] * 1000 for i in range(5000)]").diff.created == ("big",)
    done = runtime.execute("x = 1")
    assert done.diff.created == ("x",)
    assert done.cpu_s < 0.5
    assert runtime.execute("big.append(1)").diff.changed == ("big",)


def test_a_cell_that_raises_tells_what_it_did_before(runtime: Runtime) -> None:
    done = runtime.execute("y = 1\nxs.clear()\n1 / 0")
    assert done.outcome is Outcome.ERROR
    assert (done.diff.created, done.diff.changed) == (("y",), ("xs",))


def test_names_are_the_public_ones(runtime: Runtime) -> None:
    runtime.execute("b = 1\n_a = 2")
    assert runtime.names() == ["b", "total", "xs"]


def test_values_come_back_by_exact_type(runtime: Runtime) -> None:
    runtime.execute("a, b, c, d = 1, True, (1.0, None), {'k': {1}}\nf = print")
    assert [type(runtime.retrieve(name)) for name in "abcd"] == [int, bool, tuple, dict]
    assert isinstance(runtime.retrieve("f"), Opaque)
    with pytest.raises(KeyError, match="nothing"):
        runtime.retrieve("nothing")


def test_claims_leave_out_what_is_not_there(runtime: Runtime) -> None:
    assert runtime.claim(["xs", "absent"]).keys() == {"xs"}


def test_many_large_claims_cross(runtime: Runtime) -> None:
    runtime.execute("a = 'x' * 3_000_000\nb = list(range(100_000))")
    assert len(runtime.retrieve("a")) == 3_000_000
    assert runtime.retrieve("b")[-1] == 99_999


def test_a_value_over_the_claim_limit_crosses_as_its_digest(runtime: Runtime) -> None:
    runtime.execute("a = 'x' * 8_000_000")
    assert type(runtime.retrieve("a")).__name__ == "Digest"


def test_inject_sets_a_variable(data_runtime: Runtime) -> None:
    import numpy as np

    data_runtime.inject("n", {"a": 1})
    assert data_runtime.execute("n['a'] + 1").value == "2"
    data_runtime.inject("array", np.arange(1_000_000))
    assert data_runtime.execute("array[0] = 5; int(array.sum())").value == str(sum(range(1_000_000)) + 5)


def test_inject_of_many_small_arrays_and_of_large_ones(data_runtime: Runtime) -> None:
    import numpy as np

    data_runtime.inject("many", [np.full(10, i) for i in range(30_000)])
    assert data_runtime.execute("int(many[-1][0]), len(many)").value == "(29999, 30000)"


def test_inject_of_what_cannot_be_handed_over_is_refused_and_nothing_happens(runtime: Runtime) -> None:
    with pytest.raises(TransferError, match="cannot hand"):
        runtime.inject("g", (x for x in range(3)))
    assert runtime.execute("'g' in dir()").value == "False"


def test_functions_types_and_instances_are_injected_and_come_back(base: Base) -> None:
    factor = 3
    setup = Setup(
        variables=(Variable("acc", Account("Ada", 5, [5])), Variable("also", None)),
        functions=(Function(double), Function(lambda x: x * factor, name="triple")),
        types=(Type(Account),),
        run="seen = double(4)\nacc2 = acc",
    )
    with base.template(setup) as template, template.start() as runtime:
        assert runtime.execute("acc.deposit(double(2)); triple(5), seen, acc2 is acc").value == "(15, 8, True)"
        back = runtime.retrieve("acc")
        assert type(back) is Account
        assert back.balance == 9
        assert runtime.execute("isinstance(acc, Account), Account().balance").value == "(True, 0)"


def test_big_injected_data_is_not_shared_between_forks(data_base: Base) -> None:
    import numpy as np

    with data_base.template(Setup(variables=(Variable("a", np.zeros(1_000_000)),))) as template:
        with template.start() as one, template.start() as other:
            one.execute("a[:] = 1")
            assert other.execute("float(a.sum())").value == "0.0"
        with template.start() as later:
            assert later.execute("float(a.sum())").value == "0.0"


# --- life -----------------------------------------------------------------------------------------------------------


def test_a_crash_is_an_outcome_and_siblings_do_not_notice(template: Template[Runtime]) -> None:
    with template.start() as one, template.start() as other:
        done = one.execute("print('last words', flush=True)\nimport os\nos._exit(3)")
        assert done.outcome is Outcome.CRASHED
        assert done.stdout == "last words\n"
        assert other.execute("xs").ok
        assert done.detail == "it exited with code 3"


def test_a_crash_by_signal_is_named(template: Template[Runtime]) -> None:
    with template.start() as runtime:
        done = runtime.execute("import ctypes\nctypes.string_at(0)")
        assert (done.outcome, done.detail) == (Outcome.CRASHED, "it was ended by SIGSEGV")


def test_a_closed_runtime_answers_nothing_and_closes_twice(template: Template[Runtime]) -> None:
    runtime = template.start()
    runtime.close()
    runtime.close()
    assert not runtime.alive
    with pytest.raises(RuntimeGone, match="closed"):
        runtime.execute("1")


def test_cells_of_many_runtimes_run_together(template: Template[Runtime]) -> None:
    runtimes = [template.start(seed=i) for i in range(8)]
    began = time.monotonic()
    done = run_all([each.execute_steps("import time\ntime.sleep(0.3)\ntotal = 1") for each in runtimes])
    assert time.monotonic() - began < 1.5
    assert all(each.ok for each in done)
    for each in runtimes:
        each.close()


def test_asyncio_drives_runtimes_together(template: Template[Runtime]) -> None:
    async def main() -> list[str | None]:
        runtimes = await asyncio.gather(*(run_async(template.start_steps(i)) for i in range(4)))
        done = await asyncio.gather(
            *(run_async(each.execute_steps(f"import time; time.sleep(0.2); {i}")) for i, each in enumerate(runtimes))
        )
        for each in runtimes:
            each.close()
        return [each.value for each in done]

    began = time.monotonic()
    assert asyncio.run(main()) == ["0", "1", "2", "3"]
    assert time.monotonic() - began < 2


def test_a_working_directory_is_a_runtimes_own(template: Template[Runtime]) -> None:
    with template.start() as one, template.start() as other:
        assert one.execute("open('f.txt', 'w').write('mine')").ok
        assert other.execute("import os; os.listdir('.')").value == "[]"
        assert one.execute("import os; os.getcwd()").value == "'/workdir'"  # the same in every process
        where = one.hides[0][0]
        assert other.execute(f"open('{where}/f.txt').read()").error.type == "PermissionError"  # type: ignore[union-attr]
