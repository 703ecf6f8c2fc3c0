"""Several protocols on the same tasks, side by side.

Each protocol is a run of its own, in a directory below that of the comparison. The numbers here are over the tasks that
all of them scored; those that one cannot put (a figure is no JSON) are left out of every side, and counted.
"""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cave_rl.evaluation.config import EvalConfig
from cave_rl.evaluation.directory import CONFIG, ENVIRONMENT, SUMMARY, TRACES
from cave_rl.evaluation.plan import Planned
from cave_rl.evaluation.statistics import clustered_interval, paired_difference
from cave_rl.evaluation.summary import task_of
from cave_rl.runtime import drive
from cave_rl.runtime.pool import Pool
from cave_rl.semantic.protocols import PROTOCOLS, ProtocolName
from cave_rl.tasks import settings
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.expressing import Inexpressible
from cave_rl.tasks.settings import ConfigError

Row = dict[str, Any]

TOGETHER = "protocols.yaml"
"""Beside the directories of a comparison's runs: what each of them is made of, but for its protocol."""

AUTHORED = "authored experts: mechanism, not a result"
"""What is said of a comparison that no model played."""


def chosen(text: str) -> list[ProtocolName]:
    """The protocols that are asked for: `all`, or names with commas between them.

    Raises:
        ConfigError: there is no such protocol, or one comes twice.
    """
    if text == "all":
        return list(PROTOCOLS)
    found: list[ProtocolName] = []
    for name in (each.strip() for each in text.split(",")):
        protocol = next((each for each in PROTOCOLS if each == name), None)
        if protocol is None or protocol in found:
            what = f"{name!r} comes twice" if protocol else f"there is no protocol {name!r}"
            raise ConfigError(f"{what}: give all, or some of {', '.join(PROTOCOLS)} with commas between them")
        found.append(protocol)
    return found


def inexpressible(planned: Sequence[Planned], pool: Pool, config: EvalConfig) -> dict[str, str]:
    """The tasks that the protocol of a run cannot put, by id, each with why."""
    if config.env.protocol == "cave":
        return {}
    tasks = {item.task.id: item.task for item in planned}
    found: dict[str, str] = {}
    names = list(tasks)
    for start in range(0, len(names), config.concurrency):
        part = names[start : start + config.concurrency]
        episodes = [Episode(tasks[name], pool=pool, config=config.env, seed=config.seed) for name in part]
        for name, result in zip(part, drive.gather([each.express_steps() for each in episodes]), strict=True):
            if isinstance(result, Inexpressible):
                found[name] = str(result)
    return found


def of_protocol(config: EvalConfig, protocol: ProtocolName) -> EvalConfig:
    """The run of one protocol.

    Raises:
        ConfigError: it cannot be.
    """
    data = config.model_dump(mode="json")
    del data["env"]["calls"]  # which form they have follows from the protocol and the model
    data["env"]["protocol"] = protocol
    return settings.parse(EvalConfig, data)


def side_by_side(config: EvalConfig, runs: Mapping[ProtocolName, tuple[Sequence[Row], Mapping[str, Any]]]) -> Row:
    """The comparison as plain data.

    Args:
        config: what the runs have in common.
        runs: of each protocol the rows, and the summary.
    """
    scored = {name: _by_task(rows) for name, (rows, _) in runs.items()}
    common = sorted(set.intersection(*(set(tasks) for tasks in scored.values())))
    left_out = {name: dict(summary.get("left_out", {})) for name, (_, summary) in runs.items()}
    first = next(iter(runs))
    return {
        "label": config.label,
        "authored": config.model.name == "gold",
        "tasks": len(common),
        "left_out": {
            "tasks": len({task for tasks in left_out.values() for task in tasks}),
            "by_protocol": {name: len(tasks) for name, tasks in left_out.items()},
            "families": dict(
                Counter(task.partition("/")[0] for task in {each for tasks in left_out.values() for each in tasks})
            ),
        },
        "equal": {
            "max_steps": config.env.max_steps,
            "observation_chars": config.env.observation_chars,
            "budget": config.budget,
        },
        "protocols": {
            name: _side([row for task in common for row in scored[name][task]], runs[name][0]) for name in runs
        },
        "differences": {
            f"{name} - {first}": paired_difference(
                [_rate(scored[first][task]) for task in common], [_rate(scored[name][task]) for task in common], common
            ).as_dict()
            for name in list(runs)[1:]
            if common
        },
    }


def _by_task(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row["fault"] is None:
            found.setdefault(task_of(row), []).append(row)
    return found


def _rate(rows: Sequence[Row]) -> float:
    return statistics.fmean(row["solved"] for row in rows)


def _side(rows: Sequence[Row], played: Sequence[Row]) -> Row:
    """One protocol's numbers over the common tasks, means of an episode. `sent` is what all its prompts hold."""
    tokens = {kind: _mean([row["tokens"][kind] for row in rows]) for kind in ("sent", "completion", "observation")}
    known = tokens["sent"] is not None and tokens["completion"] is not None
    solved = [float(row["solved"]) for row in rows]
    return {
        "success": clustered_interval(solved, [row["task"] for row in rows]).as_dict() if rows else None,
        "reward": _mean([row["reward"] for row in rows]),
        "steps": _mean([len(row["outcomes"]) for row in rows]),
        "tokens": {**tokens, "total": (tokens["sent"] or 0) + (tokens["completion"] or 0) if known else None},
        "stops": dict(sorted(Counter(row["stop"] for row in rows).items())),
        "episodes": len(rows),
        "faults": sum(row["fault"] is not None for row in played),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


# --- directories ------------------------------------------------------------------------------------------------------


def begin(path: Path, config: EvalConfig, protocols: Sequence[ProtocolName]) -> None:
    """Makes the directory of a comparison.

    Raises:
        ConfigError: it holds something else.
    """
    if (path / CONFIG).exists() or (path / TRACES).exists():
        raise ConfigError(f"{path} holds a run of one protocol: choose another output")
    if (path / TOGETHER).exists() and not (path / SUMMARY).exists():
        raise ConfigError(f"{path} holds a comparison that is not finished: go on with --resume {path}, or remove it")
    path.mkdir(parents=True, exist_ok=True)
    (path / SUMMARY).unlink(missing_ok=True)
    for name in PROTOCOLS:  # those of a comparison that has come to its end, and is made anew
        for file in (CONFIG, ENVIRONMENT, TRACES, SUMMARY):
            (path / name / file).unlink(missing_ok=True)
    data = {"protocols": list(protocols), "config": config.model_dump(mode="json")}
    (path / TOGETHER).write_text(settings.dump_data(data))


def begun(path: Path) -> tuple[EvalConfig, list[ProtocolName]] | None:
    """What the comparison at a path is made of; None where there is none."""
    if not (path / TOGETHER).is_file():
        return None
    data = settings.read(path / TOGETHER)
    return settings.parse(EvalConfig, data["config"]), chosen(",".join(data["protocols"]))


def finish(path: Path, summary: Mapping[str, Any]) -> None:
    """Writes the numbers of a comparison."""
    (path / SUMMARY).write_text(json.dumps(summary, indent=1, allow_nan=False))
