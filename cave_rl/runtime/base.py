"""Base: a spawned, trusted, single-threaded process with modules imported and nothing of a task in it.

It is started by running a fresh interpreter on our own code, never by re-running the user's `__main__`: so it works
from an unguarded script, from standard input, in a notebook, in a daemonic worker and under any launcher.
"""

from __future__ import annotations

import os
import pickle
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from cave_rl.confinement import Broker, Confinement, pid_namespace_available
from cave_rl.runtime import drive
from cave_rl.runtime.channel import Channel
from cave_rl.runtime.clock import check_clock
from cave_rl.runtime.drive import Steps
from cave_rl.runtime.errors import SpawnFault
from cave_rl.runtime.inside import frames
from cave_rl.runtime.process import Process
from cave_rl.runtime.runtime import Runtime
from cave_rl.runtime.setup import Setup
from cave_rl.runtime.template import Template
from cave_rl.runtime.transfer import answer_files, pack
from cave_rl.runtime.world import World

START_S = 120.0
"""Wall seconds within which a Base, or a set-up, must be ready."""

KERNEL = "cave_rl.runtime.inside.kernel:Kernel"
HOSTING = "cave_rl.runtime.hosting:Hosting"

P = TypeVar("P", bound=Process)

# The packages' own __init__ hand on host-side names, which a runtime must not hold: empty packages stand in for them.
_INSIDE = """
import sys, types
sys.path[:] = {path!r}
def missing(name):
    if name.startswith("__"):
        raise AttributeError(name)
    raise ImportError(
        "cave_rl has no " + name + " in a runtime: keep the classes and functions that a task injects in a module of "
        "its own, which imports nothing of cave_rl"
    )
for name, where in {packages!r}:
    package = sys.modules[name] = types.ModuleType(name)
    package.__path__ = [where]
    package.__getattr__ = missing
from cave_rl.runtime.inside.zygote import main
main({fd})
"""

# A judge needs little of what the packages hand on, and each of its forks pays for every page that is loaded. So they
# run their own __init__ only when something is asked of them, as by a task's module with `from cave_rl import equals`.
_JUDGING = """
import importlib.util, sys
sys.path[:] = {path!r}
def late(package):
    def whole(name):
        del package.__getattr__
        package.__loader__.exec_module(package)
        return getattr(package, name)
    return whole
for name, where in {packages!r}:
    spec = importlib.util.spec_from_file_location(name, where + "/__init__.py", submodule_search_locations=[where])
    package = sys.modules[name] = importlib.util.module_from_spec(spec)
    package.__getattr__ = late(package)
from cave_rl.runtime.inside.zygote import main
main({fd})
"""

_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH")
_SET = {
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MPLBACKEND": "Agg",
}


