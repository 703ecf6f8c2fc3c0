"""Reading charts: a claimed figure, or a chart as plain data, into series of points.

Covered of a figure: lines, bars and scatters. Not covered: pies, images, heat maps, areas, and what is drawn over them.
Covered of plain data: one level of series, under the names that Plotly, Chart.js and ECharts use. A chart that says the
same thing twice (`series` beside `data`) is refused: which of the two is drawn cannot be told.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cave_rl.rewards.evidence import show
from cave_rl.runtime.codec import AxesClaim, BarsClaim, FigureClaim


class Unreadable(Exception):
    """What is wrong with something that should be a chart."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line, group of bars or cloud of points.

    Attributes:
        label: its label; empty if it has none.
        kind: how it is drawn.
        x: numbers or texts, or None where the chart does not say.
        y: numbers.
        names: of a figure, what the axis writes at each x; empty where it writes nothing.
    """

    label: str | None
    kind: str
    x: tuple[Any, ...] | None
    y: tuple[Any, ...]
    names: tuple[str, ...] = ()

    def at(self, wanted: tuple[Any, ...]) -> tuple[Any, ...]:
        """Its xs as they are to be compared: by what the axis writes, where texts are wanted."""
        texts = any(type(each) is str for each in wanted)
        return self.names if texts and self.names else self.x or ()


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart shows."""

    titles: tuple[str, ...]
    series: tuple[Series, ...]


def read(value: Any, *, horizontal: bool = False) -> Chart:
    """The chart that a value is; `horizontal` reads bars as lying.

    Raises:
        Unreadable: it is none.
    """
    if type(value) is FigureClaim:
        series = [each for axes in value.axes for each in _axes(axes, horizontal)]
        return Chart((value.title, *(axes.title for axes in value.axes)), tuple(series))
    if type(value) is dict:
        return _spec(value)
    raise Unreadable(f"expected a matplotlib Figure or a dict, got {show(value)}")


def listed(values: Any, what: str) -> list[Any]:
    """Numbers and texts out of a list, a tuple, an array, a series or an index; dates as matplotlib's days."""
    if type(values).__module__.partition(".")[0] in ("numpy", "pandas") and hasattr(values, "tolist"):
        values = values.tolist()
    if type(values) not in (list, tuple, range):
        raise Unreadable(f"{what} should be a list of numbers or texts, not {show(values)}")
    found = [_number(each) for each in values]
    wrong = next((each for each in found if type(each) not in (int, float, str)), None)
    if wrong is not None:
        raise Unreadable(f"{what} should be numbers or texts, not {show(wrong)}")
    return found


def _number(value: Any) -> Any:
    """A number of Python for one of numpy, the days since 1970 for a date; anything else as it is."""
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        value = value.item()
    if isinstance(value, datetime.datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
        return moment.timestamp() / 86400
    if type(value) is datetime.date:
        return float((value - datetime.date(1970, 1, 1)).days)
    return value


# Figures


def _axes(axes: AxesClaim, horizontal: bool) -> Iterator[Series]:
    for kind, curves in (("line", axes.lines), ("scatter", axes.scatters)):
        for curve in curves:
            yield Series(curve.label, kind, curve.x, curve.y, _named(curve.x, axes.xticks))
    for bars in axes.bars:
        yield _lying(bars, axes) if horizontal else _standing(bars, axes)


def _standing(bars: BarsClaim, axes: AxesClaim) -> Series:
    ordered = sorted(bars.bars)
    x = tuple(left + width / 2 for left, _, width, _ in ordered)
    return Series(bars.label, "bar", x, tuple(height for *_, height in ordered), _named(x, axes.xticks))


def _lying(bars: BarsClaim, axes: AxesClaim) -> Series:
    ordered = sorted(bars.bars, key=lambda bar: bar[1])
    x = tuple(bottom + height / 2 for _, bottom, _, height in ordered)
    return Series(bars.label, "barh", x, tuple(width for _, _, width, _ in ordered), _named(x, axes.yticks))


def _named(positions: tuple[float, ...], ticks: tuple[str, ...]) -> tuple[str, ...]:
    """The tick at each position, where an axis has one at each whole number from 0, as those of categories have."""
    nearest = [round(each) if 0 <= each + 0.5 < len(ticks) else -1 for each in positions]
    return tuple(ticks[at] if at >= 0 else "" for at in nearest)


# Plain data

_KIND = ("type", "kind", "mark", "chart_type")
_SERIES = ("series", "data", "datasets", "traces")
_LABEL = ("label", "name")
_X = ("x", "labels", "categories", "xAxis")
_Y = ("y", "values", "data")


def _spec(spec: dict[str, Any]) -> Chart:
    titles = [_text(holder.get("title")) for holder in (spec, spec.get("layout")) if type(holder) is dict]
    inner = _one(spec, _SERIES)
    whole = {**inner, **{name: spec[name] for name in _KIND if name in spec}} if _is_nested(inner) else spec
    shared = _one(whole, _X)
    if type(shared) is dict:
        shared = shared.get("data")
    drawn, kind = _one(whole, _SERIES), _text(_one(whole, _KIND))
    if type(drawn) is dict:
        drawn = [{"label": label, **(each if type(each) is dict else {"y": each})} for label, each in drawn.items()]
    elif type(drawn) is list and drawn and type(drawn[0]) is not dict:
        drawn = [{"y": drawn}]
    elif drawn is None and _one(whole, ("y", "values")) is not None:
        drawn = [{"label": _text(_one(whole, _LABEL)), "y": _one(whole, ("y", "values"))}]
    if type(drawn) is not list or not all(type(each) is dict for each in drawn):
        raise Unreadable(f"it has no series where one was expected ({', '.join(_SERIES)}): it has {show(list(spec))}")
    return Chart(tuple(filter(None, titles)), tuple(_drawn(each, kind, shared) for each in drawn))


def _is_nested(inner: Any) -> bool:
    """Chart.js: the labels and the datasets stand together one level down."""
    return type(inner) is dict and type(inner.get("datasets")) is list


def _drawn(one: dict[str, Any], kind: str, shared: Any) -> Series:
    label = _text(_one(one, _LABEL))
    what = f"series {label[:60]!r}"
    x, y = _one(one, ("x",)), _one(one, _Y)
    x = shared if x is None else x
    if type(y) is list and y and all(type(each) in (list, tuple) and len(each) == 2 for each in y):
        x, y = [each[0] for each in y], [each[1] for each in y]
    elif type(y) is list and y and all(type(each) is dict and {"x", "y"} <= each.keys() for each in y):
        x, y = [each["x"] for each in y], [each["y"] for each in y]
    ys = listed(y, what)
    if not all(type(each) in (int, float) for each in ys):
        raise Unreadable(f"{what} has ys that are no numbers: {show(ys)}")
    xs = None if x is None else tuple(listed(x, what))
    if xs is not None and len(xs) != len(ys):
        raise Unreadable(f"{what} has {len(xs)} xs and {len(ys)} ys")
    return Series(label, _text(_one(one, _KIND)) or kind, xs, tuple(ys))


def _one(spec: dict[str, Any], names: tuple[str, ...]) -> Any:
    """What stands under one of some names; None if nothing does."""
    found = [name for name in names if spec.get(name) is not None]
    if len(found) > 1:
        raise Unreadable(f"it has both {found[0]!r} and {found[1]!r}: which of the two is drawn cannot be told")
    return spec[found[0]] if found else None


def _text(value: Any) -> str:
    """A text, or the text of ECharts' and Plotly's `{"text": ...}`."""
    if type(value) is dict:
        value = value.get("text")
    return value if type(value) is str else ""
