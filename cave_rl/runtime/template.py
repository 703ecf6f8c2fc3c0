"""Template: a fork of a Base that ran one task's set-up, hardened itself and serves forks.

A fork takes milliseconds, in which the host need not wait: a Template can keep spares, forks that it was asked for
before they are needed. They come up, and run a first cell, while the host does something else; to start one is then to
tell it its seed. A spare and a fork made on demand cannot be told apart from within.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
import time
import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cave_rl.runtime import drive
from cave_rl.runtime.channel import Channel
from cave_rl.runtime.drive import Steps, Wait
from cave_rl.runtime.errors import ConfinementFault, Fault, HostLimitFault, RuntimeGone, SetupFault, SpawnFault
from cave_rl.runtime.inside import frames
from cave_rl.runtime.process import ANSWER_S, START_S, Family, Guard, Process, raise_descriptor_limit

if TYPE_CHECKING:
    from cave_rl.runtime.base import Base

P = TypeVar("P", bound=Process)

_MOST_ASKED = 64
"""Forks asked for and not yet there. A Template makes them one after the other; a socket holds a few times as many."""

_LOOK_AGAIN_S = 0.02


@dataclass(frozen=True, slots=True)
class _Asked(Generic[P]):
    """A fork that a Template was asked for; its hello carries the nonce."""

    process: P
    nonce: bytes


class Template(Generic[P]):
    """A warm process that forks runtimes (or judges) that all begin in the same state.

    Made by `Base.template`. It stays as long as it is open; closing it ends its forks.

    >>> from cave_rl.runtime import Base, Setup, Variable
    >>> with Base() as base, base.template(Setup(variables=[Variable("xs", [3, 1, 2])])) as template:
    ...     with template.start(seed=1) as one, template.start(seed=2) as other:
    ...         _ = one.execute("xs.sort()")
    ...         one.retrieve("xs"), other.retrieve("xs")
    ([1, 2, 3], [3, 1, 2])

    Attributes:
        summary: what its service told when it was ready (for a runtime: the names).
        companion: the Template of the process that each of its forks has beside it (of a runtime: its World).
    """

    def __init__(
        self, channel: Channel, base: Base, make: Callable[[], P], summary: dict[str, Any], guard: Guard
    ) -> None:
        self._channel = channel
        self._base = base
        self._make = make
        self._guard = guard
        self._closed = False
        self._live: set[P] = set()
        self._retired = False
        self._keep = 0
        self._spares: deque[_Asked[P]] = deque()
        self._asked = 0
        self.summary = summary
        self.companion: Template[Any] | None = None

    @classmethod
    def greet(cls, channel: Channel, base: Base, make: Callable[[], P], timeout: float) -> Steps[Template[P]]:
        """Waits until a Template that was asked for is ready.

        Raises:
            SetupFault: its set-up failed or took too long.
        """
        until = time.monotonic() + timeout
        while True:
            try:
                data, fds, pid = channel.take_descriptors()
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise SetupFault(f"the set-up took longer than {timeout:.0f} s") from None
                yield Wait(channel.fd, until)
        if not data:
            raise SetupFault("the template's process ended during the set-up; its error stands on stderr")
        channel.pid = pid
        reply = channel.trusted(frames.TEMPLATE, data)
        if reply.failed:
            told = reply.content
            if told["type"] == "ConfinementError":
                raise ConfinementFault(told["message"])
            raise SetupFault(f"the set-up failed: {told['type']}: {told['message']}\n{told['traceback']}")
        guard = Guard(base.broker, base.confinement, bool(fds))
        for listener in fds:
            guard.broker.watch(listener, base.confinement)
        guard.broker.grant(pid, math.inf)
        return cls(channel, base, make, reply.content, guard)

    @property
    def pid(self) -> int:
        """The Template's pid."""
        return self._channel.pid

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""
        return self._closed

    @property
    def live(self) -> int:
        """How many of its forks are open; one that was forked further counts until all of its forks are closed."""
        return len(self._live)

    @property
    def spares(self) -> int:
        """How many forks have been asked for and not yet been taken."""
        return len(self._spares)

    def start(self, seed: int = 0, *, companion_seed: int | None = None) -> P:
        """Forks: a runtime in the state that the set-up left, its randomness seeded.

        Args:
            seed: of its randomness. A runtime's code can find it out.
            companion_seed: of its companion's; worked out from `seed` if left out.

        Raises:
            Fault: the Template is gone, or the host is out of something.
        """
        return drive.run(self.start_steps(seed, companion_seed=companion_seed))

    def start_steps(self, seed: int = 0, *, companion_seed: int | None = None) -> Steps[P]:
        """The conversation of `start`. Where the host is out of descriptors it waits for some, and then fails."""
        until = time.monotonic() + START_S
        while True:
            while self._asked >= _MOST_ASKED:
                yield Wait(-1, time.monotonic() + _LOOK_AGAIN_S)
            try:
                process = yield from self._start_steps(seed, companion_seed)
            except HostLimitFault as fault:
                if not (self._drop_spares() or raise_descriptor_limit()):
                    if time.monotonic() >= until:
                        raise
                    warnings.warn(f"holding back: {fault}", RuntimeWarning, stacklevel=2)
                    yield Wait(-1, time.monotonic() + _LOOK_AGAIN_S)
            else:
                self._refill()
                return process

    def warm(self, n: int) -> None:
        """Keeps `n` forks ready from now on, made in the background; 0 ends those that are."""
        self._keep = n
        while len(self._spares) > n:
            self._spares.pop().process.close()
        if self.companion is not None:
            self.companion.warm(n)
        self._refill()

    def _start_steps(self, seed: int, companion_seed: int | None = None) -> Steps[P]:
        spare = self._spares.popleft() if self._spares else None
        asked = spare or self._ask(seed)
        process = asked.process
        self._live.add(process)  # from now on: a template that is retired meanwhile must stay for it
        self._asked += spare is None
        try:
            try:
                hello = yield from process.greet(asked.nonce)
                if spare:
                    yield from process.ask(frames.BEGIN, {"seed": seed}, ANSWER_S)
            except RuntimeGone as gone:
                raise Fault(f"a fork of a template failed: {gone}") from gone
            if self.companion is not None:
                other = _other(seed) if companion_seed is None else companion_seed
                process.companion = yield from self.companion._start_steps(other)
        except BaseException as error:
            process.close()
            if spare and isinstance(error, Fault):  # it ended while it waited: another is made
                return (yield from self._start_steps(seed, companion_seed))
            raise
        finally:
            self._asked -= spare is None
        own = frames.payload_of(hello)["pid"]  # as its namespace has it
        process.exit_code = lambda: self._exit_code(own)
        return process

    def _ask(self, seed: int | None) -> _Asked[P]:
        """Asks for a fork; without a seed it waits until it is told one."""
        if self._closed:
            raise SpawnFault("the template was closed")
        process = self._make()
        process.guard = self._guard
        scratch = self._base.scratch
        home = tempfile.mkdtemp(prefix="work-", dir=scratch)
        Family(home, ((scratch, "/home/user"),), lambda: self._left(process)).join(process)
        try:
            request = {"seed": seed, "home": home, "workdir": process.workdir}
            nonce = self._channel.send(frames.FORK, request, process.files())
        except RuntimeGone as gone:
            process.close()
            self.close()
            raise SpawnFault(f"the template's process is gone: {gone}") from gone
        process.asked()
        return _Asked(process, nonce)

    def _refill(self) -> None:
        while len(self._spares) < min(self._keep, _MOST_ASKED) and not (self._closed or self._retired):
            try:
                self._spares.append(self._ask(None))
            except HostLimitFault:
                return  # a spare is a convenience
        if self.companion is not None:
            self.companion._refill()

    def _drop_spares(self) -> bool:
        """Ends the spares; whether there were any."""
        dropped = bool(self._spares)
        while self._spares:
            self._spares.pop().process.close()
        return dropped

    def _exit_code(self, pid: int) -> int | None:
        """The exit code of a fork that ended (negative: the signal that ended it); None if it is not known.

        Raises:
            SpawnFault: the Template has ended, and all its forks with it.
        """
        try:
            code = drive.run(self._channel.ask(frames.STATUS, {"pid": pid}, time.monotonic() + 5))
        except RuntimeGone as gone:
            raise SpawnFault(f"the template's process is gone, and all its forks with it: {gone}") from gone
        return code if isinstance(code, int) else None

    def retire(self) -> None:
        """Closes it as soon as none of its forks is open."""
        self._retired = True
        self._drop_spares()
        if not self._live:
            self.close()

    def close(self) -> None:
        """Ends the Template and its forks. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._drop_spares()
        for process in list(self._live):
            process.close()
        if self.companion is not None:
            self.companion.close()
        self._guard.broker.revoke(self.pid)
        self._channel.close()

    def __enter__(self) -> Template[P]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _left(self, process: P) -> None:
        self._live.discard(process)
        if self._retired and not self._live:
            self.close()


def _other(seed: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"companion {seed}".encode(), digest_size=8).digest(), "little")
