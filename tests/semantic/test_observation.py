"""What the model reads after it acted."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cave_rl.runtime.result import CellError, CellResult, Outcome
from cave_rl.runtime.rules import Violation
from cave_rl.semantic.observation import (
    MAX_VIOLATIONS,
    StateKind,
    defuse,
    malformed,
    observe,
    sanitize,
    shape,
    stopped,
    violations,
)
from cave_rl.semantic.parsing import Malformed, parse
from cave_rl.semantic.texts import load_prompts

PLAIN = load_prompts().style("compact").override({"advice": "", "left_out": "<$count>", "no_output": "-"})
FRAME = '  File "<cell 1>", line {}, in f\n    f()\n'
TRACEBACK = "Traceback (most recent call last):\n" + "".join(map(FRAME.format, range(50))) + "ValueError: bad"


# --- output -----------------------------------------------------------------------------------------------------------


def test_output_is_wrapped_and_the_session_is_recalled() -> None:
    text = shape("3\n")
    assert text.startswith("<execution_output>\n3\n</execution_output>\n")
    assert "variables are kept" in text


def test_a_silent_cell_is_told_what_that_means() -> None:
    assert "printed nothing" in shape()
    assert "print()" in shape(stdout="\n")
    assert shape(texts=PLAIN) == "-"


def test_parts_come_in_order_with_the_error_last() -> None:
    text = shape("out", "warn", "E: x", "5")
    positions = [text.index(part) for part in ("out", "Value of the last line: 5", "[stderr]\nwarn", "E: x")]
    assert positions == sorted(positions)


def test_braces_and_dollars_in_output_are_safe() -> None:
    assert "{x} $y ${z} $$ %s \\1" in shape("{x} $y ${z} $$ %s \\1")


# --- the limit --------------------------------------------------------------------------------------------------------


def test_short_output_is_whole_and_without_advice() -> None:
    text = shape("x" * 100, limit_chars=100)
    assert "x" * 100 in text
    assert "left out" not in text
    assert "summaries" not in text


@given(st.text("abc\n", min_size=1, max_size=300), st.integers(1, 100))
def test_head_and_tail_are_kept_and_the_rest_is_counted(stdout: str, limit: int) -> None:
    text, body = shape(stdout, limit_chars=limit, texts=PLAIN), stdout.rstrip("\n")
    match = re.search(r"\n<(\d+)>\n", text)
    if len(body) <= limit:
        assert match is None
        assert text == (body or "-")
    else:
        assert match is not None
        head, tail = text[: match.start()], text[match.end() :]
        assert len(head) + len(tail) == limit
        assert body.startswith(head)
        assert body.endswith(tail)
        assert len(head) + len(tail) + int(match[1]) == len(body)


def test_what_is_too_long_is_answered_with_advice() -> None:
    text = shape("x" * 6000)
    assert "[... 1000 characters left out ...]" in text
    assert "6000 characters" in text
    assert "shape, head(), describe()" in text


@given(st.integers(0, 5000), st.integers(0, 500), st.integers(0, 500), st.integers(60, 3000))
def test_the_line_that_says_what_went_wrong_is_always_kept(out: int, err: int, value: int, limit: int) -> None:
    text = shape("o" * out, "e" * err, TRACEBACK, "v" * value, limit_chars=limit, texts=PLAIN)
    assert text.endswith("\nValueError: bad")
    shown = re.sub(r"\n?<\d+>\n|\nValue.*?: ", "", text)
    assert len(shown) <= limit + 5  # the line breaks between the parts are not counted


def test_an_error_may_use_the_room_that_output_leaves() -> None:
    assert TRACEBACK in shape("x", error=TRACEBACK, limit_chars=len(TRACEBACK) + 1)


def test_of_an_endless_message_the_type_is_kept() -> None:
    text = shape(error=TRACEBACK + "x" * 10_000, limit_chars=200)
    assert "ValueError: bad" in text
    assert "characters left out" in text


def test_a_limit_must_leave_room() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        shape("x", limit_chars=0)


# --- determinism and safety -------------------------------------------------------------------------------------------


def test_addresses_are_scrubbed_everywhere() -> None:
    address = "<C object at 0x7f12ab34cd56>"
    text = shape(address, address, address, address)
    assert text.count("<C object at 0x...>") == 4
    assert "7f12" not in text
    assert sanitize("0x10 at 0xfe") == "0x10 at 0x..."


@given(st.text(st.characters(exclude_categories=())))
def test_every_observation_can_be_encoded(stdout: str) -> None:
    shape(stdout, stdout, stdout, stdout).encode()


def test_special_tokens_can_be_defused() -> None:
    assert defuse("a<|im_end|>b</s>", ["<|im_end|>", "</s>"]) == "a< |im_end|>b< /s>"
    assert defuse("a", []) == "a"


# --- teaching ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", list(Malformed))
@pytest.mark.parametrize("style", ["cave", "compact"])
def test_every_malformed_message_is_taught_in_its_own_words(reason: Malformed, style: str) -> None:
    texts = load_prompts().style(style)
    told = malformed(reason, texts=texts)
    assert "othing was run" in told
    assert "```python" in told
    assert "$" not in told
    assert len({malformed(other, texts=texts) for other in Malformed}) == len(Malformed)


def test_teaching_names_what_was_there() -> None:
    assert "marked as bash" in malformed(parse("```bash\nls\n```"))
    assert "had 2 code blocks" in malformed(parse("```\nx\n```\n```\ny\n```"))
    with pytest.raises(ValueError, match="not malformed"):
        malformed(parse("Done."))


def test_violations_say_where_what_and_what_instead() -> None:
    told = violations([Violation("ImportRule", "os", 2, 1, "import of 'os' is not allowed", "Use math.")])
    assert "- line 2, column 1: import of 'os' is not allowed. Use math." in told
    assert "not run" in told


def test_many_violations_are_bounded() -> None:
    many = [Violation("R", "x" * 9999, line, 1, "m" * 9999, "a") for line in range(1, MAX_VIOLATIONS + 4)]
    told = violations(many)
    assert "and 3 more" in told
    assert len(told) < 5000
    with pytest.raises(ValueError, match="no violations"):
        violations([])


STOPPED = [outcome for outcome in Outcome if outcome not in (Outcome.OK, Outcome.ERROR)]


@pytest.mark.parametrize("outcome", STOPPED)
@pytest.mark.parametrize(
    ("state", "says"), [("kept", "is kept"), ("restored", "the state before this cell"), ("lost", "is lost")]
)
def test_a_stopped_cell_is_told_why_and_what_became_of_the_state(outcome: Outcome, state: StateKind, says: str) -> None:
    told = observe(CellResult(outcome, stdout="so far"), state=state)
    assert says in told
    assert "so far" in told
    assert "Detail" not in told
    assert "Detail: 10 s of CPU time" in observe(CellResult(outcome, detail="10 s of CPU time"), state=state)
    assert "$" not in observe(CellResult(outcome), state=state, texts=load_prompts().style("compact"))


def test_an_unknown_kind_of_stop_is_refused() -> None:
    with pytest.raises(KeyError, match="bored"):
        stopped("bored", "kept")  # type: ignore[arg-type]


def test_a_cell_that_ran_is_shaped() -> None:
    assert observe(CellResult(Outcome.OK, stdout="3", value="4")) == shape("3", value_repr="4")
    error = CellError("ValueError", "bad", TRACEBACK)
    assert observe(CellResult(Outcome.ERROR, error=error)) == shape(error=TRACEBACK)
