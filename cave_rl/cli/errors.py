"""Which errors are a user's to read, and how they are told."""

from __future__ import annotations

import re

from cave_rl.cli.init import ScaffoldError
from cave_rl.confinement import ConfinementError
from cave_rl.evaluation.report import ReportError
from cave_rl.runtime.errors import Fault
from cave_rl.runtime.extras import advice
from cave_rl.semantic.template import ChatTemplateError
from cave_rl.semantic.texts import PromptFileError
from cave_rl.tasks.suite import SuiteError
from cave_rl.tasks.task import TaskError
from cave_rl.training.config import ConfigError
from cave_rl.training.models import ModelError

EXPECTED = (
    SuiteError,
    TaskError,
    PromptFileError,
    ConfinementError,
    Fault,
    ConfigError,
    ChatTemplateError,
    ModelError,
    ReportError,
    ScaffoldError,
    ModuleNotFoundError,
)


def tell(error: BaseException) -> str | None:
    """The line for an expected error; None for a missing module that no extra would bring (a bug).

    >>> tell(ModuleNotFoundError("No module named 'trl'", name="trl"))
    "trl is not installed; it comes with: pip install 'cave-rl[train]'"
    """
    if isinstance(error, ModuleNotFoundError):
        return advice(error.name or "")
    missing = re.search(r"No module named '([\w.]+)'", str(error)) if isinstance(error, Fault) else None
    hint = advice(missing[1]) if missing else None
    return f"{error}\n{hint}" if hint else str(error)
