"""Upstream's simulators: made from a dialogue, called by call strings of upstream's, compared as upstream compares."""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
import json
import sys
from collections.abc import Mapping
from types import FunctionType
from typing import Any

from cave_rl.suites.third_party.bfcl.tasks.data import Dialogue

Simulators = Mapping[str, Any]
"""The instances of a dialogue, by the names of their classes."""


def make(dialogue: Dialogue) -> dict[str, Any]:
    """Fresh simulators in the state in which a dialogue begins."""
    from bfcl_eval.constants.executable_backend_config import STATELESS_CLASSES

    made: dict[str, Any] = {}
    refresh(dialogue)
    for name in dialogue.classes:
        made[name] = _class(name)()
        if name not in STATELESS_CLASSES:
            # A copy: upstream's classes keep, and change, parts of what they are given.
            scenario = copy.deepcopy(dialogue.config.get(name, {}))
            made[name]._load_scenario(scenario, long_context=dialogue.long_context)
    return made


def parts(simulator: Any) -> tuple[type, ...]:
    """The classes of what a simulator may come to hold, instances of which it need not hold yet."""
    beside = vars(sys.modules[type(simulator).__module__])
    return tuple(
        each
        for each in beside.values()
        if isinstance(each, type) and each.__module__ == type(simulator).__module__ and each is not type(simulator)
    )


def refresh(dialogue: Dialogue) -> None:
    """Makes the defaults of the simulators' methods what they were at first.

    `post_tweet` keeps the list that is its default, and `mention` adds to what is kept: what was done to one instance
    would be met by the next.
    """
    for name in dialogue.classes:
        for method, defaults in _defaults(name).items():
            method.__defaults__ = copy.deepcopy(defaults)


def run(simulators: Simulators, text: str) -> str:
    """Makes a call of upstream's answers, which are trusted; what it says, as a World would have it."""
    methods = {name: getattr(each, name) for each in simulators.values() for name in dir(each) if name[0] != "_"}
    try:
        return said(eval(text, {"__builtins__": {}}, methods))
    except Exception as error:  # as upstream has it: what a call raises is its result
        return f"Error during execution: {error}"


def call(simulators: Simulators, method: str, arguments: Mapping[str, Any]) -> None:
    """Makes a call that was recorded, whatever it raises."""
    owner = next(each for each in simulators.values() if hasattr(each, method))
    try:
        getattr(owner, method)(**copy.deepcopy(dict(arguments)))
    except Exception:  # it did so when it was recorded, too: what counts is the state that it leaves
        return


def said(result: Any) -> str:
    """A result as upstream compares it."""
    if type(result) is str:
        return result
    if type(result) is dict:
        try:
            return json.dumps(result)
        except (TypeError, ValueError):
            return str(result)
    return str(result)


def differs(found: Any, wanted: Any) -> list[str]:
    """The public attributes in which a simulator is not as it should be; private ones are nobody's business."""
    names = [name for name in vars(wanted) if not name.startswith("_")]
    return [name for name in names if getattr(found, name) != getattr(wanted, name)]


def _class(name: str) -> Any:
    from bfcl_eval.constants.executable_backend_config import CLASS_FILE_PATH_MAPPING

    if name == "MathAPI":
        from cave_rl.suites.third_party.bfcl import world

        return world.MathAPI
    return getattr(importlib.import_module(CLASS_FILE_PATH_MAPPING[name]), name)


@functools.cache
def _defaults(name: str) -> dict[FunctionType, tuple[Any, ...]]:
    """The methods of a simulator that have mutable defaults, with copies of these from before the first call."""
    methods = [each for _, each in inspect.getmembers(_class(name), inspect.isfunction)]
    defaults = {each: each.__defaults__ or () for each in methods}
    mutable = (list, dict, set)
    return {
        each: copy.deepcopy(values)
        for each, values in defaults.items()
        if any(isinstance(value, mutable) for value in values)
    }
