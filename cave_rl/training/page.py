"""The page of a run: how training went, by family too, and every episode of the evaluations before and after.

It is the report of `cave-rl report` on both, with the curves of training above. One file, which needs nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cave_rl.evaluation import report
from cave_rl.evaluation.report.markup import Html, tag
from cave_rl.evaluation.report.tables import section, table
from cave_rl.rollouts import traces

WINDOW = 5
WIDTH, HEIGHT = 460, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 10, 34

Points = list[tuple[float, float]]
"""Steps, and shares from 0 to 1."""


def write(directory: Path, title: str) -> Path:
    """Writes `report.html` of a run's directory.

    Args:
        directory: of a run that has been trained.
        title: of the page.
    """
    history = traces.read(directory / "metrics.jsonl")
    evaluated = [directory / f"{side}.jsonl" for side in ("before", "after")]
    played = [path for path in evaluated if path.is_file()] or [directory]
    sections = [
        _overall(history, traces.read(directory / "evaluations.jsonl")),
        _by_family(history),
        _alerts(traces.read(directory / "alerts.jsonl")),
    ]
    path = directory / "report.html"
    path.write_text(report.render(report.read(played), title=title, lead=sections), encoding="utf-8")
    return path


def curve(points: Sequence[tuple[float, float]], title: str, *, marks: Sequence[tuple[float, float]] = ()) -> Html:
    """Shares by step: a line, and `marks` beside it.

    Args:
        points: of the line, by step.
        title: what it shows, for those who do not see it too.
        marks: points that stand alone.
    """
    steps = [step for step, _ in [*points, *marks]]
    first, last = min(steps, default=0.0), max(steps, default=1.0)
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def place(step: float, share: float) -> tuple[float, float]:
        across = (step - first) / ((last - first) or 1.0)
        return round(LEFT + (right - LEFT) * across, 1), round(bottom - (bottom - TOP) * share, 1)

    grid: list[Html] = []
    for percent in (0, 50, 100):
        _, y = place(first, percent / 100)
        grid.append(tag("line", x1=LEFT, x2=right, y1=y, y2=y, class_="grid"))
        grid.append(tag("text", f"{percent} %", x=LEFT - 6, y=y + 4, text_anchor="end"))
    grid += [
        tag("text", f"step {step:g}", x=place(step, 0)[0], y=bottom + 18, text_anchor=anchor)
        for step, anchor in ((first, "start"), (last, "end"))
    ]
    line = " ".join(f"{x},{y}" for x, y in (place(*point) for point in points))
    dots = [
        tag("path", d=f"M{x - 4} {y}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0", class_="marker side1")
        for x, y in (place(*mark) for mark in marks)
    ]
    drawn = tag("polyline", points=line, class_="curve side0")
    box = f"0 0 {WIDTH} {HEIGHT}"
    return tag("svg", tag("title", title), grid, drawn, dots, viewBox=box, class_="lines", role="img", aria_label=title)


def running(points: Sequence[tuple[float, float]]) -> Points:
    """Each with the mean of the last few in its place."""
    found: Points = []
    for i, (step, _) in enumerate(points):
        part = [value for _, value in points[max(0, i + 1 - WINDOW) : i + 1]]
        found.append((step, sum(part) / len(part)))
    return found


def _overall(history: Sequence[dict[str, Any]], evaluations: Sequence[dict[str, Any]]) -> Html:
    solved = _of(history, "solved")
    if not solved:
        return Html("")
    marks = [(row["step"], row["pass@1"]) for row in evaluations if row["pass@1"] is not None]
    told = f"Episodes solved in training, the mean of the last {WINDOW} steps."
    told += " Dots: pass@1 of the evaluations while training, with their intervals below." if marks else ""
    rows = [
        (row["step"], f"{_percent(row['pass@1'])} [{_percent(row['low'])}, {_percent(row['high'])}]", row["n"])
        for row in evaluations
        if row["pass@1"] is not None
    ]
    shown = table(["step", "pass@1, 95 % interval", "episodes"], rows) if rows else None
    alike = _of(history, "groups/zero_variance")
    spread = curve(running(alike), "Groups that taught nothing, by step") if alike else None
    note = tag("p", "Groups whose rollouts all earned the same: they teach nothing.") if alike else None
    drawn = curve(running(solved), "Episodes solved, by step", marks=marks)
    return section("training", "Training", tag("p", told), drawn, shown, note, spread)


def _by_family(history: Sequence[dict[str, Any]]) -> Html:
    names = sorted({name for entry in history for name in entry if name.startswith("family/")})
    rows: list[tuple[str | Html, ...]] = []
    for name in names:
        if not (points := running(_of(history, name))):
            continue
        family = name.removeprefix("family/")
        drawn = curve(points, f"{family}: episodes solved, by step")
        rows.append((family, _percent(points[0][1]), _percent(points[-1][1]), drawn))
    head = ["family", "at first", "at last", "solved, by step"]
    return section("learning", "Training, by family", table(head, rows)) if rows else Html("")


def _alerts(found: Sequence[dict[str, Any]]) -> Html:
    items = [tag("li", f"Step {each['step']}: {each['told']}. {each['advice']}.") for each in found]
    return section("alerts", "Alerts", tag("ul", items)) if items else Html("")


def _of(history: Sequence[dict[str, Any]], name: str) -> Points:
    return [(entry["step"], entry[name]) for entry in history if entry.get(name) is not None]


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"
