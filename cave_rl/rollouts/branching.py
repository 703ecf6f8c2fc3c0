"""What a live state is worth, measured: continuations are forked from it and played to their end.

A rollout that is about to begin a turn is parked: a fork of its episode waits there, runtime and chat as they stand.
Once all rollouts have ended, continuations are forked from what is parked and played, all together, by the same
policy. The mean of their returns is the value of that state. They are played for this alone: nobody trains on them.

The rollout itself, which also went on from there, is not among them: its own luck must not be in what it is measured
against.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from types import TracebackType

from cave_rl.rewards.credit import mean, returns_to_go
from cave_rl.rollouts.backends import Backend, Sampling
from cave_rl.rollouts.chat import Chat
from cave_rl.rollouts.play import Rollout, go_on
from cave_rl.runtime import drive
from cave_rl.runtime.errors import Fault, RuntimeGone
from cave_rl.tasks.episode import Episode


@dataclass(frozen=True, slots=True)
class _Parked:
    """A state: whose it is, and the rollout that waits in it."""

    of: Rollout
    rollout: Rollout

    @property
    def turn(self) -> int:
        """The turn that begins here."""
        return self.rollout.episode.turn


class Branches:
    """The states of a batch of rollouts, to be valued. A context manager: it ends the processes that wait.

    Attributes:
        played: how many continuations were played.
        faults: how many of them failed on our side, and count for nothing.
    """

    def __init__(self) -> None:
        self.played = 0
        self.faults = 0
        self._parked: list[_Parked] = []

    def __enter__(self) -> Branches:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for parked in self._parked:
            parked.rollout.episode.close()
        self._parked = []

    def park(self, rollouts: list[Rollout]) -> None:
        """Keeps the states in which some rollouts stand, between two of their turns; those that can be forked."""
        for rollout, forks in zip(rollouts, _forks([(rollout.episode, 1) for rollout in rollouts]), strict=True):
            self._parked += [_Parked(rollout, rollout.branch(fork)) for fork in forks]

    def value(
        self,
        backend: Backend,
        chat: Chat,
        sampling: Sampling,
        *,
        budget: int | None = None,
        continuations: int = 4,
        most: int | None = None,
        gamma: float = 1.0,
        seed: int | str = 0,
    ) -> None:
        """Writes into each rollout's `values` what its states are worth, where that could be measured.

        Args:
            backend: continues token ids; the policy that played the rollouts.
            chat: the tokenizer's chat.
            sampling: how tokens are drawn.
            budget: most tokens of an episode after its prompt, as it was for the rollouts.
            continuations: of each state.
            most: of all states together; where that is too few for all, each state has one before any has two, and
                the seed draws which states come first.
            gamma: what a reward is worth one turn earlier.
            seed: of that order.
        """
        states = [parked for parked in self._parked if parked.of.fault is None]
        counts = shares(len(states), continuations, most, seed)
        forks = _forks([(state.rollout.episode, count) for state, count in zip(states, counts, strict=True)])
        branches = [[state.rollout.branch(fork) for fork in each] for state, each in zip(states, forks, strict=True)]
        every = [branch for each in branches for branch in each]
        try:
            go_on(every, backend, chat, sampling, budget=budget)
        finally:
            for branch in every:
                branch.episode.close()
        self.played += len(every)
        self.faults += sum(branch.fault is not None for branch in every)
        for state, each in zip(states, branches, strict=True):
            value = mean(_return(branch, state.turn, gamma) for branch in each)
            if value is not None:
                state.of.values[state.turn] = value


def shares(states: int, each: int, most: int | None, seed: int | str = 0) -> list[int]:
    """How many continuations each state has: `each`, or as evenly as `most` of them all together allow.

    >>> shares(3, 4, None), shares(3, 4, 6), sorted(shares(3, 4, 2))
    ([4, 4, 4], [2, 2, 2], [0, 1, 1])
    """
    left = states * each if most is None else min(most, states * each)
    order = random.Random(seed).sample(range(states), states)
    found = [0] * states
    for place, state in enumerate(order):
        found[state] = left // states + (place < left % states)
    return found


def _forks(wanted: list[tuple[Episode, int]]) -> list[list[Episode]]:
    """Forks of episodes, as many of each as are wanted; none where it cannot be forked."""
    asked = [(at, episode.fork_steps(count)) for at, (episode, count) in enumerate(wanted) if count]
    found: list[list[Episode]] = [[] for _ in wanted]
    for (at, _), forks in zip(asked, drive.gather([steps for _, steps in asked]), strict=True):
        if isinstance(forks, list):
            found[at] = forks
        elif not isinstance(forks, (Fault, RuntimeGone)):
            raise forks
    return found


def _return(branch: Rollout, turn: int, gamma: float) -> float | None:
    """What a continuation earned from the turn on with which it began; None after a fault."""
    rewards = branch.turn_rewards
    return None if rewards is None else returns_to_go(rewards[turn:], gamma)[0]
