"""One episode as the trace reader shows it: the chat taken apart into turns and steps, each with what is known of it.

All is text by now, or lists and maps of text: how it looks is the reader's, what it says is decided here. What a line
holds that is not known here is handed on as it is, so that newer traces lose nothing.
"""

from __future__ import annotations

import json
from typing import Any

from cave_rl.evaluation.report.runs import Episode, listed, number
from cave_rl.semantic.parsing import Action, parse

_SHOWN = frozenset(
    {"suite", "family", "task", "tags", "reward", "solved", "scores", "stop", "fault", "outcomes", "verdicts"}
    | {"messages", "opening", "queries", "tokens", "steps", "wall_s", "env_s", "policy_s", "eval", "protocol"}
    | {"seed", "difficulty", "turns", "rollout"}
)
_SHOWN_OF_STEP = frozenset(
    {"turn", "step", "outcome", "message", "code", "observation", "diff"}
    | {"wall_s", "cpu_s", "peak_kb", "error", "detail"}
)


def details(episode: Episode) -> dict[str, Any]:
    """What there is to read of an episode."""
    row = episode.row
    messages, opening = dicts(row.get("messages")), opening_length(row)
    steps = _steps(row, messages, opening)
    return {
        "facts": _facts(episode),
        "fault": _text(row.get("fault")),
        "opening": [[_text(each.get("role")), _content(each)] for each in messages[:opening]],
        "turns": _turns(steps, _verdicts(row), [_text(each) for each in listed(row.get("queries"))], row.get("scores")),
        "more": [[key, _json(value)] for key, value in row.items() if key not in _SHOWN],
    }


def opening_length(row: dict[str, Any]) -> int:
    """How many messages stand before the policy's first: `opening`, or what older lines allow to conclude.

    There a step is a message of the policy, but for a last one that had no room to say anything.
    """
    messages = dicts(row.get("messages"))
    told = row.get("opening")
    if isinstance(told, int):
        return max(0, min(told, len(messages)))
    said = len(listed(row.get("outcomes")))
    if said and messages and messages[-1].get("role") != "assistant":
        said -= 1
    spoken = [index for index, each in enumerate(messages) if each.get("role") == "assistant"]
    return spoken[-said] if 0 < said <= len(spoken) else len(messages)


def segments(message: str, code: str | None = None) -> list[list[str]]:
    """A message cut into its text and its code.

    Args:
        message: the whole message.
        code: the cell in it; None finds the block that would be executed.
    """
    if code is None:
        parsed = parse(message)
        code = parsed.code if parsed.action is Action.CODE else None
    if not code:
        return [["text", message]]
    before, found, after = message.partition(code)
    if not found:  # an indented fence, or a call: the cell does not stand in the message as it was executed
        return [["text", message], ["code", code]]
    return [[kind, text] for kind, text in (("text", before), ("code", found), ("text", after)) if text]


def dicts(value: object) -> list[dict[str, Any]]:
    """The objects of a list; what is no list has none."""
    return [each for each in listed(value) if isinstance(each, dict)]


# --- steps ------------------------------------------------------------------------------------------------------------


def _steps(row: dict[str, Any], messages: list[dict[str, Any]], opening: int) -> list[dict[str, Any]]:
    """The recorded steps in order, host events among them, each with its message and what the model read after it."""
    said = [index for index in range(opening, len(messages)) if messages[index].get("role") == "assistant"]
    told = []
    for entry in dicts(row.get("steps")):
        event = _text(entry.get("outcome")).startswith("event:")
        at = entry.get("message") if "message" in entry else said[0] if said and not event else None
        if at in said:
            said = [index for index in said if index > at]
        told.append(_step(entry, event, messages, at if isinstance(at, int) else None))
    return told + [_step({}, False, messages, index) for index in said]  # what our side failed on has no entry


def _step(entry: dict[str, Any], event: bool, messages: list[dict[str, Any]], at: int | None) -> dict[str, Any]:
    code = entry.get("code") if isinstance(entry.get("code"), str) else None
    known = [
        ("state", _state(entry.get("diff"))),
        ("wall", _seconds(entry.get("wall_s"))),
        ("CPU", _seconds(entry.get("cpu_s"))),
        ("peak memory", _mebibytes(entry.get("peak_kb"))),
        ("raised", _text(entry.get("error"))),
        ("detail", _text(entry.get("detail"))),
    ]
    message = _content(messages[at]) if at is not None and 0 <= at < len(messages) else None
    return {
        "turn": _count(entry.get("turn")),
        "name": _name(entry, event),
        "outcome": "" if "user" in entry and event else _text(entry.get("outcome")).removeprefix("event:").strip(),
        "message": segments(message, code) if message is not None else [["code", code]] if code else [],
        "observation": _observation(entry, messages, at),
        "facts": [[key, value] for key, value in known if value],
        "more": [[key, _json(value)] for key, value in entry.items() if key not in _SHOWN_OF_STEP and value],
    }


