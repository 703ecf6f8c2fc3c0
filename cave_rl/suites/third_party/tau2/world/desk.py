"""A customer service desk: what is hosted. Its methods are upstream's tools, and do nothing but call them.

What goes in and out is what JSON can say, as in upstream: no object of a database is ever handed out. After each call
the desk notes, as plain data, what has changed and what holds; that is its state, and what it is judged by.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from cave_rl.suites.third_party.tau2.world.backend import Domain, Environment, Tool, backend
from cave_rl.suites.third_party.tau2.world.journal import Journal

Scene = Sequence[Mapping[str, Any]]
"""Functions of toolkits, each with `env_type`, `func_name` and `arguments`."""

_LISTS = {
    "get_bills_for_customer",
    "get_customer_by_name",
    "list_all_airports",
    "search_direct_flight",
    "search_onestop_flight",
}
_TEXTS = {
    "calculate",
    "disable_roaming",
    "enable_roaming",
    "find_user_id_by_email",
    "find_user_id_by_name_zip",
    "get_flight_status",
    "list_all_product_types",
    "send_certificate",
    "send_payment_request",
    "transfer_to_human_agents",
}


class Desk:
    """The desk of one task. It opens with its first call, or as it arrives in its World.

    Attributes:
        scene: what is done before anything else.
        asked: the functions that are asked of the toolkits after each call.
        changed: what is not as it was when the desk opened (`Journal.changed`); nothing is noted for telecom, whose
            tasks ask for functions instead.
        answers: what the functions said last.
        unsettled: a call was broken off so hard that the above may be out of date.
    """

    domain: ClassVar[Domain]

    def __init__(self, scene: Scene = (), asked: Scene = ()) -> None:
        self.scene = [dict(each) for each in scene]
        self.asked = [dict(each) for each in asked]
        self.changed: dict[str, str] = {}
        self.answers: list[Any] = []
        self.unsettled = False

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_open"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        self.open()

    def open(self) -> None:
        """Reads the databases and sets the scene. Of one process's desks of a domain only the last is open.

        Raises:
            ModuleNotFoundError: tau2 is not installed.
        """
        vars(self)["_open"] = _Open(self)
        self._settle()

    # It computes what it holds, so it is no state: see `cave_rl.runtime.inside.encode_containers.Plan.cached`.
    @functools.cached_property
    def _open(self) -> _Open:
        return _Open(self)

    def _call(self, tool: Tool, arguments: Mapping[str, Any]) -> Any:
        try:
            given = json.loads(json.dumps(dict(arguments), allow_nan=False))
        except (TypeError, ValueError) as error:
            raise TypeError(f"{tool.name} takes what JSON can say: {error}") from None
        opened = self._open
        opened.check()
        self.unsettled = True
        try:
            said = opened.environment.call(tool, given)
        finally:
            self._settle()
        return said if returned(tool) is str else json.loads(said)

    def _settle(self) -> None:
        opened = self._open
        if opened.journal is not None:
            opened.journal.look()
            self.changed = dict(opened.journal.changed)
        self.answers = [opened.do(each) for each in self.asked]
        self.unsettled = False


class _Open:
    """What an open desk works with."""

    def __init__(self, desk: Desk) -> None:
        self.environment, self.journal = _shared(desk.domain) if desk.domain != "telecom" else _own(desk.domain)
        if self.journal is not None:
            self.journal.undo()
            _opened[desk.domain] = self
        self._domain = desk.domain
        for each in desk.scene:
            self.do(each)

    def do(self, function: Mapping[str, Any]) -> Any:
        """Calls a function of a toolkit."""
        return self.environment.do(function["env_type"], function["func_name"], function["arguments"])

    def check(self) -> None:
        """Raises a `RuntimeError` if another desk has been opened over the same databases."""
        if self.journal is not None and _opened[self._domain] is not self:
            raise RuntimeError(f"another {self._domain} desk has been opened in this process")


_opened: dict[str, _Open] = {}


@functools.cache
def _shared(domain: Domain) -> tuple[Environment, Journal | None]:
    """The large databases are read once a process."""
    environment = backend().environment(domain)
    return environment, Journal(environment.databases["assistant"])


def _own(domain: Domain) -> tuple[Environment, Journal | None]:
    return backend().environment(domain), None


def returned(tool: Tool) -> type:
    """What a tool returns here: upstream's text, or what that text says."""
    if tool.side == "user" or tool.name in _TEXTS:
        return str
    return list if tool.name in _LISTS else dict


def desk_of(domain: Domain, name: str, module: str) -> type[Desk]:
    """The class of the desks of a domain, with a method for each tool.

    Args:
        domain: which.
        name: what the class is called by.
        module: where it stands.

    Raises:
        ModuleNotFoundError: tau2 is not installed.
    """
    methods = {tool.name: _method(tool) for tool in backend().tools(domain)}
    return type(name, (Desk,), {"domain": domain, "__module__": module, "__doc__": Desk.__doc__, **methods})


def _method(tool: Tool) -> Any:
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [own, *tool.signature.parameters.values()]
    signature = inspect.Signature(parameters, return_annotation=returned(tool))

    def method(self: Desk, *arguments: Any, **keywords: Any) -> Any:
        return self._call(tool, tool.signature.bind(*arguments, **keywords).arguments)

    method.__name__ = method.__qualname__ = tool.name
    method.__doc__ = tool.doc
    method.__signature__ = signature  # type: ignore[attr-defined]
    method.__annotations__ = {each.name: each.annotation for each in parameters[1:]} | {"return": returned(tool)}
    return method
