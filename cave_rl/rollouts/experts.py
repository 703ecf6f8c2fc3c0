"""Scripted experts: the gold of a task, in each protocol. They show what a protocol costs where nothing goes wrong.

They are *authored*: no model wrote a word of them, and they say nothing of what a model would do.

* `cave` writes the gold cells.
* `codeact` writes the same cells, with each function's text read back (`json.loads(f(x))`), after code that rebuilds
  the variables they need from their text; then it prints what it found, and answers.
* `json` reads the variables that the gold needs, page by page, and repeats the calls that the gold made, one a message;
  then it answers, without a mistake, what a gold cell would have computed.

All have the same text of functions, the same longest observation and the same steps. Where these do not suffice an
expert fails as a model would.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from weakref import WeakKeyDictionary

from cave_rl.rollouts.messages import Policy, gold
from cave_rl.semantic.parsing import fenced
from cave_rl.semantic.protocols import ProtocolName, call_text
from cave_rl.semantic.tools import Tool
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.expressing import ExpressedTurn
from cave_rl.tasks.task import Turn, named
from cave_rl.tasks.user import Say

_PAGES = re.compile(r"^\(page \d+ of (\d+)\)$", re.MULTILINE)


def expert(protocol: ProtocolName) -> Policy:
    """The policy that plays gold in a protocol."""
    if protocol == "cave":
        return gold
    script = _by_code if protocol == "codeact" else _by_calls
    playing: WeakKeyDictionary[Episode, Iterator[str]] = WeakKeyDictionary()

    def policy(episode: Episode) -> str:
        if episode not in playing:
            playing[episode] = _messages(episode, script)
        return next(playing[episode])

    return policy


Script = Callable[[Episode, set[str]], Iterator[str]]
"""The messages of one turn, and the variables that are read by now."""


def _messages(episode: Episode, script: Script) -> Iterator[str]:
    """All messages of an episode. A turn that its step limit ended is left as it is."""
    read: set[str] = set()
    while True:
        at = episode.turn
        turn = episode.task.turns[at]
        read -= named(turn.event or "")
        messages = script(episode, read)
        for message in messages if turn.user is None else _talking(turn, messages, episode.exchange.turns[at].answer):
            yield message
            if episode.turn != at:
                break


def _talking(turn: Turn, messages: Iterator[str], answer: str) -> Iterator[str]:
    """A turn that its user ends: first what is to be done, then what gold says, until the dialogue is over.

    Not covered: a user who must act before the model does.
    """
    yield from itertools.takewhile(lambda message: message != answer, messages)
    yield from (each.text for each in turn.gold if isinstance(each, Say))
    yield from itertools.repeat(answer)


def _readers(episode: Episode) -> dict[str, str]:
    """The tool that reads each variable."""
    return {tool.target: tool.name for tool in episode.exchange.tools if tool.reads}


def _needed(episode: Episode, read: set[str]) -> list[str]:
    """The variables that the turn's gold needs and that were not read."""
    return [name for name in episode.exchange.turns[episode.turn].forms if name not in read]


# --- json -------------------------------------------------------------------------------------------------------------


def _by_calls(episode: Episode, read: set[str]) -> Iterator[str]:
    turn = episode.exchange.turns[episode.turn]
    for name in _needed(episode, read):
        yield from _pages(episode, lambda page, name=name: _page_call(episode, name, page))  # type: ignore[misc]
        read.add(name)
    for call in turn.calls:
        yield call_text(call.tool, dict(call.arguments))
    yield turn.answer


def _page_call(episode: Episode, name: str, page: int) -> str:
    return call_text(_readers(episode)[name], {"page": page} if page > 1 else {})


def _pages(episode: Episode, message: Callable[[int], str]) -> Iterator[str]:
    """The messages that read the pages of one text; the first page tells how many there are."""
    page = pages = 1
    while page <= pages:
        yield message(page)
        found = _PAGES.search(episode.messages[-1]["content"])
        pages = int(found[1]) if found else 1
        page += 1


# --- codeact ----------------------------------------------------------------------------------------------------------


def _by_code(episode: Episode, read: set[str]) -> Iterator[str]:
    turn, needed = episode.exchange.turns[episode.turn], _needed(episode, read)
    if any(turn.forms[name] == "other" for name in needed):  # text that code does not turn back: it is looked at
        for name in needed:
            reader = _readers(episode)[name]
            yield from _pages(episode, lambda page, reader=reader: fenced(f"print({reader}({page}))"))  # type: ignore[misc]
            read.add(name)
        if turn.calls:
            yield fenced("\n".join(f"print({_call(each.tool, each.arguments)})" for each in turn.calls))
        yield turn.answer
        return
    tools = {tool.target: tool for tool in episode.exchange.tools if not tool.reads}
    cells = [in_text(cell, tools) for cell in episode.task.turns[episode.turn].gold_cells]
    limit = episode.config.observation_chars - 100
    long = len(turn.answer) > limit // 2
    if cells:
        cells[0] = _rebuilding(episode, turn, needed) + cells[0]
        cells[-1] += _printing(turn, limit if long else None)
    for cell in cells:
        yield fenced(cell)
    read.update(needed)
    if cells and long:
        found = re.search(r"^(\d+)$", episode.messages[-1]["content"], re.MULTILINE)
        for start in range(limit, int(found[1]) if found else 0, limit):
            yield fenced(f"print(said[{start}:{start + limit}])")
    yield turn.answer


