"""One self-contained page of some runs.

Nothing is fetched from anywhere. What comes from traces is text and stays text: the static part is made by `tag`, which
escapes; the reader's script only ever sets text; and a content security policy lets no other script run, and nothing be
loaded or sent.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from string import Template

from cave_rl.evaluation.report import figures, pack, tables
from cave_rl.evaluation.report.markup import Html, join, tag
from cave_rl.evaluation.report.runs import Run

SCRIPTS = ("text.js", "highlight.js", "data.js", "trace.js", "list.js", "live.js")


def render(
    runs: Sequence[Run],
    *,
    title: str | None = None,
    plain: bool = False,
    stamp: str | None = None,
    lead: Sequence[Html] = (),
) -> str:
    """The page.

    Args:
        runs: what it shows; of two the second is compared with the first.
        title: its title; the names of the runs if left out.
        plain: whether episodes are embedded uncompressed, for old browsers.
        stamp: what names this state of the runs on a server that has a newer page once they have changed.
        lead: sections that stand before those of the report.
    """
    found, parts = figures.sides(runs), figures.parts(runs)
    flipped = figures.flips(runs, found)
    style, script = _asset("style.css"), "\n".join(map(_asset, SCRIPTS))
    named = title or ", ".join(run.name for run in runs)
    sections = [
        *lead,
        tables.success(found, parts),
        tables.pass_at(found),
        tables.by_family(found),
        tables.cost(found),
        tables.endings(found),
        tables.failing(found),
        tables.slowest(found),
        tables.flips(found, flipped.values()),
    ]
    return Template(_asset("page.html")).substitute(
        title=join(named),
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        connect="'self'" if stamp else "'none'",
        stamp=Html(tag("body", data_stamp=stamp or "").removesuffix("</body>")),
        sections=join(sections),
        sources=tables.sources(runs),
        data=pack.scripts(found, parts, flipped, plain=plain),
    )


def _asset(name: str) -> str:
    return files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What the policy knows a script or a style by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
