"""Episodes by a policy that writes text rather than tokens: gold, doing nothing, a Python callable."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cave_rl.rollouts.play import Rollout, act, begin
from cave_rl.semantic.parsing import fenced
from cave_rl.tasks.episode import Episode

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
    """Writes the turn's gold cells one by one, then answers with what the turn wants said."""
    turn, done = episode.task.turns[episode.turn], episode.turn_steps
    if done < len(turn.gold):
        return fenced(turn.gold[done])
    return turn.gold_answer


def noop(episode: Episode) -> str:
    """Answers at once and does nothing."""
    return "Done."


POLICIES: dict[str, Policy] = {"gold": gold, "noop": noop}
"""The policies that need no model, by name."""
