"""Episodes by a policy that writes text rather than tokens: gold, doing nothing, a Python callable."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from cave_rl.rollouts.play import Rollout, act, begin
from cave_rl.semantic.parsing import fenced
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.user import message_of

Policy = Callable[[Episode], str]
"""From an episode as it stands (its `messages`, its `task`) to the next message."""


def play_messages(episodes: Sequence[Episode], policy: Policy) -> list[Rollout]:
    """Plays episodes to their end, all together, by a policy that writes text.

    The rollouts have no tokens. A fault stands in its rollout; the others go on.
    """
    rollouts = [Rollout(episode) for episode in episodes]
    begin(rollouts)
    while live := [each for each in rollouts if not each.stop]:
        act(live, [(policy(each.episode), True, 0) for each in live])
    return rollouts


def gold(episode: Episode) -> str:
    """Writes the turn's gold one by one, cells and what a user is told, then answers with what the turn wants said."""
    turn, done = episode.task.turns[episode.turn], episode.turn_steps
    if done < len(turn.gold):
        return message_of(turn.gold[done])
    return turn.gold_answer


def noop(episode: Episode) -> str:
    """Answers at once and does nothing."""
    return "Done."


def randomly(rng: random.Random) -> Policy:
    """Writes cells that do something to what the task injected, and answers now and then: the floor under a model."""

    def policy(episode: Episode) -> str:
        names = [each.name for each in episode.task.injected] or ["x"]
        if rng.random() < 0.25:
            return rng.choice(["Done.", *names])
        return fenced(rng.choice(_CELLS).format(a=rng.choice(names), b=rng.choice(names), n=rng.randrange(10)))

    return policy


_CELLS = (
    "{a} = {n}",
    "{a} = {b}",
    "{a} += {n}",
    "{a}.append({n})",
    "{a}.sort()",
    "{a}.clear()",
    "{a} = {a}({b})",
    "{a}.pop()",
    "{a} = sorted({b})",
    "{a} = str({b})",
    "del {a}",
    "print({a})",
)

POLICIES: dict[str, Policy] = {"gold": gold, "noop": noop}
"""The policies that need no model, by name."""
