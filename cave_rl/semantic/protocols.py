r"""Protocols: how actions are written, what of a task is told, and how a result is handed over.

| protocol  | an action           | what is there                      | a result                                |
|-----------|---------------------|------------------------------------|-----------------------------------------|
| `cave`    | a block of Python   | live variables, functions, objects | whatever the variables are              |
| `codeact` | a block of Python   | functions that return text         | what the final answer tells, as JSON    |
| `json`    | calls of functions  | the same functions                 | the same                                |

The last two are the usual ways of giving a model tools, and the paper's baselines. `codeact` keeps a Python session of
the model's own, in which nothing of the task is; `json` has none. Calls are written as the chat templates of open
models write them, whatever the endpoint's own form for them is:

>>> parsed = parse_calls('I look.\n<tool_call>\n{"name": "read_xs", "arguments": {}}\n</tool_call>')
>>> parsed.action, parsed.calls
(<Action.CALLS: 'calls'>, (ToolCall(name='read_xs', arguments={}),))
>>> parse_calls('{"total": 6}').action
<Action.ANSWER: 'answer'>
>>> parse_calls("```python\nxs.sort()\n```").reason
<Malformed.CODE_BLOCK: 'code_block'>

Not covered: markup of one vendor only (`[TOOL_CALLS]`, `<|python_tag|>`, `<function=...>`), which is malformed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from cave_rl.semantic.contract import plain
from cave_rl.semantic.kinds import ContractError
from cave_rl.semantic.parsing import Action, Malformed, Parsed, ToolCall, block, parse

__all__ = ["PROTOCOLS", "Protocol", "ProtocolName", "call_text", "parse_calls", "protocol_of"]

ProtocolName = Literal["cave", "codeact", "json"]
PROTOCOLS: tuple[ProtocolName, ...] = get_args(ProtocolName)

MOST_CALLS = 32
"""Calls of one message."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How actions are written and results are handed over.

    Attributes:
        name: one of `PROTOCOLS`.
        live: whether the model's code runs where the live objects are.
        code: whether the model writes code at all.
        parse: takes a message apart.
    """

    name: ProtocolName
    live: bool
    code: bool
    parse: Callable[[str], Parsed]

    def style(self, wanted: str, *, native: bool = False) -> str:
        """The style of texts that is used where one is asked for: `json` for `cave`, `json-compact` for `compact`.

        Args:
            wanted: the configured style.
            native: whether calls are the endpoint's own, which tells of the functions itself.
        """
        if self.live:
            return wanted
        name = self.name if wanted == "cave" else f"{self.name}-{wanted}"
        return f"{name}-native" if native and not self.code else name


def protocol_of(name: ProtocolName) -> Protocol:
    """The protocol of a name."""
    return _PROTOCOLS[name]


def call_text(name: str, arguments: Any) -> str:
    """A call as it stands in a message. Arguments that are text already are taken as they are, right or wrong.

    >>> print(call_text("book", {"hotel": "H1"}))
    <tool_call>
    {"name": "book", "arguments": {"hotel": "H1"}}
    </tool_call>
    """
    given = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    body = f'{{"name": {json.dumps(name)}, "arguments": {given or "{}"}}}'
    if "tool_call>" in body:  # in a string: it must not end the markup that it stands in
        body = body.replace("<", "\\u003c")
    return f"<tool_call>\n{body}\n</tool_call>"


def parse_calls(message: str) -> Parsed:
    """Takes a message of the protocol `json` apart: one or more calls, or an answer."""
    parsed = parse(message)
    visible = parsed.before + parsed.after
    if parsed.reason in (Malformed.UNCLOSED_THINKING, Malformed.UNCLOSED_FENCE):
        return parsed
    if "<tool_call>" in visible or "</tool_call>" in visible:
        return _marked(parsed, visible)
    if parsed.fences == 1 and (parsed.language or "").lower() == "json":
        return _bare(parsed, block(message))
    if parsed.fences:
        return replace(parsed, action=Action.MALFORMED, code=None, reason=Malformed.CODE_BLOCK)
    if parsed.reason is Malformed.TOOL_CALL_MARKUP and not visible.lstrip().startswith("{"):
        return replace(parsed, reason=Malformed.BAD_CALL)
    return _bare(parsed, visible)


_CALL = re.compile(r"<tool_call>((?:(?!</?tool_call>).)*+)</tool_call>", re.DOTALL)


def _marked(parsed: Parsed, visible: str) -> Parsed:
    """A message with calls in markup: each must be one, and nothing of the markup may be left over."""
    rest = _CALL.sub("", visible)
    bodies = _CALL.findall(visible)
    calls = [_call(body) for body in bodies[: MOST_CALLS + 1]]
    if parsed.fences or "tool_call>" in rest or not 0 < len(calls) <= MOST_CALLS or None in calls:
        return replace(parsed, action=Action.MALFORMED, code=None, reason=Malformed.BAD_CALL)
    found = tuple(call for call in calls if call is not None)
    return replace(parsed, action=Action.CALLS, code=None, reason=None, before=rest, after="", calls=found)


def _bare(parsed: Parsed, text: str) -> Parsed:
    """A message that may be a call as bare JSON; an answer otherwise."""
    call = _call(text) if text.lstrip().startswith("{") else None
    if call is not None:
        return replace(parsed, action=Action.CALLS, code=None, reason=None, calls=(call,))
    return replace(parsed, action=Action.ANSWER, code=None, reason=None, before=text, after="")


def _call(text: str) -> ToolCall | None:
    """The call that a JSON text is, if it is one."""
    try:
        said = plain(text)
    except ContractError:
        return None
    if type(said) is not dict or not {"name"} < said.keys() <= {"name", "arguments", "parameters"}:
        return None
    name, arguments = said["name"], said.get("arguments", said.get("parameters"))
    if type(name) is not str or type(arguments) is not dict:
        return None
    return ToolCall(name, arguments)


def _parse_text_only(message: str) -> Parsed:
    """Takes a message of `codeact` apart: code as ever, and an answer that may stand in a block of JSON."""
    parsed = parse(message)
    fenced_json = parsed.fences == 1 and (parsed.language or "").lower() == "json"
    if parsed.reason is Malformed.WRONG_LANGUAGE and fenced_json:
        return replace(parsed, action=Action.ANSWER, reason=None, before=block(message), after="")
    if parsed.reason is Malformed.TOOL_CALL_MARKUP and parsed.before.lstrip().startswith("{") and not parsed.fences:
        return replace(parsed, action=Action.ANSWER, reason=None)  # a contract may ask for such names
    return parsed


_PROTOCOLS: dict[str, Protocol] = {
    "cave": Protocol("cave", live=True, code=True, parse=parse),
    "codeact": Protocol("codeact", live=False, code=True, parse=_parse_text_only),
    "json": Protocol("json", live=False, code=False, parse=parse_calls),
}
