"""The sections of a report that are there without any script: tables, each number as text with a bar beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from cave_rl.evaluation.report import charts, figures
from cave_rl.evaluation.report.figures import Side
from cave_rl.evaluation.report.markup import Child, Html, join, tag
from cave_rl.evaluation.report.runs import TOKENS, Episode, Run
from cave_rl.evaluation.statistics import Estimate
from cave_rl.evaluation.summary import MOST_FAULTS


def success(found: Sequence[Side], parts: Sequence[str]) -> Html:
    """How much was solved, by part and side."""
    rows = []
    for part in parts or [""]:
        played = [side.of(part) if parts else side for side in found]
        cells = [_success_row(side, played[0] if len(found) > 1 else None) for side in played]
        rows += [[part or "(unnamed)", *each] if parts else each for each in cells]
    head = ["run", "success, 95 % interval", "reward", "tasks", "episodes", "faults"]
    head = ["evaluation"] * bool(parts) + head + ["difference to the first"] * (len(found) > 1)
    worst = [told for side in found if (told := _at_worst(side))]
    return section(
        "success",
        "Success",
        _p("An episode is solved when every turn scored 1. Intervals are bootstrapped over tasks. Faults are our side's"
           " failures: they are left out, and counted."),
        table(head, rows),
        tag("ul", [tag("li", each) for each in worst]) if worst else None,
    )  # fmt: skip


def by_family(found: Sequence[Side]) -> Html:
    """The same by family, a column a side."""
    names = figures.families(found)
    if len(names) < 2:
        return Html("")
    rows = []
    for name in names:
        cells = []
        for side in found:
            played = [each for each in side.episodes if each.family == name]
            cells.append(_estimate(figures.success(played)))
        link = tag("a", name, href="#episodes", data_family=name)
        rows.append((link, *cells))
    return section("families", "By family", table(["family", *(side.label for side in found)], rows))


def pass_at(found: Sequence[Side]) -> Html:
    """pass@k and pass^k, where tasks were played several times."""
    curves = [(side.label, curve) for side in found if len(curve := figures.pass_curve(side.episodes)) > 1]
    if not curves:
        return Html("")
    drawn = charts.lines(
        [(label, [(each.k, each.any) for each in curve]) for label, curve in curves], "pass@k: at least one of k solves"
    )
    legend = [tag("li", charts.swatch(number), label) for number, (label, _) in enumerate(curves)]
    rows = [
        (label, each.k, _percent(each.any), _percent(each.every), each.tasks)
        for label, curve in curves
        for each in curve
    ]  # fmt: skip
    return section(
        "pass",
        "pass@k",
        _p("The chance that at least one of k rollouts solves a task (pass@k), and that all k do (pass^k): unbiased"
           " estimates, means over the tasks with at least k scored rollouts."),
        tag("div", tag("div", drawn, tag("ul", legend, class_="legend")),
            table(["run", "k", "pass@k", "pass^k", "tasks"], rows), class_="beside"),
    )  # fmt: skip


def cost(found: Sequence[Side]) -> Html:
    """Steps, tokens and seconds an episode."""
    names = ("steps", *(f"{kind} tokens" for kind in TOKENS), "seconds")  # sent: what all calls together were given
    values = [(figures.steps(side), *figures.tokens(side).values(), figures.seconds(side)) for side in found]
    rows = []
    for side, row in zip(found, values, strict=True):
        most = [max((each[i] or 0 for each in values), default=0) for i in range(len(names))]
        rows.append((side.label, *(_amount(value, most[i]) for i, value in enumerate(row))))
    return section(
        "cost",
        "Steps, tokens and time",
        _p("Means an episode, faults left out."),
        table(["run", *names], rows),
    )


def endings(found: Sequence[Side]) -> Html:
    """How episodes and messages ended."""
    kinds: tuple[tuple[str, Callable[[Episode], Iterable[str]]], ...] = (
        ("episodes", lambda each: [each.result]),
        ("ended by", lambda each: [each.stop]),
        ("messages", lambda each: each.outcomes),
    )
    rows = []
    for kind, of in kinds:
        counts = [figures.counts(side, of) for side in found]
        for name in sorted(set().union(*counts)):
            cells = [_count(each[name], sum(each.values())) for each in counts]
            rows.append((kind, name or "(not told)", *cells))
    return section("outcomes", "Outcomes", table(["of", "outcome", *(side.label for side in found)], rows))


def failing(found: Sequence[Side]) -> Html:
    """The statements that failed most often."""
    rows = [
        (side.label, tag("a", family, href="#episodes", data_family=family, data_result="failed"), name,
         _count(failed, judged))
        for side in found
        for family, name, failed, judged in figures.failed_verdicts(side)
    ]  # fmt: skip
    if not rows:
        return Html("")
    return section(
        "verdicts",
        "What failed most",
        _p("Assertions and gates by how often they failed; the share is of how often they were judged."),
        table(["run", "family", "statement", "failed"], rows),
    )


def slowest(found: Sequence[Side]) -> Html:
    """The slowest tasks."""
    slow = figures.slowest(found)
    if not slow:
        return Html("")
    rows = [
        (each.task, _amount(each.seconds, slow[0].seconds), each.rollouts,
         tag("a", f"{each.slowest.seconds or 0:.2f} s", href=f"#e{each.slowest.id}"))
        for each in slow
    ]  # fmt: skip
    return section(
        "slowest", "Slowest tasks", table(["task", "seconds an episode", "episodes", "slowest episode"], rows)
    )


def flips(found: Sequence[Side], flipped: Iterable[str]) -> Html:
    """How many tasks changed their result, with links that list them."""
    if len(found) < 2:
        return Html("")
    counted = list(flipped)
    told = [
        tag("li", tag("a", f"{text}: {counted.count(kind)}", href="#episodes", data_flip=kind))
        for kind, text in (
            ("gained", f"tasks that {found[1].label} solved more often than {found[0].label}"),
            ("lost", f"tasks that {found[1].label} solved less often than {found[0].label}"),
            ("differs", "tasks whose result is not the same in all runs"),
        )
        if kind in counted
    ]
    body = tag("ul", told) if told else _p("Every task has the same result on all sides.")
    return section("flips", "Flips", body)


def sources(runs: Sequence[Run]) -> Html:
    """Where the numbers come from."""
    items = [
        tag("li", tag("code", str(run.path)), f": {len(run.episodes)} episodes",
            tag("details", tag("summary", "configuration"), tag("pre", run.config)) if run.config else None)
        for run in runs
    ]  # fmt: skip
    return section("runs", "Runs", tag("ul", items))


# --- what they share --------------------------------------------------------------------------------------------------


def _success_row(side: Side, first: Side | None) -> list[Child]:
    tasks = len({(each.part, each.task) for each in side.episodes})
    cells: list[Child] = [
        side.label,
        _estimate(figures.success(side.episodes)),
        _number(figures.reward(side)),
        tasks,
        len(side.episodes),
        len(side.episodes) - len(side.scored),
    ]
    if first is not None:
        grown = None if side is first else figures.difference(first, side)
        cells.append(None if grown is None else tag("span", str(grown), class_="number"))
    return cells


def _at_worst(side: Side) -> str:
    """What is to be said of a side with faults."""
    faults, played = len(side.episodes) - len(side.scored), len(side.episodes)
    if not faults:
        return ""
    told = f"{side.label}: with every fault counted as a failure {figures.at_worst(side.episodes)}."
    if faults <= MOST_FAULTS * played:
        return told
    share = f"{100 * faults / played:.1f} % of its episodes are faults, more than {100 * MOST_FAULTS:.0f} %"
    return f"{told} NO VERDICT: {share}, so this says nothing of the model."


def section(name: str, title: str, *children: Child) -> Html:
    """A part of the page with its title."""
    return tag("section", tag("h2", title, id=f"{name}-title"), *children, id=name, aria_labelledby=f"{name}-title")


def _p(*children: Child) -> Html:
    return tag("p", *children)


def table(head: Sequence[str], rows: Sequence[Sequence[Child]]) -> Html:
    """A table that scrolls by itself where it is too wide; the first cell of a row names it."""
    titles = tag("tr", [tag("th", each, scope="col") for each in head])
    body = [tag("tr", tag("th", row[0], scope="row"), [tag("td", cell) for cell in row[1:]]) for row in rows]
    return tag(
        "div", tag("table", tag("thead", titles), tag("tbody", body)), class_="scroll", tabindex="0",
        role="group", aria_label=f"Table: {', '.join(head)}",
    )  # fmt: skip


def _estimate(estimate: Estimate | None) -> Html:
    if estimate is None:
        return tag("span", "nothing scored")
    return join(charts.estimate_bar(estimate), " ", tag("span", str(estimate), class_="number"))


def _amount(value: float | None, most: float) -> Html:
    return join(charts.bar(value, most), " ", tag("span", _number(value), class_="number"))


def _count(count: int, total: int) -> Html:
    share = f" ({100 * count / total:.1f} %)" if total else ""
    return join(charts.bar(count, total), " ", tag("span", f"{count}{share}", class_="number"))


def _number(value: float | None) -> str:
    if value is None:
        return "not counted"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
