"""Base and Template: the trusted processes that runtimes are forked from.

A Base is spawned: it imports modules and nothing of a task. A Template is a fork of a Base: it runs one task's set-up,
freezes, hardens itself and serves forks. Each fork becomes a runtime (or a judge): it takes its own socket and output
files and runs a service's loop. What the forks do is the service's business (`inside.kernel.Kernel`, or the judge of
`cave_rl.rewards`); this module only starts, forks, reaps and ends them.

Base and Template are single-threaded: a thread does not survive a fork, and a lock it held stays locked.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import os
import pickle
import select
import shutil
import signal
import socket
import sys
import traceback
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, Protocol

from cave_rl.confinement import (
    Confinement,
    ConfinementError,
    die_with_parent,
    enter_pid_namespace,
    harden_fork,
    harden_template,
    plan_fork,
    prepare,
    readable_paths,
    set_child_subreaper,
)
from cave_rl.runtime.inside import frames, payload

SOCKET_FD, REPLY_FD = 3, 4
"""Where a fork finds its socket and its reply file; its output goes to 1 and 2."""


NO_REPLY = object()
"""What a service returns where the host awaits no answer: in a snapshot's fork, which said hello instead."""


class Service(Protocol):
    """What a Template's forks do."""

    def __init__(self, brief: Any) -> None:
        """Runs in the Template, before it hardens itself: imports, set-up."""

    def summary(self) -> dict[str, Any]:
        """What the host is told when the Template is ready."""

    def adopt(self) -> None:
        """Runs in a fork, first. It stands in its working directory."""

    def begin(self, seed: int) -> None:
        """Runs in a fork when it is known what for."""

    def warm(self) -> None:
        """Runs in a fork that waits: does for nothing what is slow the first time, and leaves no trace of it."""

    def handle(self, operation: bytes, request: Any, fds: list[int]) -> Any:
        """Answers one request with msgpack data."""


class SetupError(Exception):
    """A Template that must not serve forks."""


def main(fd: int) -> NoReturn:
    """A Base: imports what it is told to, then forks Templates until its host is gone."""
    control = socket.socket(fileno=fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 16))
    os.close(fd)
    _occupy(SOCKET_FD, REPLY_FD)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    request, _ = frames.receive(control)
    start = frames.payload_of(request)
    if start["namespace"]:
        enter_pid_namespace()
    set_child_subreaper()
    sys.path[:] = start["path"]
    try:
        for name in start["modules"]:
            importlib.import_module(name)
        send(control, request, {"threads": threads()})
    except Exception as error:
        _fail(control, request, error)
    family, readable = _Family(control, start["scratch"]), _Readable(start["modules"])
    while True:
        request, fds = family.next_request()
        if request[:1] == frames.TEMPLATE:
            told = frames.payload_of(request)
            if told["shared"]:
                with contextlib.suppress(ImportError):  # once for all templates; one that cannot have it tells why
                    importlib.import_module(told["service"].partition(":")[0])
            readable.prepare(told["deny"])
            prepare(pickle.loads(told["policy"]))
            gc.collect()
            gc.freeze()  # so that a Template looks only through what is its own
            pid = os.fork()
            if pid == 0:
                family.leave()
                _template(socket.socket(fileno=fds[0]), fds[1], fds[2], request, readable)
            family.templates.add(pid)
            for each in fds:
                os.close(each)


