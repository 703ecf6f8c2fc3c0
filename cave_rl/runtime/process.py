"""A handle on one forked process: how it is started, asked, killed and closed."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import resource
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from cave_rl.confinement import Broker, Confinement
from cave_rl.runtime.channel import Channel
from cave_rl.runtime.drive import Steps, Wait
from cave_rl.runtime.errors import Fault, HostLimitFault, RuntimeGone
from cave_rl.runtime.inside import frames

START_S = 30.0
"""Wall seconds within which a fork must say hello."""

ANSWER_S = 30.0
"""Wall seconds for what needs no cell: names, claims, forks."""

_LEAVE_S = 0.2

_live: set[int] = set()
"""Pids that have a handle in this host: a new fork must not claim to be one of them."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Who may fork beneath a Template, and how a fork is ended with all it left behind.

    Attributes:
        broker: answers when a descendant wants to fork.
        policy: what it answers by.
        ticketed: whether descendants must ask. If not, they may have forked unasked, and are looked for.
    """

    broker: Broker
    policy: Confinement
    ticketed: bool

    def welcome(self, pid: int) -> None:
        """A fork has come up."""
        self.broker.enroll(pid)

    def let_fork(self, pid: int) -> None:
        """The host is about to ask this process for a fork of itself."""
        if self.ticketed:
            self.broker.grant(pid)

    def forked(self, pid: int) -> None:
        """The process has been asked: a ticket it did not spend is taken back."""
        if self.ticketed:
            self.broker.revoke(pid)
            self.broker.enroll(pid)

    def end(self, pid: int) -> None:
        """Ends a fork's family; the fork itself is ended by its pidfd."""
        if self.policy.fork or not self.ticketed:
            self.broker.kill(pid)
        else:
            self.broker.revoke(pid)


class Family:
    """What a process and its forks share: a directory, in which each has a working directory of its own.

    Args:
        home: the shared directory; it goes when the last of them has closed.
        hides: what the names of directories are replaced by, where a process tells them.
        release: called then.
    """

    def __init__(self, home: str, hides: tuple[tuple[str, str], ...], release: Callable[[], None]) -> None:
        self.home = home
        self._hides = hides
        self._release = release
        self._members = 0
        self._names = itertools.count()

    def join(self, process: Process) -> None:
        """The process is one of the family from now on."""
        self._members += 1
        process.family = self
        process.workdir = f"{self.home}/{next(self._names)}"
        process.hides = ((process.workdir, "/workdir"), *self._hides)
        process.on_close.append(lambda: self._leave(process.workdir))

    def _leave(self, workdir: str) -> None:
        self._members -= 1
        shutil.rmtree(workdir if self._members else self.home, ignore_errors=True)
        if not self._members:
            self._release()


