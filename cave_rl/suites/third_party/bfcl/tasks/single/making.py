"""Makes a task of an entry: its functions hosted, their calls judged by `Answers`."""

from __future__ import annotations

import functools

from cave_rl.runtime.primitives import Hosted
from cave_rl.suites.third_party.bfcl.stubs import Omitted
from cave_rl.suites.third_party.bfcl.tasks.single.answering import answer
from cave_rl.suites.third_party.bfcl.tasks.single.data import Entry
from cave_rl.suites.third_party.bfcl.tasks.single.functions import function, name_of
from cave_rl.suites.third_party.bfcl.tasks.single.judging import Answers
from cave_rl.suites.third_party.bfcl.tasks.writing import write
from cave_rl.tasks.task import Task, Turn


@functools.cache  # the same functions each time, so that runtimes are made from one template
def make(entry: Entry, max_steps: int) -> Task:
    """An entry as a task.

    Raises:
        ImportError: the package is not installed.
    """
    from cave_rl.suites.third_party.bfcl.tasks.single.official import check

    official = {name_of(each["name"]): each["name"] for each in entry.functions}
    answered = [call for each in answer(entry, check) for call in each.items()]
    calls = [write(name_of(name), arguments) for name, arguments in answered]
    turn = Turn(
        entry.query,
        Answers(entry, official, check),
        gold=["\n".join(calls)] if calls else [],
        max_steps=max_steps,
        refusal=entry.refusal,
    )
    hosted = tuple(Hosted(function(each), classes=(Omitted,)) for each in entry.functions)
    return Task((turn,), hosted=hosted, difficulty=len(calls))
