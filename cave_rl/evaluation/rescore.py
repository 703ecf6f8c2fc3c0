"""Scores a run again without its model: the recorded messages are played in fresh runtimes, by today's assertions.

What a runtime holds is a function of its task, its seed and the cells that ran in it. So the recorded messages bring it
back, and the recorded digests of the state tell, step by step, whether it is the same. Users say what they said,
and referees keep their opinions: no endpoint is asked. Where it is not the same (a cell that read the clock, a library
of another version, a changed set-up) the episode is told as a mismatch, and its new score stands apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from cave_rl.confinement import Confinement
from cave_rl.evaluation.config import EvalConfig
from cave_rl.evaluation.plan import Planned
from cave_rl.evaluation.run import row_of
from cave_rl.evaluation.summary import summarise
from cave_rl.rollouts.play import Rollout
from cave_rl.rollouts.stream import Written, play_one, play_stream
from cave_rl.runtime.drive import Steps
from cave_rl.runtime.pool import Pool
from cave_rl.tasks import registry
from cave_rl.tasks.config import UserConfig
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.referee import Hearing, Opinion, Opinions, RefereeFault
from cave_rl.tasks.suite import SuiteError
from cave_rl.tasks.user import Act, Dialogue, Said

Row = dict[str, Any]

_OURS = ("budget", "context", "time")
"""Ends that the messages themselves do not tell."""


@dataclass(frozen=True)
class Replay:
    """Writes what was written.

    Attributes:
        row: the recorded episode.
    """

    row: Row

    async def write(self, rollout: Rollout, observation: str) -> Written:
        steps, number = _spoken(self.row["steps"]), len(rollout.infos)
        if number >= len(steps):  # the recorded one had ended here: judged as it stands, and told as a mismatch
            return Written("", closed=False)
        step = steps[number]
        text = "" if step["message"] is None else self.row["messages"][step["message"]]["content"]
        last = number + 1 == len(steps) and self.row["stop"] in _OURS
        return Written(text, closed=step["outcome"] != "cut", stop=self.row["stop"] if last else "")


@dataclass(frozen=True)
class RecordedUser:
    """Says what was said. Where nothing was (the replay is another than the recorded) the dialogue is over.

    Attributes:
        lines: by the turn, and how much the user had said and done in it before (`Dialogue.number`).
    """

    lines: Mapping[tuple[int, int], Said]

    @classmethod
    def of(cls, row: Row) -> RecordedUser:
        """The user of a recorded episode."""
        known, number = {each.name for each in fields(Said)} - {"acts"}, dict.fromkeys(range(row["turns"]), 0)
        lines = {}
        for step in row["steps"]:
            if told := step.get("user"):
                at = step["turn"]
                for act in told.get("acts", ()):
                    lines[at, number[at]] = Said("", acts=(Act(act["name"], act["arguments"]),))
                    number[at] += 1
                lines[at, number[at]] = Said(**{name: value for name, value in told.items() if name in known})
                number[at] += 1
        return cls(lines)

    def check(self, config: UserConfig) -> None:
        """It can always speak."""

    def say_steps(self, dialogue: Dialogue) -> Steps[Said]:
        """What was said then."""
        yield from ()
        return self.lines.get((dialogue.turn, dialogue.number), Said("", over=True, stop="recorded"))


def recorded_opinions(row: Row) -> Opinions:
    """What the referees of a recorded episode said."""
    found = {step["turn"]: Opinion.of(step["opinion"]) for step in row["steps"] if "opinion" in step}

    def opinion_steps(hearing: Hearing) -> Steps[Opinion]:
        yield from ()
        if hearing.turn not in found:  # the Judge had found it wrong, then
            raise RefereeFault(f"no opinion of turn {hearing.turn + 1} was recorded")
        return found[hearing.turn]

    return opinion_steps


def rescore(
    config: EvalConfig,
    rows: Sequence[Row],
    *,
    concurrency: int = 64,
    progress: Callable[[Row], None] = lambda row: None,
) -> tuple[dict[str, Any], list[Row]]:
    """Plays a run's episodes again.

    Args:
        config: of the run.
        rows: its episodes.
        concurrency: most episodes at once.
        progress: is told of each as it ends.

    Returns:
        What came of it, and the new rows. Each has `rescored`: `before` (solved, reward) and `mismatches`.

    Raises:
        SuiteError: a suite is not there.
    """
    suites = {name: registry.find(name) for name in config.suites}
    by_name = {suite.name: suite for suite in suites.values()}
    skipped: dict[str, str] = {}
    played: list[tuple[Planned, Row]] = []
    for row in rows:
        if row["fault"] is not None:
            skipped[row["key"]] = "it was a fault"
            continue
        suite = by_name[row["suite"]]
        try:
            task = suite.task(row["split"], row["family"], row["index"])
        except SuiteError as error:
            skipped[row["key"]] = f"its task cannot be made any more: {error}"
            continue
        if task.id != row["task"]:
            skipped[row["key"]] = "its task asks or holds something else today"
            continue
        played.append((Planned(task, row["split"], row["index"], row["rollout"], suite.examples), row))
    found: list[Row] = []

    def tell(item: tuple[Planned, Row], rollout: Rollout) -> None:
        planned, row = item
        new = row_of(planned, rollout)
        new["rescored"] = {
            "before": {"solved": row["solved"], "reward": row["reward"]},
            "mismatches": [] if rollout.fault is not None else list(mismatches(row, new)),
        }
        found.append(new)
        progress(new)

    with Pool(Confinement(require=config.confinement, memory_mb=config.memory_mb)) as pool:

        async def one(item: tuple[Planned, Row]) -> Rollout:
            planned, row = item
            given: dict[str, Any] = {
                "pool": pool,
                "config": config.env,
                "seed": row["seed"],
                "examples": planned.examples,
            }
            recorded: dict[str, Any] = {"user": RecordedUser.of(row), "opinions": recorded_opinions(row)}
            episode = Episode(planned.task, **given, **recorded)
            return await play_one(episode, Replay(row))

        if played:
            asyncio.run(play_stream(played, one, tell, min(concurrency, len(played))))
    return _result(rows, found, skipped, config.label), found


def mismatches(before: Row, after: Row) -> Iterator[dict[str, Any]]:
    """Where a replay is not what was recorded, in the order of its steps; what follows the first may follow from it."""
    if names := _differing(before["start"], after["start"]):
        yield {"step": 0, "what": "state", "names": names}
    for old, new in zip(before["steps"], after["steps"], strict=False):
        for what in ("outcome", "code"):
            if old.get(what) != new.get(what):
                yield {"step": old["step"], "what": what, "before": old.get(what), "after": new.get(what)}
        if names := _differing(old.get("state"), new.get("state")):
            yield {"step": old["step"], "what": "state", "names": names}
    if len(before["steps"]) != len(after["steps"]):
        yield {"step": 0, "what": "length", "before": len(before["steps"]), "after": len(after["steps"])}


def _differing(before: dict[str, str] | None, after: dict[str, str] | None) -> list[str]:
    """The variables whose digests differ; none where either side took no digests."""
    if before is None or after is None:
        return []
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _spoken(steps: Sequence[Row]) -> list[Row]:
    """The steps that are messages, host events left out."""
    return [step for step in steps if not step["outcome"].startswith("event:")]


def _result(rows: Sequence[Row], found: Sequence[Row], skipped: dict[str, str], label: str) -> dict[str, Any]:
    scored = [row for row in found if row["fault"] is None]
    exact = [row for row in scored if not row["rescored"]["mismatches"]]
    changed = [row for row in scored if row["solved"] != row["rescored"]["before"]["solved"]]
    keys = {row["key"] for row in scored}
    return {
        "label": label,
        "episodes": len(rows),
        "replayed": len(scored),
        "skipped": skipped,
        "faults": {row["key"]: row["fault"] for row in found if row["fault"] is not None},
        "exact": len(exact),
        "checked_steps": sum(step.get("state") is not None for row in scored for step in row["steps"]),
        "mismatches": {row["key"]: row["rescored"]["mismatches"] for row in scored if row["rescored"]["mismatches"]},
        "changed": {row["key"]: row["solved"] for row in changed},
        "success": {
            "before": summarise([row for row in rows if row["key"] in keys])["success"],
            "after": summarise(scored)["success"],
            "after_exact": summarise(exact)["success"],
        },
    }
