"""What of a task a protocol without live objects can say: worked out by running its gold, once, where nobody sees it.

What a turn's gold leaves in variables says which names its final answer must tell, and of what kinds. Its calls of
functions say what a script of calls would do. A task whose results are figures, connections or instances of classes, or
whose functions are given live objects, cannot be put: `Inexpressible`, which whoever compares must count.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cave_rl.runtime.codec import ClaimError, decode
from cave_rl.runtime.drive import Steps
from cave_rl.runtime.errors import Fault, RuntimeGone
from cave_rl.runtime.primitives import Variable
from cave_rl.runtime.result import CellResult, Limits
from cave_rl.runtime.runtime import Runtime
from cave_rl.runtime.template import Template
from cave_rl.semantic import kinds
from cave_rl.semantic.contract import MOST_CHARS, Contract
from cave_rl.semantic.kinds import Kind, kind_of
from cave_rl.semantic.tools import Tool
from cave_rl.tasks.task import Task, Turn, named

_LIMITS = Limits(cpu_s=60.0, wall_s=300.0, output_bytes=1 << 24, claim_bytes=1 << 26)
"""The gold is ours: it may take longer than a cell of a model."""


class Inexpressible(Fault):
    """A task that cannot be put in a protocol without live objects."""


@dataclass(frozen=True, slots=True)
class Called:
    """A call that the gold made: the tool, and its arguments by name."""

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExpressedTurn:
    """One turn as such a protocol puts it.

    Attributes:
        contract: what its final answer must tell.
        answer: the right answer. It never goes into a prompt; experts write it.
        calls: what its gold calls, in order.
        forms: of each variable that its gold reads, what its text is: `frame` (CSV), `json`, or `other`.
        dates: of those that are frames, the columns that hold dates.
    """

    contract: Contract
    answer: str
    calls: tuple[Called, ...]
    forms: Mapping[str, str]
    dates: Mapping[str, tuple[str, ...]]


_kept: OrderedDict[Any, tuple[ExpressedTurn, ...] | Inexpressible] = OrderedDict()
_MOST_KEPT, _LONG = 512, 1 << 16
"""How many tasks are kept, and the characters from which answers are too long to be."""


def express_steps(
    task: Task, template: Template[Runtime], seeds: tuple[int, int], tools: Mapping[str, Tool]
) -> Steps[tuple[ExpressedTurn, ...]]:
    """The turns of a task as protocols without live objects put them.

    Args:
        task: the task.
        template: of its runtimes.
        seeds: of the runtime and its World, as the episode has them: the gold meets the same randomness.
        tools: what stands for what is injected.

    Raises:
        Inexpressible: it cannot be put.
        Fault: its gold failed.
    """
    key = (task.suite, task.id, task.seed, seeds)
    found: tuple[ExpressedTurn, ...] | Inexpressible
    if key in _kept:
        _kept.move_to_end(key)
        found = _kept[key]
    else:
        try:
            found = yield from _express_steps(task, template, seeds, tools)
        except Inexpressible as error:
            found = error
        size = 0 if isinstance(found, Inexpressible) else sum(len(turn.answer) for turn in found)
        if task.suite and size <= _LONG:
            _kept[key] = found
            while len(_kept) > _MOST_KEPT:
                _kept.popitem(last=False)
    if isinstance(found, Inexpressible):
        raise Inexpressible(str(found))
    return found


def _express_steps(
    task: Task, template: Template[Runtime], seeds: tuple[int, int], tools: Mapping[str, Tool]
) -> Steps[tuple[ExpressedTurn, ...]]:
    runtime = yield from template.start_steps(seeds[0], companion_seed=seeds[1])
    try:
        known = set((yield from runtime.claim_steps(_state(task), _LIMITS)))
        yield from _run_steps(runtime, _recording(tools), "its functions cannot be watched")
        turns = []
        for turn in task.turns:
            turns.append((yield from _turn_steps(task, turn, runtime, known)))
            known |= turns[-1].contract.outputs.keys()
        return tuple(turns)
    except RuntimeGone as gone:
        raise Fault(f"the gold of {task.id} ended its runtime: {gone}") from gone
    finally:
        runtime.close()


def _turn_steps(task: Task, turn: Turn, runtime: Runtime, known: set[str]) -> Steps[ExpressedTurn]:
    if not turn.gold and (turn.changes or turn.reads - known) and not turn.refusal:
        raise Inexpressible(f"the turn {turn.query[:60]!r} has no gold, so what it asks for is not known")
    if turn.event is not None:
        if task.hosts_event(turn):
            yield from runtime.event_steps(turn.event, _LIMITS)
        else:
            yield from _run_steps(runtime, turn.event, "its event failed")
    forms, dates = yield from _forms_steps(task, turn, runtime)
    for cell in turn.gold_cells:
        yield from _run_steps(runtime, cell, "its gold failed")
    said = yield from _run_steps(runtime, _TOLD, "its calls cannot be told")
    calls = tuple(_called(each) for each in json.loads(said.stdout or "[]"))
    hosted = runtime.setup.hosted_names
    wanted = sorted((turn.reads - known - hosted) | (turn.changes - hosted))
    claims = yield from runtime.claim_steps(wanted, _LIMITS)
    outputs: dict[str, Kind] = {}
    values: dict[str, Any] = {}
    for name in wanted:
        if name not in claims:
            raise Inexpressible(f"{name} is deleted, which an answer does not say")
        try:
            values[name] = decode(claims[name], runtime.setup.classes)
            outputs[name] = kind_of(values[name])
        except (ClaimError, kinds.Inexpressible) as error:
            raise Inexpressible(f"{name}: {error}") from None
    if outputs and turn.user is not None:
        raise Inexpressible(f"an answer must tell {', '.join(outputs)}, and the turn's answers go to a user")
    contract = Contract(outputs)
    answer = turn.gold_answer
    if outputs:
        said_too = "" if answer == "Done." else f"{answer}\n"
        answer = said_too + contract.give(values)
    if len(answer) > MOST_CHARS:
        raise Inexpressible(f"its answer has {len(answer)} characters, and one may have {MOST_CHARS}")
    return ExpressedTurn(contract, answer, calls, forms, dates)


def _state(task: Task) -> set[str]:
    return {each.name for each in task.injected}


def _run_steps(runtime: Runtime, code: str, wrong: str) -> Steps[CellResult]:
    cell = yield from runtime.execute_steps(code, _LIMITS, diff=False)
    if not cell.ok:
        told = f"{cell.error.type}: {cell.error.message}" if cell.error else f"{cell.outcome.value} {cell.detail}"
        raise Fault(f"{wrong}: {told}")
    return cell


def _called(said: Any) -> Called:
    tool, arguments = said
    if arguments is None:
        raise Inexpressible(f"{tool} is given what JSON does not say")
    return Called(tool, arguments)


def _recording(tools: Mapping[str, Tool]) -> str:
    """A cell that has every call of a tool noted, its arguments by name where they are JSON."""
    lines = [_WATCH]
    objects: dict[str, dict[str, str]] = {}
    for tool in tools.values():
        if tool.reads:
            continue
        name, dot, method = tool.target.partition(".")
        if dot:
            objects.setdefault(name, {})[method] = tool.name
        else:
            names = [each.name for each in tool.form.parameters.values()]
            lines.append(f"{name} = _cave_watched({tool.name!r}, {name}, {names!r})")
    for name, methods in objects.items():
        forms = {tool.target.partition(".")[2]: list(tool.form.parameters) for tool in _of(tools, name)}
        lines.append(f"{name} = _CaveWatched({name}, {methods!r}, {forms!r})")
    return "\n".join(lines)


def _of(tools: Mapping[str, Tool], name: str) -> Iterable[Tool]:
    return (tool for tool in tools.values() if tool.target.startswith(f"{name}."))


_TOLD = "print(__import__('json').dumps(_cave_calls)); _cave_calls.clear()"

_WATCH = """
_cave_calls = []