class Base:
    """One Base per (module set, confinement, role).

    Args:
        modules: imported once, before any Template.
        confinement: the policy that its Templates harden themselves by.
        judging: whether it serves judges, which may import tasks and assertions. A runtime's Base cannot.
        broker: answers when its descendants want to fork; its own if none is given.

    Raises:
        SpawnFault: it did not start, or a module cannot be imported.
    """

    def __init__(
        self,
        modules: Sequence[str] = (),
        *,
        confinement: Confinement | None = None,
        judging: bool = False,
        broker: Broker | None = None,
    ) -> None:
        self.modules = tuple(modules)
        self.confinement = confinement or Confinement()
        self.judging = judging
        self._own_broker = broker is None
        self.broker = broker or Broker()
        self._owner = os.getpid()
        self._scratch = tempfile.mkdtemp(prefix="cave-rl-")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._socket = ours
            self._process = subprocess.Popen(
                [sys.executable, "-c", _code(theirs.fileno(), judging)],
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for the host: it must not end the cells of a rollout
                stdin=subprocess.DEVNULL,
                cwd=self._scratch,
                env={name: os.environ[name] for name in _KEPT if name in os.environ}
                | _SET
                | {"HOME": self._scratch, "MPLCONFIGDIR": self._scratch, "TMPDIR": self._scratch},
            )
        try:
            start = {
                "path": _path(),
                "modules": list(self.modules),
                "scratch": self._scratch,
                "namespace": pid_namespace_available() is None,
            }
            self._ask(frames.HELLO, start)
        except BaseException:
            self.close()
            raise

    def template(self, setup: Setup, *, timeout: float = START_S) -> Template[Runtime]:
        """A Template that has run a set-up and starts runtimes.

        Args:
            setup: what is injected and run.
            timeout: wall seconds for it.

        Raises:
            SetupFault: the set-up failed, with its traceback.
            TransferError: something of it cannot be handed over, or holds answers.
            SpawnFault: the Base is gone.
        """
        return drive.run(self.template_steps(setup, timeout=timeout))

    def template_steps(self, setup: Setup, *, timeout: float = START_S) -> Steps[Template[Runtime]]:
        """The conversation of `template`."""
        setup.classes, setup.user_targets  # noqa: B018  # what is wrong with them is told now
        if setup.clock is not None:
            check_clock()
        if not setup.hosted:
            return (yield from self.serve_steps(setup.brief(), KERNEL, lambda: Runtime(setup), timeout=timeout))
        brief = setup.world_brief()
        world = yield from self.serve_steps(brief, HOSTING, World, timeout=timeout, trusted=True)
        try:
            template = yield from self.serve_steps(setup.brief(), KERNEL, lambda: Runtime(setup), timeout=timeout)
        except BaseException:
            world.close()
            raise
        template.companion = world
        return template

    def serve_steps(
        self, brief: Any, service: str, make: Callable[[], P], *, timeout: float = START_S, trusted: bool = False
    ) -> Steps[Template[P]]:
        """A Template whose forks run a service; `make` makes the handle of each.

        Args:
            brief: what the service is made with.
            service: `module:class`, a `cave_rl.runtime.inside.zygote.Service`.
            make: a new handle.
            timeout: wall seconds until it must be ready.
            trusted: whether its forks never run a rollout's code; they may read our files, and the service is not
                imported where runtimes are forked from.

        Raises:
            Fault: as `template`.
        """
        packed = pack(brief)
        channel = Channel()
        sock, replies = channel.theirs
        told = {
            "index": packed.index,
            "service": service,
            "path": _path(),  # as it is now: the host may have added to it since the base was started
            "policy": pickle.dumps(self.confinement),
            "modules": list(self.modules),
            "shared": not trusted,
            "deny": [] if self.judging or trusted else [str(Path(__file__).parents[1]), *answer_files()],
            "scratch": self._scratch,
            "timeout": timeout + 1,  # after ours, whose error tells why
        }
        nonce = os.urandom(frames.NONCE_BYTES)
        try:
            frame = frames.pack(frames.TEMPLATE, nonce, told)
            try:
                socket.send_fds(self._socket, [frame], [sock, packed.fd, replies])
            except OSError as error:
                raise SpawnFault(f"the base process is gone: {error}") from error
            channel.given()
            return (yield from Template.greet(channel, self, make, timeout))
        except BaseException:
            channel.close()
            raise
        finally:
            packed.close()

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._socket.fileno() >= 0 and self._process.poll() is None

    @property
    def scratch(self) -> str:
        """The directory under which working directories of its runtimes lie."""
        return self._scratch

    def close(self) -> None:
        """Ends the Base and everything forked from it. In a fork of the host it only lets go."""
        self._socket.close()
        if self._owner != os.getpid():
            return
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        if self._own_broker:
            self.broker.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, operation: bytes, payload: Any) -> Any:
        nonce = os.urandom(frames.NONCE_BYTES)
        try:
            self._socket.send(frames.pack(operation, nonce, payload))
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            until = time.monotonic() + START_S
            if not poll.poll(max(0, until - time.monotonic()) * 1000):
                raise SpawnFault(f"the base process did not answer within {START_S:.0f} s")
            data = self._socket.recv(frames.FRAME_BYTES)
        except OSError as error:
            raise SpawnFault(f"the base process is gone: {error}") from error
        if not data:
            raise SpawnFault("the base process ended as it began; its error stands on stderr")
        reply = frames.payload_of(data)
        if data[:1] == frames.ERROR:
            raise SpawnFault(f"the base process could not import {list(self.modules)}: {reply['traceback']}")
        return reply


def _path() -> list[str]:
    return [entry or os.getcwd() for entry in sys.path]


def _code(fd: int, judging: bool) -> str:
    root = Path(__file__).parents[1]
    path = _path()
    if str(root.parent) not in path:
        path.append(str(root.parent))
    packages = [("cave_rl", str(root)), ("cave_rl.runtime", str(root / "runtime"))]
    packages += [("cave_rl.rewards", str(root / "rewards"))] if judging else []
    return (_JUDGING if judging else _INSIDE).format(path=path, packages=packages, fd=fd)
