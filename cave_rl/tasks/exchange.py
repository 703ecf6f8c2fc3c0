"""Exchange: the side of an episode that has no live objects: calls, a session of the model's own, answers by contract.

The turn loop stays `Episode`'s, and so does all that is judged: an answer that keeps its contract becomes variables of
the episode's runtime, and the same assertions look at them. An answer that does not is malformed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cave_rl.runtime.drive import Steps
from cave_rl.runtime.errors import RuntimeGone
from cave_rl.runtime.pool import Pool
from cave_rl.runtime.result import CellError, CellResult, Outcome
from cave_rl.runtime.runtime import Runtime
from cave_rl.runtime.template import Template
from cave_rl.semantic.kinds import ContractError
from cave_rl.semantic.parsing import Action, Malformed, Parsed, ToolCall
from cave_rl.semantic.texts import Texts
from cave_rl.semantic.tools import Tool, tools_of
from cave_rl.tasks.config import EpisodeConfig
from cave_rl.tasks.desk import Desk, DeskWorld, session_steps
from cave_rl.tasks.expressing import ExpressedTurn, express_steps
from cave_rl.tasks.task import Task


@dataclass(slots=True)
class Exchange:
    """What one episode has in a protocol without live objects.

    Attributes:
        desk: where calls are made.
        turns: how each turn is put.
        session: where code of the model runs; None where it writes none.
    """

    desk: Desk
    turns: tuple[ExpressedTurn, ...]
    session: Runtime | None = None

    @property
    def tools(self) -> list[Tool]:
        """What may be called."""
        return list(self.desk.tools.values())

    @property
    def alive(self) -> bool:
        """Whether the model can go on."""
        return self.session is None or self.session.alive

    def query(self, turn: int, query: str) -> str:
        """A turn's query, with what its answer must tell."""
        told = self.turns[turn].contract.told()
        return self.desk.texts.render("contract", query=query, contract=told) if told else query

    def checked(self, turn: int, parsed: Parsed) -> tuple[Parsed, str]:
        """A message taken apart; an answer that does not keep its contract is malformed, and why is told."""
        if parsed.action is not Action.ANSWER:
            return parsed, ""
        try:
            self.turns[turn].contract.take(parsed.answer or "")
        except ContractError as error:
            return replace(parsed, action=Action.MALFORMED, reason=Malformed.CONTRACT), str(error)
        return parsed, ""

    def bind_steps(self, turn: int, answer: str) -> Steps[None]:
        """Makes variables of what an answer tells, where the live objects are.

        Raises:
            RuntimeGone: there is no runtime any more.
        """
        if not self.alive:
            raise RuntimeGone("killed", "the model's own session is gone")
        try:
            values = self.turns[turn].contract.take(answer)
        except ContractError:
            return
        for name, value in values.items():
            yield from self.desk.runtime.inject_steps(name, value)

    def calls_steps(self, calls: Sequence[ToolCall]) -> Steps[CellResult]:
        """Makes the calls of one message, in order; what came of them, as if one cell had printed it.

        Raises:
            RuntimeGone: the runtime had ended before.
        """
        results: list[CellResult] = []
        for call in calls:
            results.append((yield from self.desk.call_steps(call.name, call.arguments)))
            if results[-1].outcome not in (Outcome.OK, Outcome.ERROR):
                break
        if len(results) == 1:
            return replace(results[0], error=_brief(results[0].error))
        names = [call.name for call in calls]
        parts = [self.desk.texts.render("call", name=name, result=_told(each)) for name, each in zip(names, results)]  # noqa: B905
        last = results[-1]
        failed = next((each for each in results if each.outcome is Outcome.ERROR), last)
        return replace(
            last,
            outcome=failed.outcome if last.outcome is Outcome.OK else last.outcome,
            stdout="\n".join(parts),
            error=None,
            wall_s=sum(each.wall_s for each in results),
            cpu_s=sum(each.cpu_s for each in results),
        )

    def fork_steps(self, runtimes: Sequence[Runtime], seed: int | None) -> Steps[list[Exchange]]:
        """One for each fork of the episode's runtime.

        Raises:
            RuntimeGone, ThreadsAlive: as forking a runtime.
        """
        desks = [replace(self.desk, runtime=runtime) for runtime in runtimes]
        if self.session is None:
            return [replace(self, desk=desk) for desk in desks]
        sessions = yield from self.session.fork_steps(len(desks), seed=seed)
        for session, desk in zip(sessions, desks, strict=True):
            assert isinstance(session.companion, DeskWorld)
            session.companion.desk = desk
        return [Exchange(desk, self.turns, session) for desk, session in zip(desks, sessions, strict=True)]

    def close(self) -> None:
        """Ends the model's session. May be called twice."""
        if self.session is not None:
            self.session.close()


def exchange_steps(
    task: Task,
    config: EpisodeConfig,
    texts: Texts,
    *,
    pool: Pool,
    template: Template[Runtime],
    runtime: Runtime,
    seeds: tuple[int, int, int],
) -> Steps[Exchange]:
    """What an episode has in a protocol without live objects.

    Args:
        task: what is to be done.
        config: how it is put.
        texts: of the prompt's style.
        pool: where templates are kept.
        template: of the task's runtimes.
        runtime: the episode's.
        seeds: of the runtime, its World, and the model's session.

    Raises:
        Inexpressible: the task cannot be put so.
        Fault: something of it could not be started.
    """
    tools = tools_of(task.injected)
    turns = yield from express_steps(task, template, seeds[:2], tools)
    desk = Desk(runtime, tools, config.limits, config.observation_chars, texts)
    session = (yield from session_steps(task, pool, desk, seeds[2])) if config.protocol == "codeact" else None
    return Exchange(desk, turns, session)


def shown(calls: Sequence[ToolCall]) -> str:
    """Calls as a person reads them."""
    lines = (
        f"{call.name}({', '.join(f'{name}={value!r}' for name, value in call.arguments.items())})" for call in calls
    )
    return "\n".join(lines)


def _told(result: CellResult) -> str:
    """What came of one of several calls."""
    error = _brief(result.error)
    return result.stdout if error is None else f"{result.stdout}\n{error.traceback}".lstrip("\n")


def _brief(error: CellError | None) -> CellError | None:
    """An error without the frames of our cell."""
    if error is None:
        return None
    return replace(error, traceback=f"{error.type}: {error.message}")
