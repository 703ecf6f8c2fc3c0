"""Episodes inside a page: an index that filters need, and the rest in chunks that are unpacked when they are read.

A chunk is JSON, gzipped, in base64, in a `script` element that no browser runs: ten thousand episodes then cost a few
megabytes of page, and nothing until one is opened. `plain` leaves the JSON as it is, for browsers without
`DecompressionStream` (before 2023).
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cave_rl.evaluation.report import figures
from cave_rl.evaluation.report.details import details
from cave_rl.evaluation.report.figures import Side
from cave_rl.evaluation.report.markup import Html, join
from cave_rl.evaluation.report.runs import Episode

CHUNK = 100
RESULTS = ("solved", "failed", "fault")


def scripts(found: Sequence[Side], parts: Sequence[str], flips: Mapping[tuple[str, str], str], *, plain: bool) -> Html:
    """The elements that hold the episodes: `#index`, then `#chunk-0` and so on, in the order of the index."""
    played = [(index, each) for index, side in enumerate(found) for each in side.episodes]
    chunks = (
        _script(f"chunk-{start // CHUNK}", [details(each) for _, each in played[start : start + CHUNK]], plain)
        for start in range(0, len(played), CHUNK)
    )
    return join(_script("index", _index(played, found, parts, flips), plain), chunks)


def _index(
    played: Sequence[tuple[int, Episode]],
    found: Sequence[Side],
    parts: Sequence[str],
    flips: Mapping[tuple[str, str], str],
) -> dict[str, Any]:
    """What the list shows and filters by: a column a property, names as numbers."""
    episodes = [each for _, each in played]
    names = {
        "side": [side.label for side in found],
        "part": list(parts),
        "result": list(RESULTS),
        "family": figures.families(found),
        "task": _names(each.task for each in episodes),
        "stop": _names(each.stop for each in episodes),
        "outcome": _names(outcome for each in episodes for outcome in each.outcomes),
        "flip": _names(flips.values()),
    }
    at = {kind: {name: number for number, name in enumerate(each)} for kind, each in names.items()}
    flipped = (flips.get(figures.flip_key(each, bool(parts))) for each in episodes)
    columns: dict[str, list[Any]] = {
        "id": [each.id for each in episodes],
        "side": [side for side, _ in played],
        "part": [at["part"].get(each.part, -1) for each in episodes],
        "result": [at["result"][each.result] for each in episodes],
        "family": [at["family"][each.family] for each in episodes],
        "task": [at["task"][each.task] for each in episodes],
        "stop": [at["stop"][each.stop] for each in episodes],
        "outcomes": [sorted({at["outcome"][outcome] for outcome in each.outcomes}) for each in episodes],
        "flip": [-1 if flip is None else at["flip"][flip] for flip in flipped],
        "reward": [each.reward for each in episodes],
        "steps": [len(each.outcomes) for each in episodes],
        "tokens": [each.tokens.get("completion") for each in episodes],
        "seconds": [each.seconds and round(each.seconds, 6) for each in episodes],
    }
    return {"names": names, "columns": columns, "chunk": CHUNK}


def _names(values: Iterable[str]) -> list[str]:
    return sorted(set(values))


def _script(name: str, data: Any, plain: bool) -> Html:
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    if plain:  # no text in it can end the element, or begin a comment: what could is escaped
        held = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    else:
        held = base64.b64encode(gzip.compress(text.encode("ascii"), mtime=0)).decode("ascii")
    kind = "application/json" if plain else "application/gzip"
    return Html(f'<script type="{kind}" id="{name}">{held}</script>\n')