class Process:
    """One forked process and what the host holds of it: channel, output files, pidfd.

    Not made directly: a Template (or a Snapshot) starts it.

    Attributes:
        companion: another process that lives and ends with this one.
    """

    def __init__(self) -> None:
        with contextlib.ExitStack() as undo:
            try:
                self._channel = Channel()
                undo.callback(self._channel.close)
                self._stdout = _output_file(undo)
                self._stderr = _output_file(undo)
                self._pidfd = os.dup(self._stdout)  # holds the place: what was begun must not fail for want of one
            except OSError as error:
                raise _out_of(error) from error
            undo.pop_all()
        self._known = False
        self._owner = os.getpid()
        self._closed = False
        self._killed = False
        self.guard: Guard | None = None
        self.hides: tuple[tuple[str, str], ...] = ()
        self.workdir = ""
        self.exit_code: Callable[[], int | None] = lambda: None
        self.family: Family | None = None
        self.gone: RuntimeGone | None = None
        self.companion: Process | None = None
        self.on_close: list[Callable[[], None]] = []

    @property
    def pid(self) -> int:
        """The process's pid; 0 before it has said hello."""
        return self._channel.pid

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""
        return not self._closed and self.gone is None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def files(self) -> tuple[int, ...]:
        """The descriptors that the fork takes: socket, stdout, stderr, reply file."""
        sock, replies = self._channel.theirs
        return sock, self._stdout, self._stderr, replies

    def asked(self) -> None:
        """Its fork has been asked for, and was sent its files."""
        self._channel.given()

    def greet(self, nonce: bytes) -> Steps[bytes]:
        """Waits for the hello of the fork, which it returns, and learns who it is, from the kernel.

        Raises:
            Fault: it did not come up.
            RuntimeGone: what came up cannot be it.
        """
        until = time.monotonic() + START_S
        try:
            while (frame := self._channel.receive()) is None:
                if time.monotonic() >= until:
                    raise Fault(f"a fork did not say hello within {START_S:.0f} s")
                yield Wait(self._channel.fd, until)
        except RuntimeGone as gone:
            raise Fault(f"a fork did not come up: {gone}\n{self.said()}".rstrip()) from gone
        if frame[:1] == frames.ERROR:
            raise HostLimitFault(f"a fork failed: {frames.payload_of(frame).get('message')}")
        if frame[:1] != frames.HELLO or frame[1 : frames.HEAD_BYTES] != nonce or self.pid in _live or self.pid <= 0:
            raise RuntimeGone("tampered", "another process answered in a fork's place")
        try:
            os.close(self._pidfd)
            self._pidfd = -1
            self._pidfd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            raise RuntimeGone("crashed", "it ended as it began") from None
        except OSError as error:
            raise _out_of(error) from error
        self._known = True
        _live.add(self.pid)
        if self.guard is not None:
            self.guard.welcome(self.pid)
        return frame

    def ask(self, operation: bytes, payload: Any, timeout: float, fds: tuple[int, ...] = ()) -> Steps[Any]:
        """One request and its answer, within wall seconds; a process that fails to answer is killed.

        Raises:
            RuntimeGone: it is gone, or was killed for its answer or for giving none.
        """
        self.check_alive()
        try:
            return (yield from self._channel.ask(operation, payload, time.monotonic() + timeout, fds))
        except RuntimeGone as gone:
            self.lose(gone)
            raise

    def branch_steps(self, child: Process, seed: int | None) -> Steps[None]:
        """Asks the process to fork itself; `child` becomes the handle of the fork.

        Raises:
            RuntimeGone: it did not; then it is lost too.
        """
        child.guard = self.guard
        if self.family is not None:
            self.family.join(child)
        if self.guard is not None:
            self.guard.let_fork(self.pid)
        nonce = os.urandom(frames.NONCE_BYTES)
        try:
            request = {"seed": seed, "nonce": nonce, "workdir": child.workdir}
            yield from self._channel.ask(frames.FORK, request, time.monotonic() + ANSWER_S, child.files())
            child.asked()
            yield from child.greet(nonce)
            if self.guard is not None:
                self.guard.forked(self.pid)
        except (Fault, RuntimeGone) as error:  # all that is known of it was said by hostile code: a failure, no fault
            child.close()
            gone = error if isinstance(error, RuntimeGone) else RuntimeGone("tampered", f"its fork: {error}")
            if self.guard is not None:
                self.guard.broker.kill(self.pid)  # the ticket may have been spent on a process that nobody holds
            self.lose(gone)
            raise gone from error
        except BaseException:
            child.close()
            raise

    def check_alive(self) -> None:
        """Raises `RuntimeGone` if nothing can be asked any more."""
        if self._closed:
            raise RuntimeGone("killed", "it was closed")
        if self.gone is not None:
            raise self.gone

    def lose(self, gone: RuntimeGone) -> None:
        """Notes that it cannot be used any more, and ends it."""
        self.gone = gone
        self._end()
        if self.companion is not None:
            self.companion.close()

    def said(self) -> str:
        """What it wrote to standard error: why it ended, mostly."""
        return os.pread(self._stderr, 20_000, 0).decode("utf-8", "replace")

    def signal(self, number: int) -> None:
        """Sends a signal to the process; none if it has ended."""
        if self._known:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def cpu_s(self) -> float:
        """CPU seconds that the process has used, measured by the kernel."""
        try:
            return time.clock_gettime((~self.pid) << 3 | 2)  # a process's clock, as clock_getcpuclockid(3) makes it
        except OSError:
            return 0.0

    def threads(self) -> int:
        """How many threads the process has."""
        try:
            return len(os.listdir(f"/proc/{self.pid}/task"))
        except OSError:
            return 0

    def other_threads_steps(self) -> Steps[int]:
        """How many threads it has beside its first; one that has just been joined is given a moment to leave."""
        until = time.monotonic() + _LEAVE_S
        while (others := self.threads() - 1) > 0 and time.monotonic() < until:
            yield Wait(-1, time.monotonic() + _LEAVE_S / 20)
        return others

    def close(self) -> None:
        """Kills the process and lets go of all it held. May be called twice. In a fork of the host it only lets go."""
        if self._closed:
            return
        self._closed = True
        self._end()
        if self.companion is not None:
            self.companion.close()
        self._channel.close()
        for fd in (self._stdout, self._stderr, self._pidfd):
            if fd >= 0:
                os.close(fd)
        if self._owner == os.getpid():
            for callback in self.on_close:
                callback()

    def _end(self) -> None:
        """Once: later the pid may be another's."""
        if self._killed or self._owner != os.getpid():
            return
        self._killed = True
        if self.guard is not None and self._known:
            self.guard.end(self.pid)
        self.signal(signal.SIGKILL)
        if self._known:
            _live.discard(self.pid)

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            self.close()


def _output_file(undo: contextlib.ExitStack) -> int:
    fd = os.memfd_create("cave-output", os.MFD_CLOEXEC)
    undo.callback(os.close, fd)
    fcntl.fcntl(fd, fcntl.F_SETFL, os.O_APPEND)
    return fd


def _out_of(error: OSError) -> HostLimitFault:
    return HostLimitFault(f"the host cannot start another runtime: {error}. Close some, or raise the limit (ulimit -n)")


def raise_descriptor_limit() -> bool:
    """Lets this process hold as many descriptors as it may; whether that is more than before."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return False
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return True


def forget_all() -> None:
    """In a fork of the host: no runtime is ours."""
    _live.clear()
