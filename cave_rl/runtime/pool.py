"""Pool: the Bases and Templates of a process, made on demand and kept warm.

A Base is kept per module set and role; Templates are a least-recently-used cache. A Template that falls out of the
cache closes once its last runtime has. A pool belongs to the process that made it: in a fork of that process it
begins empty.
"""

from __future__ import annotations

import atexit
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Self

from cave_rl.confinement import Broker, Confinement
from cave_rl.runtime import process
from cave_rl.runtime.base import START_S, Base
from cave_rl.runtime.drive import Steps, Wait
from cave_rl.runtime.template import Template

_LOOK_AGAIN_S = 0.002


class Pool:
    """Bases and Templates, by what they are made from.

    Args:
        confinement: the policy of all its processes.
        templates: how many Templates are kept.
        spares: how many forks of each are kept ready, for where tasks come again: a spare takes a few MB, and a start
            or a reset is then no fork that anybody waits for.
    """

    def __init__(self, confinement: Confinement | None = None, *, templates: int = 64, spares: int = 0) -> None:
        self.confinement = confinement or Confinement()
        self.spares = spares
        self._most = templates
        self._broker = Broker()
        self._bases: dict[tuple[tuple[str, ...], bool], Base] = {}
        self._templates: OrderedDict[Hashable, Template[Any]] = OrderedDict()
        self._making: set[Hashable] = set()

    def base(self, modules: tuple[str, ...] = (), *, judging: bool = False) -> Base:
        """The Base with these modules, started if there is none.

        Raises:
            SpawnFault: it could not be started.
        """
        key = (tuple(sorted(set(modules))), judging)
        if key in self._bases and not self._bases[key].alive:
            self._bases.pop(key).close()
        if key not in self._bases:
            self._bases[key] = Base(key[0], confinement=self.confinement, judging=judging, broker=self._broker)
        return self._bases[key]

    def template_steps(
        self, key: Hashable, make: Callable[[], Steps[Template[Any]]], *, spares: int = 0
    ) -> Steps[Template[Any]]:
        """The Template of a key; `make` makes it where there is none. `spares` are the fewest that it keeps ready.

        Raises:
            Fault: it could not be made.
        """
        until = time.monotonic() + START_S
        while key in self._making and time.monotonic() < until:  # another conversation makes it
            yield Wait(-1, time.monotonic() + _LOOK_AGAIN_S)
        found = self._templates.get(key)
        if found is None or found.closed:
            self._making.add(key)
            try:
                found = yield from make()
            finally:
                self._making.discard(key)
            overtaken = self._templates.get(key)  # two make it where one waited too long for the other
            self._templates[key] = found
            found.warm(max(spares, self.spares))
            if overtaken is not None and overtaken is not found:
                overtaken.retire()
            self._trim()
        self._templates.move_to_end(key)
        return found

    def close(self) -> None:
        """Ends all Templates and Bases. May be called twice; the pool can be used again."""
        for template in self._templates.values():
            template.close()
        self._templates.clear()
        for base in self._bases.values():
            base.close()
        self._bases.clear()
        self._making.clear()
        self._broker.close()
        self._broker = Broker()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _trim(self) -> None:
        while len(self._templates) > self._most:
            _, template = self._templates.popitem(last=False)
            template.retire()


_pools: dict[Confinement, Pool] = {}


def shared_pool(confinement: Confinement | None = None) -> Pool:
    """The pool of this process for a policy; closed when the process ends."""
    policy = confinement or Confinement()
    if policy not in _pools:
        _pools[policy] = Pool(policy)
    return _pools[policy]


def close_shared() -> None:
    """Ends all that the shared pools hold."""
    for pool in _pools.values():
        pool.close()
    _pools.clear()


def _forget() -> None:
    close_shared()  # closes our copies of the parent's sockets; only the owner of a Base ends it
    process.forget_all()


atexit.register(close_shared)
os.register_at_fork(after_in_child=_forget)
