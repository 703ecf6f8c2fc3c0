"""Makes text of live values, where they live. Sent as source with each call of a tool; see `cave_rl.semantic.tools`.

It runs beside objects of the task, and no code of a model: but what it is given may be large, so frames are read by
slices. Its names are ours: no task has such.
"""

from __future__ import annotations

import json as _cave_json
from typing import Any as _cave_Any


def _cave_plain(value: _cave_Any) -> _cave_Any:
    """A value that JSON does not know, as one that it does."""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    if hasattr(value, "__dict__"):
        return vars(value)
    return repr(value)


def _cave_is_frame(value: _cave_Any) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas" and type(value).__name__ in ("DataFrame", "Series")


def _cave_csv(value: _cave_Any, header: bool = True) -> str:
    numbered = type(value.index).__name__ == "RangeIndex" and type(value).__name__ == "DataFrame"
    return str(value.to_csv(index=not numbered, header=header))


def _cave_text(value: _cave_Any) -> str:
    """The text of a value."""
    if type(value) is str:
        return value
    if _cave_is_frame(value):
        return _cave_csv(value)
    if type(value).__name__ == "Connection" and hasattr(value, "iterdump"):
        return "\n".join(value.iterdump())
    try:
        return _cave_json.dumps(value, ensure_ascii=False, default=_cave_plain)
    except (TypeError, ValueError, RecursionError):
        return repr(value)


def _cave_page(value: _cave_Any, page: int = 1, *, chars: int) -> str:
    """One page of the text of a value, with a line that says which if there are several."""
    room = max(1, chars - 30)
    if _cave_is_frame(value):
        widths = [len(line) for line in _cave_csv(value.head(100)).split("\n")]
        rows = max(1, (room - widths[0]) // (max(widths) + 3))
        pages = -(-len(value) // rows)
    else:
        text = _cave_text(value)
        pages = 1 if len(text) <= chars else -(-len(text) // room)
    pages = max(1, pages)
    if type(page) is not int or not 1 <= page <= pages:
        raise IndexError(f"there are {pages} pages, no page {page!r}")
    if _cave_is_frame(value):
        part = _cave_csv(value.iloc[(page - 1) * rows : page * rows], header=page == 1)
    else:
        part = text if pages == 1 else text[(page - 1) * room : page * room]
    return f"(page {page} of {pages})\n{part}" if pages > 1 else part
