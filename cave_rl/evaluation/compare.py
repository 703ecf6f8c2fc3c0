"""Is one run better than another? Paired by task, from the same states.

Each task gives one number, its success rate in B less that in A, so tasks weigh the same whatever their faults. The
interval is a bootstrap over tasks, the p-value a sign-flip test over tasks; McNemar's test is given where both runs
have one rollout a task, and says the same there. What would make the comparison unfair is said: prompts or settings
that differ, tasks that only one run has, faults.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cave_rl.evaluation.config import EvalConfig
from cave_rl.evaluation.directory import TRACES, load
from cave_rl.evaluation.paired import mcnemar, sign_flip
from cave_rl.evaluation.statistics import clustered_interval, paired_difference
from cave_rl.evaluation.summary import no_verdict, task_of
from cave_rl.rollouts import traces
from cave_rl.tasks.settings import ConfigError

Row = dict[str, Any]


@dataclass(frozen=True)
class Side:
    """One run.

    Attributes:
        path: its directory.
        config: how it was made.
        rows: the last line of each episode.
        lines: where that line is in `traces.jsonl`, from 1.
    """

    path: Path
    config: EvalConfig
    rows: Sequence[Row]
    lines: Mapping[str, int]

    @classmethod
    def read(cls, path: Path) -> Side:
        """A run's directory.

        Raises:
            ConfigError: there is none.
        """
        config, rows = load(path)
        lines = {row["key"]: number for number, row in enumerate(traces.read(path / TRACES), 1)}
        return cls(path, config, rows, lines)

    @property
    def faults(self) -> int:
        """How many episodes failed on our side or the endpoint's."""
        return sum(row["fault"] is not None for row in self.rows)

    def tasks(self) -> dict[str, list[Row]]:
        """The episodes that were scored, by task."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            if row["fault"] is None:
                found.setdefault(task_of(row), []).append(row)
        return found


def compare(before: Side, after: Side) -> dict[str, Any]:
    """The comparison of two runs as plain data.

    Raises:
        ConfigError: they have no task in common.
    """
    olds, news = before.tasks(), after.tasks()
    both = [task for task in olds if task in news and _same(olds[task][0], news[task][0])]
    if not both:
        raise ConfigError(f"{before.path} and {after.path} have no task in common that both scored")
    old = {task: _rate(olds[task]) for task in both}
    new = {task: _rate(news[task]) for task in both}
    differences = [new[task] - old[task] for task in both]
    families = [(olds[task][0]["suite"], olds[task][0]["family"]) for task in both]
    single = all(len(side[task]) == 1 for side in (olds, news) for task in both)
    gained, lost = sum(each > 0 for each in differences), sum(each < 0 for each in differences)
    return {
        "before": str(before.path),
        "after": str(after.path),
        "tasks": len(both),
        "kinds": [before.config.model.kind, after.config.model.kind],
        "left_out": len(olds.keys() | news.keys()) - len(both),
        "no_verdict": no_verdict(len(before.rows), before.faults) or no_verdict(len(after.rows), after.faults),
        "success": {
            "before": clustered_interval(list(old.values()), both).as_dict(),
            "after": clustered_interval(list(new.values()), both).as_dict(),
        },
        "difference": paired_difference(list(old.values()), list(new.values()), both).as_dict(),
        "difference_over_families": paired_difference(list(old.values()), list(new.values()), families).as_dict(),
        "sign_flip_p": sign_flip(differences),
        "mcnemar_p": mcnemar(lost, gained) if single else None,
        "gained": gained,
        "lost": lost,
        "prompts": _prompts(both, olds, news),
        "settings": _settings(before.config, after.config),
        "flips": [_flip(task, before, after, olds[task], news[task]) for task in _moved(both, old, new)],
    }


def unfair(found: Mapping[str, Any]) -> list[str]:
    """What a reader of a comparison must know, in words."""
    told = [f"no verdict: {found['no_verdict']}"] if found["no_verdict"] else []
    prompts = found["prompts"]
    for kind, name in (("ids", "token ids"), ("messages", "messages")):
        if prompts[kind]["different"]:
            told.append(f"the prompts differ ({name}) in {prompts[kind]['different']} of {found['tasks']} tasks")
            break
    unseen = prompts["ids"]["one_sided"] + prompts["ids"]["unknown"]
    if unseen and "endpoint" in found["kinds"]:
        told.append(
            f"the prompts' token ids are not known on both sides in {unseen} tasks: a chat endpoint renders chats by "
            "its own template, which need not be the other's (--tokenizer sends ids)"
        )
    for key, (old, new) in found["settings"].items():
        told.append(f"{key} is {old!r} before and {new!r} after")
    if found["left_out"]:
        told.append(
            f"{found['left_out']} tasks are left out: only one run has, or scored, them, or they are not the same"
        )
    return told


def _same(one: Row, other: Row) -> bool:
    """Whether two episodes began in the same state."""
    return bool(one["task"] == other["task"] and one["seed"] == other["seed"])


def _rate(rows: Sequence[Row]) -> float:
    return statistics.fmean(row["solved"] for row in rows)


def _moved(both: Sequence[str], old: Mapping[str, float], new: Mapping[str, float]) -> list[str]:
    """The tasks whose rate changed, losses first, the largest changes first."""
    moved = [task for task in both if new[task] != old[task]]
    return sorted(moved, key=lambda task: (new[task] > old[task], -abs(new[task] - old[task]), task))


def _flip(task: str, before: Side, after: Side, olds: Sequence[Row], news: Sequence[Row]) -> dict[str, Any]:
    """A task that changed, with an episode of each side that shows it and where its trace is."""
    old, new = _rate(olds), _rate(news)
    return {
        "task": task,
        "before": old,
        "after": new,
        "traces": [_place(before, olds, solved=old > new), _place(after, news, solved=new > old)],
    }


def _place(side: Side, rows: Sequence[Row], *, solved: bool) -> dict[str, Any]:
    """Where the trace is of an episode that ended so, or of the first."""
    row = next((row for row in rows if row["solved"] == solved), rows[0])
    return {"file": str(side.path / TRACES), "line": side.lines[row["key"]], "key": row["key"], "stop": row["stop"]}


def _prompts(
    both: Sequence[str], olds: Mapping[str, Sequence[Row]], news: Mapping[str, Sequence[Row]]
) -> dict[str, dict[str, int]]:
    """In how many tasks both were asked the same, something else, or it is known of one side only, or of none."""
    found: dict[str, dict[str, int]] = {}
    for kind in ("messages", "ids"):
        pairs = [(olds[task][0]["prompt_hash"][kind], news[task][0]["prompt_hash"][kind]) for task in both]
        known = [(old, new) for old, new in pairs if old is not None and new is not None]
        found[kind] = {
            "same": sum(old == new for old, new in known),
            "different": sum(old != new for old, new in known),
            "one_sided": sum((old is None) != (new is None) for old, new in pairs),
            "unknown": sum(old is None and new is None for old, new in pairs),
        }
    return found


def _settings(before: EvalConfig, after: EvalConfig) -> dict[str, tuple[Any, Any]]:
    """What was measured in another way, the model and the size of the sample aside."""
    old, new = _flat(before.measured()), _flat(after.measured())
    aside = ("model.", "suites", "tasks", "rollouts", "families", "tags")
    keys = sorted(key for key in old.keys() | new.keys() if not key.startswith(aside))
    return {key: (old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)}


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, dict) and value:
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found
