"""The prompt file: what it must hold, and how its texts are filled in."""

from __future__ import annotations

from pathlib import Path

import pytest

from cave_rl.semantic.texts import KEYS, MORE_KEYS, PromptFileError, Texts, load_prompts

CAVE = load_prompts().style("cave")


def test_the_file_that_ships_has_both_styles_of_each_protocol_complete() -> None:
    styles = load_prompts().styles
    protocols = ["codeact", "codeact-compact", "json", "json-compact", "json-compact-native", "json-native"]
    assert sorted(styles) == sorted(["cave", "compact", *protocols])
    for texts in styles.values():
        assert texts.texts.keys() == KEYS.keys() | MORE_KEYS.keys()


def test_what_only_other_protocols_need_may_be_missing_and_is_named_when_it_is_used() -> None:
    texts = Texts("mine", {key: text for key, text in CAVE.texts.items() if key in KEYS})
    with pytest.raises(PromptFileError, match="style 'mine' lacks the text 'contract', which its protocol needs"):
        texts.render("contract", query="", contract="")


def filled(text: str, **values: object) -> str:
    return CAVE.override({"function": text}).render("function", **values)


def test_values_are_filled_in_and_never_looked_at_again() -> None:
    assert filled("$name: $doc {name} $$5", name="$doc", doc="{x}\\1") == "$doc: {x}\\1 {name} $5"


def test_a_line_whose_placeholders_are_all_empty_disappears() -> None:
    assert filled("a\n  $name\nb $doc", name="", doc="c") == "a\nb c"
    assert filled("$name $doc", name="a", doc="") == "a"


def test_values_take_on_the_indentation_of_their_line() -> None:
    assert filled("  $doc\nz", doc="a\n\nb") == "  a\n\n  b\nz"


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"outptu": "x"}, "did you mean 'output'"),
        ({"function": "$nme"}, r"it may use: \$description"),
        ({"identity": "costs $5"}, r"write \$\$"),
        ({"identity": 5}, "must be a string, got int"),
    ],
)
def test_an_override_that_cannot_work_is_refused(overrides: dict[str, str], says: str) -> None:
    with pytest.raises(PromptFileError, match=says):
        CAVE.override(overrides)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("styles: [", "not YAML"),
        ("a: 1", "expected a mapping `styles:`"),
        ("styles: {a: {identity: x}}", "lacks the texts"),
        ("styles: {a: {inherits: b}}", "no such style"),
        ("styles: {a: {inherits: b}, b: {inherits: a}}", "circle"),
    ],
)
def test_a_file_that_cannot_work_is_refused(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "prompts.yaml"
    path.write_text(content)
    with pytest.raises(PromptFileError, match=says):
        load_prompts(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(PromptFileError, match=r"cannot read the prompt file .*none\.yaml: No such file"):
        load_prompts(tmp_path / "none.yaml")
    with pytest.raises(PromptFileError, match=r"cannot read the prompt file .*: Is a directory"):
        load_prompts(tmp_path)
    path = tmp_path / "latin.yaml"
    path.write_bytes("styles: é".encode("latin-1"))
    with pytest.raises(PromptFileError, match=r"cannot read the prompt file .*latin\.yaml: 'utf-8'"):
        load_prompts(path)


def test_an_unknown_style_names_the_known_ones() -> None:
    with pytest.raises(PromptFileError, match=r"there are cave, .*compact.*did you mean 'cave'"):
        load_prompts().style("cav")


def test_a_style_must_be_complete() -> None:
    with pytest.raises(PromptFileError, match="lacks the texts"):
        Texts("mine", {"identity": "x"})
