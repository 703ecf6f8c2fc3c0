"""Tasks: what is asked and what must be true; suites of them; and the loop that plays one.

`task` is the data, `suite` generates and splits it, `mixture` makes one suite of several, `registry` finds suites by
name, `rows` makes a dataset of one, `curriculum` says which family is next, `episode` is the turn loop, `validation`
tells whether a suite is sound. See `docs/tasks.md`.
"""

from cave_rl.tasks.config import EpisodeConfig, JudgeConfig, PromptConfig, RulesConfig, UserConfig
from cave_rl.tasks.curriculum import Arm, Curriculum
from cave_rl.tasks.episode import Episode, StepResult
from cave_rl.tasks.mixture import Mixture
from cave_rl.tasks.referee import Finding, Hearing, Opinion, Referee, RefereeFault
from cave_rl.tasks.registry import find, names, register
from cave_rl.tasks.rows import Row, draw_rows, task_of
from cave_rl.tasks.suite import SPLITS, Family, Split, Suite, SuiteError, split_of
from cave_rl.tasks.task import NearMiss, Task, TaskError, Turn
from cave_rl.tasks.user import Act, Dialogue, Said, Say, ScriptedUser, User, UserFault
from cave_rl.tasks.validation import validate

__all__ = [
    "SPLITS",
    "Act",
    "Arm",
    "Curriculum",
    "Dialogue",
    "Episode",
    "EpisodeConfig",
    "Family",
    "Finding",
    "Hearing",
    "JudgeConfig",
    "Mixture",
    "NearMiss",
    "Opinion",
    "PromptConfig",
    "Referee",
    "RefereeFault",
    "Row",
    "RulesConfig",
    "Said",
    "Say",
    "ScriptedUser",
    "Split",
    "StepResult",
    "Suite",
    "SuiteError",
    "Task",
    "TaskError",
    "Turn",
    "User",
    "UserConfig",
    "UserFault",
    "draw_rows",
    "find",
    "names",
    "register",
    "split_of",
    "task_of",
    "validate",
]
