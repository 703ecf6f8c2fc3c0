r"""From a model's message to an action: one code block, a final answer, or something malformed.

Covered: fences after CommonMark (backticks and tildes, up to three spaces of indentation, a closing fence at least as
long as the opening one), thinking sections, tool-call markup that is easily mistaken for a final answer. `parse`
accepts every `str` and takes time linear in its length.

Not covered: fences inside block quotes and deep lists (they are `misplaced_fence`), and whether the code is good Python
(that is for the interpreter to say). The rule throughout: what is not exactly one complete block is never run in part.

>>> from cave_rl.semantic.parsing import parse
>>> parse("Sorting.\n```python\nxs.sort()\n```").code
'xs.sort()'
>>> parse("xs is sorted now.").action
<Action.ANSWER: 'answer'>
>>> parse("```python\nxs.sort()").reason
<Malformed.UNCLOSED_FENCE: 'unclosed_fence'>
"""

from __future__ import annotations

import enum
import functools
import re
from dataclasses import dataclass
from typing import Any

__all__ = ["THINKING_TAGS", "Action", "Malformed", "Parsed", "ToolCall", "block", "fenced", "parse"]

THINKING_TAGS: tuple[tuple[str, str], ...] = (("<think>", "</think>"), ("<thinking>", "</thinking>"))
LANGUAGES = frozenset({"", "python", "py", "python3", "ipython", "ipython3"})


class Action(enum.StrEnum):
    """What a message does."""

    CODE = "code"
    CALLS = "calls"
    ANSWER = "answer"
    MALFORMED = "malformed"


