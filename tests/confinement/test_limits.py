from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.confinement.conftest import ROOT, Template, needs_rung

pytestmark = needs_rung("limits", "no_new_privs", "not_dumpable")


@pytest.fixture(scope="module")
def small() -> Iterator[Template]:
    """A Template whose forks have little of everything."""
    made = Template({"require": "limits", "memory_mb": 64, "cpu_s": 1, "open_files": 32})
    yield made
    made.close()


def test_memory_ends_at_the_budget_and_the_process_goes_on(small: Template) -> None:
    source = """
kept = [bytearray(1 << 20) for _ in range(20)]
try:
    kept.append(bytearray(100 << 20))
except MemoryError:
    answer = len(kept)
"""
    assert small.value(source) == 20


def test_no_limit_can_be_raised(small: Template) -> None:
    for limit in ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_CORE"):
        source = f"import resource\nresource.setrlimit(resource.{limit}, (resource.RLIM_INFINITY,) * 2)"
        assert small.error(source) in ("ValueError", "PermissionError"), limit


def test_descriptors_run_out(small: Template) -> None:
    assert small.error("import os\nkept = [os.pipe() for _ in range(40)]") == "OSError"


def test_cpu_time_runs_out(small: Template) -> None:
    fork = small.fork("while True: pass")
    started = time.monotonic()
    fork.go()
    assert fork.hear() == {"dead": True}
    assert time.monotonic() - started < 10
    fork.close()


def test_a_snapshot_stays_within_the_same_budget(small: Template) -> None:
    source = """
inner = again('''
try:
    bytearray(100 << 20)
except MemoryError:
    answer = "refused"
''')
answer = inner["answer"]
"""
    assert small.value(source, tickets=1) == "refused"


def test_root_keeps_no_capabilities_and_nobody_gains_any(template: Template) -> None:
    source = """
import ctypes
from cave_rl.confinement import kernel
header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
number = {"x86_64": 125, "aarch64": 90}[kernel.MACHINE]
ctypes.CDLL(None).syscall(number, header, data)
answer = [list(data), kernel.prctl(39), kernel.prctl(3)]
"""
    assert template.value(source) == [[0] * 6, 1, 0]


def test_dumpable_cannot_be_had_back(template: Template) -> None:
    assert template.error("from cave_rl.confinement import kernel; kernel.prctl(4, 1)") == "PermissionError"


CHILD = """
import os, signal, sys, time
from cave_rl.confinement import die_with_parent, set_child_subreaper
"""


def python(source: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD + source],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_die_with_parent() -> None:
    parent = python("""
parent = os.getpid()
pid = os.fork()
if pid == 0:
    die_with_parent(parent)
    print(os.getpid(), flush=True)
    time.sleep(60)
time.sleep(60)
""")
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 5
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _alive(child)
    parent.stdout.close()


def test_die_with_parent_notices_a_parent_that_is_gone_already() -> None:
    child = python("die_with_parent(1 if os.getppid() != 1 else 2)\nprint('alive')")
    assert child.communicate()[0] == ""
    assert child.returncode == 1


def test_subreaper_adopts_orphans() -> None:
    child = python("""
set_child_subreaper()
read, write = os.pipe()
if os.fork() == 0:
    if os.fork() == 0:
        time.sleep(0.1)
        os.write(write, str(os.getppid()).encode())
    os._exit(0)
os.wait()
print(int(os.read(read, 20)) == os.getpid())
""")
    assert child.communicate()[0].strip() == "True"


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
