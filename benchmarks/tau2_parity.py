"""Agreement with tau2's evaluator: the same runs, judged by us and by it.

    python -m benchmarks.tau2_parity [--here] [--only retail,airline] [--first 20] [--json FILE] [--markdown FILE]
    python -m benchmarks.tau2_parity --throughput 20

The answers of each task of a domain's splits, and ways to get them wrong, are played in the real environment: as a
cell, or, where a customer has tools, by agent and customer in turns. What our verdict says of the live desk is compared
with what the peer says, in this process, of the calls that were recorded: upstream's own evaluators where upstream's
package is installed, else the scorers of its port. With `--here` the calls are made in this process as well, by the
code of World and judge.

With `--throughput` only answers are played, and CPU seconds told: ours of all processes, from a task's set-up to its
verdict, and those of the peer.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # it may be started by its path

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.here import Here
from benchmarks.measure import cpu_s, load
from benchmarks.mutations import other_scalar
from cave_rl.rollouts import play_messages
from cave_rl.runtime import Pool
from cave_rl.runtime.nearest import nearest
from cave_rl.semantic.parsing import fenced
from cave_rl.suites.third_party.tau2.tasks.customer import customer
from cave_rl.suites.third_party.tau2.tasks.data import Action, Scenario, scenarios, splits
from cave_rl.suites.third_party.tau2.tasks.making import talk, written
from cave_rl.suites.third_party.tau2.tasks.suite import Tickets
from cave_rl.suites.third_party.tau2.world.backend import backend
from cave_rl.tasks import Episode, EpisodeConfig, UserConfig
from cave_rl.tasks.user import message_of

_AGAIN = 3
"""How often a run is played again that a fault of the host's has ended: it says nothing of the verdicts."""

SUITES = {
    "retail": Tickets("retail"),
    "airline": Tickets("airline"),
    "telecom-solo": Tickets("telecom"),
    "telecom": Tickets("telecom", simulated=True),
}

_READS = ("get_", "find_", "list_", "search_", "check_", "calculate", "can_send_mms", "run_speed_test", "transfer_")


@dataclass(frozen=True)
class Run:
    """A way through a task.

    Attributes:
        kind: of what kind.
        actions: the calls.
        answer: what is said in the end.
    """

    kind: str
    actions: Sequence[Action]
    answer: str

    @property
    def cell(self) -> str:
        """The calls as code: one that fails must not keep the others from being made."""
        return "\n".join(f"try:\n    {written(each)}\nexcept Exception:\n    pass" for each in self.actions)


@dataclass(frozen=True)
class Outcome:
    """What came of a run: what is told of it, the reward, and why there is none, if there is not."""

    told: dict[str, Any]
    reward: float | None
    why: str = ""


@dataclass
class Count:
    """What came of the runs of one kind.

    Attributes:
        runs: how many.
        reward: those that our environment paid 1 for.
        peer: those that the peer passes.
        disagreements: what differs, of each run where something does.
    """

    runs: int = 0
    reward: int = 0
    peer: int = 0
    disagreements: list[str] = field(default_factory=list)


@dataclass
class Parity:
    """The runs of one domain.

    Attributes:
        kinds: by kind of run.
        faults: runs that failed on our side, and were played again.
        ours_s: wall seconds in the environment, from set-up to verdict.
        peer_s: those that the peer took for the same calls.
    """

    kinds: dict[str, Count] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    ours_s: float = 0.0
    peer_s: float = 0.0

    @property
    def disagreements(self) -> list[str]:
        """All of them."""
        return [f"{kind}: {each}" for kind, count in self.kinds.items() for each in count.disagreements]


Play = Callable[[Tickets, Scenario, Sequence[Run]], list[Outcome]]


def runs(scenario: Scenario, others: Sequence[Scenario]) -> Iterator[Run]:
    """The answers, and each way to get them wrong that there is; the same for the same task.

    Args:
        scenario: the task.
        others: tasks of its domain, from one of which `more` takes what nobody asked for.
    """
    actions, rng = list(scenario.actions), random.Random(scenario.id)
    said = "; ".join(scenario.communicated) or "Done."
    writes = [at for at, each in enumerate(actions) if is_write(each)]
    yield Run("gold", actions, said)
    if writes:
        at = rng.choice(writes)
        yield Run("drop", [each for index, each in enumerate(actions) if index != at], said)
        yield Run("writes", [actions[at] for at in writes], said)
    places = [(at, name) for at in writes for name in actions[at].arguments]
    if places:
        at, name = rng.choice(places)
        wrong = [*actions]
        wrong[at] = _with(actions[at], name, _other(actions[at].arguments[name]))
        yield Run("perturb", wrong, said)
    theirs = [each for other in others for each in other.actions if is_write(each) and each not in actions]
    if theirs:
        yield Run("more", [*actions, rng.choice(theirs)], said)
    if scenario.communicated:
        yield Run("silent", actions, "Done.")
    yield Run("nothing", (), "Done.")