def _template(control: socket.socket, memfd: int, replies: int, request: bytes, readable: _Readable) -> NoReturn:
    told = frames.payload_of(request)
    os.dup2(replies, REPLY_FD, inheritable=False)
    os.close(replies)
    set_child_subreaper()
    sys.path[:] = told["path"]
    importlib.invalidate_caches()
    signal.setitimer(signal.ITIMER_REAL, told["timeout"])  # its alarm ends a set-up that the host has given up
    try:
        brief = payload.unpack(memfd, told["index"])
        os.close(memfd)
        module, _, name = told["service"].partition(":")
        service: Service = getattr(importlib.import_module(module), name)(brief)
        policy: Confinement = pickle.loads(told["policy"])
        paths = readable.paths(told["deny"])
        gc.collect()
        gc.freeze()
        signal.setitimer(signal.ITIMER_REAL, 0)
        if len(threads()) > 1:
            raise SetupError(
                f"the set-up left threads running ({', '.join(threads())}): a thread does not survive a fork. "
                "Stop them in the set-up, or start them in a cell"
            )
        hardened = harden_template(policy, readable=paths, writable=[told["scratch"]])
        summary = {**service.summary(), "rungs": list(hardened.rungs)}
        listener = [] if hardened.listener_fd is None else [hardened.listener_fd]
        send(control, request, summary, listener)
        for each in listener:
            os.close(each)
    except Exception as error:
        _fail(control, request, error)
    reaper, parent = _Reaper(), os.getpid()
    while True:
        request, fds = frames.receive(control)
        if not request:
            os._exit(0)  # what this leaves behind becomes the Base's, which ends it
        operation = request[:1]
        if operation == frames.FORK:
            start = frames.payload_of(request)
            try:
                plan = plan_fork(policy, workdir=start["home"])
            except ConfinementError as error:  # the host has closed what it asked for: its directory is gone
                _refuse(fds, error)
                continue
            with contextlib.closing(plan):
                if fork(fds) == 0:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    control.close()
                    die_with_parent(parent)
                    harden_fork(policy, plan)
                    serve(service, request)
        elif operation == frames.STATUS:
            send(control, request, reaper.status(frames.payload_of(request)["pid"]))


def fork(fds: list[int]) -> int:
    """Forks; the child stands on its own socket and files. 0 in the child, its pid in the parent, -1 if it failed.

    Descriptors come in the order socket, stdout, stderr, reply file. On failure the reason is sent on the child's
    socket.
    """
    try:
        pid = _fork()
    except OSError as error:
        _refuse(fds, error)
        return -1
    if pid == 0:
        for source, target in zip(fds, (SOCKET_FD, 1, 2, REPLY_FD), strict=True):
            os.dup2(source, target, inheritable=target in (1, 2))
    for each in fds:
        os.close(each)
    return pid


def _refuse(fds: list[int], error: Exception) -> None:
    """Says on the socket of a fork why it will not be."""
    with socket.socket(fileno=os.dup(fds[0])) as to_host, contextlib.suppress(OSError):
        to_host.send(frames.pack(frames.ERROR, bytes(frames.NONCE_BYTES), {"message": f"fork: {error}"}))
    for each in fds:
        os.close(each)


def _fork() -> int:
    """`os.fork`, again if a signal came (a child's end, mostly) while the host was asked for leave."""
    while True:
        try:
            return os.fork()
        except InterruptedError:
            continue


def serve(service: Service, start: bytes) -> NoReturn:
    """A fork's life: adopt, say hello, answer requests until the host is gone."""
    control = socket.socket(fileno=SOCKET_FD)
    told = frames.payload_of(start)
    os.mkdir(told["workdir"])
    os.chdir(told["workdir"])
    service.adopt()
    if told["seed"] is None:
        service.warm()
    else:
        service.begin(told["seed"])
    control.send(frames.pack(frames.HELLO, start[1 : frames.HEAD_BYTES], {"pid": os.getpid()}))
    while True:
        request, fds = frames.receive(control)
        if not request:
            os._exit(0)
        operation, asked = request[:1], frames.payload_of(request)
        if operation == frames.BEGIN:
            service.begin(asked["seed"])
            reply = None
        else:
            reply = service.handle(operation, asked, fds)
        if reply is not NO_REPLY:
            send(control, request, reply)


def send(control: socket.socket, request: bytes, reply: Any, fds: Sequence[int] = ()) -> None:
    """Sends a reply; one larger than a frame goes to the reply file, whose size the frame then says."""
    frame = frames.pack(request[:1], request[1 : frames.HEAD_BYTES], reply)
    if len(frame) > frames.FRAME_BYTES:
        body = memoryview(frame)[frames.HEAD_BYTES :]
        os.lseek(REPLY_FD, 0, os.SEEK_SET)
        written = 0
        while written < len(body):
            written += os.write(REPLY_FD, body[written:])
        frame = frames.pack(request[:1].lower(), request[1 : frames.HEAD_BYTES], len(body))
    if fds:
        socket.send_fds(control, [frame], fds)
    else:
        control.send(frame)


