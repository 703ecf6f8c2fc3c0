"""A Base starts wherever its host runs, without running the host's program again; nothing of it outlives the host."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from cave_rl.runtime import Base, Runtime, Setup, SpawnFault, Template
from tests.conftest import children, descriptors, settled

SCRIPT = """
print("main runs")
from cave_rl.runtime import Base, Setup, Function, Variable, Type

def helper(x):
    return x + offset

offset = 10

class Point:
    def __init__(self, x):
        self.x = x

def set_up():
    return {"made": helper(5)}

with Base() as base:
    injected = [Variable("xs", [2, 1]), Variable("p", Point(4))]
    setup = Setup(variables=injected, functions=[Function(helper)], types=[Type(Point)], run=set_up)
    with base.template(setup) as template, template.start(seed=1) as runtime:
        print(runtime.execute("xs.sort(); xs, helper(1), made, p.x").value)
        back = runtime.retrieve("p")
        print(type(back) is Point, back.x)
"""
SAID = "main runs\n([1, 2], 11, 15, 4)\nTrue 4\n"


def python(*arguments: str, stdin: str = "", cwd: Path | None = None) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], input=stdin, capture_output=True, text=True, timeout=120, cwd=cwd, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_script_without_a_guard_is_run_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    assert python(str(script)) == SAID


def test_a_script_from_standard_input(tmp_path: Path) -> None:
    assert python("-", stdin=SCRIPT, cwd=tmp_path) == SAID


def test_a_command_line_script(tmp_path: Path) -> None:
    assert python("-c", SCRIPT, cwd=tmp_path) == SAID


def test_a_notebook(tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SCRIPT)])
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute(cwd=str(tmp_path))
    text = "".join(each.get("text", "") for each in book.cells[0].outputs)
    assert text == SAID


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_daemonic_multiprocessing_worker(tmp_path: Path, method: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import multiprocessing

            def work(queue):
                from cave_rl.runtime import Base, Setup, Variable
                with Base() as base, base.template(Setup(variables=[Variable("x", 4)])) as template:
                    with template.start() as runtime:
                        queue.put(runtime.execute("x * 2").value)

            if __name__ == "__main__":
                context = multiprocessing.get_context({method!r})
                queue = context.Queue()
                worker = context.Process(target=work, args=(queue,), daemon=True)
                worker.start()
                print(queue.get(timeout=60))
                worker.join(30)
            """
        )
    )
    assert python(str(script)) == "8\n"


def test_a_fork_of_the_host_lets_its_parents_runtimes_live(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import os
            from cave_rl.runtime import Setup, Variable, run, shared_pool

            pool = shared_pool()
            setup = Setup(variables=[Variable("x", 4)])
            template = run(pool.template_steps("t", lambda: pool.base().template_steps(setup)))
            runtime = template.start()
            snapshot = runtime.snapshot()
            if os.fork() == 0:
                runtime.close()
                snapshot.close()
                own = run(shared_pool().template_steps("t", lambda: shared_pool().base().template_steps(setup)))
                with own.start() as mine:
                    print("child", mine.execute("x").value, flush=True)
                shared_pool().close()
                os._exit(0)
            os.wait()
            (fork,) = snapshot.fork()
            print("parent", runtime.execute("open('f', 'w').write('x'), x").value, fork.execute("x").value)
            """
        )
    )
    assert python(str(script)) == "child 4\nparent (1, 4) 4\n"


def test_a_module_that_is_not_there_is_a_fault() -> None:
    with pytest.raises(SpawnFault, match="no_such_module_xyz"):
        Base(("no_such_module_xyz",))


def test_a_base_holds_no_secrets_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAVE_TEST_SECRET", "hunter2")
    with Base() as base, base.template(Setup()) as template, template.start() as runtime:
        assert runtime.execute("import os\n'hunter2' in str(os.environ)").value == "False"


def test_the_hosts_threads_are_no_hindrance(template: Template[Runtime]) -> None:
    import threading

    values: list[str | None] = []

    def work() -> None:
        with Base() as base, base.template(Setup()) as made, made.start() as runtime:
            values.append(runtime.execute("1 + 1").value)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert values == ["2", "2"]


# --- nothing leaks --------------------------------------------------------------------------------------------------


def cycle(template: Template[Runtime], times: int) -> None:
    for i in range(times):
        runtime = template.start(seed=i)
        if i % 4 == 1:
            runtime.execute("import os; os._exit(1)")
        elif i % 4 == 2:
            with runtime.snapshot() as snapshot:
                for fork in snapshot.fork():
                    fork.execute("xs.append(1)")
                    fork.close()
        else:
            runtime.execute("xs.append(1)")
            runtime.claim(["xs"])
        runtime.close()


def test_200_cycles_leave_no_descriptor_and_no_process(template: Template[Runtime]) -> None:
    cycle(template, 4)
    settled(lambda: children() == children(), True)
    before = descriptors()
    cycle(template, 200)
    assert settled(descriptors, before) == before
    alive = settled(lambda: _forks_of(template), set())
    assert alive == set()


def _forks_of(template: Template[Runtime]) -> set[int]:
    text = Path(f"/proc/{template.pid}/task/{template.pid}/children").read_text()
    return {int(each) for each in text.split()}


def test_a_closed_base_leaves_no_descriptor_no_process_no_thread_and_no_file() -> None:
    import threading

    def once() -> str:
        with Base() as base, base.template(Setup()) as template, template.start() as runtime:
            runtime.execute("open('f', 'w').write('x')")
            return base.scratch

    once()
    before = (descriptors(), children(), threading.active_count())
    scratch = once()
    assert settled(lambda: (descriptors(), children(), threading.active_count()), before) == before
    assert not Path(scratch).exists()


HOST = """
import sys, time
from cave_rl.runtime import Base, Setup, Limits
base = Base()
template = base.template(Setup())
runtimes = [template.start(i) for i in range(4)]
snapshot = runtimes[0].snapshot()
fork = snapshot.fork()[0]
for each in (runtimes[1], fork):  # both are busy when the host dies
    steps = each.execute_steps("while True: pass", Limits(cpu_s=600, wall_s=600))
    next(steps)
pids = [base._process.pid, template.pid, *(each.pid for each in runtimes), snapshot._parked.pid, fork.pid]
print(*pids, base.scratch, flush=True)
time.sleep(600)
"""


def test_a_host_that_is_killed_leaves_no_process_and_no_file_behind() -> None:
    host = subprocess.Popen([sys.executable, "-c", HOST], stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    *pids, scratch = host.stdout.readline().split()
    assert len(pids) == 8
    assert all(Path(f"/proc/{pid}").exists() for pid in pids)
    host.send_signal(signal.SIGKILL)
    host.wait()
    host.stdout.close()
    left = settled(lambda: [pid for pid in pids if Path(f"/proc/{pid}").exists()], [])
    assert left == []
    assert settled(lambda: Path(scratch).exists(), False) is False


def test_a_host_that_ends_normally_leaves_nothing_either(tmp_path: Path) -> None:
    ended = HOST.replace("time.sleep(600)", "")
    *pids, scratch = python("-c", ended, cwd=tmp_path).split()
    assert settled(lambda: [pid for pid in pids if Path(f"/proc/{pid}").exists()], []) == []
    assert settled(lambda: Path(scratch).exists(), False) is False