def is_write(action: Action) -> bool:
    """Whether a call is made for what it changes."""
    return not action.name.startswith(_READS)


def _with(action: Action, name: str, value: Any) -> Action:
    return Action(action.name, {**action.arguments, name: value}, action.side, action.compared)


def _other(value: Any) -> Any:
    return value[:-1] if isinstance(value, list) and value else other_scalar(value)


def in_episodes(pool: Pool) -> Play:
    """Plays a task in all ways together."""

    def play(suite: Tickets, scenario: Scenario, ways: Sequence[Run]) -> list[Outcome]:
        task, config = suite.scenario(scenario.id), EpisodeConfig(user=UserConfig(scripted=True))
        episodes, said = [], {}
        for run in ways:
            user = None
            messages = [fenced(run.cell)] if run.actions else []
            if suite.simulated:
                agent, theirs = talk([[action] for action in run.actions])
                user, messages = customer(scenario, theirs), [message_of(each) for each in agent]
            episodes.append(Episode(task, pool=pool, config=config, user=user))
            said[id(episodes[-1])] = iter([*messages, run.answer])
        try:
            played = play_messages(episodes, lambda episode: next(said[id(episode)]))
        finally:
            for episode in episodes:
                episode.close()
        return [Outcome(each.infos[-1].get("tau2", {}), each.reward, each.fault or each.stop) for each in played]

    return play


def in_process(suite: Tickets, scenario: Scenario, ways: Sequence[Run]) -> list[Outcome]:
    """The same without processes, and without a customer."""
    task = suite.scenario(scenario.id)
    told = [Here(task).turn(run.cell, run.answer) for run in ways]
    return [Outcome(each, float(each["passed"])) for each in told]


def parity(suite: Tickets, ids: Sequence[str], play: Play) -> Parity:
    """Plays tasks of a suite in all ways, and compares the verdicts."""
    domain, known, found = suite.domain, scenarios(suite.domain), Parity()
    base = [known[each] for each in splits(domain)["base"]]
    for each in ids:
        scenario = known[each]
        ways = list(runs(scenario, base))
        started = time.perf_counter()
        outcomes = play(suite, scenario, ways)
        for _ in range(_AGAIN):
            again = [at for at, outcome in enumerate(outcomes) if outcome.reward is None]
            found.faults += [f"{each}: {outcomes[at].why}" for at in again]
            played = play(suite, scenario, [ways[at] for at in again]) if again else []
            for at, outcome in zip(again, played, strict=True):
                outcomes[at] = outcome
        found.ours_s += time.perf_counter() - started
        for run, outcome in zip(ways, outcomes, strict=True):
            count = found.kinds.setdefault(run.kind, Count())
            count.runs += 1
            count.reward += outcome.reward == 1.0
            started = time.perf_counter()
            peer = scored(suite, each, outcome.told.get("calls", ()), run.answer)
            found.peer_s += time.perf_counter() - started
            count.peer += peer
            if wrong := "; ".join(_differing(outcome, peer)):
                count.disagreements.append(f"{each}: {wrong}")
    return found


def scored(suite: Tickets, id: str, calls: Sequence[Any], answer: str) -> bool:
    """What the evaluator of whatever tau2 there is says."""
    if backend().name.startswith("inspect-evals"):
        from benchmarks import tau2_peer

        return tau2_peer.scored(suite.domain, id, calls, answer)
    from benchmarks import tau2_upstream

    return tau2_upstream.scored(suite.domain, id, calls, answer, solo=suite.domain == "telecom" and not suite.simulated)