class _Readable:
    """The paths that a Template may read: worked out once in the Base, again where a set-up imported packages."""

    def __init__(self, modules: list[str]) -> None:
        self._modules = modules
        self._prepared: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._packages: frozenset[str] = frozenset()

    def prepare(self, deny: list[str]) -> None:
        """In the Base."""
        packages = _packages()
        if packages != self._packages:
            self._prepared.clear()
            self._packages = packages
        if tuple(deny) not in self._prepared:
            self._prepared[tuple(deny)] = readable_paths(self._modules, deny=deny)

    def paths(self, deny: list[str]) -> tuple[str, ...]:
        """In a Template, after its set-up."""
        if _packages() == self._packages:
            return self._prepared[tuple(deny)]
        return readable_paths(self._modules, deny=deny)


def _packages() -> frozenset[str]:
    return frozenset(name.partition(".")[0] for name in sys.modules)


_MOST_ENDED = 4096


class _Reaper:
    """Collects the exit statuses of children as they end, so that none stays a zombie."""

    def __init__(self) -> None:
        self._ended: dict[int, int] = {}
        signal.signal(signal.SIGCHLD, self._collect)
        self._collect()

    def _collect(self, *_: object) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                self._ended[pid] = status
                if len(self._ended) > _MOST_ENDED:  # nobody asked for the oldest; another signal may come meanwhile
                    for old in list(self._ended)[: _MOST_ENDED // 2]:
                        self._ended.pop(old, None)

    def status(self, pid: int) -> int | None:
        """The exit code of a child that ended (negative: the signal that ended it), or None."""
        with contextlib.suppress(ChildProcessError):  # then it is collected already, or another's child
            self._ended[pid] = os.waitpid(pid, 0)[1]  # the host asks when it has ended it: there is little to wait for
        status = self._ended.pop(pid, None)
        return None if status is None else os.waitstatus_to_exitcode(status)


def _fail(control: socket.socket, request: bytes, error: Exception) -> NoReturn:
    told = {
        "type": type(error).__name__,
        "message": str(error)[:5000],
        "traceback": "".join(traceback.format_exception(error))[-20_000:],
    }
    with contextlib.suppress(OSError):
        control.send(frames.pack(frames.ERROR, request[1 : frames.HEAD_BYTES], told))
    os._exit(1)


def _occupy(*fds: int) -> None:
    """Keeps the fixed descriptors from being given to anything that an import opens."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in fds:
        if fd != null:
            os.dup2(null, fd)
    if null not in fds:
        os.close(null)


def threads() -> list[str]:
    """The names of this process's threads."""
    names = []
    for task in sorted(os.listdir("/proc/self/task"), key=int):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{task}/comm") as comm:
            names.append(comm.read().strip())
    return names


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as children:
                found += map(int, children.read().split())
    return found


def _descendants(pid: int) -> list[int]:
    return [each for child in _children(pid) for each in (child, *_descendants(child))]


def _end(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


class _Family:
    """What descends from a Base: its Templates, their forks, and orphans, which the kernel hands to the Base."""

    def __init__(self, control: socket.socket, scratch: str) -> None:
        self.templates: set[int] = set()
        self._control = control
        self._scratch = scratch
        self._woken, self._waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._poll.register(self._woken, select.POLLIN)

    def next_request(self) -> tuple[bytes, list[int]]:
        """Waits for the host, ending orphans meanwhile; when the host is gone, ends everything."""
        while True:
            ready = {fd for fd, _ in self._poll.poll()}
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._tidy()
            if self._control.fileno() in ready:
                request, fds = frames.receive(self._control)
                if not request:
                    self._end_all()
                return request, fds

    def leave(self) -> None:
        """In a fork that becomes a Template: lets go of what is the Base's."""
        signal.set_wakeup_fd(-1)
        os.close(self._woken)
        os.close(self._waker)
        self._control.close()

    def _tidy(self) -> None:
        """Reaps what ended; a child that is not a Template is an orphan of one, and is ended."""
        with contextlib.suppress(ChildProcessError):
            while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                self.templates.discard(pid)
        _end(pid for pid in _children(os.getpid()) if pid not in self.templates)

    def _end_all(self) -> NoReturn:
        while family := _descendants(os.getpid()):
            _end(family)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, 0)
        shutil.rmtree(self._scratch, ignore_errors=True)  # a host that was killed cannot
        os._exit(0)
