"""Episode: the turn loop, from a model's message to an observation and a reward.

A turn ends at the first of: a message without code (the final answer), the turn's step limit, a second malformed
message in the turn. It is judged once, then; never earlier because its assertions already hold. A failed turn does not
end the dialogue: later expectations stay absolute. Where the turn has a user (`cave_rl.tasks.user`) a message without
code goes to the user, and ends the turn only if the user's reply ends the dialogue, or a bound on the user does.

What each message comes to:

| message                         | `outcome`     | executed | the turn                    | ends the episode as    |
|---------------------------------|---------------|----------|-----------------------------|------------------------|
| code that runs                  | ok            | yes      | goes on to its step limit   | truncated (last turn)  |
| code that raises                | error         | yes      | goes on to its step limit   | truncated (last turn)  |
| code that CodeRules refuse      | blocked       | no       | goes on to its step limit   | truncated (last turn)  |
| code over its CPU or wall limit | interrupted   | in part  | goes on to its step limit   | truncated (last turn)  |
| code over its memory limit      | out_of_memory | in part  | goes on to its step limit   | truncated (last turn)  |
| code that ends its interpreter  | killed        | in part  | ends, unless a checkpoint   | terminated             |
|                                 | crashed       |          | brings the state back       |                        |
|                                 | tampered      |          |                             |                        |
| no code                         | answered      | -        | ends                        | terminated (last turn) |
| no code, and the user goes on   | said          | -        | goes on to its step limit   | truncated (last turn)  |
| no code, and a bound ends it    | said          | -        | ends                        | truncated (last turn)  |
| malformed, first in the turn    | malformed     | no       | goes on to its step limit   | truncated (last turn)  |
| malformed, second in the turn   | malformed     | no       | ends                        | terminated (last turn) |
| cut by the token limit          | cut           | no       | ends                        | truncated              |
| anything, when our side fails   | fault         | -        | unscorable: `info["fault"]` | truncated              |

In a protocol without live objects (`cave_rl.semantic.protocols`) an answer that does not keep its contract is
malformed, and `ok`, `error` and the like tell of calls, or of a cell in the model's own session.

Every step but those that end a turn has reward 0; that one has the turn's share of the episode reward. Step rewards
sum to the episode reward. A fault's reward is 0.0 only because Gymnasium wants a number: whoever trains must leave
such episodes out.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cave_rl.rewards.compose import Conduct, counted, episode_cost, episode_reward, turn_score
from cave_rl.rewards.judge import Ruling
from cave_rl.runtime.calls import CallRecord
from cave_rl.runtime.describe import describe_all
from cave_rl.runtime.drive import Steps
from cave_rl.runtime.errors import Fault, RuntimeGone
from cave_rl.runtime.pool import Pool
from cave_rl.runtime.result import CellResult, Outcome
from cave_rl.runtime.runtime import Runtime
from cave_rl.semantic import observation
from cave_rl.semantic.parsing import Action, Parsed
from cave_rl.semantic.prompt import Message
from cave_rl.semantic.protocols import protocol_of
from cave_rl.semantic.tools import tools_of, user_tools_of
from cave_rl.tasks.acting import Stage
from cave_rl.tasks.config import EpisodeConfig
from cave_rl.tasks.exchange import Exchange, exchange_steps, shown
from cave_rl.tasks.expressing import express_steps
from cave_rl.tasks.judging import Bench, lost
from cave_rl.tasks.opening import opening, text_opening
from cave_rl.tasks.referee import Hearing, Opinion, Opinions, heeded, told_by
from cave_rl.tasks.starting import rollout_seed, template_steps
from cave_rl.tasks.task import Task, Turn, named
from cave_rl.tasks.telling import StepResult, digests, step_info, trace_entry
from cave_rl.tasks.user import Dialogue, Said, User, UserFault, begin_steps, reply_steps

__all__ = ["Episode", "StepResult", "check_users"]


@dataclass(slots=True)
class _TurnState:
    """What is counted within one turn."""

    index: int
    steps: int = 0
    malformed: int = 0
    calls: int = 0  # of hosted objects, before it
    dialogue: Dialogue | None = None  # with its user, if it has one


@dataclass(slots=True)
class _Tally:
    """What is counted over the episode."""

    steps: int = 0
    malformed: int = 0
    violations: int = 0
    outcomes: list[str] = field(default_factory=list)


def check_users(task: Task, config: EpisodeConfig, user: User | None = None) -> None:
    """Looks whether the users of a task can speak.

    Args:
        task: the task.
        config: how it is run.
        user: stands for all of them.

    Raises:
        ConfigError: one cannot; the message says what to set.
    """
    for turn in task.turns:
        if turn.user is not None:
            (user or turn.user).check(config.user)


class Episode:
    """One rollout of one task.

    Its methods are conversations: drive them with `cave_rl.runtime.run`, many at once with `run_all`, or on an
    asyncio loop with `run_async`.

    Args:
        task: what is to be done.
        pool: where its template and its judge's are kept.
        config: how it is put, run and rewarded.
        seed: the environment's seed: same task and seed, same episode.
        examples: few-shot tasks to show.
        user: stands for the users of all its turns.
        opinions: stands for the referees of all its turns.

    Attributes:
        seed: the environment's seed.
        messages: the chat so far.
        scores: the scores of the turns that were judged.
        start: digests of the state in which it began.
        queries: with what each turn began that was reached.
        trace: one entry a step with its timings, for `traces.jsonl`.

    Raises:
        ConfigError: a turn has a user that cannot speak under this configuration.
    """

    def __init__(
        self,
        task: Task,
        *,
        pool: Pool,
        config: EpisodeConfig,
        seed: int = 0,
        examples: tuple[Task, ...] = (),
        user: User | None = None,
        opinions: Opinions | None = None,
    ) -> None:
        self.task = task
        self.config = config
        self.seed = seed
        self.messages: list[Message] = []
        self.scores: list[float] = []
        self.queries: list[str] = []
        self.start: dict[str, str] = {}
        self.trace: list[dict[str, Any]] = []
        self.over = False
        self.tokens = 0
        self._users = tuple(turn.user and (user or turn.user) for turn in task.turns)
        check_users(task, config, user)
        self._opinions = opinions
        self._pool = pool
        self._examples = examples
        self._prompt = config.build_prompt()
        self._protocol = protocol_of(config.protocol)
        self._turn = _TurnState(0)
        self._tally = _Tally()
        self._paid = 0.0
        self._stage: Stage | None = None  # once it has begun
        self._bench = Bench(task, config.limits, pool)

    @property
    def runtime(self) -> Runtime:
        """The live runtime.

        Raises:
            RuntimeError: before the episode has begun.
        """
        return self._acting.runtime

    @property
    def exchange(self) -> Exchange:
        """What there is in place of live objects, in a protocol that has none.

        Raises:
            RuntimeError: its protocol has them, or it has not begun.
        """
        if self._stage is None or self._stage.exchange is None:
            raise RuntimeError(f"protocol {self._protocol.name} has live objects, or the episode has not begun")
        return self._stage.exchange

    @property
    def _acting(self) -> Stage:
        if self._stage is None:
            raise RuntimeError("the episode has not begun: drive begin_steps() first")
        return self._stage

    @property
    def turn(self) -> int:
        """The index of the current turn."""
        return self._turn.index

    @property
    def turn_steps(self) -> int:
        """How many messages the current turn has had."""
        return self._turn.steps

    @property
    def claims(self) -> dict[str, bytes]:
        """What was claimed of the variables that matter when they were last looked at: as a turn begins and ends."""
        return dict(self._bench.known)

    @property
    def solved(self) -> bool:
        """Whether every turn was judged and scored 1."""
        return len(self.scores) == len(self.task.turns) and all(score == 1.0 for score in self.scores)

    @property
    def reward(self) -> float:
        """The sum of the step rewards so far."""
        return self._paid

    def begin_steps(self) -> Steps[StepResult]:
        """Starts the runtime and opens the chat; the observation is the first user message's content.

        Raises:
            Fault: the runtime could not be started, or a user who is to begin said nothing.
        """
        task = self.task
        template = yield from template_steps(task, self._pool)
        own, worlds, session = self._seeds()
        runtime: Runtime = yield from template.start_steps(own, companion_seed=worlds)
        self._stage = Stage(runtime, self.config, self._prompt.texts, self._pool.confinement.memory_mb)
        runtime.withhold(task.withheld(0))
        yield from self._bench.open_steps(self.runtime)
        yield from self._event_steps(task.turns[0])
        self.start = digests(self._bench.known)
        if self._protocol.live:
            query = yield from self._query_steps()
            self.messages = opening(task, self.config.prompt, self._examples, query)
        else:
            self._stage.exchange = yield from exchange_steps(
                task,
                self.config,
                self._prompt.texts,
                pool=self._pool,
                template=template,
                runtime=runtime,
                seeds=(own, worlds, session),
            )
            query = yield from self._query_steps()
            self.messages = text_opening(self.config, self._stage.exchange, query)
        return StepResult(self.messages[-1]["content"], 0.0, False, False, self._info("begun"))

    def express_steps(self) -> Steps[None]:
        """Looks whether the protocol can put the task, before anything is begun.

        Raises:
            Inexpressible: it cannot.
            Fault: the task's gold failed.
        """
        if not self._protocol.live:
            template = yield from template_steps(self.task, self._pool)
            yield from express_steps(self.task, template, self._seeds()[:2], tools_of(self.task.injected))

    def step_steps(self, message: str, *, cut: bool = False, tokens: int = 0) -> Steps[StepResult]:
        """Takes one message of the model.

        Args:
            message: the assistant's text; may be empty where there was no room for one (then `cut` is set).
            cut: whether the token limit cut it: it is then not executed, the state so far is judged, and the episode
                ends.
            tokens: how many tokens it has, where tokens cost.

        Raises:
            RuntimeError: the episode has not begun, or is over.
        """
        if self.over:
            raise RuntimeError("the episode is over: begin another")
        self.tokens += tokens
        if message or not cut:
            self.messages.append({"role": "assistant", "content": message})
        try:
            return (yield from self._step_steps(message, cut))
        except Fault as fault:
            return self.fault(fault)

    def fork_steps(self, n: int = 1, *, seed: int | None = None, trusted: bool = False) -> Steps[list[Episode]]:
        """`n` episodes that go on where this one stands, between two of its steps: branches.

        Each has a fork of the runtime, and chat, scores and counts of its own; this episode may go on as well.

        Args:
            n: how many.
            seed: reseeds the runtimes of all of them; None leaves their randomness as it stands.
            trusted: they will run code of ours (gold, say), one after another, while this episode is open: so they are
                judged by its judge, which spares them one of their own.

        Raises:
            RuntimeError: the episode has not begun, or is over.
            RuntimeGone: the runtime has ended.
            ThreadsAlive: cells left threads running, which a fork would lose.
        """
        if self.over:
            raise RuntimeError("the episode is over: there is nothing to go on with")
        stages = yield from self._acting.fork_steps(n, seed)
        return [self._branch(each, trusted) for each in stages]

    def _branch(self, stage: Stage, trusted: bool) -> Episode:
        twin = copy.copy(self)
        twin.messages = [dict(message) for message in self.messages]  # type: ignore[misc]
        twin.scores, twin.queries, twin.trace = list(self.scores), list(self.queries), list(self.trace)
        twin._turn = replace(self._turn)
        twin._tally = replace(self._tally, outcomes=list(self._tally.outcomes))
        twin._stage, twin._bench = stage, self._bench.branch(trusted=trusted)
        return twin

    def fault(self, fault: Fault) -> StepResult:
        """Ends the episode as unscorable."""
        self.over = True
        told = {"type": type(fault).__name__, "message": str(fault)}
        self._tally.outcomes.append("fault")
        return StepResult("", 0.0, False, True, {**self._info("fault"), "fault": told})

    def close(self) -> None:
        """Ends its processes. May be called twice."""
        self.over = True
        if self._stage is not None:
            self._stage.close()
        self._bench.close()

    # --- one message --------------------------------------------------------------------------------------------------

    def _step_steps(self, message: str, cut: bool) -> Steps[StepResult]:
        turn, spec, stage = self._turn, self.task.turns[self._turn.index], self._acting
        self._tally.steps += 1
        turn.steps += 1
        called = len(self.runtime.calls)
        limited = turn.steps >= (spec.max_steps or self.config.max_steps)
        spoken = len(self.messages) - 1 if message or not cut else None
        state: dict[str, str] | None = None
        parsed, problem = self._parse(message)
        cell: CellResult | None = None
        said: Said | None = None
        if cut:
            outcome, text, ends = "cut", "", True
        elif parsed.action is Action.ANSWER:
            outcome, text, ends = "answered", "", True
            if turn.dialogue is not None:
                try:
                    said = yield from self._talk_steps(parsed.answer or "", asks=not limited)
                    ends = said is not None and said.over and not said.limited
                    limited = limited or (said is not None and said.limited)
                    outcome = "answered" if ends else "said"
                except RuntimeGone as gone:  # in a call of the user's: what it found there was the rollout's doing
                    outcome, problem = gone.outcome, gone.detail
        elif parsed.action is Action.MALFORMED:
            turn.malformed += 1
            self._tally.malformed += 1
            outcome, text = "malformed", observation.malformed(parsed, found=problem, texts=self._prompt.texts)
            ends = turn.malformed > 1
        else:
            looks = self.config.digests and not limited
            look = functools.partial(self._bench.digest_steps, turn.index) if looks else None
            acted = yield from stage.act_steps(parsed, look)
            self._tally.violations += acted.refused
            cell, text, state = acted.cell, acted.text, acted.state
            outcome, ends = cell.outcome.value, not stage.alive
        self._tally.outcomes.append(outcome)
        noted = self._note(outcome, cell, self.runtime.calls[called:])
        code = (parsed.code if parsed.code is not None else shown(parsed.calls)) if cell else None
        noted |= {"message": spoken, "code": code, "observation": text, "state": state}
        if problem:
            noted["detail"] = problem
        told: dict[str, Any] = {}
        if said is not None:
            told["user"] = said.info()
            noted["user"] = {**said.info(), **said.details}
        if not (ends or limited):
            if said is not None:
                text = noted["observation"] = self._prompt.query_message(said.text)["content"]
            role = None if said is None else "user"
            return self._observe(text, 0.0, False, False, self._info(outcome, cell) | told, role)
        self._bench.limited.append(not ends)
        ruling, score, opinion = yield from self._judge_steps(spec, "" if cut else parsed.answer or "")
        if opinion is not None:
            told["opinion"] = opinion.info()
            noted["opinion"] = {**opinion.info(), **opinion.details}
        self.scores.append(score)
        noted["state"] = digests(self._bench.known) if self.runtime.alive else None  # the claims that were judged
        over = cut or not stage.alive or turn.index + 1 == len(self.task.turns)
        reward = self._pay(over)
        info = self._info(outcome, cell, ruling) | told
        if over:
            self.over = True
            truncated = cut or not ends
            return self._observe(text, reward, not truncated, truncated, info)
        observed, role = yield from self._following_steps(text)
        return self._observe(observed, reward, False, False, info, role)

    def _parse(self, message: str) -> tuple[Parsed, str]:
        """A message taken apart; and what is wrong with an answer that must keep a contract."""
        parsed = self._protocol.parse(message)
        exchange = self._acting.exchange
        return (parsed, "") if exchange is None else exchange.checked(self._turn.index, parsed)

    # --- turns --------------------------------------------------------------------------------------------------------

    def _following_steps(self, text: str) -> Steps[tuple[str, str]]:
        """Begins the next turn; the observation, with what the last action came to before its query, and its role."""
        self._turn = _TurnState(self._turn.index + 1, calls=len(self.runtime.calls))
        index, exchange = self._turn.index, self._acting.exchange
        self.runtime.withhold(self.task.withheld(index))
        yield from self._event_steps(self.task.turns[index])
        yield from self._bench.look_steps(self.runtime, index)
        asked = yield from self._query_steps()
        if exchange is not None:
            asked = exchange.query(index, asked)
        come = (each.text() for each in describe_all(self.task.told(index)))
        query = self._prompt.query_message("\n\n".join([asked, *come]))["content"]
        return (f"{text}\n\n{query}", self._prompt.observation_role) if text else (query, "user")

    def _query_steps(self) -> Steps[str]:
        """What the turn begins with: its query, or what its user says first."""
        at, query = self._turn, self.task.turns[self._turn.index].query
        if (user := self._users[at.index]) is not None:
            tools = user_tools_of(self.task.hosted)
            at.dialogue = Dialogue(at.index, self._seed_of(f"/user/{at.index}"), self.config.user, tools=tools)
            if query:
                at.dialogue = at.dialogue.asked(query)
            else:
                called = len(self.runtime.calls)
                try:
                    said, at.dialogue = yield from begin_steps(user, at.dialogue, self._acting.do_steps)
                except RuntimeGone as gone:
                    raise UserFault(f"the user of turn {at.index + 1} could not begin: {gone}") from gone
                query = said.text
                noted = self._note("event: user", None, self.runtime.calls[called:])
                noted |= {"observation": query, "user": {**said.info(), **said.details}}
        self.queries.append(query)
        return query

    def _talk_steps(self, text: str, *, asks: bool) -> Steps[Said | None]:
        """Says something to the user; the reply, if it is asked for: the last message of a turn has none."""
        at = self._turn
        user = self._users[at.index]
        assert at.dialogue is not None
        assert user is not None
        at.dialogue = at.dialogue.told(text)
        if not asks:
            return None
        said, at.dialogue = yield from reply_steps(user, at.dialogue, self._acting.do_steps)
        return said

    def _event_steps(self, turn: Turn) -> Steps[None]:
        """Runs a turn's host event. What it names counts as the host's doing, not the rollout's.

        Before the first turn nothing hostile has run: an event that fails then is a fault. Later ones run in a hostile
        runtime, and their outcome stands in the trace.
        """
        if turn.event is None or not self.runtime.alive:
            return
        if self.task.hosts_event(turn):
            yield from self.runtime.event_steps(turn.event, self.config.limits)
            cell = CellResult(Outcome.OK)
        else:
            cell = yield from self.runtime.execute_steps(turn.event, self.config.limits)
        self._note(f"event: {cell.outcome.value}", cell)
        if self._turn.index == 0 and not cell.ok:
            told = f"{cell.error.type}: {cell.error.message}" if cell.error else f"{cell.outcome.value} {cell.detail}"
            raise Fault(f"the host event of turn 1 failed: {told}")
        yield from self._bench.touched_steps(self.runtime, named(turn.event))

    def _judge_steps(self, turn: Turn, answer: str) -> Steps[tuple[Ruling, float, Opinion | None]]:
        at = self._turn
        try:
            if self._acting.exchange is not None:
                yield from self._acting.exchange.bind_steps(at.index, answer)
        except RuntimeGone as gone:
            ruling = lost(turn, gone)
        else:
            said = ((answer,) if answer else ()) if at.dialogue is None else at.dialogue.texts
            ruling = yield from self._bench.rule_steps(self.runtime, at.index, answer, said, at.calls)
        score = functools.partial(turn_score, rules=self.config.reward, refusal=turn.refusal)
        if turn.referee is None or not self.config.judge.asked or not score(ruling):
            return ruling, score(ruling), None
        opinion = yield from (self._opinions or turn.referee.opinion_steps)(self._hearing(answer, ruling))
        ruling = heeded(ruling, turn.referee, opinion)
        return ruling, score(ruling), opinion

    def _hearing(self, answer: str, ruling: Ruling) -> Hearing:
        """What a referee is told of the turn."""
        at = self._turn
        dialogue = at.dialogue or Dialogue().asked(self.queries[at.index]).told(answer)
        seed = self._seed_of(f"/judge/{at.index}")
        return Hearing(at.index, seed, self.config.judge, dialogue.lines, told_by(ruling))

    def _pay(self, over: bool) -> float:
        """The step reward of a turn's end, such that the step rewards sum to the episode reward."""
        weights = [turn.weight for turn in self.task.turns]
        if over and self.solved:
            conduct = Conduct(
                malformed=self._tally.malformed,
                violations=self._tally.violations,
                extra_steps=self._tally.steps - len(self.scores),
                tokens=self.tokens,
            )
            earned = episode_reward(self.scores, weights, episode_cost(conduct, self.config.reward))
        else:
            unreached = [0.0] * (len(weights) - len(self.scores))
            earned = episode_reward(counted([*self.scores, *unreached], self.task.counting), weights)
        share, self._paid = earned - self._paid, earned
        return share

    def _seeds(self) -> tuple[int, int, int]:
        """Of the runtime, its World, and the model's own session."""
        return self._seed_of(""), self._seed_of("/hosted"), self._seed_of("/session")

    def _seed_of(self, part: str) -> int:
        return rollout_seed(f"{self.task.id}/{self.seed}{part}", self.config.key)

    # --- telling ------------------------------------------------------------------------------------------------------

    def _observe(
        self, text: str, reward: float, terminated: bool, truncated: bool, info: dict[str, Any], role: str | None = None
    ) -> StepResult:
        if text and not (terminated or truncated):
            message = self._prompt.observation_message(text)
            self.messages.append({**message, "role": role or message["role"]})
        return StepResult(text, reward, terminated, truncated, {**info, "messages": [dict(m) for m in self.messages]})

    def _info(self, outcome: str, cell: CellResult | None = None, ruling: Ruling | None = None) -> dict[str, Any]:
        return step_info(
            self.task,
            outcome,
            turn=self._turn.index,
            step=self._tally.steps,
            scores=self.scores,
            solved=self.solved,
            messages=self.messages,
            cell=cell,
            ruling=ruling,
        )

    def _note(self, outcome: str, cell: CellResult | None, calls: Sequence[CallRecord] = ()) -> dict[str, Any]:
        at, classes = {"turn": self._turn.index, "step": self._tally.steps}, self.task.preparation.classes
        self.trace.append(trace_entry(outcome, **at, cell=cell, calls=calls, classes=classes))
        return self.trace[-1]
