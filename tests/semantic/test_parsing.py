"""Which message is a code block, which is an answer, and which is neither."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cave_rl.semantic.parsing import Action, Malformed, fenced, parse

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # surrogates included
FRAGMENTS = st.lists(
    st.sampled_from(
        [
            "```",
            "````",
            "~~~",
            "python",
            "py",
            "\n",
            "\r\n",
            "\r",
            "   ",
            "    ",
            "x = 1",
            "'",
            '"""',
            "<think>",
            "</think>",
            "<tool_call>",
            "<code>",
            "<|im_end|>",
            '{"name": "f", "arguments": {}}',
            "`",
            "\ud800",
            "\u2028",
        ]
    ),
    max_size=30,
).map("".join)


# --- one block --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("```python\nx = 1\n```", "x = 1"),
        ("```py\nx = 1\n```", "x = 1"),
        ("```Python\nx = 1\n```", "x = 1"),
        ("```\nx = 1\n```", "x = 1"),
        ("``` python title=a\nx = 1\n```", "x = 1"),
        ("~~~python\nx = 1\n~~~", "x = 1"),
        ("````python\nx = '''\n```\n'''\n````", "x = '''\n```\n'''"),
        ("```python\nx = 1\n`````  ", "x = 1"),
        ("   ```python\n   if x:\n       y\n   ```", "if x:\n    y"),
        ("```python\n```", ""),
        ("```python\n\n```", ""),
        ("```python\nx = 1\n\n```", "x = 1\n"),
        ("```python\r\nx = 1\r\ny = 2\r\n```\r\n", "x = 1\r\ny = 2"),
        ("```python\nx = 'a ``` b'\n```", "x = 'a ``` b'"),
        ("```python\nx = 1  # ```\n```", "x = 1  # ```"),
        ("```python\n# ~~~\n~~~\n```", "# ~~~\n~~~"),
        ("```python\n    ```\n```", "    ```"),
        ("```python\nx = '<tool_call>'\n```", "x = '<tool_call>'"),
        ("```python\nx = '<think>'\n```", "x = '<think>'"),
        ("First.\n```python\nx = 1\n```\nThen.", "x = 1"),
        ("Use `x` and ``y``.\n```python\nx\n```", "x"),
    ],
)
def test_exactly_one_complete_block_is_code(message: str, code: str) -> None:
    parsed = parse(message)
    assert (parsed.action, parsed.reason, parsed.code) == (Action.CODE, None, code)


def test_the_text_around_a_block_is_kept() -> None:
    parsed = parse("Before.\n```py\nx\n```\nAfter.")
    assert (parsed.before, parsed.after, parsed.language, parsed.fences) == ("Before.\n", "After.", "py", 1)
    assert parsed.answer is None


@given(st.text())
@example("")
@example("```")
@example("x = '''\n````\n'''")
@example("\n\n")
@example("a\r")
@example("</thin>")
def test_a_wrapped_block_comes_back_unchanged(code: str) -> None:
    assert parse(fenced(code), thinking_tags=()).code == code


# --- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        "",
        "  \n",
        "Done: the total is 3.",
        "Use `xs.sort()`, or ```xs``` in line.",
        "a < b and b > c, <b>bold</b>",
        '{"total": 3}',
        '{"name": "Ann"}',
        "    indented, not a fence",
        "x = 1",
        "``",
    ],
)
def test_a_message_without_code_is_the_answer(message: str) -> None:
    parsed = parse(message)
    assert parsed.action is Action.ANSWER
    assert parsed.answer == message.strip()
    assert parsed.code is None


@given(st.text(st.characters(exclude_characters="`~<[{｜", exclude_categories=())))
def test_text_without_fences_is_an_answer(message: str) -> None:
    assert parse(message).answer == message.strip()


