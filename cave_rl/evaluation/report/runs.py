"""Runs as a report reads them: the lines of `traces.jsonl`, older and newer ones, each as an `Episode`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from cave_rl.semantic.protocols import PROTOCOLS

TRACES = "traces.jsonl"
CONFIGS = ("config.yaml", "config.json")
TOKENS = ("prompt", "completion", "observation", "sent")

_SECRET = re.compile(r"(.*_)?(key|token|secret|password)", re.IGNORECASE)
_LOGIN = re.compile(r"://[^/@\s]+@")


class ReportError(ValueError):
    """Something that was given is not a run."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One line of a trace, with the parts that figures are made of.

    Attributes:
        run: the index of its run.
        line: its line in the file, from 1.
        part: which of several evaluations in one file it belongs to (`eval` of the line).
        protocol: how actions were written; empty where the line does not tell.
        task, family: what was played.
        case: what its rollouts share: its place in the suite, or the task where the line does not tell.
        solved: whether every turn was judged and scored 1; None after a fault, which is no result.
        reward: what it earned; None after a fault.
        stop: why it ended.
        outcomes: how each message ended.
        tokens: how many, by kind; empty where they were not counted. `sent` is what all calls together were given.
        seconds: what it took in all, or where that is not told what its environment took.
        row: the whole line.
    """

    run: int
    line: int
    part: str
    protocol: str
    task: str
    family: str
    case: str
    solved: bool | None
    reward: float | None
    stop: str
    outcomes: tuple[str, ...]
    tokens: dict[str, int]
    seconds: float | None
    row: dict[str, Any]

    @property
    def result(self) -> str:
        """`solved`, `failed` or `fault`."""
        return "fault" if self.solved is None else "solved" if self.solved else "failed"

    @property
    def id(self) -> str:
        """Its run and its line, both from 1: the same as long as lines are only ever added."""
        return f"{self.run + 1}.{self.line}"


@dataclass(frozen=True, slots=True)
class Run:
    """A run directory, or a trace file of one.

    Attributes:
        name: the shortest end of its path that no other run here has.
        path: the trace file.
        config: the text of its configuration; empty where there is none.
        episodes: what was played.
    """

    name: str
    path: Path
    config: str
    episodes: tuple[Episode, ...]


def read(given: Sequence[Path | str]) -> list[Run]:
    """The runs that lie at some paths: directories with a `traces.jsonl`, or such files.

    Raises:
        ReportError: there is nothing, or it is something else.
    """
    if not given:
        raise ReportError("no run was given: name a run directory, or a file of traces")
    files = [trace_file(run) for each in given for run in _runs(Path(each))]
    names = _names([path.parent if path.name == TRACES else path.with_suffix("") for path in files])
    played = _with_suites([list(_latest(_episodes(path, index))) for index, path in enumerate(files)])
    return [
        Run(name, path, _config(path), tuple(episodes))
        for name, path, episodes in zip(names, files, played, strict=True)
    ]


def _runs(path: Path) -> list[Path]:
    """The runs of a comparison of protocols, where a path is the directory of one; else the path itself."""
    if not path.is_dir() or (path / TRACES).is_file():
        return [path]
    return [path / name for name in PROTOCOLS if (path / name / TRACES).is_file()] or [path]


def trace_file(path: Path) -> Path:
    """Where the traces of a run are.

    Raises:
        ReportError: nowhere.
    """
    if path.is_dir():
        if (path / TRACES).is_file():
            return path / TRACES
        others = ", ".join(sorted(each.name for each in path.glob("*.jsonl")))
        raise ReportError(f"{path} is no run: it has no {TRACES}" + (f" (but {others})" if others else ""))
    if path.is_file():
        return path
    raise ReportError(f"there is no run at {path}")


def episode(row: dict[str, Any], run: int, line: int) -> Episode:
    """One line as an episode. What older lines lack has a neutral value."""
    fault = row.get("fault") is not None
    told = row.get("tokens")
    counts = told if isinstance(told, dict) else {}
    tokens = {kind: int(count) for kind in TOKENS if (count := number(counts.get(kind))) is not None}
    task = str(row["task"])
    return Episode(
        run=run,
        line=line,
        part=_text(row.get("eval")),
        protocol=_text(row.get("protocol")),
        task=task,
        family=_text(row.get("family")) or task.partition("/")[0],
        case=_text(row.get("key")).rpartition("#")[0] or task,
        solved=None if fault else bool(row["solved"]),
        reward=None if fault else number(row.get("reward")),
        stop=_text(row.get("stop")) or ("fault" if fault else ""),
        outcomes=tuple(map(str, listed(row.get("outcomes")))),
        tokens=tokens if any(tokens.values()) else {},
        seconds=number(row.get("wall_s")) or number(row.get("env_s")),
        row=row,
    )


def number(value: object) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def listed(value: object) -> list[Any]:
    """A list; what is none is empty."""
    return value if isinstance(value, list) else []


def _episodes(path: Path, run: int) -> Iterator[Episode]:
    """The lines of a file; a last one that its writer has not finished is not one yet."""
    with path.open(encoding="utf-8", newline="\n") as file:
        for line, text in enumerate(file, 1):
            if not text.endswith("\n"):
                return
            try:
                row = json.loads(text)
            except ValueError as error:
                raise ReportError(f"{path}, line {line}: not JSON ({error})") from error
            if not isinstance(row, dict) or "task" not in row or "solved" not in row:
                raise ReportError(f"{path}, line {line}: not an episode (an episode has `task` and `solved`)")
            yield episode(row, run, line)


def _latest(episodes: Iterable[Episode]) -> Iterable[Episode]:
    """Of an episode that was played again (after a fault, say) its last line."""
    return {_text(each.row.get("key")) or each.line: each for each in episodes}.values()


def _with_suites(played: list[list[Episode]]) -> list[list[Episode]]:
    """Families under the names of their suites, where there are several: two may have a family of one name."""
    if len({_text(each.row.get("suite")) for episodes in played for each in episodes}) < 2:
        return played
    return [
        [replace(each, family=f"{_text(each.row.get('suite')) or '?'}/{each.family}") for each in episodes]
        for episodes in played
    ]


def _names(paths: Iterable[Path]) -> list[str]:
    parts = [path.resolve().parts for path in paths]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(each[-depth:]) for each in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{number}: {'/'.join(each[-1:])}" for number, each in enumerate(parts, 1)]  # one run, given twice


def _config(path: Path) -> str:
    """The configuration beside a file, without what a report that is sent should not tell."""
    found = (path.parent / name for name in CONFIGS)
    text = next((each.read_text(encoding="utf-8", errors="replace") for each in found if each.is_file()), "")
    try:
        told = _without_secrets(yaml.safe_load(text))
    except yaml.YAMLError as error:
        return f"(cannot be read: {error})"
    return str(yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=100)) if told is not None else ""


def _without_secrets(value: object) -> object:
    if isinstance(value, dict):
        return {
            name: "(not shown)" if each and _SECRET.fullmatch(str(name)) else _without_secrets(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(each) for each in value]
    return _LOGIN.sub("://(not shown)@", value) if isinstance(value, str) else value


def _text(value: object) -> str:
    return "" if value is None else str(value)
