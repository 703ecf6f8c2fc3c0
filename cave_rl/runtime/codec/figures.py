"""Figures as plain data."""

from __future__ import annotations

from typing import Any

from cave_rl.runtime.codec.claims import AxesClaim, BarsClaim, ClaimError, CurveClaim, FigureClaim


def figure(head: list[Any], parts: list[Any]) -> FigureClaim:
    """The claim of a figure from its node; every type in it is checked."""
    if len(parts) != 1:
        raise ClaimError("a figure has one list of axes")
    return FigureClaim(_text(head[0]), tuple(_axes(each) for each in _list(parts[0])))


def _axes(cells: object) -> AxesClaim:
    title, xlabel, ylabel, xscale, yscale, legend, xticks, yticks, lines, bars, scatters = _list(cells, 11)
    return AxesClaim(
        title=_text(title),
        xlabel=_text(xlabel),
        ylabel=_text(ylabel),
        xscale=_text(xscale),
        yscale=_text(yscale),
        legend=tuple(map(_text, _list(legend))),
        xticks=tuple(map(_text, _list(xticks))),
        yticks=tuple(map(_text, _list(yticks))),
        lines=tuple(map(_curve, _list(lines))),
        bars=tuple(map(_bars, _list(bars))),
        scatters=tuple(map(_curve, _list(scatters))),
    )


def _curve(cells: object) -> CurveClaim:
    label, x, y = _list(cells, 3)
    return CurveClaim(_text(label), _numbers(x), _numbers(y))


def _bars(cells: object) -> BarsClaim:
    label, bars = _list(cells, 2)
    return BarsClaim(_text(label), tuple(_numbers(each, 4) for each in _list(bars)))  # type: ignore[misc]


def _list(cells: object, length: int | None = None) -> list[Any]:
    if type(cells) is not list or length not in (None, len(cells)):
        raise ClaimError("a figure is not made as it should be")
    return cells


def _text(cell: object) -> str:
    if type(cell) is not str:
        raise ClaimError("a figure has a text that is none")
    return cell


def _numbers(cells: object, length: int | None = None) -> tuple[float, ...]:
    found = _list(cells, length)
    if not set(map(type, found)) <= {float}:
        raise ClaimError("a figure has a number that is none")
    return tuple(found)
