"""Upstream's AST checker, which imports no vendor's package here.

It wants to know of a model whether its functions' names have underscores for dots. To say so it imports the handlers of
all models, and with them what these need. So it is loaded beside a table of one model, whose names have dots.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

from cave_rl.suites.third_party.bfcl.tasks.single.data import Arguments, Entry

_MODEL = "cave"
_CHECKER = "bfcl_eval.eval_checker.ast_eval.ast_checker"
_MODELS = "bfcl_eval.constants.model_config"


def check(entry: Entry, calls: Sequence[Mapping[str, Arguments]]) -> dict[str, Any]:
    """What upstream says of calls: whether they are `valid`, and if not, the kind of error and a message.

    Args:
        entry: what they are to answer.
        calls: each as upstream has them: the function's own name, and the arguments by name.
    """
    if not entry.answers:  # as its runner has it
        if bool(calls) != entry.refusal:
            return {"valid": True}
        kind = "irrelevance_error:decoder_success" if entry.refusal else "relevance_error:decoder_failed"
        return {"valid": False, "error_type": kind}
    try:
        found = _checker.ast_checker(
            list(entry.functions), list(calls), list(entry.answers), _PYTHON, entry.category, _MODEL
        )
    except Exception as error:  # it takes arguments for what it expects: what it cannot look into is not right
        return {"valid": False, "error_type": "checker:raised", "error_message": f"{type(error).__name__}: {error}"}
    if found["valid"]:
        return {"valid": True}
    return {"valid": False, "error_type": found["error_type"], "error_message": str(found["error"])[:500]}


def loaded(name: str, instead: Mapping[str, Mapping[str, Any]]) -> ModuleType:
    """A module of upstream's of one's own, for which some that it imports are other than they are.

    Args:
        name: the module's.
        instead: what it finds in modules that it imports, by their names.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    module = importlib.util.module_from_spec(spec)
    before = {each: sys.modules.get(each) for each in instead}
    for each, holds in instead.items():
        sys.modules[each] = ModuleType(each)
        vars(sys.modules[each]).update(holds)
    try:
        spec.loader.exec_module(module)
    finally:
        for each, was in before.items():
            if was is None:
                del sys.modules[each]
            else:
                sys.modules[each] = was
    return module


MODELS = {_MODELS: {"MODEL_CONFIG_MAPPING": {_MODEL: SimpleNamespace(underscore_to_dot=False)}}}
"""The table of one model, for `loaded`."""

_checker = loaded(_CHECKER, MODELS)
_PYTHON = _checker.Language.PYTHON
