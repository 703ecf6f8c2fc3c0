r"""What the model reads after it acted: the output of a cell shaped to a limit, or a text that teaches.

`shape` keeps the head and the tail of what is too long, always keeps the line of a traceback that says what went
wrong, and says how much was left out. The same cell gives the same observation in every process: memory addresses are
scrubbed, and nothing here reads a clock.

>>> from cave_rl.semantic.observation import shape
>>> print(shape("hello\n"))  # doctest: +ELLIPSIS
<execution_output>
hello
</execution_output>
The session is still live and its variables are kept...

Texts come from `prompts.yaml`; pass `texts=Prompt(...).texts` for another style than `cave`. Verdicts never come
through here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from cave_rl.runtime.result import CellResult, Outcome
from cave_rl.runtime.rules import Violation
from cave_rl.semantic.parsing import Malformed, Parsed
from cave_rl.semantic.texts import Texts, load_prompts

__all__ = [
    "clip",
    "defuse",
    "malformed",
    "observe",
    "sanitize",
    "scrub",
    "shape",
    "stopped",
    "violations",
]

LIMIT_CHARS = 5000
MAX_VIOLATIONS = 10

StopKind = Literal["timeout", "memory", "crash", "killed", "blocked"]
StateKind = Literal["kept", "restored", "lost"]

_STOPPED: dict[Outcome, StopKind] = {
    Outcome.INTERRUPTED: "timeout",
    Outcome.KILLED: "timeout",
    Outcome.OUT_OF_MEMORY: "memory",
    Outcome.CRASHED: "crash",
    Outcome.TAMPERED: "killed",
    Outcome.BLOCKED: "blocked",
}

_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_FRAME = re.compile(r'^[ \t|]*File ".*$\n?(?:^[ \t|]*    .*$\n?)*', re.MULTILINE)


def observe(
    result: CellResult,
    *,
    state: StateKind = "kept",
    detail: str | None = None,
    limit_chars: int = LIMIT_CHARS,
    texts: Texts | None = None,
) -> str:
    """The observation for whatever became of a cell.

    Args:
        result: what the runtime says of the cell.
        state: what became of the state if the cell was stopped.
        detail: as for `stopped`; that of the result if left out.
        limit_chars: as for `shape`.
        texts: the texts of a style; `cave` if left out.
    """
    error = result.error.traceback if result.error is not None else None
    if result.outcome in (Outcome.OK, Outcome.ERROR):
        return shape(result.stdout, result.stderr, error, result.value, limit_chars=limit_chars, texts=texts)
    return stopped(
        _STOPPED[result.outcome],
        state,
        detail=result.detail if detail is None else detail,
        stdout=result.stdout,
        stderr=result.stderr,
        error=error,
        limit_chars=limit_chars,
        texts=texts,
    )


def shape(
    stdout: str = "",
    stderr: str = "",
    error: str | None = None,
    value_repr: str | None = None,
    *,
    limit_chars: int = LIMIT_CHARS,
    texts: Texts | None = None,
) -> str:
    """Shape what one cell gave into an observation.

    Args:
        stdout: what it printed.
        stderr: what it wrote to standard error.
        error: the text of the traceback if it raised.
        value_repr: the `repr` of its last expression if that is to be shown.
        limit_chars: how many characters of output are shown at most, markers not counted. An error may take half of
            it, and more if the rest does not need it.
        texts: the texts of a style; `cave` if left out.
    """
    texts = _texts(texts)
    body, advice = _body(stdout, stderr, error, value_repr, limit_chars, texts)
    return texts.render(
        "output",
        output=body or texts.render("no_output"),
        advice=advice,
        reminder=texts.render("reminder"),
    )


def stopped(
    kind: StopKind,
    state: StateKind,
    *,
    detail: str = "",
    stdout: str = "",
    stderr: str = "",
    error: str | None = None,
    limit_chars: int = LIMIT_CHARS,
    texts: Texts | None = None,
) -> str:
    """Tell that a cell was stopped, why, and what became of the state.

    Args:
        kind: what stopped it.
        state: whether what the cell did is kept, undone, or the whole state is lost.
        detail: the limit that was passed or the signal, in words that are the same in every run ("10 s of CPU time").
        stdout: what the cell had printed until then.
        stderr: what it had written to standard error.
        error: the text of a traceback, if it left one.
        limit_chars: as for `shape`.
        texts: the texts of a style; `cave` if left out.
    """
    texts = _texts(texts)
    problem = texts.render(f"stopped.{kind}", detail=sanitize(detail))
    body, _ = _body(stdout, stderr, error, None, limit_chars, texts)
    return texts.render("stopped.frame", output=body, problem=problem, state=texts.render(f"state.{state}"))


def malformed(
    parsed: Parsed | Malformed,
    *,
    language: str = "python",
    fences: int | None = None,
    found: str = "",
    texts: Texts | None = None,
) -> str:
    """Teach what was wrong with a malformed message.

    Args:
        parsed: what `parse` returned, or the reason alone.
        language: the language of code blocks.
        fences: how many blocks there were, if known; `Parsed` does.
        found: what was wrong, where that is not the block's language.
        texts: the texts of a style; `cave` if left out.
    """
    texts = _texts(texts)
    found = _short(found)
    if isinstance(parsed, Parsed):
        if parsed.reason is None:
            raise ValueError(f"the message is not malformed: its action is {parsed.action.value!r}")
        fences = parsed.fences if fences is None else fences
        found = found or clip(sanitize(parsed.language or ""), 40, _dots)[0]
        reason = parsed.reason
    else:
        reason = Malformed(parsed)
    count = "several" if fences is None else str(fences)
    problem = texts.render(f"malformed.{reason.value}", language=language, found=found or "other code", count=count)
    return texts.render("malformed.frame", problem=problem, language=language)


def violations(found: Sequence[Violation], *, texts: Texts | None = None) -> str:
    """Teach which rules a cell broke, where, and what to do instead."""
    if not found:
        raise ValueError("no violations to tell of")
    texts = _texts(texts)
    lines = [
        texts.render(
            "violations.item",
            rule=item.rule,
            name=_short(item.name),
            line=item.line,
            column=item.column,
            message=_short(item.message),
            advice=_short(item.advice),
        )
        for item in found[:MAX_VIOLATIONS]
    ]
    if len(found) > MAX_VIOLATIONS:
        lines.append(texts.render("violations.more", count=len(found) - MAX_VIOLATIONS))
    return texts.render("violations.frame", violations="\n".join(lines))


# --- shaping ----------------------------------------------------------------------------------------------------------


def scrub(text: str) -> str:
    """Replace memory addresses, which differ from run to run, by `0x...`."""
    return _ADDRESS.sub("at 0x...", text)


def sanitize(text: str) -> str:
    """Scrub addresses, and replace lone surrogates, which no tokenizer can encode."""
    return scrub(_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text))


def defuse(text: str, special_tokens: Iterable[str]) -> str:
    """Break up special tokens that a program printed, so that they are read as text.

    A chat template does not tell `<|im_end|>` in a message from one that it wrote itself.
    """
    tokens = sorted({token for token in special_tokens if len(token) > 1}, key=lambda token: (-len(token), token))
    if not tokens:
        return text
    return re.sub("|".join(map(re.escape, tokens)), lambda match: f"{match[0][0]} {match[0][1:]}", text)


def clip(text: str, limit: int, marker: Callable[[int], str]) -> tuple[str, int]:
    """Keep the head and the tail of a text that is longer than `limit`.

    Args:
        text: the text.
        limit: how many of its characters may stay.
        marker: gives what stands in the middle, from the number of characters left out.

    Returns:
        The text, and the number of characters left out of it.
    """
    if len(text) <= limit:
        return text, 0
    head, tail = limit - limit // 2, limit // 2
    count = len(text) - limit
    return text[:head] + marker(count) + text[len(text) - tail :], count


def _body(
    stdout: str,
    stderr: str,
    error: str | None,
    value_repr: str | None,
    limit: int,
    texts: Texts,
) -> tuple[str, str]:
    """The parts of a cell's output under one limit, and the advice if something had to be left out."""
    if limit < 1:
        raise ValueError(f"limit_chars must be at least 1, got {limit}")
    stdout, stderr = sanitize(stdout).rstrip("\n"), sanitize(stderr).rstrip("\n")
    error, value = sanitize(error or "").rstrip("\n"), sanitize(value_repr or "")

    def marker(count: int) -> str:
        return "\n" + texts.render("left_out", count=count) + "\n"

    total = len(stdout) + len(stderr) + len(error) + len(value)

    # What comes last tells most: the error has the first claim on the room, then the value, then the streams. Each may
    # take half of what is there, and more if what follows does not need it.
    room, needed, left = limit, total, 0
    shaped: list[str] = []
    for part in (error, value, stderr, stdout):
        needed -= len(part)
        share = max(room - needed, room - room // 2)
        text, count = (_clip_error if part is error else clip)(part, share, marker)
        room, left = room - (len(part) - count), left + count
        shaped.append(text)
    error, value, stderr, stdout = shaped

    parts = [stdout]
    if value:
        parts.append(texts.render("value", value=value))
    if stderr:
        parts.append(texts.render("stderr", stderr=stderr))
    if error:
        parts.append(texts.render("error", error=error))
    advice = texts.render("advice", total=total) if left else ""
    return "\n".join(part for part in parts if part), advice


def _clip_error(error: str, limit: int, marker: Callable[[int], str]) -> tuple[str, int]:
    """Clip a traceback so that what was raised stays: its type and, if there is room, its whole message."""
    if len(error) <= limit:
        return error, 0
    end_of_frames = max((match.end() for match in _FRAME.finditer(error)), default=0)
    frames, raised = error[:end_of_frames], error[end_of_frames:]
    if not frames or not raised:
        return clip(error, limit, marker)
    if len(raised) <= limit:
        text, left_out = clip(frames, limit - len(raised), marker)
        return text + raised, left_out
    text, left_out = clip(raised, limit, marker)
    return marker(len(frames)).lstrip("\n") + text, len(frames) + left_out


def _short(text: str) -> str:
    return clip(sanitize(text), 200, _dots)[0]


def _dots(count: int) -> str:
    return "..."


def _texts(texts: Texts | None) -> Texts:
    return texts if texts is not None else load_prompts().style("cave")