def _name(entry: dict[str, Any], event: bool) -> str:
    if event:
        return "the user begins" if "user" in entry else "host event"
    return f"step {entry['step']}" if "step" in entry else "step"


def _state(diff: object) -> str:
    """What a cell did to the namespace, as its process claims; nothing where that is not told."""
    if not isinstance(diff, dict):
        return ""
    told = [f"{kind} {', '.join(map(_text, listed(names)))}" for kind, names in diff.items() if listed(names)]
    return "; ".join(told) or "unchanged"


def _observation(entry: dict[str, Any], messages: list[dict[str, Any]], at: int | None) -> str:
    if "observation" in entry:
        return _text(entry["observation"])
    following = messages[at + 1] if at is not None and at + 1 < len(messages) else {"role": "assistant"}
    return "" if following.get("role") == "assistant" else _content(following)


def _turns(
    steps: list[dict[str, Any]], verdicts: dict[int, list[dict[str, Any]]], queries: list[str], scores: object
) -> list[dict[str, Any]]:
    """The steps by turn, each turn with what was asked and how it was judged."""
    judged = listed(scores)
    return [
        {
            "turn": turn + 1,
            "query": queries[turn] if turn < len(queries) else "",
            "steps": [each for each in steps if each["turn"] == turn],
            "verdicts": verdicts.get(turn, []),
            "score": _plain(judged[turn]) if turn < len(judged) else "",
        }
        for turn in sorted({each["turn"] for each in steps} | verdicts.keys())
    ]


def _verdicts(row: dict[str, Any]) -> dict[int, list[dict[str, Any]]]:
    turns: dict[int, list[dict[str, Any]]] = {}
    for each in dicts(row.get("verdicts")):
        verdict = {
            "name": _text(each.get("name")),
            "passed": bool(each.get("passed")),
            "gate": bool(each.get("gate")),
            "weight": _plain(number(each.get("weight"))),
            "message": _text(each.get("message")),
        }
        turns.setdefault(_count(each.get("turn")), []).append(verdict)
    return turns


# --- values as text ---------------------------------------------------------------------------------------------------


def _facts(episode: Episode) -> list[list[str]]:
    row = episode.row
    facts = [
        ("suite", _text(row.get("suite"))),
        ("family", episode.family),
        ("tags", ", ".join(map(_text, listed(row.get("tags"))))),
        ("difficulty", _plain(row.get("difficulty"))),
        ("evaluation", episode.part),
        ("protocol", episode.protocol),
        ("rollout", _plain(row.get("rollout"))),
        ("seed", _plain(row.get("seed"))),
        ("reward", _plain(episode.reward)),
        ("ended by", episode.stop),
        ("turns", _plain(row.get("turns"))),
        ("tokens", ", ".join(f"{n} {kind}" for kind, n in episode.tokens.items())),
        ("in all", _seconds(row.get("wall_s"))),
        ("environment", _seconds(row.get("env_s"))),
        ("model", _seconds(row.get("policy_s"))),
    ]
    return [[key, value] for key, value in facts if value]


def _content(message: dict[str, Any]) -> str:
    """A message's text, and the calls that it makes in the protocols that have them."""
    content, calls = message.get("content"), message.get("tool_calls")
    text = content if isinstance(content, str) else "" if content is None else _json(content)
    return "\n".join(part for part in (text, _json(calls) if calls else "") if part)


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _plain(value: object) -> str:
    """A value on one line; nothing for what says nothing."""
    if value is None or value == "" or value == [] or value == {}:
        return ""
    return f"{value:g}" if isinstance(value, float) else value if isinstance(value, str) else _json(value, None)


def _json(value: object, indent: int | None = 2) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _seconds(value: object) -> str:
    seconds = number(value)
    if not seconds:
        return ""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def _mebibytes(value: object) -> str:
    kibibytes = number(value)
    return f"{kibibytes / 1024:.1f} MiB" if kibibytes else ""
