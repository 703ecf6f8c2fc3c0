"""Token-exact episodes: many at once, the model's turn and the environment's in alternation.

Invariants, asserted on every rollout: ids are only ever appended; the mask is 1 on sampled tokens alone; every
sampled token has its own log-probability, or none has; a rollout never ends on tokens that the model did not write.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from cave_rl.rollouts.backends import Backend, Sampling
from cave_rl.rollouts.calls import Call, tokens_of
from cave_rl.rollouts.chat import Chat
from cave_rl.runtime import drive
from cave_rl.runtime.errors import Fault
from cave_rl.tasks.episode import Episode, StepResult


@dataclass
class Rollout:
    """One episode as tokens.

    Attributes:
        episode: the episode; its messages, scores and trace.
        prompt_ids: the opening chat.
        ids: what followed: messages as sampled, observations as rendered.
        mask: 1 where the model wrote.
        logprobs: of sampled tokens (0.0 elsewhere), or None where the backend does not tell.
        spans: of each message within `ids`, with the index of its turn.
        infos: what the environment told of each message.
        rewards: the step reward of each message; they sum to the episode reward.
        values: what the state was worth in which a turn began, by its index, where that was measured.
        opening: how many messages stood in the chat before the model's first.
        calls: the requests that an endpoint answered.
        wall_s: wall seconds from its beginning to its end.
        env_s: its share of the wall seconds that its batches spent in the environment.
        policy_s: its share of the wall seconds that its batches waited for the model.
        fault: what failed on our side, if anything did: then nothing of it may be trained on or counted.
        stop: why it ended: `answered`, `cut`, `max_steps`, `malformed`, `lost`, `fault`, `budget`, `context` or `time`.
    """

    episode: Episode
    prompt_ids: list[int] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    mask: list[int] = field(default_factory=list)
    logprobs: list[float] | None = field(default_factory=list)
    spans: list[tuple[int, int, int]] = field(default_factory=list)
    infos: list[dict[str, Any]] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    values: dict[int, float] = field(default_factory=dict)
    opening: int = 0
    calls: list[Call] = field(default_factory=list)
    wall_s: float = 0.0
    env_s: float = 0.0
    policy_s: float = 0.0
    fault: str | None = None
    stop: str = ""

    @property
    def reward(self) -> float | None:
        """The episode reward; None after a fault."""
        return None if self.fault is not None else self.episode.reward

    @property
    def turn_rewards(self) -> list[float] | None:
        """What each turn that was reached earned; they sum to the episode reward. None after a fault."""
        if self.fault is not None:
            return None
        found = [0.0] * (max((info["turn"] for info in self.infos), default=-1) + 1)
        for info, reward in zip(self.infos, self.rewards, strict=True):
            found[info["turn"]] += reward
        return found

    @property
    def outcomes(self) -> list[str]:
        """How each message ended."""
        return [info["outcome"] for info in self.infos]

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        """All verdicts, each with its `turn`."""
        return [{"turn": info["turn"], **each} for info in self.infos for each in info.get("verdicts", ())]

    def tokens(self) -> dict[str, int | str | None]:
        """How many tokens it has; None where nobody counted them."""
        if not self.prompt_ids:
            return tokens_of(self.calls)
        written = sum(self.mask)
        prompts = [len(self.prompt_ids) + start for start, _, _ in self.spans]
        return {
            "prompt": len(self.prompt_ids),
            "completion": written,
            "observation": len(self.mask) - written,
            "sent": sum(prompts),
            "by": "ids",
        }

    def branch(self, episode: Episode) -> Rollout:
        """The rollout of a fork of its episode: the same so far, and from here on its own."""
        return replace(
            self,
            episode=episode,
            ids=list(self.ids),
            mask=list(self.mask),
            logprobs=None if self.logprobs is None else list(self.logprobs),
            spans=list(self.spans),
            infos=list(self.infos),
            rewards=list(self.rewards),
            calls=list(self.calls),
            values=dict(self.values),
        )

    def check(self) -> None:
        """Raises AssertionError if an invariant does not hold."""
        assert len(self.ids) == len(self.mask), (len(self.ids), len(self.mask))
        assert self.logprobs is None or len(self.logprobs) == len(self.ids)
        assert self.fault is not None or (self.ids and self.mask[-1] == 1), "a rollout ends on the model's own tokens"
        written = [0] * len(self.ids)
        for start, end, _ in self.spans:
            written[start:end] = [1] * (end - start)
        assert written == self.mask, "the mask is 1 on sampled tokens alone"


Watch: TypeAlias = Callable[[list[Rollout]], None]
"""Is shown rollouts that are about to begin another turn."""


def play(
    episodes: Sequence[Episode],
    backend: Backend,
    chat: Chat,
    sampling: Sampling,
    *,
    budget: int | None = None,
    watch: Watch | None = None,
) -> list[Rollout]:
    """Plays episodes to their end, all together.

    Args:
        episodes: fresh episodes.
        backend: continues token ids.
        chat: the tokenizer's chat.
        sampling: how tokens are drawn; `max_tokens` bounds one message.
        budget: most tokens after the prompt, observations included; None is no bound.
        watch: is shown the rollouts that are about to begin another turn, together.

    Returns:
        One rollout for each, in order. A fault stands in its rollout; the others go on.
    """
    rollouts = [Rollout(episode) for episode in episodes]
    begin(rollouts)
    for rollout in rollouts:
        if not rollout.stop:
            rollout.prompt_ids = chat.opening(rollout.episode.messages)
    return go_on(rollouts, backend, chat, sampling, budget=budget, watch=watch)


def go_on(
    rollouts: list[Rollout],
    backend: Backend,
    chat: Chat,
    sampling: Sampling,
    *,
    budget: int | None = None,
    watch: Watch | None = None,
) -> list[Rollout]:
    """Plays rollouts to their end that have begun, from where each stands; see `play`."""
    while live := [each for each in rollouts if not each.stop]:
        rooms = [sampling.max_tokens if budget is None else budget - len(each.ids) for each in live]
        most = min(sampling.max_tokens, max(rooms))
        drawn = Sampling(sampling.temperature, sampling.top_p, sampling.top_k, most)
        started = time.monotonic()
        generated = backend.generate([each.prompt_ids + each.ids for each in live], drawn)
        for rollout in live:
            rollout.policy_s += (time.monotonic() - started) / len(live)
        messages = []
        for rollout, out, room in zip(live, generated, rooms, strict=True):
            add(rollout, out.ids[:room], out.logprobs and out.logprobs[:room])
            messages.append((*chat.text(out.ids[:room]), len(out.ids[:room])))
        _observe(act(live, messages), chat, budget)
        begun = [each for each in live if not each.stop and each.episode.turn > each.spans[-1][2]]
        if watch is not None and begun:
            watch(begun)
    for rollout in rollouts:
        rollout.check()
    return rollouts


def begin(rollouts: list[Rollout]) -> None:
    """Starts every episode's runtime, together."""
    for rollout, begun in zip(rollouts, _timed(rollouts, [r.episode.begin_steps() for r in rollouts]), strict=True):
        if isinstance(begun, Fault):
            fail(rollout, begun)
        rollout.opening = len(rollout.episode.messages)