# --- malformed --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("```python\nx = 1", Malformed.UNCLOSED_FENCE),
        ("```python", Malformed.UNCLOSED_FENCE),
        ("```python\nx = 1\n``", Malformed.UNCLOSED_FENCE),
        ("````python\nx = 1\n```", Malformed.UNCLOSED_FENCE),
        ("```python\nx = 1\n~~~", Malformed.UNCLOSED_FENCE),
        ("```python\nx = 1\n    ```", Malformed.UNCLOSED_FENCE),
        ("```python\nx = 1\n```<|im_end|>", Malformed.UNCLOSED_FENCE),
        ("```python\nx = '''\n```\n'''\n```", Malformed.UNCLOSED_FENCE),
        ("```python\nx\n```\n```python\ny", Malformed.UNCLOSED_FENCE),
        ("```python\nx\n```\n```python\ny\n```", Malformed.SEVERAL_FENCES),
        ("```python\nx\n```\n```\n3\n```", Malformed.SEVERAL_FENCES),
        ("```python\nx\n```\n~~~text\n3\n~~~", Malformed.SEVERAL_FENCES),
        ("```bash\nls\n```", Malformed.WRONG_LANGUAGE),
        ("```json\n{}\n```\n```bash\nls\n```", Malformed.WRONG_LANGUAGE),
        ("Run ```python x = 1```", Malformed.MISPLACED_FENCE),
        ("1. Run\n\n    ```python\n    x = 1\n    ```", Malformed.MISPLACED_FENCE),
        ("> ```python\n> x = 1\n> ```", Malformed.MISPLACED_FENCE),
        ('<tool_call>{"name": "f"}</tool_call>', Malformed.TOOL_CALL_MARKUP),
        ("<function=f>", Malformed.TOOL_CALL_MARKUP),
        ("<|tool_calls_begin|>f", Malformed.TOOL_CALL_MARKUP),
        ("<code>\nx = 1\n</code>", Malformed.TOOL_CALL_MARKUP),
        ("<｜DSML｜function_calls>", Malformed.TOOL_CALL_MARKUP),
        ("[TOOL_CALLS] f", Malformed.TOOL_CALL_MARKUP),
        ('{"name": "f", "arguments": {"x": 1}}', Malformed.TOOL_CALL_MARKUP),
        ('[{"name": "f", "parameters": {}}]', Malformed.TOOL_CALL_MARKUP),
        ("<tool_call>f</tool_call>\n```python\nx\n```", Malformed.TOOL_CALL_MARKUP),
        ("<think>I should", Malformed.UNCLOSED_THINKING),
        ("<think>\n```python\nx\n```", Malformed.UNCLOSED_THINKING),
        ("```python\nx\n```\n<think>and", Malformed.UNCLOSED_THINKING),
    ],
)
def test_what_is_neither_is_malformed_and_has_no_code(message: str, reason: Malformed) -> None:
    parsed = parse(message)
    assert (parsed.action, parsed.reason, parsed.code) == (Action.MALFORMED, reason, None)


@given(ANY_TEXT, st.text(), st.integers(3, 6))
def test_a_message_cut_inside_its_block_is_never_run(before: str, code: str, ticks: int) -> None:
    whole = fenced(code)
    for cut in range(len(whole) - 2):
        assert parse("Go.\n" + whole[:cut]).action is not Action.CODE


# --- thinking ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "thinking"),
    [
        ("<think>hm</think>\n```python\nx\n```", "hm"),
        ("hm</think>\n\n```python\nx\n```", "hm"),
        ("hm\n```python\nno\n```\n</think>```python\nx\n```", "hm\n```python\nno\n```\n"),
        ("<think>\n```python\nno\n</think>\n```python\nx\n```", "\n```python\nno\n"),
        ("<think>a</think>So <think>b</think>\n```python\nx\n```", "a\nb"),
        ("<thinking>hm</thinking>```python\nx\n```", "hm"),
    ],
)
def test_thinking_is_stripped_first(message: str, thinking: str) -> None:
    parsed = parse(message)
    assert (parsed.code, parsed.thinking) == ("x", thinking)


def test_whether_the_template_opened_thinking_can_be_said() -> None:
    message = "```python\nx = '</think>'\n```"
    assert parse(message, thinking_open=False).code == "x = '</think>'"
    assert parse("Still on it.", thinking_open=True).reason is Malformed.UNCLOSED_THINKING
    assert parse("One <think> two</think>Done.", thinking_open=True).answer == "Done."


def test_thinking_tags_can_be_chosen() -> None:
    assert parse("[T]hm[/T]Done.", thinking_tags=(("[T]", "[/T]"),)).answer == "Done."
    assert parse("<think>Done.", thinking_tags=()).answer == "<think>Done."
    with pytest.raises(ValueError, match="non-empty"):
        parse("x", thinking_tags=(("", "</think>"),))


# --- any text ---------------------------------------------------------------------------------------------------------


@given(st.one_of(ANY_TEXT, FRAGMENTS), st.sampled_from([None, True, False]))
def test_every_text_is_exactly_one_action(message: str, thinking_open: bool | None) -> None:
    parsed = parse(message, thinking_open=thinking_open)
    assert (parsed.code is not None) == (parsed.action is Action.CODE)
    assert (parsed.reason is not None) == (parsed.action is Action.MALFORMED)
    assert (parsed.answer is not None) == (parsed.action is Action.ANSWER)
    if parsed.code is not None:
        assert parsed.fences == 1


@pytest.mark.parametrize(
    "unit",
    [
        "`",
        "``` ",
        "```\n",
        "~",
        "~~~\n",
        "<think>",
        "</think>",
        "<think></think>",
        " ",
        "\n",
        "\r",
        "   ```python\n",
        "{",
        '{"name":',
        "[ ",
        "<",
        "|",
        "```python ",
        "    ```\n",
        "a\n```x\n",
        "<think></think>```",
        "` ",
        "\t",
    ],
)
def test_parsing_takes_linear_time(unit: str) -> None:
    message = "```python\n" + unit * (400_000 // len(unit))
    start = time.process_time()
    parse(message)
    parse(message[len("```python\n") :])
    assert time.process_time() - start < 5


def test_only_text_is_parsed() -> None:
    with pytest.raises(TypeError, match="got NoneType"):
        parse(None)  # type: ignore[arg-type]