def _call(name: str, arguments: Mapping[str, object]) -> str:
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


_WHOLE = """def whole(read):
    first = read()
    if not first.startswith("(page 1 of "):
        return first
    count = int(first[11:first.index(")")])
    return "".join([first, *map(read, range(2, count + 1))][at].split("\\n", 1)[1] for at in range(count))

"""


def _rebuilding(episode: Episode, turn: ExpressedTurn, needed: list[str]) -> str:
    """Code that makes variables again from their text."""
    lines, imports, readers = [], set(), _readers(episode)
    for name in needed:
        text = f"whole({readers[name]})"
        if turn.forms[name] == "frame":
            dates = f", parse_dates={list(turn.dates[name])!r}" if turn.dates[name] else ""
            lines.append(f"{name} = pd.read_csv(io.StringIO({text}){dates})\n")
            imports |= {"import io\n", "import pandas as pd\n"}
        else:
            lines.append(f"{name} = json.loads({text})\n")
            imports.add("import json\n")
    return "".join(sorted(imports)) + _WHOLE * bool(needed) + "".join(lines)


def _printing(turn: ExpressedTurn, limit: int | None) -> str:
    """Code that prints what was found; in parts where it is long."""
    names = [
        f"{name}.to_csv()" if kind.told.startswith("table") or "index and value" in kind.told else name
        for name, kind in turn.contract.outputs.items()
    ]
    if not names:
        return ""
    if limit is None:
        return f"\nprint({', '.join(names)})"
    joined = " + ".join(f"str({each})" if each.isidentifier() else each for each in names)
    return f"\nsaid = {joined}\nprint(len(said))\nprint(said[:{limit}])"


def in_text(cell: str, tools: Mapping[str, Tool]) -> str:
    """A cell for live functions, as one for functions that return text.

    >>> from cave_rl.runtime.primitives import Function
    >>> from cave_rl.semantic.tools import tools_of
    >>> def sizes(kind: str) -> list[int]: ...
    >>> tools = {tool.target: tool for tool in tools_of([Function(sizes)]).values()}
    >>> print(in_text("total = sum(sizes('a'))", tools))
    import json
    total = sum(json.loads(sizes('a')))
    """
    tree = _InText(tools)
    made = ast.unparse(ast.fix_missing_locations(tree.visit(ast.parse(cell))))
    return f"import json\n{made}" if tree.loads else made if tree.touched else cell


class _InText(ast.NodeTransformer):
    """Reads back the text of each call of a tool."""

    def __init__(self, tools: Mapping[str, Tool]) -> None:
        self._tools = tools
        self.loads = self.touched = False

    def visit_Call(self, node: ast.Call) -> ast.AST:
        tool = self._tool(node.func)
        if tool is None:
            return self.generic_visit(node)
        given = [self.visit(each) for each in node.args]
        keywords = [ast.keyword(each.arg, self.visit(each.value)) for each in node.keywords]
        return self._read(tool, ast.Call(ast.Name(tool.name, ast.Load()), given, keywords))

    def visit_Await(self, node: ast.Await) -> ast.AST:
        called = isinstance(node.value, ast.Call) and self._tool(node.value.func) is not None
        return self.visit(node.value) if called else self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._passed(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return self._passed(node)

    def _passed(self, node: ast.Name | ast.Attribute) -> ast.AST:
        """A function that is handed on rather than called."""
        tool = self._tool(node) if isinstance(node.ctx, ast.Load) else None
        if tool is None:
            return self.generic_visit(node)
        given = ast.Starred(ast.Name("given", ast.Load()), ast.Load())
        parameters = ast.arguments([], [], ast.arg("given"), [], [], None, [])
        return ast.Lambda(parameters, self._read(tool, ast.Call(ast.Name(tool.name, ast.Load()), [given], [])))

    def _tool(self, node: ast.expr) -> Tool | None:
        return self._tools.get(ast.unparse(node)) if isinstance(node, (ast.Name, ast.Attribute)) else None

    def _read(self, tool: Tool, call: ast.expr) -> ast.expr:
        self.touched = True
        if tool.form.return_annotation in (str, inspect.Signature.empty):
            return call
        self.loads = True
        return ast.Call(ast.Attribute(ast.Name("json", ast.Load()), "loads", ast.Load()), [call], [])
