"""A run's directory: whatever happens to the process, what was played is in it, and the run can go on.

config.yaml        the resolved configuration
environment.json   versions, when it was started and gone on with, what its tasks are
traces.jsonl       one line an episode, written as it ends; never changed
summary.json       the numbers, once all episodes have been played
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from cave_rl.evaluation.config import EvalConfig
from cave_rl.evaluation.plan import Planned
from cave_rl.rollouts import traces
from cave_rl.rollouts.calls import short_hash
from cave_rl.tasks import settings
from cave_rl.tasks.settings import ConfigError

CONFIG, ENVIRONMENT, TRACES, SUMMARY = "config.yaml", "environment.json", "traces.jsonl", "summary.json"


class RunDirectory:
    """One run on disk, open for writing. Only one process at a time may have it open.

    Made by `create` or `resume`; `load` reads one that may be another's.
    """

    def __init__(self, path: Path, config: EvalConfig) -> None:
        self.path = path
        self.config = config
        self._file = (path / TRACES).open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise ConfigError(f"{path}: another process is writing this run") from None

    @classmethod
    def create(cls, path: Path, config: EvalConfig) -> Self:
        """A new run; one that had come to its end there before is written anew.

        Raises:
            ConfigError: the directory holds a run that is not finished, or something else.
        """
        if (path / CONFIG).exists() and not (path / ENVIRONMENT).exists():
            raise ConfigError(f"{path} holds something else (a config.yaml, but no evaluation): choose another output")
        if (path / CONFIG).exists() and not (path / SUMMARY).exists():
            raise ConfigError(f"{path} holds a run that is not finished: go on with --resume {path}, or remove it")
        path.mkdir(parents=True, exist_ok=True)
        run = cls(path, config)
        for name in (SUMMARY, ENVIRONMENT):
            (path / name).unlink(missing_ok=True)
        run._file.truncate(0)
        (path / CONFIG).write_text(settings.dump(config))
        return run

    @classmethod
    def resume(cls, path: Path, overrides: Sequence[str] = ()) -> Self:
        """A run that goes on. A line that was torn when its writer was killed is taken away.

        Args:
            path: of the run.
            overrides: of how it is carried out; what it measures stays.

        Raises:
            ConfigError: there is no run, it was of another version of ours, or an override changes what it measures.
        """
        data = settings.read(_existing(path) / CONFIG)
        before = settings.parse(EvalConfig, data)
        for text in overrides:
            settings.override(data, text)
        config = settings.parse(EvalConfig, data)
        changed = [key for key, value in before.measured().items() if config.measured()[key] != value]
        if changed:
            raise ConfigError(f"{path} goes on with what it measures: {changed[0]} cannot be changed; begin a new run")
        run = cls(path, config)
        run._mend()
        (path / CONFIG).write_text(settings.dump(config))
        return run

    @property
    def finished(self) -> bool:
        """Whether its summary has been written."""
        return (self.path / SUMMARY).is_file()

    def rows(self) -> list[dict[str, Any]]:
        """The last line of each episode."""
        return traces.latest(traces.read(self.path / TRACES))

    def note(self, versions: Mapping[str, str | None], planned: Sequence[Planned]) -> list[str]:
        """Notes with what it is carried out; what has changed since it was begun, in words.

        Raises:
            ConfigError: a task of it is another one today.
        """
        path = self.path / ENVIRONMENT
        today = {"versions": dict(versions), "tasks": short_hash("\n".join(item.task.id for item in planned))}
        known: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {**today, "started": []}
        tasks = {item.key: item.task.id for item in planned}
        for row in self.rows():
            if tasks.get(row["key"]) != row["task"]:
                raise ConfigError(f"{self.path} cannot go on: {row['key']} is another task today than {row['task']}")
        changed = [
            f"{name} was {known['versions'].get(name)} and is {version} now"
            for name, version in versions.items()
            if known["versions"].get(name) != version
        ]
        started = [*known["started"], time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())]
        path.write_text(json.dumps({**known, "started": started, "changed": changed}, indent=1))
        return changed

    def append(self, row: dict[str, Any]) -> None:
        """Adds a line, at once and whole as far as the system goes."""
        self._file.write(json.dumps(row, ensure_ascii=True).encode() + b"\n")
        self._file.flush()

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Writes the summary, whole or not at all."""
        written = self.path / f".{SUMMARY}"
        written.write_text(json.dumps(summary, indent=1, allow_nan=False))
        written.replace(self.path / SUMMARY)

    def close(self) -> None:
        """Lets go of it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _mend(self) -> None:
        path = self.path / TRACES
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.truncate(path, whole)


def load(path: Path) -> tuple[EvalConfig, list[dict[str, Any]]]:
    """The configuration of a run, and the last line of each of its episodes.

    Raises:
        ConfigError: there is no run.
    """
    config = settings.parse(EvalConfig, settings.read(_existing(path) / CONFIG))
    return config, traces.latest(traces.read(path / TRACES))


def fresh(config: EvalConfig, under: Path) -> Path:
    """Where a run goes that was not told: `<suites>--<model>--<when>`, not there yet."""
    suites = "+".join(name.rpartition(":")[0] or name for name in config.suites)
    stem = "".join(c if c.isalnum() or c in "-_.+" else "-" for c in f"{suites}--{config.model.short}")[:120]
    when = time.strftime("%Y%m%d-%H%M%S")
    names = (f"{stem}--{when}{suffix}" for suffix in ("", *(f"-{i}" for i in range(2, 1000))))
    return next(under / name for name in names if not (under / name).exists())


def _existing(path: Path) -> Path:
    if not (path / CONFIG).is_file() or not (path / TRACES).exists():
        raise ConfigError(f"{path} holds no run of `cave-rl eval`: it has no {CONFIG}, or no {TRACES}")
    return path
