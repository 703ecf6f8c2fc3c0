"""Pool: the Bases and Templates of a process, made on demand and kept warm.

A Base is kept per module set and role; Templates are a least-recently-used cache. A Template that falls out of the cache closes
once its last runtime has. A pool belongs to the process that made it: in a fork of that process it begins empty.
"""

from __future__ import annotations

import atexit
import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Self

from cave_rl.confinement import Broker, Confinement
from cave_rl.runtime import process
from cave_rl.runtime.base import Base
from cave_rl.runtime.drive import Steps
from cave_rl.runtime.template import Template


class Pool:
    """Bases and Templates, by what they are made from.

    Args:
        confinement: the policy of all its processes.
        templates: how many Templates are kept.
    """

    def __init__(self, confinement: Confinement | None = None, *, templates: int = 64) -> None:
        self.confinement = confinement or Confinement()
        self._most = templates
        self._broker = Broker()
        self._bases: dict[tuple[tuple[str, ...], bool], Base] = {}
        self._templates: OrderedDict[Hashable, Template[Any]] = OrderedDict()

    def base(self, modules: tuple[str, ...] = (), *, judging: bool = False) -> Base:
        """The Base with these modules, started if there is none.

        Raises:
            SpawnFault: it could not be started.
        """
        key = (tuple(sorted(set(modules))), judging)
        if key not in self._bases:
            self._bases[key] = Base(
                key[0], confinement=self.confinement, judging=judging, broker=self._broker
            )
        return self._bases[key]

    def template_steps(self, key: Hashable, make: Callable[[], Steps[Template[Any]]]) -> Steps[Template[Any]]:
        """The Template of a key; `make` makes it where there is none.

        Raises:
            Fault: it could not be made.
        """
        found = self._templates.get(key)
        if found is None or found.closed:
            found = yield from make()
            other = self._templates.get(key)
            if other is not None and not other.closed:  # made meanwhile by another conversation
                found.close()
                found = other
            self._templates[key] = found
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

