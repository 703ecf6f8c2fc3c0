"""The evaluator of the port of tau2 that is inside `inspect-evals`, run as it is on recorded calls.

It finds toolkits and messages in a store of its own; they come to be what they would be had its own agent made the
calls and said what was said.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import pickle
import tempfile
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from cave_rl.suites.third_party.tau2.world import port, stand_in
from cave_rl.suites.third_party.tau2.world.backend import Domain, backend
from cave_rl.suites.third_party.tau2.world.ported import LARGE, PortedEnvironment, uncollected

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
    environment = PortedEnvironment(domain, _begun(domain))
    metadata = {"instance": "peer", "task": _record(domain, id)}
    state = stand_in.TaskState(metadata=_module("common.metadata").Tau2MetaData.model_validate(metadata).model_dump())
    with stand_in.using(environment.store), uncollected():
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


def _begun(domain: Domain) -> stand_in.Store | None:
    """A store in which the port has made its toolkits."""
    if domain == "telecom":
        return None
    module, name, instance = LARGE[domain]
    _remember(domain)
    store: stand_in.Store = {}
    with stand_in.using(store), uncollected():
        stand_in.store_as(getattr(_module(module), name), instance).initialize()
    return store


@functools.cache
def _remember(domain: Domain) -> None:
    """Lets the port read its database from memory: it reads it twice a run, and leaves an unpacked copy behind."""
    module, name, _ = LARGE[domain]
    database = getattr(_module(module), name).model_fields["db"].annotation
    file = port.root() / "data" / "domains" / domain / "db.json.gz"
    with tempfile.TemporaryDirectory() as directory:
        before, tempfile.tempdir = tempfile.tempdir, directory
        try:
            read = pickle.dumps(database.load(str(file)), 5)
        finally:
            tempfile.tempdir = before
    database.load = staticmethod(lambda path: pickle.loads(read))


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
