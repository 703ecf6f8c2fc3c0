"""What everyone who is measured can do, and how what was measured is told."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Protocol, TextIO

from benchmarks.measure import Place


class Session(Protocol):
    """One live interpreter with a state."""

    def wait(self) -> None:
        """Blocks until it can run cells."""

    def run(self, code: str) -> str:
        """Runs a cell to its end; what it printed.

        Raises:
            Exception: the cell failed.
        """

    def fetch(self, name: str) -> Any:
        """The value of a variable, in this process."""

    def memory(self) -> float:
        """Megabytes that it adds to the machine."""

    def close(self) -> None:
        """Ends it."""


class Contender(ABC):
    """A way to run a model's code: ours, or another.

    Attributes:
        name: in the table.
        isolation: what keeps the code from the host, in a few words.
        in_process: whether cells run in the caller's process.
        once_per_task: whether a state is prepared once, and costs little however many sessions begin with it.
        grace_s: seconds between a deadline's interrupt and the kill.
        crowds: how many sessions it is let start together, from how many megabytes.
        cannot: what it cannot do, by the name of the measurement, and why.
    """

    name: ClassVar[str]
    isolation: ClassVar[str]
    in_process: ClassVar[bool] = False
    once_per_task: ClassVar[bool] = False
    grace_s: ClassVar[float] = 0.0
    crowds: ClassVar[tuple[tuple[int, int], ...]] = ((16, 100),)
    cannot: ClassVar[dict[str, str]] = {}

    @abstractmethod
    def versions(self) -> str:
        """The packages that are measured, with versions.

        Raises:
            ImportError: one is missing.
        """

    @abstractmethod
    def prepare(self, names: dict[str, Any]) -> None:
        """What is done once per state, however many sessions begin with it."""

    @abstractmethod
    def begin(self) -> Session:
        """A session with that state that may not be ready yet."""

    def start(self) -> Session:
        """A session that is ready."""
        session = self.begin()
        session.wait()
        return session

    def start_many(self, n: int) -> list[Session]:
        """Sessions that start at the same time."""
        sessions = [self.begin() for _ in range(n)]
        for session in sessions:
            session.wait()
        return sessions

    def reset(self, session: Session) -> Session:
        """A session in the first state, in place of one that was used."""
        session.close()
        return self.start()

    def overrun(self, session: Session) -> None:
        """Runs `work.LOOP` with a deadline of `work.DEADLINE_S`; the session can go on."""
        raise NotImplementedError

    def replace(self, session: Session) -> Session:
        """Runs `work.STUBBORN` with that deadline, kills it, and starts another in its place."""
        raise NotImplementedError

    def save(self, session: Session) -> Any:
        """Keeps the state as it is now."""
        raise NotImplementedError

    def restore(self, saved: Any) -> Session:
        """A session that goes on from a kept state."""
        raise NotImplementedError

    def forget(self, saved: Any) -> None:  # noqa: B027  # there may be nothing to do
        """Lets go of a kept state."""

    def close(self) -> None:  # noqa: B027  # likewise
        """Ends everything; it can be prepared again."""


class Report:
    """Where a contender tells its results: a line of JSON each, as soon as it is known."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def samples(self, metric: str, seconds: list[float], place: Place = "any") -> None:
        """What was measured."""
        self._tell(metric=metric, place=place, samples=seconds)

    def cannot(self, metric: str, why: str, place: Place = "any") -> None:
        """Why there is nothing to measure."""
        self._tell(metric=metric, place=place, reason=why)

    def about(self, **facts: Any) -> None:
        """Who is measured."""
        self._tell(about=facts)

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Tells that a section begins, and, where it fails, why."""
        self._tell(section=name)
        try:
            yield
        except Exception as error:
            text = " ".join(str(error).split())[:300]
            self._tell(failed=name, reason=f"{type(error).__name__}: {text}")

    def _tell(self, **facts: Any) -> None:
        print(json.dumps(facts), file=self._out, flush=True)
