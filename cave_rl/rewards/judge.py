"""The judge, host side: hands it the task and the claims, takes its verdicts."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cave_rl.rewards.assertions import Assertion
from cave_rl.rewards.verdict import Verdict
from cave_rl.runtime.calls import CallRecord
from cave_rl.runtime.drive import Steps, Wait
from cave_rl.runtime.errors import Fault, RuntimeGone
from cave_rl.runtime.inside import frames
from cave_rl.runtime.pool import Pool
from cave_rl.runtime.process import Process
from cave_rl.runtime.transfer import Packed, pack, pack_bytes

COURT = "cave_rl.rewards.court:Court"
BRIEF_S = 60.0
DEADLINE_S = 10.0
"""CPU seconds for judging one turn; claims that take longer to decode or to check have failed."""

_READY = 4
"""Judges kept ready: one template serves all tasks of a suite, so the next is always wanted soon."""

WALL_S = 300.0
"""Wall seconds for the same: nothing in a claim can make a judge wait, so beyond them it is the host that is stuck."""


class Statute(Protocol):
    """What one turn is judged by; a `Turn` is one."""

    @property
    def assertions(self) -> tuple[Assertion, ...]:
        """What must be true."""

    @property
    def changes(self) -> frozenset[str]:
        """The variables that may change."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the judge says of one turn.

    Attributes:
        verdicts: one for each statement, then one for each gate.
        idle: which of the statements already held before the turn.
    """

    verdicts: tuple[Verdict, ...]
    idle: tuple[bool, ...]

    @classmethod
    def lost(cls, assertions: Sequence[Assertion], why: str) -> Ruling:
        """Every statement failed, for one reason."""
        failed = [Verdict(name, False, each.weight, why) for each in assertions for name in each.names]
        return cls(tuple(failed), (False,) * len(failed))

    @property
    def statements(self) -> tuple[Verdict, ...]:
        """The verdicts that carry credit."""
        return tuple(verdict for verdict in self.verdicts if not verdict.gate)

    @property
    def gates_hold(self) -> bool:
        """Whether nothing changed that should not."""
        return all(verdict.passed for verdict in self.verdicts if verdict.gate)


class Judge(Process):
    """One judge, for one episode. Made by `judge_steps`."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: Sequence[Statute] = ()

    def take_steps(self, packed: Packed) -> Steps[None]:
        """Hands over what it will judge by.

        Raises:
            Fault: it could not be loaded there.
        """
        try:
            yield from self.ask(frames.JUDGE, {"index": packed.index}, BRIEF_S, (packed.fd,))
        except RuntimeGone as gone:
            raise Fault(f"the judge could not take the task: {gone}\n{self.said()}".rstrip()) from gone

    def rule_steps(
        self,
        turn: int,
        before: Mapping[str, bytes],
        after: Mapping[str, bytes],
        answer: str,
        kept: Collection[str] | None = None,
        calls: Sequence[CallRecord] = (),
        earlier: Sequence[Sequence[CallRecord]] = (),
        limited: Sequence[bool] = (),
        said: Sequence[str] = (),
    ) -> Steps[Ruling]:
        """Judges a turn by the claims before and after it, its final answer, its calls of hosted objects, and those of
        the turns before. `limited` tells of each turn so far whether its step limit ended it; `said` is all that
        was said in the turn.

        `kept` names what must not change unless the turn declares it; all that is in `before` if left out.

        Claims that end the judge, or that it cannot finish in time, have failed: every statement of the turn is.
        """
        evidence: dict[str, Any] = {"before": dict(before), "after": dict(after), "answer": answer}
        evidence["kept"] = sorted(before if kept is None else kept)
        evidence["limited"], evidence["said"] = list(limited), list(said)
        evidence["calls"], *evidence["earlier"] = [
            [(each.cell, each.name, each.arguments, each.result, each.error) for each in turn_calls]
            for turn_calls in (calls, *earlier)
        ]
        packed = pack_bytes(frames.pack(frames.JUDGE, bytes(frames.NONCE_BYTES), evidence))
        try:
            ruled = yield from self._said_steps({"turn": turn, "evidence": packed.index}, packed.fd)
        except RuntimeGone as gone:
            self.lose(gone)
            return Ruling.lost(self.turns[turn].assertions, f"the judge did not survive the claims: {gone}")
        finally:
            packed.close()
        return Ruling(tuple(Verdict(**verdict) for verdict in ruled["verdicts"]), tuple(ruled["idle"]))

    def _said_steps(self, request: dict[str, Any], fd: int) -> Steps[Any]:
        """A request's answer, within CPU seconds: many judges at once must not fail each other."""
        self.check_alive()
        used, until = self.cpu_s(), time.monotonic() + WALL_S
        nonce = self._channel.send(frames.JUDGE, request, (fd,))
        while (reply := self._channel.poll(frames.JUDGE, nonce)) is None:
            now, left = time.monotonic(), DEADLINE_S - (self.cpu_s() - used)
            if left <= 0:
                raise RuntimeGone("killed", f"it took longer than {DEADLINE_S:.0f} s")
            if now >= until:
                raise Fault(
                    f"the judge did not answer within {WALL_S:.0f} s, of which it ran for {DEADLINE_S - left:.1f} s"
                )
            yield Wait(self._channel.fd, min(now + left, until))
        return reply.content


def judge_steps(
    pool: Pool, turns: Sequence[Statute], classes: Mapping[str, type], modules: tuple[str, ...] = ()
) -> Steps[Judge]:
    """A fresh judge that knows what to judge by.

    Args:
        pool: where its template is kept.
        turns: what each turn is judged by.
        classes: the injected classes, by the name that claims call them by.
        modules: what its base imports (those of the tasks' values).

    Raises:
        Fault: it could not be started, or the assertions cannot be handed over.
    """
    packed = pack(([(turn.assertions, turn.changes) for turn in turns], dict(classes)), to_judge=True)
    imports = tuple(sorted(packed.modules))

    def make() -> Steps[Any]:
        base = pool.base(modules, judging=True)
        return (yield from base.serve_steps({"modules": imports}, COURT, Judge))

    try:
        template = yield from pool.template_steps(("judge", modules, imports), make, spares=_READY)
        judge: Judge = yield from template.start_steps()
        judge.turns = turns
        try:
            yield from judge.take_steps(packed)
        except BaseException:
            judge.close()
            raise
        return judge
    finally:
        packed.close()
