"""Template: a fork of a Base that ran one task's set-up, hardened itself and serves forks."""

from __future__ import annotations

import hashlib
import math
import shutil
import tempfile
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cave_rl.runtime import drive
from cave_rl.runtime.channel import Channel
from cave_rl.runtime.drive import Steps, Wait
from cave_rl.runtime.errors import ConfinementFault, Fault, RuntimeGone, SetupFault, SpawnFault
from cave_rl.runtime.inside import frames
from cave_rl.runtime.process import Family, Guard, Process

if TYPE_CHECKING:
    from cave_rl.runtime.base import Base

P = TypeVar("P", bound=Process)


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
        """The conversation of `start`."""
        process = self._make()
        process.guard = self._guard
        process.exit_code = lambda: self.exit_code(process)
        workdir = tempfile.mkdtemp(prefix="work-", dir=self._base.scratch)
        process.hides = ((workdir, "/workdir"), (self._base.scratch, "/home/user"))
        Family(lambda: self._left(process, workdir)).join(process)
        self._live.add(process)  # from now on: a template that is retired meanwhile must stay for it
        try:
            if self._closed:
                raise SpawnFault("the template was closed")
            try:
                nonce = self._channel.send(frames.FORK, {"seed": seed, "workdir": workdir}, process.files())
            except RuntimeGone as gone:
                self.close()
                raise SpawnFault(f"the template's process is gone: {gone}") from gone
            try:
                yield from process.greet(nonce)
            except RuntimeGone as gone:
                raise Fault(f"a fork of a template failed: {gone}") from gone
            if self.companion is not None:
                other = _other(seed) if companion_seed is None else companion_seed
                process.companion = yield from self.companion.start_steps(other)
        except BaseException:
            process.close()
            raise
        return process

    def exit_code(self, process: Process) -> int | None:
        """The exit code of a fork that ended (negative: the signal that ended it); None if it is not known."""
        try:
            code = drive.run(self._channel.ask(frames.STATUS, {"pid": process.pid}, time.monotonic() + 5))
        except RuntimeGone:
            return None
        return code if isinstance(code, int) else None

    def retire(self) -> None:
        """Closes it as soon as none of its forks is open."""
        self._retired = True
        if not self._live:
            self.close()

    def close(self) -> None:
        """Ends the Template and its forks. May be called twice."""
        if self._closed:
            return
        self._closed = True
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

    def _left(self, process: P, workdir: str) -> None:
        shutil.rmtree(workdir, ignore_errors=True)
        self._live.discard(process)
        if self._retired and not self._live:
            self.close()


def _other(seed: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"companion {seed}".encode(), digest_size=8).digest(), "little")
