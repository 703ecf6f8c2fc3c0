"""A live Template to test against, and rungs: what a test needs of the kernel, skipped only where it is missing."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cave_rl.confinement import RUNGS_OF_LEVEL, Broker, Report, doctor

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def report() -> Report:
    """This machine, looked at once."""
    return doctor()


def needs_rung(*names: str) -> pytest.MarkDecorator:
    """Mark a test as one that needs these rungs: `pytestmark = needs_rung("seccomp", "tickets")`."""
    return pytest.mark.rung(*names)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "rung(*names): the confinement rungs that a test needs")


def pytest_runtest_setup(item: pytest.Item) -> None:
    expected = os.environ.get("CAVE_RL_EXPECT_RUNG", "none")
    promised = RUNGS_OF_LEVEL[expected] if expected in RUNGS_OF_LEVEL else tuple(expected.split(","))
    for mark in item.iter_markers("rung"):
        for name in mark.args:
            rung = report()[name]
            if not rung.available and name in promised:
                pytest.fail(f"CAVE_RL_EXPECT_RUNG={expected} promises {name}, but: {rung.detail}")
            if not rung.available:
                pytest.skip(f"rung {name}: {rung.detail}")


class Fork:
    """One fork of a `Template`, waiting to be let go."""

    def __init__(self, template: Template, source: str, workdir: Path | None, timeout: float) -> None:
        self._talk, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._talk.settimeout(timeout)
        request = {"source": source, "workdir": str(workdir) if workdir else None}
        socket.send_fds(template.control, [json.dumps(request).encode()], [theirs.fileno()])
        theirs.close()
        self.first = self.hear()
        if "error" not in self.first:
            self.pid: int = self.first["pid"]
            template.broker.enroll(self.pid)
        self._broker = template.broker

    def go(self) -> None:
        """Let it execute its source."""
        self._talk.send(b"g")

    def hear(self) -> dict[str, Any]:
        """Its next message; {"dead": True} when it is no more."""
        try:
            frame = self._talk.recv(1 << 20)
        except ConnectionResetError:
            frame = b""
        return json.loads(frame) if frame else {"dead": True}

    def send(self, data: bytes) -> None:
        """Send raw bytes to its `talk` socket."""
        self._talk.send(data)

    def close(self) -> None:
        """Kill what is left of it."""
        self._talk.close()
        if "error" not in self.first:
            self._broker.kill(self.pid)


class Template:
    """A spawned, hardened Template process and the broker that answers for it."""

    def __init__(
        self,
        policy: dict[str, Any] | None = None,
        *,
        modules: tuple[str, ...] = (),
        writable: tuple[Path, ...] = (),
        deny: tuple[str, ...] = (),
        warm: tuple[str, ...] = (),
        path: tuple[Path, ...] = (),
        abi: int | None = None,
    ) -> None:
        """Spawn it.

        Args:
            policy: Fields of `Confinement`.
            modules: What it imports and may read.
            writable: Parents of working directories.
            deny: What must not be readable.
            warm: Statements it executes before it hardens.
            path: More of `sys.path`.
            abi: A Landlock ABI to pretend, to stand for an older kernel.
        """
        self.broker = Broker()
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(30)
        options = {
            "policy": policy or {},
            "modules": modules,
            "writable": [str(directory) for directory in writable],
            "deny": deny,
            "warm": warm,
            "abi": abi,
        }
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": os.pathsep.join([str(ROOT), *map(str, path), os.environ.get("PYTHONPATH", "")]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "JE_ARROW_MALLOC_CONF": "background_thread:false",
            "ARROW_DEFAULT_MEMORY_POOL": "system",
            "MPLBACKEND": "Agg",
        }
        script = str(Path(__file__).with_name("template.py"))
        self.process = subprocess.Popen(
            [sys.executable, script, str(theirs.fileno()), json.dumps(options)],
            pass_fds=[theirs.fileno()],
            env=environment,
            cwd="/",
        )
        theirs.close()
        frame, fds, _, _ = socket.recv_fds(self.control, 1 << 16, 1)
        self.hardened: dict[str, Any] = json.loads(frame)
        if fds:
            self.broker.watch(fds[0], self._policy(policy or {}))
            self.broker.grant(self.process.pid, math.inf)

    @staticmethod
    def _policy(options: dict[str, Any]) -> Any:
        from cave_rl.confinement import Confinement

        return Confinement(**{**options, "readable": tuple(options.get("readable", ()))})

    def fork(self, source: str, *, workdir: Path | None = None, timeout: float = 20) -> Fork:
        """Fork, harden, and wait: the fork executes `source` when it is told to go."""
        return Fork(self, source, workdir, timeout)

    def run(self, source: str, *, workdir: Path | None = None, tickets: int = 0) -> dict[str, Any]:
        """Execute `source` in a fork of its own and return its last word."""
        fork = self.fork(source, workdir=workdir)
        try:
            if "error" in fork.first:
                return fork.first
            if tickets:
                self.broker.grant(fork.pid, tickets)
            fork.go()
            return fork.hear()
        finally:
            fork.close()

    def value(self, source: str, **options: Any) -> Any:
        """The `answer` of `source`, which must not fail."""
        reply = self.run(source, **options)
        assert "answer" in reply, reply.get("text", reply)
        return reply["answer"]

    def error(self, source: str, **options: Any) -> str:
        """The name of the error `source` ends with."""
        reply = self.run(source, **options)
        assert "error" in reply, f"nothing was refused: {reply}"
        return str(reply["error"])

    def close(self) -> None:
        """End it."""
        self.control.close()
        with contextlib.suppress(ProcessLookupError):
            self.broker.kill(self.process.pid)
        self.process.wait(10)
        self.broker.close()


@pytest.fixture(scope="module")
def template() -> Iterator[Template]:
    """A Template with the default policy and nothing writable."""
    made = Template({"require": "none"})
    assert "error" not in made.hardened, made.hardened["text"]
    yield made
    made.close()
