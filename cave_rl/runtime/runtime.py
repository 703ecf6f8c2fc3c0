"""Runtime: the handle on one live interpreter; Snapshot: a parked fork of one.

Every method is there twice: `execute(...)` blocks, `execute_steps(...)` is the conversation itself, for
`drive.run_all` and `drive.run_async`.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Self

from cave_rl.runtime import drive
from cave_rl.runtime.calls import CallRecord, Calls
from cave_rl.runtime.channel import Reply
from cave_rl.runtime.codec import decode
from cave_rl.runtime.deadline import Deadline, Watch
from cave_rl.runtime.describe import describe_all
from cave_rl.runtime.drive import Steps, Wait
from cave_rl.runtime.errors import Fault, RuntimeGone
from cave_rl.runtime.inside import frames
from cave_rl.runtime.nearest import nearest
from cave_rl.runtime.process import ANSWER_S, Process
from cave_rl.runtime.result import CellError, CellResult, Limits, Malformed, Outcome, report_of
from cave_rl.runtime.setup import Setup
from cave_rl.runtime.transfer import pack
from cave_rl.runtime.world import World

_LIMITS = Limits()


class Runtime(Process):
    """One live interpreter, forked from a Template or a Snapshot.

    A runtime is hostile from its first cell on. What it reports is a claim; what ends it is a failure of the rollout,
    told as an outcome (`CellResult.outcome`) or raised as `RuntimeGone` by what needs an answer.
    """

    def __init__(self, setup: Setup, calls: Calls | None = None) -> None:
        super().__init__()
        self.setup = setup
        self._calls = calls or Calls(setup.targets)

    @property
    def world(self) -> World | None:
        """The process of its hosted objects; None where it has none."""
        return self.companion if isinstance(self.companion, World) else None

    @property
    def calls(self) -> tuple[CallRecord, ...]:
        """Every call of a hosted object so far, as its World saw it; a fork's begin with those before it."""
        return tuple(self._calls.record)

    def withhold(self, targets: Collection[str]) -> None:
        """Lets no cell call these any more: hosted methods, by the names that calls are recorded under."""
        self._calls.withheld = frozenset(targets)

    def describe(self, names: Iterable[str] | None = None) -> str:
        """What a model is told of what was injected, or of some of it.

        Raises:
            KeyError: nothing of that name was injected.
        """
        known = {each.name: each for each in self.setup.injected}
        wanted = list(known if names is None else names)
        for name in wanted:
            if name not in known:
                raise KeyError(f"nothing was injected as {name!r}{nearest(name, known)}")
        return "\n".join(each.text() for each in describe_all(known[name] for name in wanted))

    def execute(self, code: str, limits: Limits | None = None, *, diff: bool = True) -> CellResult:
        """Runs a cell.

        Args:
            code: Python source; `await` works at top level.
            limits: what it may use.
            diff: whether to report which names it created, changed and deleted.

        Raises:
            RuntimeGone: the runtime had ended before.
            Fault: its Template, or its World outside of a call, has ended.
        """
        return drive.run(self.execute_steps(code, limits, diff=diff))

    def execute_steps(self, code: str, limits: Limits | None = None, *, diff: bool = True) -> Steps[CellResult]:
        """The conversation of `execute`."""
        limits = limits or _LIMITS
        self.check_alive()
        started, used = time.monotonic(), self.cpu_s()
        if len(code.encode("utf-8", "surrogatepass")) > limits.code_bytes:
            detail = f"a cell holds at most {limits.code_bytes} bytes"
            return CellResult(Outcome.BLOCKED, detail=detail)
        watch = Watch(self, Deadline(limits.cpu_s, started + limits.wall_s, limits.grace_s))
        reply: Reply | None = None
        try:
            nonce, world = os.urandom(frames.NONCE_BYTES), self.world
            request = {"code": code, "diff": diff}
            if world is not None:
                self._calls.begin(limits)
                request["nonce"] = nonce
            self._channel.send(frames.EXECUTE, request, nonce=nonce)
            while reply is None or reply.call:
                left = watch.left()
                if reply is None:
                    yield Wait(self._channel.fd, time.monotonic() + left)
                elif world is not None:
                    until = None if watch.interrupted else started + limits.wall_s
                    yield from self._calls.answer_steps(world, self._channel, nonce, reply.content, limits, until)
                reply = self._channel.poll(frames.EXECUTE, nonce, calls=world is not None)
            outcome, value, error, changes, peak = report_of(reply.content)
        except Malformed as malformed:
            return self._ended(RuntimeGone("tampered", f"a malformed report: {malformed}"), limits, started, used)
        except RuntimeGone as gone:
            return self._ended(gone, limits, started, used)
        detail = ""
        if watch.interrupted:
            outcome, detail = Outcome.INTERRUPTED, "it ran over its limit"
        elif outcome is Outcome.INTERRUPTED:
            outcome = Outcome.ERROR  # it raised KeyboardInterrupt itself
        return CellResult(
            outcome,
            stdout=self._said(self._stdout, limits),
            stderr=self._said(self._stderr, limits),
            value=None if value is None else self._plain(value),
            error=error and CellError(error.type, self._plain(error.message), self._plain(error.traceback)),
            diff=changes,
            detail=detail,
            wall_s=time.monotonic() - started,
            cpu_s=self.cpu_s() - used,
            peak_kb=peak,
        )

    def claim(self, names: Iterable[str], limits: Limits | None = None) -> dict[str, bytes]:
        """What the runtime claims of variables: name -> encoding. A name that it does not have is left out.

        Raises:
            RuntimeGone: the runtime has ended, or did not answer in time.
        """
        return drive.run(self.claim_steps(names, limits))

    def claim_steps(self, names: Iterable[str], limits: Limits | None = None) -> Steps[dict[str, bytes]]:
        """The conversation of `claim`. What is hosted is told by the World, whatever the runtime has under its name."""
        limits = limits or Limits()
        self.check_alive()
        hosted = sorted(self.setup.hosted_names.intersection(names))
        told: dict[str, bytes] = {}
        if hosted and self.world is not None:
            try:
                told = yield from self.world.claim_steps(hosted, limits.claim_bytes)
            except RuntimeGone as lost:
                self.lose(lost)
                raise
        wanted = sorted(set(names).difference(hosted))
        if hosted and not wanted:
            return told
        claimed = yield from self.ask(
            frames.CLAIM, {"names": wanted, "most": limits.claim_bytes}, max(limits.wall_s, ANSWER_S)
        )
        if type(claimed) is not dict or not all(
            name in wanted and type(value) is bytes for name, value in claimed.items()
        ):
            gone = RuntimeGone("tampered", "malformed claims")
            self.lose(gone)
            raise gone
        return {**claimed, **told}

    def retrieve(self, name: str) -> Any:
        """A variable's value, decoded from its claim: exact types, or an `Opaque` that names the type.

        Raises:
            KeyError: there is no such variable.
            ClaimError: the claim cannot be decoded.
            RuntimeGone: the runtime has ended.
        """
        claimed = self.claim([name])
        if name not in claimed:
            raise KeyError(f"{name!r} is not defined in the runtime")
        return decode(claimed[name], self.setup.classes)

    def names(self) -> list[str]:
        """The names in the namespace, as claimed; those that begin with an underscore are left out."""
        return drive.run(self.names_steps())

    def names_steps(self) -> Steps[list[str]]:
        """The conversation of `names`."""
        found = yield from self.ask(frames.NAMES, None, ANSWER_S)
        if type(found) is not list or not all(type(name) is str for name in found):
            gone = RuntimeGone("tampered", "malformed names")
            self.lose(gone)
            raise gone
        return found

    def inject(self, name: str, value: Any) -> None:
        """Sets a variable from the host.

        Raises:
            TransferError: the value cannot be handed over.
            RuntimeGone: the runtime has ended.
        """
        drive.run(self.inject_steps(name, value))

    def inject_steps(self, name: str, value: Any) -> Steps[None]:
        """The conversation of `inject`."""
        packed = pack(value)
        try:
            yield from self.ask(frames.INJECT, {"name": name, "index": packed.index}, ANSWER_S, (packed.fd,))
        finally:
            packed.close()

    def event_steps(self, source: str, limits: Limits | None = None) -> Steps[None]:
        """Runs source where the hosted objects are, with the objects themselves under their names.

        Raises:
            Fault: it failed: it is the host's own code, on objects that no rollout can reach into.
        """
        limits = limits or Limits()
        self.check_alive()
        if self.world is None:
            raise Fault("the runtime has no hosted objects")
        deadline = Deadline(limits.cpu_s, time.monotonic() + limits.wall_s, limits.grace_s)
        yield from self.world.event_steps(source, deadline)

    def user_call_steps(
        self, target: str, arguments: Mapping[str, Any], limits: Limits | None = None
    ) -> Steps[CallRecord]:
        """Makes a call of a user's, of a method that is theirs (`Hosted.user`); it stands with the others in `calls`.

        Args:
            target: as in `Setup.user_targets`.
            arguments: by name.
            limits: what it may use.

        Raises:
            KeyError: it is no method of a user's.
            RuntimeGone: the hosted objects did not survive it, as the rollout had left them; or the runtime had ended.
            Fault: the hosted objects were gone before.
        """
        if target not in self.setup.user_targets or self.world is None:
            raise KeyError(f"{target!r} is no method of a user's{nearest(target, self.setup.user_targets)}")
        self.check_alive()
        try:
            return (yield from self._calls.user_steps(self.world, target, arguments, limits or _LIMITS))
        except RuntimeGone as gone:
            self.lose(gone)
            raise

    def snapshot(self) -> Snapshot:
        """A parked fork of the runtime as it is now.

        Raises:
            RuntimeGone: the runtime has ended.
            ThreadsAlive: cells left threads running, which a fork would lose.
        """
        return drive.run(self.snapshot_steps())

    def snapshot_steps(self, *, threads: bool = False) -> Steps[Snapshot]:
        """The conversation of `snapshot`."""
        (parked,) = yield from self.fork_steps(threads=threads)
        return Snapshot(parked)

    def fork(self, n: int = 1, *, seed: int | None = None) -> list[Runtime]:
        """`n` live runtimes that begin where this one stands; `seed` reseeds them.

        Raises:
            RuntimeGone: the runtime has ended.
            ThreadsAlive: as `snapshot`.
        """
        return drive.run(self.fork_steps(n, seed=seed))

    def fork_steps(self, n: int = 1, *, seed: int | None = None, threads: bool = False) -> Steps[list[Runtime]]:
        """The conversation of `fork`; `threads` lets those be lost that are running."""
        self.check_alive()
        for whose, process in (("cells", self), ("hosted objects", self.world)):
            if not threads and process is not None and (others := (yield from process.other_threads_steps())) > 0:
                raise ThreadsAlive(f"{whose} left {others} threads running; a fork would lose them")
        forks: list[Runtime] = []
        try:
            for _ in range(n):
                forks.append(Runtime(self.setup, self._calls.branch()))
                yield from self.branch_steps(forks[-1], seed)
                if self.world is not None:
                    forks[-1].companion = yield from self.world.fork_steps(seed)
        except BaseException:
            for each in forks:
                each.close()
            raise
        return forks

    def _said(self, fd: int, limits: Limits) -> str:
        return self._plain(_take(fd, limits.output_bytes))

    def _plain(self, text: str) -> str:
        """A text without the random names of its directories: the same cell says the same in every process."""
        for path, name in self.hides:
            text = text.replace(path, name)
        return text

    def _ended(self, gone: RuntimeGone, limits: Limits, started: float, used: float) -> CellResult:
        cpu = self.cpu_s() - used
        self.lose(gone)
        if self._calls.failed:
            gone = RuntimeGone("crashed", self._calls.failed)
        detail = _how(self.exit_code()) if gone.outcome == Outcome.CRASHED and not self._calls.failed else gone.detail
        return CellResult(
            Outcome(gone.outcome),
            stdout=self._said(self._stdout, limits),
            stderr=self._said(self._stderr, limits),
            detail=detail,
            wall_s=time.monotonic() - started,
            cpu_s=max(cpu, 0.0),
        )


