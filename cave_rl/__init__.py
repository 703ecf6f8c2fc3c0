"""cave-rl: coder models learn by reinforcement to operate a live Python runtime.

State is a runtime, an action is code, a reward is a set of assertions on the runtime's variables.

>>> from cave_rl import Task, Turn, Variable, equals
>>> task = Task(
...     variables=[Variable("prices", [3.0, 4.5])],
...     turns=[Turn("Put the sum of prices in total.", equals("total", 7.5), gold="total = sum(prices)")],
... )

Importing this package registers every installed suite with Gymnasium as `cave_rl/<name>`.
"""

from cave_rl import envs, rewards
from cave_rl.envs import CaveEnv, CaveVectorEnv, register
from cave_rl.rewards import (
    RewardRules,
    answer_contains,
    call_count,
    called,
    chart_shows,
    close,
    deleted,
    equals,
    frame_equals,
    not_called,
    satisfies,
    table_contains,
)
from cave_rl.runtime import Function, Hosted, Limits, Type, Variable
from cave_rl.tasks import EpisodeConfig, NearMiss, PromptConfig, Suite, Task, Turn

__version__ = "0.1.0"

__all__ = [
    "CaveEnv",
    "CaveVectorEnv",
    "EpisodeConfig",
    "Function",
    "Hosted",
    "Limits",
    "NearMiss",
    "PromptConfig",
    "RewardRules",
    "Suite",
    "Task",
    "Turn",
    "Type",
    "Variable",
    "answer_contains",
    "call_count",
    "called",
    "chart_shows",
    "close",
    "deleted",
    "envs",
    "equals",
    "frame_equals",
    "not_called",
    "register",
    "rewards",
    "satisfies",
    "table_contains",
]
