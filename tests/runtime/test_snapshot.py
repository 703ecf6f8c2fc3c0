from __future__ import annotations

from pathlib import Path

import pytest

from cave_rl.runtime import Limits, Outcome, Runtime, RuntimeGone, Template, ThreadsAlive
from tests.conftest import settled


def test_a_fork_begins_where_the_snapshot_was_taken(runtime: Runtime) -> None:
    runtime.execute("xs.append(7)\ndef f(): return xs")
    with runtime.snapshot() as snapshot:
        runtime.execute("xs.clear()")
        one, other = snapshot.fork(2)
        with one, other:
            assert one.execute("xs.append(8); f()").value == "[3, 1, 2, 7, 8]"
            assert other.execute("f()").value == "[3, 1, 2, 7]"
            assert runtime.retrieve("xs") == []


def test_forks_claim_the_same_bytes(data_runtime: Runtime) -> None:
    data_runtime.execute(
        "import pandas as pd, numpy as np, random\n"
        "df = pd.DataFrame({'a': np.random.rand(100), 'b': list('xy') * 50})\n"
        "s = {str(random.random()) for _ in range(50)}\nd = {1: [s, df]}\nstate = random.getstate()"
    )
    names = ["df", "s", "d", "state"]
    with data_runtime.snapshot() as snapshot:
        one, other = snapshot.fork(2)
        with one, other:
            assert data_runtime.claim(names) == one.claim(names) == other.claim(names)
            code = "random.random(), np.random.rand(), df.sample(3).index.tolist()"
            assert one.execute(code).value == other.execute(code).value


def test_a_snapshot_outlives_its_runtime_and_its_directory_with_it(template: Template[Runtime]) -> None:
    runtime = template.start()
    runtime.execute("open('f.txt', 'w').write('kept')\ny = 4")
    snapshot = runtime.snapshot()
    runtime.close()
    (fork,) = snapshot.fork()
    snapshot.close()
    assert fork.execute("y, open('f.txt').read()").value == "(4, 'kept')"
    where = Path(fork.hides[0][0])
    assert where.is_dir()
    fork.close()
    assert not where.exists()


def test_a_fork_of_a_fork_of_a_fork(runtime: Runtime) -> None:
    held: list[Runtime] = []
    current = runtime
    for depth in range(6):
        current.execute(f"xs.append({depth})")
        with current.snapshot() as snapshot:
            (current,) = snapshot.fork()
        held.append(current)
    assert current.execute("xs").value == "[3, 1, 2, 0, 1, 2, 3, 4, 5]"
    for each in held:
        each.close()


def test_a_fork_has_the_deadlines_of_any_runtime(runtime: Runtime) -> None:
    with runtime.snapshot() as snapshot:
        (one,) = snapshot.fork()
        with one:
            assert one.execute("while True: pass", Limits(cpu_s=0.2)).outcome is Outcome.INTERRUPTED
            assert one.execute("import os; os._exit(1)").outcome is Outcome.CRASHED
        (again,) = snapshot.fork()
        with again:
            assert again.execute("xs").value == "[3, 1, 2]"


def test_threads_of_a_cell_refuse_a_snapshot_until_they_end(runtime: Runtime) -> None:
    runtime.execute("import threading\nstop = threading.Event()\nt = threading.Thread(target=stop.wait)\nt.start()")
    with pytest.raises(ThreadsAlive, match="1 threads"):
        runtime.snapshot()
    runtime.execute("stop.set()\nt.join()")
    with runtime.snapshot():
        pass


def test_a_snapshot_of_what_has_ended_is_refused(template: Template[Runtime]) -> None:
    runtime = template.start()
    runtime.execute("import os; os._exit(0)")
    with pytest.raises(RuntimeGone):
        runtime.snapshot()
    runtime.close()


def test_closed_snapshots_leave_no_zombies_in_a_living_runtime(runtime: Runtime) -> None:
    for _ in range(5):
        runtime.snapshot().close()

    def children() -> int:
        runtime.snapshot().close()  # a fork collects what ended before it
        return len(Path(f"/proc/{runtime.pid}/task/{runtime.pid}/children").read_text().split())

    assert settled(lambda: children() <= 2, True)


def test_files_fork_with_the_rest(runtime: Runtime) -> None:
    runtime.execute("import os\nos.makedirs('a/b')\nopen('a/b/f', 'w').write('1');")
    with runtime.snapshot() as snapshot:
        runtime.execute("open('a/b/f', 'w').write('changed later');")
        one, other = snapshot.fork(2)
        with one, other:
            one.execute("open('a/b/f', 'a').write('2');")
            assert one.execute("open('a/b/f').read()").value == "'12'"
            assert other.execute("open('a/b/f').read(), os.getcwd()").value == "('1', '/workdir')"
            assert runtime.execute("open('a/b/f').read()").value == "'changed later'"


def test_the_files_of_a_fork_go_with_it(runtime: Runtime) -> None:
    with runtime.snapshot() as snapshot:
        (fork,) = snapshot.fork()
        fork.execute("open('f', 'w').write('1');")
        assert Path(fork.workdir, "f").read_text() == "1"
        fork.close()
        assert not Path(fork.workdir).exists()
        assert Path(runtime.workdir).exists()


def test_sqlite_in_memory_forks_with_the_rest(data_runtime: Runtime) -> None:
    data_runtime.execute("import sqlite3\ndb = sqlite3.connect(':memory:')\ndb.execute('create table t (x)');")
    with data_runtime.snapshot() as snapshot:
        one, other = snapshot.fork(2)
        with one, other:
            one.execute("db.execute('insert into t values (1)');")
            assert other.execute("db.execute('select count(*) from t').fetchone()").value == "(0,)"
