"""Where tau2 comes from: upstream's own package if it can be imported, else the port inside `inspect-evals`.

Both are the same here: tools that can be described and called, functions that only tasks may call (they set a scene, or
say whether it is as it should be), and databases.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import BaseModel

Domain = Literal["retail", "airline", "telecom"]
Side = Literal["assistant", "user"]
"""Whose tools: the agent's, or the customer's, who has a telephone of their own."""

INSTALL = "pip install --no-deps inspect-evals==0.26.0 toml==0.10.2"
"""How the port is installed without what only its model handlers need."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as it is documented.

    Attributes:
        name: what it is called by.
        side: whose it is.
        signature: its parameters; what upstream says of results is left out, since they cross as plain data.
        doc: its docstring.
    """

    name: str
    side: Side
    signature: inspect.Signature
    doc: str


class Environment(Protocol):
    """The toolkits of a domain over databases of their own."""

    @property
    def databases(self) -> Mapping[Side, BaseModel]:
        """What the tools change."""

    def call(self, tool: Tool, arguments: Mapping[str, Any]) -> str:
        """Calls a tool: what upstream would tell a model.

        Raises:
            Exception: what upstream would tell as an error; its own kind of refusal as a `ValueError`.
        """

    def do(self, side: Side, function: str, arguments: Mapping[str, Any]) -> Any:
        """Calls any function of a toolkit, as tasks do."""


class Backend(Protocol):
    """One of the two."""

    @property
    def name(self) -> str:
        """What it is, with its version."""

    def tools(self, domain: Domain) -> tuple[Tool, ...]:
        """The tools of a domain, in upstream's order: the agent's, then the customer's."""

    def environment(self, domain: Domain) -> Environment:
        """A fresh one; it reads the databases."""

    def policy(self, domain: Domain, *, solo: bool) -> str:
        """What the agent has to go by; `solo` is for one that has the customer's tools as well."""

    def tasks(self, domain: Domain) -> list[dict[str, Any]]:
        """All tasks as upstream's files have them. Host only."""

    def answers(self, domain: Domain) -> list[Path]:
        """The files in which they stand."""

    def splits(self, domain: Domain) -> dict[str, list[str]]:
        """The ids of tasks by upstream's splits. Host only."""

    def guidelines(self, domain: Domain) -> str:
        """What upstream tells a simulated customer, with tools or without. Host only."""


@functools.cache
def backend() -> Backend:
    """The one there is.

    Raises:
        ModuleNotFoundError: there is none.
    """
    if _is_upstream():
        from cave_rl.suites.third_party.tau2.world.upstream import Upstream

        return Upstream()
    from cave_rl.suites.third_party.tau2.world.ported import Ported

    return Ported()


def tools_of(domain: Domain, side: Side) -> tuple[str, ...]:
    """The names of one side's tools."""
    return tuple(tool.name for tool in backend().tools(domain) if tool.side == side)


def _is_upstream() -> bool:
    """Whether `tau2` is upstream's: the registry has another package of that name."""
    spec = importlib.util.find_spec("tau2")
    places = (spec and spec.submodule_search_locations) or ()
    return any((Path(each) / "registry.py").exists() for each in places)


def is_installed() -> bool:
    """Whether either can be imported."""
    return _is_upstream() or importlib.util.find_spec("inspect_evals") is not None
