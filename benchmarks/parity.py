"""Agreement with other people's checkers: the same runs, judged by us and by them.

    python -m benchmarks.parity [--categories base,miss_func] [--first 20] [--json out.json] [--markdown out.md]

BFCL: the answers of each multi-turn dialogue, and ways to get them wrong (`benchmarks.mutations`), are played as cells
in the real environment. What our verdict says of the live simulators is compared with what upstream's
`multi_turn_checker` and `multi_turn_irrelevance_checker` say, in this process, of the calls that were recorded.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # it may be started by its path

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.mutations import Turns, mutated
from cave_rl.rollouts import play_messages
from cave_rl.rollouts.play import Rollout
from cave_rl.runtime import Pool
from cave_rl.semantic.parsing import fenced
from cave_rl.suites.third_party.bfcl.tasks.data import dialogues
from cave_rl.suites.third_party.bfcl.tasks.judging import checked
from cave_rl.suites.third_party.bfcl.tasks.suite import CATEGORIES, Dialogues
from cave_rl.tasks import Episode, EpisodeConfig, Task


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
        ours_s: wall seconds in the environment, from set-up to verdict.
        checker_s: those that upstream's checker took for the same calls.
    """

    kinds: dict[str, Count] = field(default_factory=dict)
    dialogues: int = 0
    ours_s: float = 0.0
    checker_s: float = 0.0

    @property
    def disagreements(self) -> list[str]:
        """All of them."""
        return [f"{kind}: {each}" for kind, count in self.kinds.items() for each in count.disagreements]


def play(pool: Pool, played: Sequence[tuple[Task, Turns]]) -> list[Rollout]:
    """Plays tasks by call strings, those of a turn as one cell, all together."""
    episodes = [Episode(task, pool=pool, config=EpisodeConfig()) for task, _ in played]
    scripts = {id(episode): turns for episode, (_, turns) in zip(episodes, played, strict=True)}

    def policy(episode: Episode) -> str:
        calls = scripts[id(episode)][episode.turn]
        return fenced("\n".join(calls)) if calls and episode.turn_steps == 0 else "Done."

    try:
        return play_messages(episodes, policy)
    finally:
        for episode in episodes:
            episode.close()


def parity(category: str, numbers: Sequence[int], pool: Pool) -> Parity:
    """Plays dialogues of a category in all ways, and compares the verdicts."""
    suite, found = Dialogues(category), Parity(dialogues=len(numbers))
    for number in numbers:
        dialogue, task = dialogues(category)[number], suite.dialogue(number)
        ways = list(mutated(dialogue.gold, dialogue.id))
        started = time.perf_counter()
        rollouts = play(pool, [(task, turns) for _, turns in ways])
        found.ours_s += time.perf_counter() - started
        for (kind, _), rollout in zip(ways, rollouts, strict=True):
            count = found.kinds.setdefault(kind, Count())
            count.runs += 1
            count.reward += rollout.reward == 1.0
            started = time.perf_counter()
            told = rollout.infos[-1].get("bfcl", {})
            theirs = _theirs(dialogue, told.get("calls", []))
            found.checker_s += time.perf_counter() - started
            count.official += told.get("official") is True
            count.checker += theirs["checker"]
            if wrong := "; ".join(_differing(rollout, told, theirs)):
                count.disagreements.append(f"{dialogue.id}: {wrong}")
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


def _differing(rollout: Rollout, told: dict[str, Any], theirs: dict[str, bool]) -> Iterator[str]:
    if rollout.fault is not None:
        yield rollout.fault
        return
    if told["official"] != theirs["checker"]:
        yield f"official {told['official']}, the checker {theirs['checker']}"
    if told["checker"]["valid"] != theirs["checker"]:
        yield f"the checker says {told['checker']} in the judge and {theirs['checker']} here"
    if told["strict"] != theirs["strict"]:
        yield f"strict {told['strict']}, the checker with the irrelevance checker {theirs['strict']}"
    if (rollout.reward == 1.0) != told["strict"] or rollout.reward not in (0.0, 1.0):
        yield f"reward {rollout.reward}, strict {told['strict']}"
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
    rows.append(["seconds here", *(f"{each.ours_s:.0f}" for each in found.values())])
    rows.append(["seconds of the checker", *(f"{each.checker_s:.0f}" for each in found.values())])
    return rows


def main(
    categories: Annotated[str, typer.Option(help="Which, with commas between.")] = ",".join(CATEGORIES),
    first: Annotated[int, typer.Option(help="Only so many dialogues of each.")] = 200,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all counts there.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the table there.")] = None,
) -> None:
    """Plays BFCL's dialogues in all ways, and compares the verdicts. Fails if any differs."""
    console, found = Console(), {}
    with Pool() as pool:
        for category in categories.split(","):
            found[category] = parity(category, range(first), pool)
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
