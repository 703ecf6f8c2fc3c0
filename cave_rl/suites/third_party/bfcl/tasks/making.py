"""Makes a task of a dialogue: its simulators hosted, its turns judged by `Passes`."""

from __future__ import annotations

import re

from bfcl_eval.constants.default_prompts import DEFAULT_USER_PROMPT_FOR_ADDITIONAL_FUNCTION_FC, MAXIMUM_STEP_LIMIT

from cave_rl.rewards.compose import Counting
from cave_rl.runtime.primitives import Hosted
from cave_rl.suites.third_party.bfcl.tasks import simulators
from cave_rl.suites.third_party.bfcl.tasks.data import Dialogue, dialogues, documented
from cave_rl.suites.third_party.bfcl.tasks.judging import Passes
from cave_rl.tasks.task import Task, Turn


def make(category: str, number: int, *, official: bool, flat: bool, counting: Counting) -> Task:
    """A dialogue as a task.

    Args:
        category: upstream's.
        number: from 0.
        official: whether upstream's reading scores, or the strict one.
        flat: whether methods are injected as functions.
        counting: how its turns make the reward.
    """
    dialogue = dialogues(category)[number]
    hosted = [
        Hosted(each, [method for method in documented(name) if method not in dialogue.excluded], flat=flat)
        for name, each in simulators.make(dialogue).items()
    ]
    targets = {method: target for each in hosted for target, method in each.targets.items()}
    names = tuple(each.name for each in hosted)
    return Task(
        [_turn(dialogue, index, targets, Passes(dialogue, index, names, official)) for index in range(len(dialogue.gold))],
        hosted=hosted,
        counting=counting,
        difficulty=sum(map(len, dialogue.gold)),
    )


def _turn(dialogue: Dialogue, index: int, targets: dict[str, str], passes: Passes) -> Turn:
    gold = dialogue.gold[index]
    calls = [re.sub(r"^\w+", lambda method: targets.get(method[0], method[0]), each) for each in gold]
    return Turn(
        dialogue.queries[index] or DEFAULT_USER_PROMPT_FOR_ADDITIONAL_FUNCTION_FC,
        passes,
        changes=passes.hosted,
        gold=["\n".join(calls)] if calls else [],
        max_steps=MAXIMUM_STEP_LIMIT + 1,  # so many steps, and the answer
        refusal=not gold,
        offers=[targets[method] for method in dialogue.missed.get(index, ())],
    )
