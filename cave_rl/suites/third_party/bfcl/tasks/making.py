"""Makes a task of a dialogue: its simulators hosted, its turns judged by `Passes`."""

from __future__ import annotations

import datetime
import importlib.util
import re
from collections.abc import Mapping
from typing import Any

from cave_rl.rewards.compose import Counting
from cave_rl.runtime.clock import LIBRARY
from cave_rl.runtime.primitives import Hosted
from cave_rl.suites.third_party.bfcl.tasks import simulators
from cave_rl.suites.third_party.bfcl.tasks.data import Dialogue, dialogues, documented
from cave_rl.suites.third_party.bfcl.tasks.judging import Passes
from cave_rl.tasks.task import Task, Turn

MOMENT = datetime.datetime(2026, 3, 23, 12)
"""When everything happens: files note when they were written, and the same calls must leave the same state."""


def make(category: str, number: int, *, official: bool, flat: bool, counting: Counting) -> Task:
    """A dialogue as a task.

    Args:
        category: upstream's.
        number: from 0.
        official: whether upstream's reading scores, or the strict one.
        flat: whether methods are injected as functions.
        counting: how its turns make the reward.

    Raises:
        ImportError: the package, or what its simulators need, is not installed.
        SuiteError: another version is installed.
    """
    from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker import multi_turn_checker

    if importlib.util.find_spec(LIBRARY) is None:
        raise ModuleNotFoundError(f"No module named {LIBRARY!r}", name=LIBRARY)
    dialogue = dialogues(category)[number]
    made = simulators.make(dialogue)
    if "GorillaFileSystem" in made:
        _date(made["GorillaFileSystem"].root)
    hosted = [
        Hosted(
            each,
            expose=tuple(method for method in documented(name) if method not in dialogue.excluded),
            flat=flat,
            classes=simulators.parts(each),
        )
        for name, each in made.items()
    ]
    targets = {method: target for each in hosted for target, method in each.targets.items()}
    names = tuple(each.name for each in hosted)
    passes = (Passes(dialogue, index, names, official, multi_turn_checker) for index in range(len(dialogue.gold)))
    return Task(
        tuple(_turn(dialogue, each, targets) for each in passes),
        hosted=tuple(hosted),
        clock=MOMENT,
        counting=counting,
        difficulty=sum(map(len, dialogue.gold)),
    )


def _turn(dialogue: Dialogue, passes: Passes, targets: Mapping[str, str]) -> Turn:
    from bfcl_eval.constants.default_prompts import DEFAULT_USER_PROMPT_FOR_ADDITIONAL_FUNCTION_FC, MAXIMUM_STEP_LIMIT

    def ours(method: re.Match[str]) -> str:
        return targets.get(method[0], method[0])

    index, gold = passes.turn, dialogue.gold[passes.turn]
    calls = [re.sub(r"^\w+", ours, each) for each in gold]
    return Turn(
        dialogue.queries[index] or DEFAULT_USER_PROMPT_FOR_ADDITIONAL_FUNCTION_FC,
        passes,
        changes=passes.hosted,
        gold=["\n".join(calls)] if calls else [],
        max_steps=MAXIMUM_STEP_LIMIT + 1,  # so many steps, and the answer
        refusal=not gold,
        offers=[targets[method] for method in dialogue.missed.get(index, ()) if method in targets],
    )


def _date(directory: Any) -> None:
    for each in directory.contents.values():
        if hasattr(each, "contents"):
            _date(each)
        else:
            each._last_modified = MOMENT
