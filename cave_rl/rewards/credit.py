"""Credit: which turn of an episode earned what. Arithmetic on plain numbers, and nothing else.

An episode has a reward `r_k` for each turn k that it reached. A turn is one query and all that the model wrote until it
was judged, so its messages share one advantage. Three ways to make advantages of rewards:

* **episode** (GRPO, arXiv 2402.03300): `A_i = R_i - mean(R)`, one number an episode. TRL computes it.
* **turn**: `A_ik = R_ik - mean of R_jk over the other members j of the group`, with the return-to-go
  `R_ik = r_k + gamma r_k+1 + gamma^2 r_k+2 + ...`, which is 0 for a turn that was not reached. The mean leaves the
  scored member out (RLOO, arXiv 2402.14740), so it depends on nothing that the member did: a baseline without bias,
  also where the policy decides how many turns there are.
* **branch** (VinePPO, arXiv 2410.01679): `A_ik = r_k + gamma V(s_k+1) - V(s_k)`. `V(s)` is the mean return of
  continuations forked from the live state s, the scored one not among them; `V` of the end is 0.

Potential-based shaping (Ng, Harada & Russell 1999) adds `gamma Phi(s_k+1) - Phi(s_k)` to each reward, with `Phi` of the
end 0. It cannot change which policy is best. Summed up to the end of an episode it leaves `-Phi(s_k)`: with turn credit
it is a baseline that knows the state; with episode and branch credit it cancels out.

None is what has no value: a fault, or a member that nothing can be compared with. It is never a 0 among rewards.

>>> turn_advantages([[0.5, 0.5], [0.5, 0.0], [0.0], None])
[[0.75, 0.5], [0.0, -0.25], [-0.75], None]
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, TypeAlias

Scale: TypeAlias = Literal["group", "batch", "none"]
Rewards: TypeAlias = Sequence[float] | None
"""Of the turns that an episode reached; None for a fault."""
Advantages: TypeAlias = list[float | None] | None
"""Of the turns that an episode reached; None where nothing can be said."""

EPSILON = 1e-4
"""Added to what advantages are divided by, as TRL does."""


def returns_to_go(rewards: Sequence[float], gamma: float = 1.0) -> list[float]:
    """What follows from each turn on, itself included: `R_k = r_k + gamma R_k+1`.

    >>> returns_to_go([0.5, 0.0, 0.5], gamma=0.5)
    [0.625, 0.25, 0.5]
    """
    found: list[float] = []
    following = 0.0
    for reward in reversed(rewards):
        following = reward + gamma * following
        found.append(following)
    return found[::-1]


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of those that are not None; None where there is none."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def means_of_others(values: Sequence[float | None]) -> list[float | None]:
    """For each member the mean over the others.

    >>> means_of_others([1.0, 0.0, None, 0.5])
    [0.25, 0.75, 0.5, 0.5]
    >>> means_of_others([1.0, None])
    [None, 1.0]
    """
    return [mean(value for j, value in enumerate(values) if j != i) for i in range(len(values))]


def turn_advantages(group: Sequence[Rewards], gamma: float = 1.0) -> list[Advantages]:
    """Turn-level credit: the return from each turn on, less the mean of what the other members had from it on.

    Args:
        group: the rewards of each member's turns.
        gamma: what a reward is worth one turn earlier.

    Returns:
        For each member a number a turn; None for a fault, and where no other member was scored.
    """
    returns = [None if rewards is None else returns_to_go(rewards, gamma) for rewards in group]
    found: list[Advantages] = []
    for i, mine in enumerate(returns):
        others = [each for j, each in enumerate(returns) if j != i and each is not None]
        if mine is None or not others:
            found.append(None)
            continue
        baselines = [mean(each[k] if k < len(each) else 0.0 for each in others) or 0.0 for k in range(len(mine))]
        found.append([value - baseline for value, baseline in zip(mine, baselines, strict=True)])
    return found


def branch_advantages(
    rewards: Sequence[float], values: Sequence[float | None], gamma: float = 1.0
) -> list[float | None]:
    """Branch credit of one episode: `r_k + gamma V(s_k+1) - V(s_k)`, and 0 for V of the end.

    A state that was not valued (no budget was left, or it could not be forked) parts nothing: the turns before and
    after it are one, `r_k + gamma r_k+1 + gamma^2 V(s_k+2) - V(s_k)` for both.

    >>> branch_advantages([0.5, 0.0], [0.25, 0.5])
    [0.75, -0.5]
    >>> branch_advantages([0.5, 0.0], [0.25, None])
    [0.25, 0.25]

    Args:
        rewards: of its turns.
        values: V of the state in which each turn began; None where it is not known.
        gamma: what a reward is worth one turn earlier.

    Returns:
        A number a turn; None for those before the first state that was valued.
    """
    known = [(k, value) for k, value in enumerate(values) if value is not None]
    found: list[float | None] = [None] * len(rewards)
    for (start, value), (end, ahead) in pairwise([*known, (len(rewards), 0.0)]):
        gained = returns_to_go([*rewards[start:end], ahead], gamma)[0]
        found[start:end] = [gained - value] * (end - start)
    return found


def shaped(rewards: Sequence[float], potentials: Sequence[float], gamma: float = 1.0) -> list[float]:
    """Rewards with potential-based shaping: `r_k + gamma Phi(s_k+1) - Phi(s_k)`, and 0 for Phi of the end.

    >>> shaped([0.5, 0.0, 0.5], [0.0, 0.5, 0.25])
    [1.0, -0.25, 0.25]

    Args:
        rewards: of the turns of an episode.
        potentials: Phi of the state in which each of them began.
        gamma: the discount that advantages are made with; with another one shaping could change what is best.
    """
    following = [*potentials[1:], 0.0]
    triples = zip(rewards, potentials, following, strict=True)
    return [reward + gamma * after - before for reward, before, after in triples]


def progress(turns: Sequence[Sequence[Mapping[str, Any]]], weights: Sequence[float]) -> list[float]:
    """How much of a task was done before each of its turns, by partial verdicts: from 0 to 1.

    A turn has done the weighted share of its statements that hold; nothing if a gate failed. It is not what is paid: a
    turn that pays nothing unless all of its statements hold still makes progress.

    >>> half = [{"passed": True, "weight": 1.0, "gate": False}, {"passed": False, "weight": 1.0, "gate": False}]
    >>> progress([half, half, []], [1.0, 1.0, 2.0])
    [0.0, 0.125, 0.25]

    Args:
        turns: of each turn that was reached, its verdicts as plain data.
        weights: of all turns of the task.
    """
    found, done = [], 0.0
    for verdicts, weight in zip(turns, weights, strict=False):
        found.append(done)
        done += weight / sum(weights) * _share(verdicts)
    return found


def scaled(groups: Sequence[Sequence[Advantages]], scale: Scale) -> list[list[Advantages]]:
    """Divides advantages as `train.scale_rewards` says.

    The divisor of `group` (and of `batch`, over all groups) is `sqrt(sum of A^2 / (count - 1))` over all turns that
    have an advantage. In tasks of one turn turn credit is then GRPO's own advantage, the deviation from the mean over
    the standard deviation; with more turns it stays away from 0 where members earned the same in different turns.

    Args:
        groups: the advantages of each member of each group.
        scale: `none` divides by nothing.
    """
    if scale == "none":
        return [list(group) for group in groups]
    every = _spread(each for group in groups for each in group)
    found: list[list[Advantages]] = []
    for group in groups:
        divisor = EPSILON + (every if scale == "batch" else _spread(group))
        found.append([each and [value if value is None else value / divisor for value in each] for each in group])
    return found


def laid(advantages: Advantages, spans: Iterable[tuple[int, int, int]], length: int) -> list[float]:
    """An advantage for each token: a turn's on all that the model wrote in it, 0 elsewhere and where there is none.

    >>> laid([1.0, -2.0], [(0, 2, 0), (3, 4, 1), (5, 6, 1)], length=7)
    [1.0, 1.0, 0.0, -2.0, 0.0, -2.0, 0.0]

    Args:
        advantages: of each turn.
        spans: where each message stands, with the index of its turn.
        length: how many tokens there are.
    """
    found = [0.0] * length
    if advantages is not None:
        for start, end, turn in spans:
            found[start:end] = [advantages[turn] or 0.0] * (end - start)
    return found


def _share(verdicts: Sequence[Mapping[str, Any]]) -> float:
    """The weighted share of the statements that hold; 0 if a gate failed, or there are none."""
    statements = [each for each in verdicts if not each["gate"]]
    total = math.fsum(each["weight"] for each in statements)
    if not total or not all(each["passed"] for each in verdicts if each["gate"]):
        return 0.0
    return math.fsum(each["weight"] for each in statements if each["passed"]) / total


def _spread(members: Iterable[Advantages]) -> float:
    """How far advantages are from 0; `scaled` has the formula."""
    squares = [value * value for each in members if each is not None for value in each if value is not None]
    return math.sqrt(math.fsum(squares) / max(1, len(squares) - 1))
