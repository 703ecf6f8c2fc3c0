"""The evaluator of the port of tau2 that is inside `inspect-evals`, run as it is on recorded calls.

It finds toolkits and messages in a store of its own; they come to be what they would be had its own agent made the
calls and said what was said.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import tempfile
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any

from cave_rl.suites.third_party.tau2.world import port, stand_in
from cave_rl.suites.third_party.tau2.world.backend import Domain, backend
from cave_rl.suites.third_party.tau2.world.ported import PortedEnvironment, uncollected

Calls = Sequence[tuple[str, Mapping[str, Any]]]


def scored(domain: Domain, id: str, calls: Calls, answer: str) -> bool:
    """What the port's own scorer of a domain says.

    Args:
        domain: which.
        id: of the task.
        calls: names and arguments.
        answer: what was said to the customer.
    """
    sides = {tool.name: tool for tool in backend().tools(domain)}
    environment = PortedEnvironment(domain)
    metadata = {"instance": "peer", "task": _record(domain, id)}
    state = stand_in.TaskState(metadata=_module("common.metadata").Tau2MetaData.model_validate(metadata).model_dump())
    with stand_in.using(environment.store), _tidied(), uncollected():
        if domain == "telecom":
            _run(_module("telecom.solver").telecom_initializer()(state, None))
        agent = _module("common.agents").StoredAgentState
        for name, arguments in calls:
            with contextlib.suppress(Exception):  # as in its own agent: what a tool raises is told, and stands
                environment.call(sides[name], arguments)
            message = stand_in.ChatMessageAssistant(tool_calls=[_call(name, arguments)])
            own = sides[name].side == "assistant"
            (stand_in.store_as(agent, "peer").messages if own else state.messages).append(message)
        state.messages.append(stand_in.ChatMessageUser(content=answer))
        scorer = getattr(_module(f"{domain}.scorer"), f"{domain}_scorer")()
        return bool(_run(scorer(state, "")).value == stand_in.CORRECT)


@contextlib.contextmanager
def _tidied() -> Iterator[None]:
    """Removes what the port leaves behind: an unpacked copy of a database each time that it reads one."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory() as directory:
        tempfile.tempdir = directory
        try:
            yield
        finally:
            tempfile.tempdir = before


def _call(name: str, arguments: Mapping[str, Any]) -> stand_in.ToolCall:
    return stand_in.ToolCall(function=name, arguments=dict(arguments))


def _run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("the scorer waits for something")


def _module(name: str) -> Any:
    return importlib.import_module(f"{port.__name__}.{name}")


@functools.cache
def _records(domain: Domain) -> dict[str, Any]:
    return {each["id"]: each for each in backend().tasks(domain)}


def _record(domain: Domain, id: str) -> Any:
    return _records(domain)[id]
