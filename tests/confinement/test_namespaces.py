from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cave_rl.confinement import namespaces
from cave_rl.runtime import Base, Setup
from tests.confinement.conftest import needs_rung

pytestmark = needs_rung("pidns")


def test_a_runtime_sees_no_process_but_those_of_its_base() -> None:
    with Base() as base, base.template(Setup()) as template, template.start() as runtime:
        assert "pidns" in template.summary["rungs"]
        assert runtime.pid > 100  # as the host has it
        assert int(runtime.execute("import os\nos.getpid()").value or 0) < 100
        assert runtime.execute(f"os.kill({os.getpid()}, 0)").error.type in ("ProcessLookupError", "PermissionError")


def test_a_family_dies_with_its_base(tmp_path: Path) -> None:
    code = f"""
import os, sys, time
sys.path.insert(0, {str(Path(namespaces.__file__).parents[2])!r})
from cave_rl.confinement import enter_pid_namespace
enter_pid_namespace()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:  # nobody's child any more, in a session of its own
            open({str(tmp_path / "alive")!r}, "a").write(".")
            time.sleep(0.01)
    os._exit(0)
os.wait()
print("up", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGKILL)
    time.sleep(0.2)
    size = (tmp_path / "alive").stat().st_size
    time.sleep(0.2)
    assert size > 0
    assert (tmp_path / "alive").stat().st_size == size


def test_who_stays_behind_ends_as_the_first_process_ends() -> None:
    for ending, code in (("os._exit(7)", 7), ("os.kill(os.getpid(), 11)", None)):
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                f"import os\nfrom cave_rl.confinement.namespaces import enter\nenter()\n{ending}",
            ],
            cwd=Path(namespaces.__file__).parents[2],
            check=False,
        )
        assert done.returncode == (0 if code is None else code)  # an init ignores the signals it does not handle


def test_an_interpreter_that_cannot_run_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    namespaces.available.cache_clear()
    assert "could not be tried" in (namespaces.available() or "")
    namespaces.available.cache_clear()
