"""Episodes as lines of `traces.jsonl`: everything a person needs to see what happened, and why."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cave_rl.rollouts.play import Rollout


def record(rollout: Rollout, **extra: Any) -> dict[str, Any]:
    """One rollout as plain data."""
    episode = rollout.episode
    return {
        **extra,
        "suite": episode.task.suite,
        "family": episode.task.family,
        "task": episode.task.id,
        "tags": list(episode.task.tags),
        "reward": rollout.reward,
        "solved": episode.solved and rollout.fault is None,
        "scores": list(episode.scores),
        "stop": rollout.stop,
        "fault": rollout.fault,
        "outcomes": rollout.outcomes,
        "verdicts": rollout.verdicts,
        "messages": list(episode.messages),
        "tokens": {
            "prompt": len(rollout.prompt_ids),
            "completion": sum(rollout.mask),
            "observation": len(rollout.mask) - sum(rollout.mask),
        },
        "steps": episode.trace,
        "env_s": rollout.env_s,
    }


def append(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """Adds lines to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for each in records:
            file.write(json.dumps(each, ensure_ascii=True) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a file, none where there is no file. A last line that was torn, when its writer was killed, is not
    one.
    """
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return [json.loads(line) for line in text.split("\n")[:-1]]


def keep(path: Path, wanted: Callable[[dict[str, Any]], bool]) -> None:
    """Takes the lines that are not wanted out of a file, and one that was torn."""
    if path.is_file():
        rows = [row for row in read(path) if wanted(row)]
        rewritten = path.with_name(f".{path.name}")
        rewritten.write_text("")
        append(rewritten, rows)
        rewritten.replace(path)