def add(rollout: Rollout, ids: list[int], logprobs: list[float] | None) -> None:
    """Adds what was sampled, as it was sampled."""
    start = len(rollout.ids)
    rollout.spans.append((start, start + len(ids), rollout.episode.turn))
    rollout.ids += ids
    rollout.mask += [1] * len(ids)
    if logprobs is None:
        rollout.logprobs = None
    elif rollout.logprobs is not None:
        rollout.logprobs += logprobs


def act(live: list[Rollout], messages: list[tuple[str, bool, int]]) -> list[tuple[Rollout, str]]:
    """Takes a message of each to its environment, together: its text, whether it was closed, how many tokens it has.

    Returns:
        Those whose episodes go on, with their observations.
    """
    steps = [
        rollout.episode.step_steps(text, cut=not closed, tokens=tokens)
        for rollout, (text, closed, tokens) in zip(live, messages, strict=True)
    ]
    results = zip(live, _timed(live, steps), strict=True)
    return [(rollout, told) for rollout, result in results if (told := took(rollout, result)) is not None]


def took(rollout: Rollout, result: StepResult | Fault) -> str | None:
    """Notes what came of a message; the observation where the episode goes on."""
    if isinstance(result, Fault):
        fail(rollout, result)
        return None
    rollout.infos.append(result.info)
    rollout.rewards.append(result.reward)
    if "fault" in result.info:
        fail(rollout, f"{result.info['fault']['type']}: {result.info['fault']['message']}")
    elif result.terminated or result.truncated:
        rollout.stop = _reason(result)
    return None if rollout.stop else result.observation


def fail(rollout: Rollout, fault: Exception | str) -> None:
    """Ends a rollout as one that cannot be scored."""
    rollout.fault = fault if isinstance(fault, str) else f"{type(fault).__name__}: {fault}"
    rollout.stop = "fault"


def _observe(going: list[tuple[Rollout, str]], chat: Chat, budget: int | None) -> None:
    """Appends the observations. Where one leaves no room for another message, the episode is judged as it stands."""
    full: list[Rollout] = []
    for rollout, observation in going:
        if not follow(rollout, observation, chat, budget):
            full.append(rollout)
    act(full, [("", False, 0)] * len(full))
    for rollout in full:
        rollout.stop = rollout.stop if rollout.fault else "budget"


def follow(rollout: Rollout, observation: str, chat: Chat, budget: int | None) -> bool:
    """Appends an observation and the header of the next message; not where that leaves no room for one."""
    suffix = chat.suffix(observation, rollout.episode.messages[-1]["role"] if observation else None)
    if budget is not None and len(rollout.ids) + len(suffix) >= budget:
        return False
    rollout.ids += suffix
    rollout.mask += [0] * len(suffix)
    if rollout.logprobs is not None:
        rollout.logprobs += [0.0] * len(suffix)
    return True


def _timed(rollouts: list[Rollout], steps: list[Any]) -> list[StepResult | Fault]:
    """Drives conversations together; faults stand in their places, any other exception is ours and is raised."""
    started = time.monotonic()
    results: list[StepResult | Fault] = []
    for result in drive.gather(steps):
        if isinstance(result, Exception) and not isinstance(result, Fault):
            raise result
        results.append(result)
    for rollout in rollouts:
        rollout.env_s += (time.monotonic() - started) / len(rollouts)
    return results


def _reason(result: StepResult) -> str:
    outcome: str = result.info["outcome"]
    if outcome in ("answered", "cut"):
        return outcome
    if result.truncated:
        return "max_steps"
    return "malformed" if outcome == "malformed" else "lost"
