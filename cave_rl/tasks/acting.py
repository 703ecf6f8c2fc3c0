"""Stage: where actions are done: an episode's runtime, and what stands between it and a model without live objects."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cave_rl.runtime.codec import decode
from cave_rl.runtime.drive import Steps
from cave_rl.runtime.errors import RuntimeGone
from cave_rl.runtime.nearest import nearest
from cave_rl.runtime.result import CellResult, Outcome
from cave_rl.runtime.runtime import Runtime, Snapshot, ThreadsAlive
from cave_rl.semantic import observation
from cave_rl.semantic.parsing import Action, Parsed
from cave_rl.semantic.texts import Texts
from cave_rl.semantic.tools import user_tools_of
from cave_rl.tasks.config import EpisodeConfig
from cave_rl.tasks.exchange import Exchange
from cave_rl.tasks.user import Act

Look = Callable[[Runtime], Steps[dict[str, str]]]
"""Takes digests of the state."""


@dataclass(frozen=True, slots=True)
class Acted:
    """What came of an action.

    Attributes:
        cell: its result.
        text: the observation.
        state: digests of the state that it left, where they were asked for and could be taken.
        refused: whether CodeRules refused it.
    """

    cell: CellResult
    text: str
    state: dict[str, str] | None = None
    refused: bool = False


@dataclass(slots=True)
class Stage:
    """Where the actions of one episode are done.

    Attributes:
        runtime: where the live objects are.
        config: how the episode is run.
        texts: of the prompt's style.
        memory_mb: what a rollout may use, for messages.
        exchange: in place of live objects, where the protocol has none.
    """

    runtime: Runtime
    config: EpisodeConfig
    texts: Texts
    memory_mb: int | None
    exchange: Exchange | None = None

    @property
    def alive(self) -> bool:
        """Whether the model can go on acting."""
        return self.runtime.alive and (self.exchange is None or self.exchange.alive)

    def act_steps(self, parsed: Parsed, look: Look | None) -> Steps[Acted]:
        """Runs a cell, or makes calls.

        Args:
            parsed: the message.
            look: digests the state afterwards; None does not.

        Raises:
            Fault: our side failed.
        """
        texts, limit = self.texts, self.config.observation_chars
        rules = self.config.rules if parsed.action is Action.CODE else None
        found = rules.check(parsed.code or "") if rules is not None else ()
        if found:
            return Acted(CellResult(Outcome.BLOCKED), observation.violations(found, texts=texts), refused=True)
        parked = (yield from self._checkpoint_steps()) if self.config.checkpoint else None
        state: observation.StateKind = "kept"
        seen: dict[str, str] | None = None
        try:
            cell = yield from self._run_steps(parsed)
            if not cell.outcome.alive:
                state = "lost" if parked is None else (yield from self._restore_steps(parked))
            if look is not None and self.runtime.alive:
                seen = yield from look(self.runtime)
        except RuntimeGone as gone:  # it ended between two cells: in a host event, or when it was forked or looked at
            cell, state = CellResult(Outcome(gone.outcome), detail=gone.detail), "lost"
        finally:
            if parked is not None:
                parked.close()
        detail = self._limit_of(cell)
        text = observation.observe(cell, state=state, detail=detail, limit_chars=limit, texts=texts)
        return Acted(cell, text, seen)

    def do_steps(self, act: Act) -> Steps[Act]:
        """Makes a call of the user's, where the hosted objects are; what came of it is told as text, as far as a user
        hears it.

        Raises:
            RuntimeGone: the hosted objects did not survive it.
            Fault: they were gone before.
        """
        text = yield from self._did_steps(act)
        heard = text.encode("utf-8", "replace").decode()[: self.config.user.heard_chars]
        return replace(act, result=heard)

    def fork_steps(self, n: int, seed: int | None) -> Steps[list[Stage]]:
        """`n` that go on where this one stands.

        Raises:
            RuntimeGone: the runtime has ended.
            ThreadsAlive: cells left threads running, which a fork would lose.
        """
        forks = yield from self.runtime.fork_steps(n, seed=seed)
        exchanges: Sequence[Exchange | None] = [None] * n
        if self.exchange is not None:
            try:
                exchanges = yield from self.exchange.fork_steps(forks, seed)
            except BaseException:
                for each in forks:
                    each.close()
                raise
        pairs = zip(forks, exchanges, strict=True)
        return [replace(self, runtime=runtime, exchange=exchange) for runtime, exchange in pairs]

    def close(self) -> None:
        """Ends its processes. May be called twice."""
        if self.exchange is not None:
            self.exchange.close()
        self.runtime.close()

    def _did_steps(self, act: Act) -> Steps[str]:
        tools = {tool.name: tool for tool in user_tools_of(self.runtime.setup.hosted)}
        if act.name not in tools:
            return f"Error: there is no tool {act.name!r}{nearest(act.name, tools)}"
        tool = tools[act.name]
        try:
            tool.bind(act.arguments)
        except TypeError as error:
            return f"Error: {error}"
        record = yield from self.runtime.user_call_steps(tool.target, act.arguments, self.config.limits)
        if record.result is None:
            return f"Error: {record.error}"
        value = decode(record.result, self.runtime.setup.classes)
        return value if isinstance(value, str) else json.dumps(value, default=repr)

    def _run_steps(self, parsed: Parsed) -> Steps[CellResult]:
        """Does what a message says, where it says it."""
        if self.exchange is not None and parsed.action is Action.CALLS:
            return (yield from self.exchange.calls_steps(parsed.calls))
        where = self.runtime if self.exchange is None else self.exchange.session
        assert where is not None, "a protocol without code has no message of code"
        return (yield from where.execute_steps(parsed.code or "", self.config.limits))

    def _checkpoint_steps(self) -> Steps[Snapshot | None]:
        try:
            return (yield from self.runtime.snapshot_steps())
        except (ThreadsAlive, RuntimeGone):
            return None  # cells left threads running, which no fork could keep, or it is gone: then the cell will tell

    def _restore_steps(self, parked: Snapshot) -> Steps[observation.StateKind]:
        """Goes back to a checkpoint.

        One that earlier cells had tampered with may not come up: then the state is lost.
        """
        try:
            forks = yield from parked.fork_steps(1)
        except RuntimeGone:
            return "lost"
        self.runtime.close()
        self.runtime = forks[0]
        return "restored"

    def _limit_of(self, cell: CellResult) -> str:
        limits = self.config.limits
        if cell.outcome in (Outcome.INTERRUPTED, Outcome.KILLED):
            return f"{limits.cpu_s:g} s of CPU time, {limits.wall_s:g} s in all"
        return f"{self.memory_mb} MB" if cell.outcome is Outcome.OUT_OF_MEMORY else cell.detail
