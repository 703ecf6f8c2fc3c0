"""Bench: what the turns of an episode are judged by: what is claimed of the variables, turn by turn, and a judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cave_rl.rewards.judge import Judge, Ruling, judge_steps
from cave_rl.runtime.calls import CallRecord
from cave_rl.runtime.drive import Steps
from cave_rl.runtime.errors import Fault, RuntimeGone
from cave_rl.runtime.pool import Pool
from cave_rl.runtime.result import Limits
from cave_rl.runtime.runtime import Runtime
from cave_rl.tasks.task import Task, Turn
from cave_rl.tasks.telling import digests


@dataclass(slots=True)
class Bench:
    """What one episode is judged by.

    Attributes:
        task: what is to be done.
        limits: of a claim.
        pool: where the judge's template is kept.
        known: the claims before the current turn.
        limited: of each turn that ended, whether its step limit ended it, or a bound on its user.
        judge: its own; None before one was needed, and where another's judges.
    """

    task: Task
    limits: Limits
    pool: Pool
    known: dict[str, bytes] = field(default_factory=dict)
    limited: list[bool] = field(default_factory=list)
    judge: Judge | None = None
    _kept: set[str] = field(default_factory=set)  # what no turn may change that does not declare it
    _starts: list[int] = field(default_factory=list)  # how many calls there were before each turn that was judged
    _lender: Bench | None = None  # whose judge judges here, where it has none of its own

    def open_steps(self, runtime: Runtime) -> Steps[None]:
        """Takes the claims of a fresh runtime, before any hostile code has run.

        Raises:
            Fault: it does not tell.
        """
        try:
            self.known = yield from runtime.claim_steps(self._watched(len(self.task.turns)), self.limits)
        except RuntimeGone as gone:
            raise Fault(f"the fresh runtime did not tell its variables: {gone}") from gone
        self._kept = set(self.known)

    def look_steps(self, runtime: Runtime, turn: int) -> Steps[None]:
        """What a turn that begins will assert, as it is before: not sooner, or the names would tell of turns to come.

        What was judged already stays as it was judged.
        """
        if runtime.alive:
            try:
                seen = yield from runtime.claim_steps(self._watched(turn + 1), self.limits)
            except RuntimeGone:
                return
            self.known = seen | self.known

    def touched_steps(self, runtime: Runtime, names: set[str]) -> Steps[None]:
        """Takes anew the claims of what the host itself has changed."""
        try:
            claimed = yield from runtime.claim_steps(names, self.limits)
        except RuntimeGone:
            return
        self.known = {name: claim for name, claim in self.known.items() if name not in names} | claimed

    def digest_steps(self, runtime: Runtime, turn: int) -> Steps[dict[str, str]]:
        """Digests of the state as it stands within a turn.

        Raises:
            RuntimeGone: it does not tell.
        """
        return digests((yield from runtime.claim_steps(self._watched(turn + 1) | self._kept, self.limits)))

    def rule_steps(self, runtime: Runtime, turn: int, answer: str, said: Sequence[str], start: int) -> Steps[Ruling]:
        """Judges a turn as it stands.

        Args:
            runtime: where its state is.
            turn: which.
            answer: its final answer.
            said: all that was said in it.
            start: how many calls of hosted objects there were before it.

        Raises:
            Fault: our side failed.
        """
        spec = self.task.turns[turn]
        try:
            after = yield from runtime.claim_steps(self._watched(turn + 1) | self._kept, self.limits)
        except RuntimeGone as gone:
            return lost(spec, gone)
        judge = yield from (self._lender or self)._judge_steps()
        kept = self._kept & self.known.keys()
        starts = [*self._starts, start]
        *earlier, calls = _parts(runtime.calls, starts)
        evidence = answer, kept, calls, earlier, self.limited, said
        ruling = yield from judge.rule_steps(turn, self.known, after, *evidence)
        self._starts = starts
        self.known = after
        self._kept |= (spec.reads | spec.changes) & after.keys()  # from now on these are state to be kept
        return ruling

    def branch(self, *, trusted: bool) -> Bench:
        """Another for a branch of the episode; a trusted one is judged by this one's judge."""
        return replace(
            self,
            known=dict(self.known),
            limited=list(self.limited),
            _kept=set(self._kept),
            _starts=list(self._starts),
            judge=None,
            _lender=(self._lender or self) if trusted else None,
        )

    def close(self) -> None:
        """Ends its judge. May be called twice."""
        if self.judge is not None:
            self.judge.close()

    def _watched(self, turns: int) -> set[str]:
        """The variables that matter to the first turns: what was injected, what they assert, what they may change."""
        asserted = (turn.reads | turn.changes for turn in self.task.turns[:turns])
        return {each.name for each in self.task.injected}.union(*asserted)

    def _judge_steps(self) -> Steps[Judge]:
        if self.judge is None or not self.judge.alive:
            if self.judge is not None:
                self.judge.close()
            classes = self.task.preparation.classes
            self.judge = yield from judge_steps(self.pool, self.task.turns, classes, self.task.modules)
        return self.judge


def lost(turn: Turn, gone: RuntimeGone) -> Ruling:
    """The ruling where no state is left: it claims nothing, not even that something is deleted."""
    return Ruling.lost(turn.assertions, f"the runtime is gone: {gone}")


def _parts(record: Sequence[CallRecord], starts: Sequence[int]) -> list[Sequence[CallRecord]]:
    """The calls of each turn."""
    return [record[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]
