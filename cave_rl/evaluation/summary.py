"""From rows of traces to numbers, and what they may be trusted for.

* A fault (our side, or the endpoint's) has no value: it is left out and counted. `success_with_faults` counts them as
  failures: the truth, had there been no faults, is not below it. Above `MOST_FAULTS` there is no verdict on a model.
* Intervals are 95 %, a bootstrap over *tasks*: they tell how the numbers would vary with other tasks of the same
  families. `success_over_families` resamples families, and tells of other families of the kind.
* pass@k and pass^k are unbiased, each a mean over the tasks with at least k scored rollouts; none has as many: null.
* Token counts come from whoever knows them (see `tokens` in `cave_rl.rollouts.traces`); nobody counted: null.

Timings aside, the summary is a function of the rows, in whatever order.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from cave_rl.evaluation.statistics import clustered_interval, pass_at_k, pass_hat_k
from cave_rl.rollouts.calls import short_hash

MOST_FAULTS = 0.02
"""The share of faults up to which an evaluation says something of a model."""

Row = dict[str, Any]


def summarise(rows: Sequence[Row], label: str = "", planned: int | None = None) -> dict[str, Any]:
    """The numbers of an evaluation as plain data, fit for JSON.

    Args:
        rows: of traces, one an episode (`traces.latest`).
        label: names the evaluation.
        planned: how many episodes it was to have; those that are there if left out.
    """
    rows = sorted(rows, key=_order)
    scored = [row for row in rows if row["fault"] is None]
    solved = [float(row["solved"]) for row in scored]
    success = _interval(solved, [row["task"] for row in scored])
    return {
        "label": label,
        "rollouts": len(rows),
        "missing": (len(rows) if planned is None else planned) - len(rows),
        "tasks": len({task_of(row) for row in rows}),
        "faults": len(rows) - len(scored),
        "faults_by_type": _counted(row["fault_type"] for row in rows if row["fault"] is not None),
        "no_verdict": no_verdict(len(rows), len(rows) - len(scored)),
        "success": success,
        "success_over_families": _interval(solved, [(row["suite"], row["family"]) for row in scored]),
        "success_with_faults": success
        if len(scored) == len(rows)
        else _interval([float(row["solved"]) for row in rows], [row["task"] for row in rows]),
        **_passes(scored, max(Counter(map(task_of, rows)).values(), default=0)),
        "reward": _mean(row["reward"] for row in scored) or 0.0,
        "reward_interval": _interval([row["reward"] for row in scored], [row["task"] for row in scored]),
        "turn_success": _mean(score for row in scored for score in _turn_scores(row)),
        "turns": _turns(scored),
        "steps": _mean(len(row["outcomes"]) for row in scored) or 0.0,
        "stops": _counted(row["stop"] for row in rows),
        "outcomes": _counted(outcome for row in rows for outcome in row["outcomes"]),
        "retries": _counted(retry for row in rows for call in row["calls"] for retry in call["retries"]),
        "tokens": _tokens(scored),
        **_times(scored),
        "families": {name: each["mean"] for name, each in _groups(scored, rows, _family, intervals=False).items()},
        "by": {
            "suite": _groups(scored, rows, lambda row: [row["suite"]]),
            "family": _groups(scored, rows, _family),
            "tag": _groups(scored, rows, lambda row: row["tags"]),
            "difficulty": _groups(scored, rows, lambda row: [row["difficulty"]]),
        },
        "assertions": _assertions(scored),
        "prompt_hash": {kind: _prompts(rows, kind) for kind in ("messages", "ids")},
    }


def no_verdict(episodes: int, faults: int) -> str | None:
    """Why nothing can be said of the model; None where something can.

    >>> no_verdict(100, 3)
    '3.0 % of the episodes failed on our side or the endpoint, more than 2 %'
    """
    if not episodes:
        return "no episode was played"
    if faults <= MOST_FAULTS * episodes:
        return None
    share = 100 * faults / episodes
    return f"{share:.1f} % of the episodes failed on our side or the endpoint, more than {100 * MOST_FAULTS:.0f} %"


def task_of(row: Row) -> str:
    """The task of a row, as its run names it: the key without the number of the rollout."""
    return str(row["key"].rpartition("#")[0]) if "key" in row else str(row["task"])


def _order(row: Row) -> tuple[str, int]:
    return task_of(row), row.get("rollout", 0)


def _interval(values: Sequence[float], clusters: Sequence[Hashable]) -> dict[str, float | int | None] | None:
    return clustered_interval(values, clusters).as_dict() if values else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _passes(scored: Sequence[Row], most: int) -> dict[str, dict[int, float | int | None]]:
    """pass@k and pass^k, and over how many tasks each is a mean, for powers of two up to `most`."""
    tasks: dict[str, list[bool]] = {}
    for row in scored:
        tasks.setdefault(task_of(row), []).append(row["solved"])
    found: dict[str, dict[int, float | int | None]] = {"pass_at": {}, "pass_hat": {}, "pass_tasks": {}}
    for k in (2**i for i in range(most.bit_length())):
        enough = [each for each in tasks.values() if len(each) >= k]
        found["pass_at"][k] = _mean(pass_at_k(len(each), sum(each), k) for each in enough)
        found["pass_hat"][k] = _mean(pass_hat_k(len(each), sum(each), k) for each in enough)
        found["pass_tasks"][k] = len(enough)
    return found


def _turn_scores(row: Row) -> list[float]:
    """1 for each turn that scored 1, 0 for the others; a turn that was not reached did not."""
    reached = [float(score == 1.0) for score in row["scores"]]
    return reached + [0.0] * (row["turns"] - len(reached))


def _turns(scored: Sequence[Row]) -> list[dict[str, Any]]:
    """Of each turn: in how many episodes there is one, how many reached its end, and how many solved it."""
    most = max((row["turns"] for row in scored), default=0)
    found = []
    for turn in range(most):
        having = [row for row in scored if row["turns"] > turn]
        reached = [row for row in having if len(row["scores"]) > turn]
        solved = sum(row["scores"][turn] == 1.0 for row in reached)
        found.append({"turn": turn, "episodes": len(having), "judged": len(reached), "solved": solved})
    return found


def _tokens(scored: Sequence[Row]) -> dict[str, Any]:
    """Means over the episodes whose tokens somebody counted, and who."""
    means = {
        kind: _mean(row["tokens"][kind] for row in scored) for kind in ("prompt", "completion", "observation", "sent")
    }
    return {**means, "by": _counted(row["tokens"]["by"] or "nobody" for row in scored)}


def _times(scored: Sequence[Row]) -> dict[str, Any]:
    """Means of seconds an episode, and the environment's share of them."""
    seconds = {part: _mean(row[f"{part}_s"] for row in scored) for part in ("wall", "env", "policy")}
    wall, env = seconds["wall"], seconds["env"]
    return {
        "seconds": seconds,
        "env_share": env / wall if wall and env is not None else None,
        "env_ms": 1000 * (env or 0),
    }


