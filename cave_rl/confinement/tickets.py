"""Fork tickets: no process comes into being that the host did not allow.

A Template's seccomp filter turns every `fork`, `vfork` and `clone` of its descendants into a question to the host,
which a `Broker` answers: a process that holds a ticket may fork, any other gets EAGAIN, as if the system were full. So
a fork bomb stops at its first fork, a killed Runtime leaves nothing behind, and the one fork that a snapshot needs is
paid for by one ticket, granted just before it is asked for. New threads are counted the same way. Where Landlock cannot
yet scope signals, they are asked for too.

Not covered: a Runtime with a ticket in hand may spend it on something else; the host sees the snapshot fail and kills
the family. What the host does not answer (it is gone) fails with ENOSYS.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import heapq
import os
import select
import signal
import struct
import threading
import time
import weakref
from collections.abc import Collection
from dataclasses import dataclass

from cave_rl.confinement.kernel import NAMES
from cave_rl.confinement.policy import Confinement

_NOTIF_RECV = 0xC0502100
_NOTIF_SEND = 0xC0182101
_NOTIF_ID_VALID = 0x40082102
_NOTIF_SET_FLAGS = 0x40082104
_SYNC_WAKE_UP = 1
_CONTINUE = 1
_QUESTION = struct.Struct("<QIIiIQ6Q")  # id, pid, flags, then seccomp_data: nr, arch, instruction pointer, args
_ANSWER = struct.Struct("<QqiI")  # id, value, error, flags
_CLONE_THREAD = 0x00010000

# Who asks in a tight loop is made to wait for the answers: asking costs the host more than it costs the asker.
_BURST = 64
_PACE_S = 0.01


@dataclass(frozen=True, slots=True)
class _Question:
    listener: int
    id: int
    tid: int
    call: str
    args: tuple[int, ...]

    @property
    def creates(self) -> bool:
        """Whether a process or a thread is asked for."""
        return self.call in ("clone", "fork", "vfork")

    @property
    def forks(self) -> bool:
        """Whether a process is asked for."""
        return self.creates and not (self.call == "clone" and self.args[0] & _CLONE_THREAD)

    def valid(self) -> bool:
        """Whether the asker still waits: only then has its pid meant the asker all along."""
        try:
            fcntl.ioctl(self.listener, _NOTIF_ID_VALID, struct.pack("<Q", self.id))
        except OSError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Status:
    pid: int
    parent: int
    threads: int


class Broker:
    """Answers for every Template of this process, on one daemon thread that starts with the first listener.

    Grants are by pid, as this process sees pids, and hold until `revoke`: revoke a pid before it can be used again.
    After a fork of this process the child's copy of a broker is empty: listeners belong to the process that watched
    them.

    Use it as a context manager, or `close` it: a fork that nobody answers for fails.
    """

    def __init__(self) -> None:
        """Make a broker that watches nothing yet."""
        self._reset()
        _brokers.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._tickets: dict[int, float] = {}
        self._runtimes: set[int] = set()
        self._policies: dict[int, Confinement] = {}
        self._pace: dict[int, tuple[int, float]] = {}
        self._late: list[tuple[float, int, _Question, bool]] = []
        self._thread: threading.Thread | None = None
        self._epoll: select.epoll | None = None
        self._wake = -1
        self._closed = False

    def watch(self, listener: int, policy: Confinement) -> None:
        """Answer for the processes behind `listener` (which this broker now owns) as `policy` says."""
        with contextlib.suppress(OSError):  # from Linux 6.6: hand over on the same core, which halves the wait
            fcntl.ioctl(listener, _NOTIF_SET_FLAGS, _SYNC_WAKE_UP)
        os.set_inheritable(listener, False)
        with self._lock:
            if self._closed:
                raise RuntimeError("the broker is closed")
            if self._epoll is None:
                self._epoll = select.epoll()
                self._wake = os.eventfd(0, os.EFD_CLOEXEC)
                self._epoll.register(self._wake, select.EPOLLIN)
            self._policies[listener] = policy
            self._epoll.register(listener, select.EPOLLIN)
            if self._thread is None:
                serve = (self._epoll, self._wake)
                self._thread = threading.Thread(target=self._serve, args=serve, name="cave-rl-tickets", daemon=True)
                self._thread.start()

    def grant(self, pid: int, n: float = 1) -> None:
        """Allow the main thread of `pid` to fork `n` times more; `math.inf` for a Template."""
        with self._lock:
            self._tickets[pid] = self._tickets.get(pid, 0) + n

    def enroll(self, pid: int) -> None:
        """Make `pid` a Runtime: processes its model code makes count against `Confinement.fork`, from it downwards."""
        with self._lock:
            self._runtimes.add(pid)

    def revoke(self, pid: int) -> None:
        """Take away every ticket of `pid` and its being a Runtime. Unknown pids are fine."""
        with self._lock:
            self._tickets.pop(pid, None)
            self._runtimes.discard(pid)
            self._pace.pop(pid, None)

    def kill(self, pid: int) -> None:
        """Revoke `pid` and kill it with every process of its own. Other Runtimes among its descendants live on."""
        self.revoke(pid)
        with self._lock:
            spared = frozenset(self._runtimes)
        # Children first: while their Runtime lives (it is their subreaper) none can leave the family.
        for _ in range(64):
            family = [child for child in descendants(pid, stop=spared) if not _zombie(child)]
            if not family:
                break
            for child in family:
                _kill(child)
            time.sleep(0.001)
        _kill(pid)

    def close(self) -> None:
        """Stop answering. Whatever asks from now on fails with ENOSYS."""
        with self._lock:
            self._closed = True
            if self._wake >= 0:
                os.eventfd_write(self._wake, 1)
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> Broker:
        """Return the broker itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    # ---- the thread --------------------------------------------------------------------------------------------------

    def _serve(self, epoll: select.epoll, wake: int) -> None:
        try:
            while True:
                timeout = max(0.0, self._late[0][0] - time.monotonic()) if self._late else -1
                for fd, events in epoll.poll(timeout):
                    if fd == wake:
                        return
                    if events & select.EPOLLIN:
                        self._receive(fd)
                    elif events & (select.EPOLLHUP | select.EPOLLERR):
                        self._drop(epoll, fd)
                while self._late and self._late[0][0] <= time.monotonic():
                    _, _, question, refused = heapq.heappop(self._late)
                    self._answer(question, allow=not refused and self._allowed(question))
        finally:
            # Also when something here is broken: a fork that fails is a fault to see, one that waits is a hang.
            with self._lock:
                self._closed, self._wake, self._late = True, -1, []
                epoll.close()
                os.close(wake)
                for listener in self._policies:
                    os.close(listener)
                self._policies.clear()

    def _drop(self, epoll: select.epoll, listener: int) -> None:
        """Everyone behind the listener is gone."""
        self._late = [late for late in self._late if late[2].listener != listener]
        heapq.heapify(self._late)
        epoll.unregister(listener)
        with self._lock:
            del self._policies[listener]
            os.close(listener)

    def _receive(self, listener: int) -> None:
        buffer = bytearray(256)
        try:
            fcntl.ioctl(listener, _NOTIF_RECV, buffer)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):
                return  # the asker died before it was heard
            raise
        id_, tid, _, number, _, _, *args = _QUESTION.unpack_from(buffer)
        question = _Question(listener, id_, tid, NAMES.get(number, str(number)), tuple(args))

        if question.forks and self._spend(tid):
            if not self._answer(question, allow=True):
                self._give_back(tid)
            return
        hurried = self._hurried(tid)
        refused = not hurried and not self._allowed(question)
        if hurried or refused:
            heapq.heappush(self._late, (time.monotonic() + _PACE_S, question.id, question, refused))
        else:
            self._answer(question, allow=True)

    def _answer(self, question: _Question, *, allow: bool) -> bool:
        """Answer; False if nobody waits for it any more."""
        error = 0 if allow else errno.EAGAIN if question.creates else errno.EPERM
        answer = _ANSWER.pack(question.id, 0, -error, _CONTINUE if allow else 0)
        try:
            fcntl.ioctl(question.listener, _NOTIF_SEND, answer)
        except OSError as failure:
            if failure.errno in (errno.ENOENT, errno.EINPROGRESS):
                return False
            raise
        return True

    def _spend(self, pid: int) -> bool:
        """Take one ticket. A secondary thread has a tid of its own, hence no ticket."""
        with self._lock:
            left = self._tickets.get(pid, 0)
            if left < 1:
                return False
            self._tickets[pid] = left - 1
            return True

    def _give_back(self, pid: int) -> None:
        """The fork never happened; unless the pid was revoked meanwhile, its ticket still counts."""
        with self._lock:
            if pid in self._tickets:
                self._tickets[pid] += 1

    def _hurried(self, tid: int) -> bool:
        """Whether `tid` asks faster than it should for longer than a burst."""
        count, since = self._pace.get(tid, (0, 0.0))
        now = time.monotonic()
        if now - since > _BURST * _PACE_S:
            count, since = 0, now
            if len(self._pace) > 4096:
                self._pace.clear()
        self._pace[tid] = (count + 1, since)
        return count >= _BURST

    def _allowed(self, question: _Question) -> bool:
        asker = _status(question.tid)
        if asker is None:
            return False
        policy = self._policies[question.listener]
        if question.creates and not question.forks:
            allowed = asker.threads < policy.threads
        elif question.forks:
            runtime = self._runtime_of(asker) if policy.fork else None
            with self._lock:
                spared = frozenset(self._runtimes)
            allowed = runtime is not None and len(descendants(runtime, stop=spared)) < policy.fork
        else:
            allowed = self._may_signal(asker, question)
        return allowed and question.valid()

    def _runtime_of(self, asker: _Status) -> int | None:
        """The Runtime that `asker` is or descends from."""
        current: _Status | None = asker
        for _ in range(64):
            if current is None:
                return None
            if current.pid in self._runtimes:
                return current.pid
            current = _status(current.parent)
        return None

    def _may_signal(self, asker: _Status, question: _Question) -> bool:
        """Signals go to oneself and one's descendants. Groups and everybody (0 and below) are refused."""
        target = question.args[0] & 0xFFFFFFFF
        if target == 0 or target >= 1 << 31 or question.call == "pidfd_send_signal":
            return False
        status = _status(target)
        for _ in range(64):
            if status is None:
                return False
            if status.pid == asker.pid:
                return True
            status = _status(status.parent)
        return False


