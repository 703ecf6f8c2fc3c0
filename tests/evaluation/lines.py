"""Lines of traces for the tests of reports: made up ones as `traces.record` writes them, and real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cave_rl.evaluation import choose, evaluate
from cave_rl.evaluation.report.runs import Run, read
from cave_rl.rewards.assertions import equals
from cave_rl.rollouts import gold, noop, play_messages
from cave_rl.runtime.pool import Pool
from cave_rl.semantic.parsing import fenced
from cave_rl.tasks.config import EpisodeConfig
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.task import Task, Turn
from tests.training import tiny

HOSTILE = (
    '</script><script>document.title = "owned"</script>'
    '<img src=x onerror="document.title = 1"><svg/onload=alert(1)>'
    "\"'><b>&lt;&amp;\u2028\u202egnp.exe\u2066\u200b\x00\x1b[31m\ufeff\U000e0041\ud800]]><!--${x}{{x}}javascript:alert(1)"
)


def line(**changes: Any) -> dict[str, Any]:
    """An episode of two messages, solved."""
    code = "total = sum(xs)"
    row: dict[str, Any] = {
        "schema": 2,
        "suite": "Types-v0",
        "family": "sum_values",
        "task": "sum_values/00ff",
        "tags": ["core"],
        "seed": 0,
        "turns": 1,
        "reward": 1.0,
        "solved": True,
        "scores": [1.0],
        "stop": "answered",
        "fault": None,
        "outcomes": ["ok", "answered"],
        "verdicts": [
            {"turn": 0, "name": "total equals", "passed": True, "weight": 1.0, "message": "", "gate": False},
            {"turn": 0, "name": "xs unchanged", "passed": True, "weight": 0.0, "message": "", "gate": True},
        ],
        "messages": [
            {"role": "system", "content": "Write Python."},
            {"role": "user", "content": "xs: list\nPut the sum of xs in total."},
            {"role": "assistant", "content": f"I add them up.\n{fenced(code)}"},
            {"role": "user", "content": "it ran"},
            {"role": "assistant", "content": "Done."},
        ],
        "opening": 2,
        "queries": ["Put the sum of xs in total."],
        "tokens": {"prompt": 100, "completion": 20, "observation": 5, "sent": 220, "by": "ids"},
        "steps": [
            {
                "turn": 0, "step": 1, "outcome": "ok", "message": 2, "code": code, "observation": "it ran",
                "wall_s": 0.002, "cpu_s": 0.001, "peak_kb": 20480, "error": None, "detail": "",
                "diff": {"created": ["total"], "changed": [], "deleted": []},
            },
            {"turn": 0, "step": 2, "outcome": "answered", "message": 4, "code": None, "observation": ""},
        ],
        "wall_s": 0.5,
        "env_s": 0.02,
        "policy_s": 0.48,
    }  # fmt: skip
    return {**row, **changes}


def failed(**changes: Any) -> dict[str, Any]:
    """The same, not solved."""
    verdicts = [
        {"turn": 0, "name": "total equals", "passed": False, "weight": 1.0, "message": "total: expected 6, got 5",
         "gate": False},
        {"turn": 0, "name": "xs unchanged", "passed": True, "weight": 0.0, "message": "", "gate": True},
    ]  # fmt: skip
    return line(**{"solved": False, "reward": 0.0, "scores": [0.0], "verdicts": verdicts, **changes})


def faulty(**changes: Any) -> dict[str, Any]:
    """The same, ended by our side."""
    return line(**{"solved": False, "reward": None, "scores": [], "verdicts": [], "fault": "OSError: disk",
                   "stop": "fault", "outcomes": ["ok", "fault"], **changes})  # fmt: skip


def older(row: dict[str, Any]) -> dict[str, Any]:
    """A line as it was written before there were schemas."""
    kept = {key: value for key, value in row.items() if key not in ("schema", "seed", "turns", "opening", "queries")}
    told = ("turn", "step", "outcome", "wall_s", "cpu_s", "peak_kb", "diff", "error", "detail")
    kept["steps"] = [{key: each[key] for key in told if key in each} for each in row["steps"]]
    return {key: value for key, value in kept.items() if key not in ("wall_s", "policy_s")}


def written(directory: Path, rows: list[dict[str, Any]]) -> Path:
    """A run directory with these lines."""
    directory.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=True) + "\n" for row in rows)
    (directory / "traces.jsonl").write_text(text, encoding="utf-8")
    return directory


def runs(tmp_path: Path, **sides: list[dict[str, Any]]) -> list[Run]:
    """Runs by name."""
    return read([written(tmp_path / name, rows) for name, rows in sides.items()])


def many(episodes: int, *, solved: float = 0.5, seed: int = 0) -> list[dict[str, Any]]:
    """Episodes of ten families, four of each task."""
    import random

    rng = random.Random(seed)
    rows = []
    for number in range(episodes):
        family = f"family_{number // 4 % 10}"
        make = line if rng.random() < solved else failed
        task = f"{family}/{number // 4:016x}"
        rows.append(make(family=family, task=task, wall_s=0.1 + rng.random(), rollout=number % 4))
    return rows


def real(pool: Pool) -> list[dict[str, Any]]:
    """Episodes that were played: solved, failed in several ways, a fault, two turns, an event, a refused message."""
    turns = [
        Turn("Set x to 1.", equals("x", 1), gold="x = 1"),
        Turn("Now double y.", equals("y", 20), gold="y *= 2", changes=["y"], event="y = 10"),
    ]
    dialogue = Task(turns, family="dialogue")
    broken = Task([Turn("?", equals("x", 1))], setup="raise OSError('disk')", family="broken")
    easy = choose(tiny.suite, "test", 4)

    def clumsy(episode: Episode) -> str:
        said = [
            "```python\nx = 1 / 0\n```",
            "```python\nx\n```\n```python\ny\n```",
            "```python\nimport os\nos._exit(3)\n```",
        ]
        return said[min(episode.turn_steps, 2)]

    rows = []
    for policy, tasks in ((gold, [dialogue, *easy]), (noop, easy), (clumsy, [dialogue, *easy]), (gold, [broken])):
        rows += evaluate(
            lambda episodes, policy=policy: play_messages(episodes, policy), tasks, pool=pool, config=EpisodeConfig()
        ).rows
    return rows