class Malformed(enum.StrEnum):
    """Why a message is neither a code block nor an answer. The last three are of protocols without live objects."""

    UNCLOSED_THINKING = "unclosed_thinking"
    UNCLOSED_FENCE = "unclosed_fence"
    SEVERAL_FENCES = "several_fences"
    WRONG_LANGUAGE = "wrong_language"
    MISPLACED_FENCE = "misplaced_fence"
    TOOL_CALL_MARKUP = "tool_call_markup"
    CODE_BLOCK = "code_block"
    BAD_CALL = "bad_call"
    CONTRACT = "contract"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a function, as a message of the protocol `json` writes it: its name, its arguments by name."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A message taken apart.

    Attributes:
        action: what the message does.
        code: the content of the one block if `action` is `code`, else None. The line break before the closing fence
            is not part of it.
        reason: why the message is malformed, else None.
        before: the visible text before the first fence; the whole visible text if there is none.
        after: the visible text after the first fence.
        thinking: the text of the thinking sections, tags left out.
        language: the info word of the first fence, as written, or None if there is no fence.
        fences: how many fences there were, an unclosed one included.
        calls: the calls if `action` is `calls`.
    """

    action: Action
    code: str | None = None
    reason: Malformed | None = None
    before: str = ""
    after: str = ""
    thinking: str = ""
    language: str | None = None
    fences: int = 0
    calls: tuple[ToolCall, ...] = ()

    @property
    def answer(self) -> str | None:
        """The final answer if the message is one."""
        return self.before.strip() if self.action is Action.ANSWER else None


def parse(
    message: str,
    *,
    thinking_tags: tuple[tuple[str, str], ...] = THINKING_TAGS,
    thinking_open: bool | None = None,
) -> Parsed:
    """Take a message apart.

    Args:
        message: what the model wrote, without the end-of-turn token.
        thinking_tags: pairs of opening and closing tags; an empty tuple turns the search off.
        thinking_open: whether the chat template had already opened a thinking section. None means: it had if the
            first tag in the message is a closing one.
    """
    if not isinstance(message, str):
        raise TypeError(f"message must be a str, got {type(message).__name__}")
    pieces = _scan(message, thinking_tags, thinking_open)
    fences = pieces.fences
    before = "".join(pieces.texts[0])
    after = "".join(pieces.texts[1])
    reason = _malformed(pieces, before + "\n" + after)
    if reason is not None:
        action = Action.MALFORMED
    else:
        action = Action.CODE if fences else Action.ANSWER
    return Parsed(
        action=action,
        code=fences[0].code if action is Action.CODE else None,
        reason=reason,
        before=before,
        after=after,
        thinking="\n".join(pieces.thinking),
        language=fences[0].language if fences else None,
        fences=len(fences),
    )


def block(message: str) -> str:
    """The content of the first fence of a message, whatever its language; empty if there is none."""
    fences = _scan(message, THINKING_TAGS, None).fences
    return fences[0].code if fences else ""


def fenced(code: str, language: str = "python") -> str:
    """Wrap code in a fence that is longer than any run of backticks in it, so that `parse` gives it back unchanged."""
    longest = max((len(run) for run in re.findall("`+", code)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{language}\n{code}\n{ticks}"


# --- what makes a message malformed -----------------------------------------------------------------------------------

_MARKUP = re.compile(
    r"""
      </?tool_calls?\b | </?tool_code\b | <function= | </?function_calls?\b | <function_call\b | <invoke\s
    | <\|(?:tool|python_tag|plugin|action_start) | <｜(?:tool|DSML) | ｜DSML｜ | <start_function_call>
    | \[TOOL_CALLS\] | ^[ \t]*</?(?:code|execute|python)>
    """,
    re.VERBOSE | re.MULTILINE,
)
_JSON_CALL = re.compile(r'\s*+(?:\[\s*+)?+\{\s*+"(?:name|tool|tool_name|function|action)"\s*+:')
_JSON_ARGUMENTS = re.compile(r'"(?:arguments|parameters|args|kwargs|action_input|input)"\s*+:')
_STRAY_FENCE = re.compile(r"(?:(?<!`)`{3,}+|(?<!~)~{3,}+)[ \t]*+py(?:thon)?3?\b", re.IGNORECASE)


def _malformed(pieces: _Pieces, visible: str) -> Malformed | None:
    if pieces.thinking_unclosed:
        return Malformed.UNCLOSED_THINKING
    if any(not fence.closed for fence in pieces.fences):
        return Malformed.UNCLOSED_FENCE
    if pieces.fences and not any(fence.language.lower() in LANGUAGES for fence in pieces.fences):
        return Malformed.WRONG_LANGUAGE
    if len(pieces.fences) > 1:
        return Malformed.SEVERAL_FENCES
    if _MARKUP.search(visible) or (_JSON_CALL.match(visible) and _JSON_ARGUMENTS.search(visible)):
        return Malformed.TOOL_CALL_MARKUP
    if _STRAY_FENCE.search(visible):
        return Malformed.MISPLACED_FENCE
    return None


# --- the scanner ------------------------------------------------------------------------------------------------------

_OPENING = re.compile(r"( {0,3})(`{3,}+(?=[^`\r\n]*(?:[\r\n]|\Z))|~{3,})[ \t]*([^\r\n]*)")
_BREAK = re.compile(r"\r\n|\n|\r")


@dataclass(slots=True)
class _Fence:
    language: str
    code: str
    closed: bool


@dataclass(slots=True)
class _Pieces:
    fences: list[_Fence]
    texts: tuple[list[str], list[str]]  # before and after the first fence
    thinking: list[str]
    thinking_unclosed: bool = False


def _scan(message: str, tags: tuple[tuple[str, str], ...], thinking_open: bool | None) -> _Pieces:
    pieces = _Pieces([], ([], []), [])
    position = _leading_thinking(message, tags, thinking_open, pieces)
    opening_tag = _opening_tag(tags)
    line_end = 0
    while position < len(message):
        if (match := _OPENING.match(message, position)) is not None:
            fence, position = _read_fence(message, match)
            pieces.fences.append(fence)
            continue
        if position >= line_end:  # not again after each thinking section of a line: that would be quadratic
            line_break = _BREAK.search(message, position)
            line_end = line_break.end() if line_break else len(message)
        text = pieces.texts[1 if pieces.fences else 0]
        tag = opening_tag.search(message, position, line_end) if opening_tag else None
        if tag is None:
            text.append(message[position:line_end])
            position = line_end
        else:
            text.append(message[position : tag.start()])
            position = _read_thinking(message, tag.end(), dict(tags)[tag[0]], pieces)
    return pieces


def _read_fence(message: str, opening: re.Match[str]) -> tuple[_Fence, int]:
    """Read from an opening fence to its closing one; return it and the position after it."""
    indent, ticks, info = opening[1], opening[2], opening[3]
    language = info.split(maxsplit=1)[0] if info.strip() else ""
    first_break = _BREAK.match(message, opening.end())
    if first_break is None:
        return _Fence(language, "", closed=False), len(message)
    start = first_break.end()
    closing = _closing(ticks[0], len(ticks)).search(message, start)
    if closing is None:
        return _Fence(language, message[start:], closed=False), len(message)
    code = message[start : closing.start()]
    # The break before the closing fence belongs to the layout. It is two characters only if the message uses CRLF
    # throughout; otherwise a carriage return at the end of the code is the code's own.
    code = code[:-2] if first_break[0] == "\r\n" and code.endswith("\r\n") else code[:-1]
    if indent:
        code = re.sub(rf"(?:\A|(?<=\n)|(?<=\r)(?!\n)) {{1,{len(indent)}}}", "", code)
    after = _BREAK.match(message, closing.end())
    return _Fence(language, code, closed=True), after.end() if after else len(message)


@functools.lru_cache(maxsize=64)
def _closing(character: str, length: int) -> re.Pattern[str]:
    return re.compile(rf"(?:(?<=\n)|(?<=\r)(?!\n)) {{0,3}}{re.escape(character)}{{{length},}}[ \t]*(?=[\r\n]|\Z)")


@functools.lru_cache(maxsize=64)
def _opening_tag(tags: tuple[tuple[str, str], ...]) -> re.Pattern[str] | None:
    if not all(opening and closing for opening, closing in tags):
        raise ValueError(f"thinking_tags must be pairs of non-empty strings, got {tags!r}")
    return re.compile("|".join(re.escape(opening) for opening, _ in tags)) if tags else None


@functools.lru_cache(maxsize=64)
def _closing_tag(tags: tuple[tuple[str, str], ...]) -> re.Pattern[str] | None:
    return re.compile("|".join(re.escape(closing) for _, closing in tags)) if tags else None


def _leading_thinking(
    message: str, tags: tuple[tuple[str, str], ...], thinking_open: bool | None, pieces: _Pieces
) -> int:
    """Take off the section that the chat template had opened; return the position after it."""
    opening_tag, closing_tag = _opening_tag(tags), _closing_tag(tags)
    if opening_tag is None or closing_tag is None or thinking_open is False:
        return 0
    closing = closing_tag.search(message)
    if thinking_open is None:
        opening = opening_tag.search(message)
        if closing is None or (opening is not None and opening.start() < closing.start()):
            return 0
    if closing is None:
        pieces.thinking.append(message)
        pieces.thinking_unclosed = True
        return len(message)
    pieces.thinking.append(message[: closing.start()])
    return closing.end()


def _read_thinking(message: str, start: int, closing_tag: str, pieces: _Pieces) -> int:
    end = message.find(closing_tag, start)
    if end < 0:
        pieces.thinking.append(message[start:])
        pieces.thinking_unclosed = True
        return len(message)
    pieces.thinking.append(message[start:end])
    return end + len(closing_tag)