def _family(row: Row) -> list[str]:
    return [row["family"]]


def _groups(
    scored: Sequence[Row], rows: Sequence[Row], names: Callable[[Row], Iterable[Any]], *, intervals: bool = True
) -> dict[str, Any]:
    """Success within each group of rows, with its interval and its faults. A row may be in several, or in none."""
    groups: dict[Any, list[Row]] = {}
    for row in scored:
        for name in names(row):
            groups.setdefault(name, []).append(row)
    faults = Counter(name for row in rows if row["fault"] is not None for name in names(row))
    found: dict[str, Any] = {}
    for name in sorted((each for each in groups if each is not None), key=lambda each: (str(type(each)), each)):
        solved = [float(row["solved"]) for row in groups[name]]
        mean = {"mean": _mean(solved)}
        interval = _interval(solved, [row["task"] for row in groups[name]]) if intervals else None
        found[str(name)] = {**(interval or mean), "faults": faults[name]}
    return found


def _assertions(scored: Sequence[Row]) -> list[dict[str, Any]]:
    """How often each statement and gate held where its turn was judged."""
    found: dict[tuple[Any, ...], list[bool]] = {}
    for row in scored:
        for verdict in row["verdicts"]:
            key = (row["suite"], row["family"], verdict["turn"], verdict["gate"], verdict["name"])
            found.setdefault(key, []).append(verdict["passed"])
    names = ("suite", "family", "turn", "gate", "name")
    return [
        {**dict(zip(names, key, strict=True)), "judged": len(passed), "passed": sum(passed)}
        for key, passed in sorted(found.items())
    ]


def _prompts(rows: Sequence[Row], kind: str) -> str | None:
    """One hash over the prompts of all tasks; None where a prompt's is not known."""
    hashes = {task_of(row): row["prompt_hash"][kind] for row in rows if row["opening"]}
    if not hashes or None in hashes.values():
        return None
    return short_hash("\n".join(f"{task} {each}" for task, each in sorted(hashes.items())))