def _cave_is_plain(value):
    if type(value) in (list, tuple):
        return type(value) is list and all(map(_cave_is_plain, value))
    if type(value) is dict:
        return all(type(key) is str and _cave_is_plain(each) for key, each in value.items())
    return value is None or type(value) in (bool, int, str) or (type(value) is float and abs(value) < float("inf"))

def _cave_watched(tool, call, names):
    import functools, json
    def watched(*given, **named):
        arguments = {**dict(zip(names, given)), **named}
        fits = len(given) <= len(names) and _cave_is_plain(arguments)
        _cave_calls.append([tool, json.loads(json.dumps(arguments)) if fits else None])
        return call(*given, **named)
    return functools.wraps(call)(watched)

class _CaveWatched:
    def __init__(self, proxy, methods, forms):
        for method, tool in methods.items():
            setattr(self, method, _cave_watched(tool, getattr(proxy, method), forms[method]))
"""


def _forms_steps(task: Task, turn: Turn, runtime: Runtime) -> Steps[tuple[dict[str, str], dict[str, tuple[str, ...]]]]:
    """What the text of each variable is that the gold of a turn reads."""
    mentioned = {name for cell in turn.gold_cells for name in named(cell)}
    names = [each.name for each in task.injected if isinstance(each, Variable) and each.name in mentioned]
    if not names:
        return {}, {}
    said = yield from _run_steps(
        runtime, f"{_FORMS}\nprint(_cave_forms({', '.join(names)}))", "its variables cannot be read"
    )
    found = dict(zip(names, json.loads(said.stdout), strict=True))
    forms = {name: form for name, (form, _) in found.items()}
    return forms, {name: tuple(dates) for name, (form, dates) in found.items() if form == "frame"}


_FORMS = """
def _cave_form(value):
    import json
    if type(value).__name__ == "DataFrame" and type(value).__module__.startswith("pandas"):
        if type(value.index).__name__ != "RangeIndex" or not all(type(each) is str for each in value.columns):
            return "other", []
        return "frame", [str(name) for name in value.columns if value[name].dtype.kind == "M"]
    try:
        return ("json" if json.loads(json.dumps(value)) == value else "other"), []
    except (TypeError, ValueError, RecursionError):
        return "other", []

def _cave_forms(*values):
    import json
    return json.dumps([_cave_form(value) for value in values])
"""
