"""The results as a table: on a terminal, and as Markdown for the documentation."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.peers import OURS
from benchmarks.results import Results, aim, number, times


def facts(results: Results) -> list[str]:
    """What was measured on, in lines."""
    about = results.about
    lines = [
        f"{about['cpu']}, {about['cores']} cores, {about['memory_mb'] // 1024} GB, {about['kernel']}; "
        f"load average {about['load_before']:g} before, {about['load_after']:g} after"
        + (" (quick run: few samples)" if about["quick"] else "")
    ]
    for name, told in results.contenders.items():
        if "missing" in told:
            lines.append(f"{name}: not measured: {told['missing']}")
        else:
            lines.append(f"{name}: {told['versions']}, Python {told['python']}; isolation: {told['isolation']}")
    return lines


def notes(results: Results) -> list[str]:
    """Why places of the table are empty: one line for each reason."""
    found: dict[str, dict[str, list[str]]] = {}
    for name in (OURS, *results.peers):
        for metric in results.rows():
            if results.stats(name, metric) is None and (why := results.reason(name, metric)):
                labels = found.setdefault(why, {}).setdefault(name, [])
                label = metric.label.partition(",")[0]
                if label not in labels:
                    labels.append(label)
    lines = []
    for why, by_name in found.items():
        alike = {tuple(labels): [n for n in by_name if by_name[n] == labels] for labels in by_name.values()}
        lines.append(f"{why}: " + ". ".join(f"{', '.join(names)} ({'; '.join(ls)})" for ls, names in alike.items()))
    return lines


def _cells(results: Results) -> list[list[str]]:
    rows = []
    for metric in results.rows():
        ours = results.stats(OURS, metric)
        row = [metric.label, aim(metric)]
        if ours is None:
            row += ["-", "-", ""]
        else:
            met = metric.met(ours)
            mark = "" if met is None else "yes" if met else "no"
            row += [f"{number(ours.p50)} {metric.unit}", number(ours.p99), mark]
        for name in results.peers:
            theirs = results.stats(name, metric)
            if theirs is None:
                row.append("-")
            else:
                ratio = times(metric.ratio(ours, theirs)) if ours else ""
                row.append(f"{number(theirs.p50)}" + (f" ({ratio})" if ratio else ""))
        rows.append(row)
    return rows


def _columns(results: Results) -> list[str]:
    return ["", "aim, p50", f"{OURS} p50", "p99", "met", *(f"{name} p50 (ratio)" for name in results.peers)]


def show(results: Results, console: Console) -> None:
    """Prints it."""
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(_columns(results)):
        drawn.add_column(column, justify="left" if i == 0 else "right")
    for row in _cells(results):
        style = "red" if row[4] == "no" else ""
        drawn.add_row(*map(escape, row), style=style)
    console.print(drawn)
    for line in facts(results):
        console.print(escape(line), soft_wrap=True)
    for note in notes(results):
        console.print(escape(f"- {note}"), soft_wrap=True, style="dim")


def markdown(results: Results) -> str:
    """The table for a page of the documentation."""
    columns = _columns(results)
    lines = [
        "| " + " | ".join(columns) + " |",
        "|---|" + "---:|" * (len(columns) - 1),
        *("| " + " | ".join(row) + " |" for row in _cells(results)),
    ]
    said = [f"- {line}" for line in (*facts(results), *notes(results))]
    return "\n".join([*lines, "", *said, ""])
