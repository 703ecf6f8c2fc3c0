"""Agreement with other people's checkers: the same runs, judged by us and by them.

    python -m benchmarks.parity [--here] [--categories base,miss_func] [--first 20] [--json FILE] [--markdown FILE]

BFCL: the answers of each multi-turn dialogue, and ways to get them wrong (`benchmarks.mutations`), are played as cells
in the real environment. What our verdict says of the live simulators is compared with what upstream's
`multi_turn_checker` and `multi_turn_irrelevance_checker` say, in this process, of the calls that were recorded. With
`--here` the cells run in this process as well, by the code of World and judge: a minute for all, and no processes.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # it may be started by its path

import typer
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from benchmarks import here
from benchmarks.mutations import Turns, mutated
from cave_rl.rollouts import play_messages
from cave_rl.runtime import Pool
from cave_rl.semantic.parsing import fenced
from cave_rl.suites.third_party.bfcl.tasks.data import dialogues
from cave_rl.suites.third_party.bfcl.tasks.judging import checked
from cave_rl.suites.third_party.bfcl.tasks.suite import CATEGORIES, Dialogues
from cave_rl.tasks import Episode, EpisodeConfig, Task

_AGAIN = 3
"""How often a run is played again that a fault of the host's has ended: it says nothing of the verdicts."""


@dataclass(frozen=True)
class Outcome:
    """What came of a run: what is told of the dialogue, the reward, and why there is neither, if there is not."""

    told: dict[str, Any]
    reward: float | None
    why: str = ""


Play = Callable[[Task, Sequence[Turns]], list[Outcome]]


@dataclass
class Count:
    """What came of the runs of one kind.

    Attributes:
        runs: how many.
        reward: those that our environment paid 1 for (strict).
        official: those that our verdict passes, read as upstream does.
        checker: those that upstream's checker passes.
        disagreements: what differs, of each run where something does.
    """

    runs: int = 0
    reward: int = 0
    official: int = 0
    checker: int = 0
    disagreements: list[str] = field(default_factory=list)


@dataclass
class Parity:
    """The runs of one category.

    Attributes:
        kinds: by kind of run.
        dialogues: how many there were.
        faults: runs that failed on our side, and were played again.
        ours_s: wall seconds in the environment, from set-up to verdict.
        checker_s: those that upstream's checker took for the same calls.
    """

    kinds: dict[str, Count] = field(default_factory=dict)
    dialogues: int = 0
    faults: list[str] = field(default_factory=list)
    ours_s: float = 0.0
    checker_s: float = 0.0

    @property
    def disagreements(self) -> list[str]:
        """All of them."""
        return [f"{kind}: {each}" for kind, count in self.kinds.items() for each in count.disagreements]


def in_episodes(pool: Pool) -> Play:
    """Plays a task by call strings, those of a turn as one cell, in all ways together."""

    def play(task: Task, ways: Sequence[Turns]) -> list[Outcome]:
        episodes = [Episode(task, pool=pool, config=EpisodeConfig()) for _ in ways]
        scripts = {id(episode): turns for episode, turns in zip(episodes, ways, strict=True)}

        def policy(episode: Episode) -> str:
            calls = scripts[id(episode)][episode.turn]
            return fenced("\n".join(calls)) if calls and episode.turn_steps == 0 else "Done."

        try:
            played = play_messages(episodes, policy)
        finally:
            for episode in episodes:
                episode.close()
        return [Outcome(each.infos[-1].get("bfcl", {}), each.reward, each.fault or each.stop) for each in played]

    return play


def in_process(task: Task, ways: Sequence[Turns]) -> list[Outcome]:
    """The same without processes."""
    played = [here.play(task, turns) for turns in ways]
    return [Outcome(turns[-1], float(all(each["passed"] for each in turns))) for turns in played]


def parity(
    category: str, numbers: Sequence[int], play: Play, progress: Callable[[int], None] = lambda done: None
) -> Parity:
    """Plays dialogues of a category in all ways, and compares the verdicts; `progress` is told how many are done."""
    suite, found = Dialogues(category), Parity()
    for number in numbers:
        dialogue, task = dialogues(category)[number], suite.dialogue(number)
        ways = list(mutated(dialogue.gold, dialogue.id))
        started = time.perf_counter()
        outcomes = play(task, [turns for _, turns in ways])
        for _ in range(_AGAIN):
            again = [at for at, each in enumerate(outcomes) if each.reward is None]
            found.faults += [f"{dialogue.id}: {outcomes[at].why}" for at in again]
            for at, outcome in zip(again, play(task, [ways[at][1] for at in again]), strict=True):
                outcomes[at] = outcome
        found.ours_s += time.perf_counter() - started
        for (kind, _), outcome in zip(ways, outcomes, strict=True):
            count = found.kinds.setdefault(kind, Count())
            count.runs += 1
            count.reward += outcome.reward == 1.0
            started = time.perf_counter()
            ended = "checker" in outcome.told
            theirs = _theirs(dialogue, outcome.told["calls"]) if ended else {"checker": False, "strict": False}
            found.checker_s += time.perf_counter() - started
            count.official += outcome.told.get("official") is True
            count.checker += theirs["checker"]
            if wrong := "; ".join(_differing(outcome, theirs)):
                count.disagreements.append(f"{dialogue.id}: {wrong}")
        found.dialogues += 1
        progress(found.dialogues)
    return found


