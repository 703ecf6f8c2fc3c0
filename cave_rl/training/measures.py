"""What a batch of rollouts amounts to: the numbers worth a curve."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from cave_rl.rollouts.play import Rollout


def measures(rollouts: Sequence[Rollout]) -> dict[str, float]:
    """What a batch of rollouts amounts to, by name."""
    scored = [rollout for rollout in rollouts if rollout.fault is None]
    found: dict[str, float] = {"faults": len(rollouts) - len(scored)}
    if not scored:
        return found
    count = len(scored)
    found["solved"] = sum(rollout.episode.solved for rollout in scored) / count
    found["cut"] = sum(rollout.stop == "cut" for rollout in scored) / count
    found["steps"] = sum(len(rollout.outcomes) for rollout in scored) / count
    found["observation_tokens"] = sum(len(rollout.mask) - sum(rollout.mask) for rollout in scored) / count
    found |= _of_groups(scored)
    found["env_ms"] = 1000 * sum(rollout.env_s for rollout in scored) / count
    outcomes = Counter(outcome for rollout in scored for outcome in rollout.outcomes)
    for outcome, times in outcomes.items():
        found[f"outcome/{outcome}"] = times / sum(outcomes.values())
    families: dict[str, list[float]] = {}
    verdicts: dict[str, list[float]] = {}
    for rollout in scored:
        families.setdefault(rollout.episode.task.family, []).append(float(rollout.episode.solved))
        for verdict in rollout.verdicts:
            reads = rollout.episode.task.turns[verdict["turn"]].reads
            kind = "gates" if verdict["gate"] else f"{rollout.episode.task.family}/{_kind(verdict['name'], reads)}"
            verdicts.setdefault(kind, []).append(float(verdict["passed"]))
    found |= {f"family/{name}": sum(values) / len(values) for name, values in families.items()}
    found |= {f"assertions/{name}": sum(values) / len(values) for name, values in verdicts.items()}
    return found


def _of_groups(scored: Sequence[Rollout]) -> dict[str, float]:
    """How many groups can teach something: those whose members did not all do alike. Of one member alone it is none."""
    groups: dict[tuple[str, int], list[Rollout]] = {}
    for rollout in scored:
        groups.setdefault((rollout.episode.task.id, rollout.episode.seed), []).append(rollout)
    several = [each for each in groups.values() if len(each) > 1]
    if not several:
        return {}
    solved = [[rollout.episode.solved for rollout in each] for each in several]
    return {
        "groups/zero_variance": sum(len({rollout.reward for rollout in each}) == 1 for each in several) / len(several),
        "groups/solved_by_all": sum(map(all, solved)) / len(several),
        "groups/solved_by_none": sum(not any(each) for each in solved) / len(several),
    }


def _kind(name: str, reads: Iterable[str]) -> str:
    """A verdict's name without its variable, which families draw anew for each task: `xs equals` is `equals`."""
    return next((name.removeprefix(f"{each} ") for each in reads if name.startswith(f"{each} ")), name)
