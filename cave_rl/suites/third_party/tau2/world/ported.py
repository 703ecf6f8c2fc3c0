"""The port inside `inspect-evals`."""

from __future__ import annotations

import contextlib
import gc
import gzip
import importlib
import importlib.metadata
import inspect
import json
import random
import uuid
from collections.abc import Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from cave_rl.suites.third_party.tau2.world import port, stand_in
from cave_rl.suites.third_party.tau2.world.backend import Domain, Environment, Side, Tool

VERSION = "0.26.0"


class Ported:
    """The port as a back end.

    Raises:
        ModuleNotFoundError: it is not installed, or in another version.
    """

    def __init__(self) -> None:
        port.root()
        installed = importlib.metadata.version("inspect-evals")
        if installed != VERSION:
            raise ModuleNotFoundError(f"inspect-evals {VERSION} is wanted, and {installed} is installed")
        self.name = f"inspect-evals {VERSION}"

    def tools(self, domain: Domain) -> tuple[Tool, ...]:
        sides: list[tuple[Side, Any]] = [("assistant", tool) for tool in _agents(domain)]
        if domain == "telecom":
            sides += [("user", tool) for tool in _module("telecom.user_tools").all_telecom_user_tools]
        return tuple(_documented(side, tool) for side, tool in sides)

    def environment(self, domain: Domain) -> Environment:
        return PortedEnvironment(domain)

    def policy(self, domain: Domain, *, solo: bool) -> str:
        if domain != "telecom":
            return (_data(domain) / "policy.txt").read_text(encoding="utf-8")
        suffix = "_solo" if solo else ""
        main, support = (
            (_data(domain) / f"{name}{suffix}.txt").read_text(encoding="utf-8")
            for name in ("main_policy", "tech_support_workflow")
        )
        return f"<main_policy>\n{main}\n</main_policy>\n<tech_support_policy>\n{support}\n</tech_support_policy>"

    def tasks(self, domain: Domain) -> list[dict[str, Any]]:
        plain, packed = _data(domain) / "tasks.json", _data(domain) / "tasks.json.gz"
        text = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
        found: list[dict[str, Any]] = json.loads(text)
        return found

    def answers(self, domain: Domain) -> list[Path]:
        return sorted(_data(domain).glob("*tasks*"))

    def splits(self, domain: Domain) -> dict[str, list[str]]:
        found: dict[str, list[str]] = json.loads((_data(domain) / "split_tasks.json").read_bytes())
        return found

    def guidelines(self, domain: Domain) -> str:
        name = "simulation_guidelines_tools" if domain == "telecom" else "simulation_guidelines"
        return (port.root() / "data" / "user_simulator" / f"{name}.txt").read_text(encoding="utf-8")


class PortedEnvironment:
    """The port's toolkits, kept in a store of their own.

    Args:
        domain: which.
        store: one that has its toolkits already.

    Attributes:
        store: what the port finds its toolkits in: `stand_in.using` it lets the port's own functions see them.
    """

    def __init__(self, domain: Domain, store: stand_in.Store | None = None) -> None:
        self.store: stand_in.Store = {} if store is None else store
        self._domain = domain
        if domain == "telecom":
            _module("telecom.TelecomAgentTools").uuid = _Seeded  # new bills are named by one
        self._functions = {tool.__name__: tool() for tool in _agents(domain)}
        if domain == "telecom":
            users = _module("telecom.user_tools").all_telecom_user_tools
            self._functions |= {tool.__name__: tool() for tool in users}
        with stand_in.using(self.store):
            if domain != "telecom" and store is None:
                _load(domain)
            self._toolkits()

    @property
    def databases(self) -> Mapping[Side, BaseModel]:
        return {side: toolkit.db for side, toolkit in self._toolkits().items()}

    def call(self, tool: Tool, arguments: Mapping[str, Any]) -> str:
        with stand_in.using(self.store):
            try:
                return str(_finished(self._functions[tool.name](**arguments)))
            except stand_in.ToolError as error:
                raise ValueError(str(error)) from None

    def do(self, side: Side, function: str, arguments: Mapping[str, Any]) -> Any:
        done = getattr(self._toolkits()[side], function)(**arguments)
        self._toolkits()
        return done

    def _toolkits(self) -> dict[Side, Any]:
        """The toolkits, brought into line with each other."""
        with stand_in.using(self.store):
            if self._domain == "telecom":
                both = _module("telecom.environment").get_environment()
                return {"assistant": both.tools, "user": both.user_tools}
            if self._domain == "retail":
                return {"assistant": _module("retail.tools").get_retail_tools()}
            return {"assistant": _module("airline.AirlineAgentTools").get_airline_tools()}


class _Seeded:
    """What stands for the module `uuid`: the same calls must leave the same state, if the World is seeded the same."""

    @staticmethod
    def uuid4() -> uuid.UUID:
        return uuid.UUID(int=random.getrandbits(128), version=4)


def _module(name: str) -> Any:
    return importlib.import_module(f"{port.__name__}.{name}")


def _data(domain: Domain) -> Path:
    return port.root() / "data" / "domains" / domain


def _agents(domain: Domain) -> list[Any]:
    name = "all_telecom_agent_tools" if domain == "telecom" else f"all_{domain}_tools"
    found: list[Any] = getattr(_module(f"{domain}.tools"), name)
    return found


def _documented(side: Side, tool: Any) -> Tool:
    execute = tool()
    signature = inspect.signature(execute).replace(return_annotation=inspect.Signature.empty)
    doc = (inspect.getdoc(execute) or "").replace("ToolError", "ValueError")  # as upstream's own have it
    return Tool(tool.__name__, side, signature, doc)


def _finished(execution: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine that waits for nothing returns."""
    try:
        execution.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("a tool of the port waits for something")


LARGE: dict[Domain, tuple[str, str, str]] = {
    "retail": ("retail.RetailAgentTools", "RetailAgentTools", "RetailTools"),
    "airline": ("airline.AirlineAgentTools", "AirlineAgentTools", "AirlineTools"),
}
"""Module, class and name in a store of the toolkits that have large databases."""


def _load(domain: Domain) -> None:
    """Reads a large database into the store: the port would leave an unpacked copy of the file behind each time."""
    module, cls, instance = LARGE[domain]
    toolkit = stand_in.store_as(getattr(_module(module), cls), instance)
    data = json.loads(gzip.decompress((_data(domain) / "db.json.gz").read_bytes()))
    with uncollected():
        toolkit.db = type(toolkit.db).model_validate(data)
    toolkit.initialized = True


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Lets tens of thousands of objects be made without looking again and again whether any are garbage."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