def _theirs(dialogue: Any, calls: list[list[list[str]]]) -> dict[str, bool]:
    """Upstream's checkers, run in this process."""
    from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker import (
        multi_turn_checker,
        multi_turn_irrelevance_checker,
    )

    valid = checked(multi_turn_checker, dialogue, calls)["valid"]
    gold = [list(turn) for turn in dialogue.gold]
    return {"checker": valid, "strict": valid and multi_turn_irrelevance_checker(calls, gold)["valid"]}


def _differing(outcome: Outcome, theirs: dict[str, bool]) -> Iterator[str]:
    told = outcome.told
    if "checker" not in told:
        yield f"it has no verdict: {outcome.why}"
        return
    if told["official"] != theirs["checker"]:
        yield f"official {told['official']}, the checker {theirs['checker']}"
    if told["checker"]["valid"] != theirs["checker"]:
        yield f"the checker says {told['checker']} in the judge and {theirs['checker']} here"
    if told["strict"] != theirs["strict"]:
        yield f"strict {told['strict']}, the checker with the irrelevance checker {theirs['strict']}"
    if outcome.reward != float(told["strict"]):
        yield f"reward {outcome.reward}, strict {told['strict']}"
    if not told["replayed"]:
        yield "the calls do not lead to the live state"


def table(found: dict[str, Parity]) -> list[list[str]]:
    """Rows of text: kind by kind, and what it took."""
    kinds = list(dict.fromkeys(kind for each in found.values() for kind in each.kinds))
    rows = []
    for kind in kinds:
        row = [kind]
        for each in found.values():
            count = each.kinds.get(kind, Count())
            row.append(f"{count.reward} / {count.official} / {count.checker} of {count.runs}" if count.runs else "-")
        rows.append(row)
    runs = Counter({name: sum(count.runs for count in each.kinds.values()) for name, each in found.items()})
    rows.append(["disagreements", *(f"{len(each.disagreements)} of {runs[name]}" for name, each in found.items())])
    rows.append(["faults, played again", *(str(len(each.faults)) for each in found.values())])
    for who, spent in (("ours", "ours_s"), ("the checker's", "checker_s")):
        rows.append(
            [f"ms a run, {who}", *(f"{1000 * getattr(each, spent) / runs[name]:.0f}" for name, each in found.items())]
        )
    return rows


def _updater(bar: Progress, task: TaskID) -> Callable[[int], None]:
    return lambda done: bar.update(task, completed=done)


def main(
    categories: Annotated[str, typer.Option(help="Which, with commas between.")] = ",".join(CATEGORIES),
    without_processes: Annotated[bool, typer.Option("--here", help="Run the cells in this process.")] = False,
    first: Annotated[int, typer.Option(help="Only so many dialogues of each.")] = 200,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all counts there.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the table there.")] = None,
) -> None:
    """Plays BFCL's dialogues in all ways, and compares the verdicts. Fails if any differs."""
    console, found = Console(), {}
    with Pool() as pool:
        play = in_process if without_processes else in_episodes(pool)
        for category in categories.split(","):
            with Progress(console=console, transient=True) as bar:
                bar_of = bar.add_task(category, total=first)
                found[category] = parity(category, range(first), play, _updater(bar, bar_of))
            console.print(
                f"{category}: {len(found[category].disagreements)} disagreements",
                *found[category].disagreements,
                sep="\n",
            )
    shown = Table("reward 1 / official / checker", *found, title="BFCL multi-turn")
    rows = table(found)
    for row in rows:
        shown.add_row(*row)
    console.print(shown)
    if json_file is not None:
        json_file.write_text(json.dumps({name: asdict(each) for name, each in found.items()}, indent=1))
    if markdown is not None:
        lines = [["reward 1 / official / checker", *found], ["---"] * (1 + len(found)), *rows]
        markdown.write_text("".join(f"| {' | '.join(line)} |\n" for line in lines))
    raise typer.Exit(any(each.disagreements for each in found.values()))


if __name__ == "__main__":
    typer.run(main)