def costs(name: str, count: int) -> str:
    """What scored answers of so many tasks cost, and what the peer does."""
    suite = SUITES[name]
    known, base = scenarios(suite.domain), splits(suite.domain)["base"]
    ids = base[:: max(1, len(base) // count)][:count]
    gold = [(known[each], next(runs(known[each], ()))) for each in ids]
    start_s, _ = _played(suite, gold[:1])
    whole_s, (_, *outcomes) = _played(suite, [gold[0], *gold])
    before = cpu_s()
    for each, (_, run), outcome in zip(ids, gold, outcomes, strict=True):
        scored(suite, each, outcome.told["calls"], run.answer)
    ours, peer = ((whole_s - start_s) / len(ids), (cpu_s() - before) / len(ids))
    solved = sum(each.reward == 1.0 for each in outcomes)
    return (
        f"{name}: {solved} of {len(ids)} solved, {1 / ours:.1f} episodes/s a core ({1000 * ours:.0f} ms of CPU each; "
        f"the peer {1000 * peer:.0f} ms); load {load()}"
    )


def _played(suite: Tickets, gold: Sequence[tuple[Scenario, Run]]) -> tuple[float, list[Outcome]]:
    """CPU seconds from the first process of a pool until its last has ended, and what came of the runs."""
    before = cpu_s()
    with Pool(templates=4) as pool:
        play = in_episodes(pool)
        outcomes = [each for scenario, run in gold for each in play(suite, scenario, [run])]
    return cpu_s() - before, outcomes


def _differing(outcome: Outcome, peer: bool) -> Iterator[str]:
    if not outcome.told:
        yield f"it has no verdict: {outcome.why}"
        return
    if outcome.told["reward"] != float(peer):
        yield f"we say {outcome.told['reward']} {outcome.told['parts']}, the peer {float(peer)}"
    if outcome.reward != outcome.told["reward"]:
        yield f"the reward is {outcome.reward}, and {outcome.told['reward']} is told"
    if "calls_left_out" in outcome.told:
        yield "the peer has not seen all calls"


def table(found: dict[str, Parity]) -> list[list[str]]:
    """Rows of text: kind by kind, and what it took."""
    kinds = list(dict.fromkeys(kind for each in found.values() for kind in each.kinds))
    rows = []
    for kind in kinds:
        counts = [each.kinds.get(kind, Count()) for each in found.values()]
        rows.append([kind, *(f"{each.reward} / {each.peer} of {each.runs}" if each.runs else "-" for each in counts)])
    total = [sum(count.runs for count in each.kinds.values()) for each in found.values()]
    wrong = [len(each.disagreements) for each in found.values()]
    rows.append(["disagreements", *(f"{bad} of {all}" for bad, all in zip(wrong, total, strict=True))])
    rows.append(["faults, played again", *(str(len(each.faults)) for each in found.values())])
    for who, spent in (("ours", "ours_s"), ("the peer's", "peer_s")):
        each_ms = (1000 * getattr(each, spent) / runs for each, runs in zip(found.values(), total, strict=True))
        rows.append([f"ms a run, {who}", *(f"{each:.0f}" for each in each_ms)])
    return rows


def main(
    only: Annotated[str, typer.Option(help="Which, with commas between.")] = ",".join(SUITES),
    without_processes: Annotated[bool, typer.Option("--here", help="Run the cells in this process.")] = False,
    first: Annotated[int | None, typer.Option(help="Only so many tasks of each.")] = None,
    throughput: Annotated[int, typer.Option(help="Instead measure what the answers of so many tasks cost.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all counts there.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the table there.")] = None,
) -> None:
    """Plays tau2's tasks in all ways, and compares the verdicts. Fails if any differs."""
    console, asked = Console(), only.split(",")
    for name in asked:
        if name not in SUITES:
            raise typer.BadParameter(f"there is no {name!r}{nearest(name, SUITES)}", param_hint="--only")
    if throughput:
        for name in asked:
            console.print(costs(name, throughput), highlight=False, soft_wrap=True)
        return
    found: dict[str, Parity] = {}
    with Pool() as pool:
        play = in_process if without_processes else in_episodes(pool)
        for name in asked:
            found[name] = parity(SUITES[name], splits(SUITES[name].domain)["base"][:first], play)
            wrong = found[name].disagreements
            console.print(f"{name}: {len(wrong)} disagreements", *wrong, sep="\n")
    shown = Table("reward 1 / the peer's", *found, title=f"tau2: {backend().name}")
    rows = table(found)
    for row in rows:
        shown.add_row(*row)
    console.print(shown)
    if json_file is not None:
        json_file.write_text(json.dumps({name: asdict(each) for name, each in found.items()}, indent=1))
    if markdown is not None:
        lines = [["reward 1 / the peer's", *found], ["---"] * (1 + len(found)), *rows]
        markdown.write_text("".join(f"| {' | '.join(line)} |\n" for line in lines))
    raise typer.Exit(any(each.disagreements for each in found.values()))


if __name__ == "__main__":
    typer.run(main)
