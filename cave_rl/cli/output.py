"""How verbs print: with rich on a terminal, as plain aligned text anywhere else, and as JSON where asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text


def as_json(data: Any) -> None:
    """Prints strict JSON. Where it is asked for, nothing else goes to stdout."""
    typer.echo(json.dumps(data, indent=2, allow_nan=False))


def line(text: str = "", style: str = "") -> None:
    """Prints text as it is; styled on a terminal."""
    if style and sys.stdout.isatty():
        Console().print(Text(text, style), soft_wrap=True)
    else:
        typer.echo(text)


def heading(text: str) -> None:
    """Prints a heading, with an empty line before it."""
    line()
    line(text, "bold")


def code(text: str) -> None:
    """Prints Python, indented; with colours on a terminal."""
    if sys.stdout.isatty():
        drawn = Syntax(text, "python", theme="ansi_dark", background_color="default", word_wrap=True)
        Console().print(Padding(drawn, (0, 0, 0, 4)))
    else:
        typer.echo("\n".join(f"    {each}" for each in text.split("\n")))


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints a table: lines of aligned columns where there is no terminal."""
    cells = [[str(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        drawn = Table(box=SIMPLE, pad_edge=False)
        for column in columns:
            drawn.add_column(column, overflow="fold")
        for row in cells:
            drawn.add_row(*map(Text, row))
        Console().print(drawn)
        return
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    for row in [list(columns), *cells]:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
