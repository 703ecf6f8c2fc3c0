"""Where suites are found by name: registered in this process, or by the entry point group `cave_rl.suites`.

A package of yours declares its suites in `pyproject.toml`, and `gym.make("cave_rl/Shop-v0")` finds them:

    [project.entry-points."cave_rl.suites"]
    "Shop-v0" = "my_suite.tasks:suite"
"""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from cave_rl.runtime.nearest import nearest
from cave_rl.tasks.suite import Suite, SuiteError

GROUP = "cave_rl.suites"

_registered: dict[str, Suite] = {}


def register(suite: Suite) -> Suite:
    """Makes a suite known by its name in this process; the latest of a name wins."""
    _registered[suite.name] = suite
    return suite


def names() -> list[str]:
    """The names of all suites that can be found."""
    return sorted({*_registered, *_installed()})


def find(name: str) -> Suite:
    """A suite by name (`Types-v0`, with or without `cave_rl/`) or by path (`my_suite.tasks:suite`).

    Several make a mixture, with their weights: `2*Types-v0 + my_suite.tasks:suite`. A file of tasks is a suite, too:
    `tasks.jsonl`, if it needs nothing that `cave_rl.tasks.static.load` must be allowed.

    Raises:
        SuiteError: there is none; the message names the nearest.
    """
    if "+" in name:
        from cave_rl.tasks.mixture import parse  # which finds its parts here

        return parse(name)
    if name.endswith(".jsonl"):
        from cave_rl.tasks import static

        return static.load(name)
    key = name.removeprefix("cave_rl/")
    if key in _registered:
        return _registered[key]
    if key in _installed():
        loaded = _installed()[key].load()
        return register(_checked(loaded, name))
    if ":" in key:
        module, _, attribute = key.partition(":")
        try:
            return register(_checked(getattr(importlib.import_module(module), attribute), name))
        except (ImportError, AttributeError) as error:
            raise SuiteError(f"cannot load suite {name!r}: {type(error).__name__}: {error}") from error
    raise SuiteError(f"no suite {name!r}: {', '.join(names()) or 'none is installed'}{nearest(key, names())}")


@cache
def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _checked(found: object, name: str) -> Suite:
    if not isinstance(found, Suite):
        raise SuiteError(f"{name!r} is a {type(found).__name__}, not a Suite")
    return found