class ThreadsAlive(Fault):
    """A runtime with threads of its own cannot be forked: they would be missing in the fork."""


class Snapshot:
    """A parked fork of a Runtime. It runs nothing; it can be forked any number of times."""

    def __init__(self, parked: Runtime) -> None:
        self._parked = parked

    def fork(self, n: int = 1, *, seed: int | None = None) -> list[Runtime]:
        """`n` live runtimes that begin where the snapshot was taken; `seed` reseeds them.

        Raises:
            RuntimeGone: the snapshot has ended.
        """
        return drive.run(self.fork_steps(n, seed=seed))

    def fork_steps(self, n: int = 1, *, seed: int | None = None) -> Steps[list[Runtime]]:
        """The conversation of `fork`."""
        return (yield from self._parked.fork_steps(n, seed=seed, threads=True))

    def close(self) -> None:
        """Ends the parked process."""
        self._parked.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _how(code: int | None) -> str:
    """How a process ended, by its exit code; negative is the signal that ended it."""
    if code is None:
        return "it ended"
    return f"it exited with code {code}" if code >= 0 else f"it was ended by {signal.Signals(-code).name}"


def _take(fd: int, most: int) -> str:
    """The head and the tail of an output file, which is then emptied."""
    size = os.fstat(fd).st_size
    if not size:
        return ""
    if size <= most:
        data = os.pread(fd, size, 0).decode("utf-8", "replace")
    else:
        head, tail = os.pread(fd, most // 2, 0), os.pread(fd, most // 2, size - most // 2)
        left = size - len(head) - len(tail)
        data = f"{head.decode('utf-8', 'replace')}\n... {left} bytes left out ...\n{tail.decode('utf-8', 'replace')}"
    os.ftruncate(fd, 0)
    return data
