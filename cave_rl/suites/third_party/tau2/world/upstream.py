"""Upstream's own package, installed from a checkout, or as somebody else has published it. As thin as it can be.

Its data is found from where it lies: a World is not told of `TAU2_DATA_DIR`. `make test-tau2` tries it.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from cave_rl.suites.third_party.tau2.world.backend import Domain, Environment, Side, Tool


class Upstream:
    """Upstream as a back end."""

    def __init__(self) -> None:
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # or the import asks the network for prices
        importlib.import_module("loguru").logger.disable("tau2")  # it logs each call, with its answer
        self.name = _installed()

    def tools(self, domain: Domain) -> tuple[Tool, ...]:
        toolkits = _toolkits(_made(domain))
        return tuple(
            _documented(side, name, each) for side, kit in toolkits.items() for name, each in kit.tools.items()
        )

    def environment(self, domain: Domain) -> Environment:
        return UpstreamEnvironment(domain)

    def policy(self, domain: Domain, *, solo: bool) -> str:
        return str(_made(domain, solo=solo).get_policy())

    def tasks(self, domain: Domain) -> list[dict[str, Any]]:
        module = _module(domain)
        load = module.get_tasks_full if domain == "telecom" else module.get_tasks
        return [each.model_dump(mode="json") for each in load()]

    def answers(self, domain: Domain) -> list[Path]:
        tasks = Path(getattr(_module(domain), f"{domain.upper()}_TASK_SET_PATH"))
        return sorted(tasks.parent.glob("*tasks*"))

    def splits(self, domain: Domain) -> dict[str, list[str]]:
        found: dict[str, list[str]] = _module(domain).get_tasks_split()
        return found

    def guidelines(self, domain: Domain) -> str:
        from tau2.utils.utils import DATA_DIR

        # The function of upstream's that reads it stands beside its clients of models, which need litellm.
        name = "simulation_guidelines_tools" if domain == "telecom" else "simulation_guidelines"
        return Path(DATA_DIR, "tau2", "user_simulator", f"{name}.md").read_text(encoding="utf-8")


class UpstreamEnvironment:
    """Upstream's environment."""

    def __init__(self, domain: Domain) -> None:
        self._made = _made(domain)

    @property
    def databases(self) -> Mapping[Side, BaseModel]:
        return {side: toolkit.db for side, toolkit in _toolkits(self._made).items()}

    def call(self, tool: Tool, arguments: Mapping[str, Any]) -> str:
        said = self._made.make_tool_call(tool.name, requestor=tool.side, **arguments)
        self._made.sync_tools()
        return str(self._made.to_json_str(said))

    def do(self, side: Side, function: str, arguments: Mapping[str, Any]) -> Any:
        done = getattr(_toolkits(self._made)[side], function)(**arguments)
        self._made.sync_tools()
        return done


def _installed() -> str:
    """Whose package it is, with its version: a checkout's own, or one that somebody else has published."""
    try:
        return f"tau2 {importlib.metadata.version('tau2')}"
    except importlib.metadata.PackageNotFoundError:
        name = importlib.metadata.packages_distributions()["tau2"][0]
        return f"{name} {importlib.metadata.version(name)}"


def _module(domain: Domain) -> Any:
    return importlib.import_module(f"tau2.domains.{domain}.environment")


def _made(domain: Domain, *, solo: bool = False) -> Any:
    given = {"solo_mode": solo, "policy_type": "workflow"} if domain == "telecom" else {}
    return _module(domain).get_environment(**given)


def _toolkits(environment: Any) -> dict[Side, Any]:
    found: dict[Side, Any] = {"assistant": environment.tools}
    return found if environment.user_tools is None else found | {"user": environment.user_tools}


def _documented(side: Side, name: str, method: Any) -> Tool:
    signature = inspect.signature(method).replace(return_annotation=inspect.Signature.empty)
    return Tool(name, side, signature, inspect.getdoc(method) or "")
