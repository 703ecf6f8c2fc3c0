"""HTML that cannot be broken out of: whatever is not made by `tag` is text, and is escaped.

>>> print(tag("p", "a < b", class_="note", hidden=False))
<p class="note">a &lt; b</p>
>>> print(tag("td", "abc\u202ecba"))
<td>abc⟨U+202E⟩cba</td>
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

VOID = frozenset({"br", "hr", "input", "link", "meta"})  # of HTML; what SVG has is closed

_PRINTABLE_BUT_UNSEEN = frozenset(
    map(chr, [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x2800, 0x3164, 0xFFA0])
) | frozenset(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))


class Html(str):
    """Markup that is safe to put in a page. Made by `tag` and `join` only."""

    __slots__ = ()


Child: TypeAlias = "Html | str | int | float | Iterable[Child] | None"


def tag(name: str, *children: Child, **attributes: str | int | float | bool | None) -> Html:
    """An element. `class_` is `class`, `data_x` is `data-x`; an attribute that is None or False is left out."""
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: Child) -> Html:
    """Children one after the other: markup as it is, all else as text."""
    return Html("".join(map(_child, children)))


def visible(text: str) -> str:
    """The text with every character that cannot be seen, or that reorders what is seen, named as `⟨U+202E⟩`.

    Line breaks, tabs and spaces stay. What a model wrote may look like other code than it is; here it may not.
    """
    if text.isprintable() and not _PRINTABLE_BUT_UNSEEN.intersection(text):
        return text
    return "".join(each if _is_seen(each) else f"⟨U+{ord(each):04X}⟩" for each in text)


def _is_seen(character: str) -> bool:
    return character in "\n\t" or (character.isprintable() and character not in _PRINTABLE_BUT_UNSEEN)


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, (str, int, float)):
        return escape(visible(str(child)))
    return "".join(map(_child, child))


def _attribute(key: str, value: str | int | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(visible(str(value)))}"'