def descendants(pid: int, *, stop: Collection[int] = frozenset()) -> list[int]:
    """Every living or unreaped descendant of `pid`, not going beyond those in `stop`. Empty where nothing is known."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        try:
            threads = os.listdir(f"/proc/{parent}/task")
        except OSError:
            continue  # gone meanwhile
        for thread in threads:
            try:
                with open(f"/proc/{parent}/task/{thread}/children", "rb") as file:
                    children = [int(child) for child in file.read().split()]
            except OSError:
                continue  # gone meanwhile
            children = [child for child in children if child not in stop]
            found += children
            waiting += children
    return found


def is_listener(fd: int) -> bool:
    """Whether `fd` is an open seccomp listener."""
    try:
        fcntl.ioctl(fd, _NOTIF_ID_VALID, struct.pack("<Q", 0))
    except OSError as error:
        return error.errno == errno.ENOENT
    return True


def _status(tid: int) -> _Status | None:
    try:
        with open(f"/proc/{tid}/status", "rb") as file:
            text = file.read()
    except OSError:
        return None
    values = dict(line.split(b":\t", 1) for line in text.splitlines() if b":\t" in line)
    try:
        return _Status(int(values[b"Tgid"]), int(values[b"PPid"]), int(values[b"Threads"]))
    except KeyError:
        return None  # a zombie has no threads


def _zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in (b"Z", b"X")
    except OSError:
        return True


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


_brokers: weakref.WeakSet[Broker] = weakref.WeakSet()


def _forget_after_fork() -> None:
    for broker in _brokers:
        # The parent's descriptors: as long as a copy is open, forks behind it would wait instead of failing.
        inherited = [*broker._policies, *([broker._wake] if broker._wake >= 0 else [])]
        if broker._epoll is not None:
            broker._epoll.close()
        for fd in inherited:
            with contextlib.suppress(OSError):
                os.close(fd)
        broker._reset()


os.register_at_fork(after_in_child=_forget_after_fork)
