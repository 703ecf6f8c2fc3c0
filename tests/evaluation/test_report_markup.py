"""Markup that cannot be broken out of."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from cave_rl.evaluation.report.markup import Html, join, tag, visible
from tests.evaluation.lines import HOSTILE


class Seen(HTMLParser):
    """What a parser makes of a piece of markup."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


@given(st.text() | st.just(HOSTILE), st.text() | st.just(HOSTILE))
def test_whatever_is_not_made_by_tag_is_text(child: str, value: str) -> None:
    seen = Seen(tag("td", child, title=value, class_="a"))
    assert seen.tags == [("td", {"title": visible(value), "class": "a"})]
    assert "".join(seen.pieces) == visible(child)


def test_markup_of_ours_is_kept_and_children_may_be_nested() -> None:
    rows = (tag("tr", [tag("td", n) for n in (1, 2)]) for _ in range(2))
    assert tag("table", rows) == "<table><tr><td>1</td><td>2</td></tr><tr><td>1</td><td>2</td></tr></table>"
    assert isinstance(join("a", None, 1, Html("<br>")), Html)
    assert join("a<", None, 1.5, Html("<br>")) == "a&lt;1.5<br>"


def test_attributes_that_are_none_or_false_are_left_out() -> None:
    assert tag("input", type="text", disabled=False, hidden=None, required=True) == '<input type="text" required>'
    assert tag("a", "x", data_family="f", aria_hidden="true") == '<a data-family="f" aria-hidden="true">x</a>'


def test_what_cannot_be_seen_or_reorders_is_named() -> None:
    assert visible("a\u202eb\u2066c") == "a⟨U+202E⟩b⟨U+2066⟩c"
    assert visible("\u200b\ufeff\u00ad\u2800\u3164\ufe0f\U000e0041\x00\x1b\r\ud800\u00a0") == (
        "⟨U+200B⟩⟨U+FEFF⟩⟨U+00AD⟩⟨U+2800⟩⟨U+3164⟩⟨U+FE0F⟩⟨U+E0041⟩⟨U+0000⟩⟨U+001B⟩⟨U+000D⟩⟨U+D800⟩⟨U+00A0⟩"
    )
    assert visible("plain\n\ttext, naïve ✓ 数") == "plain\n\ttext, naïve ✓ 数"


@given(st.text(alphabet=st.characters(categories=None)))  # type: ignore[arg-type]
def test_what_is_shown_can_always_be_encoded_and_holds_no_control_character(text: str) -> None:
    shown = visible(text)
    shown.encode("utf-8")
    assert all(each.isprintable() or each in "\n\t" for each in shown)
