"""Dialogues of two to four turns, each a drawn step that changes the same variable."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from cave_rl.suites.making import Families, Step, dialogue, turn, where
from cave_rl.suites.types.drawing import DICTS, LISTS, distinct_mapping, numbers, whole
from cave_rl.tasks.task import Task

family = Families()


LIST_STEPS = (
    Step("Append {n} to {x}.", lambda xs, n: [*xs, n], "{x}.append({n})"),
    Step("Insert {n} at the front of {x}.", lambda xs, n: [n, *xs], "{x}.insert(0, {n})"),
    Step("Remove the first item of {x}.", lambda xs, n: xs[1:], "{x}.pop(0)"),
    Step("Remove the last item of {x}.", lambda xs, n: xs[:-1], "{x}.pop()"),
    Step("Reverse {x}.", lambda xs, n: xs[::-1], "{x}.reverse()"),
    Step("Sort {x} in ascending order.", lambda xs, n: sorted(xs), "{x}.sort()"),
    Step("Sort {x} in descending order.", lambda xs, n: sorted(xs, reverse=True), "{x}.sort(reverse=True)"),
    Step("Add {n} to every item of {x}.", lambda xs, n: [x + n for x in xs], "{x} = [x + {n} for x in {x}]"),
)

DICT_STEPS = (
    Step(
        "Increase every value of {x} by {n}.", lambda d, n: {k: d[k] + n for k in d}, "for k in {x}:\n    {x}[k] += {n}"
    ),
    Step("Set 'extra' in {x} to {n}.", lambda d, n: {**d, "extra": n}, "{x}['extra'] = {n}"),
    Step("Set 'size' in {x} to the number of its keys.", lambda d, n: {**d, "size": len(d)}, "{x}['size'] = len({x})"),
    Step(
        "Set 'total' in {x} to the sum of its values.",
        lambda d, n: {**d, "total": sum(d.values())},
        "{x}['total'] = sum({x}.values())",
    ),
    Step(
        "Remove the key with the largest value from {x}.",
        lambda d, n: {k: d[k] for k in d if k != max(d, key=d.get)},
        "del {x}[max({x}, key={x}.get)]",
    ),
    Step(
        "Remove the key with the smallest value from {x}.",
        lambda d, n: {k: d[k] for k in d if k != min(d, key=d.get)},
        "del {x}[min({x}, key={x}.get)]",
    ),
)


class Taken(NamedTuple):
    """A step with what was drawn for it, and the variable before and after it."""

    step: Step
    n: int
    now: Any
    after: Any

    def others(self, steps: Sequence[Step]) -> list[Step]:
        """The steps that would do something else here."""
        return [each for each in steps if each.apply(self.now, self.n) != self.after]


def _stepwise(rng: random.Random, name: str, value: Any, steps: Sequence[Step], count: int) -> Task:
    """Some different steps, a turn each. A turn's near-misses are two other steps, which would not do the same."""

    def draw() -> list[Taken]:
        plan: list[Taken] = []
        for step in rng.sample(steps, count):
            n, now = whole(rng), plan[-1].after if plan else value
            plan.append(Taken(step, n, now, step.apply(now, n)))
        return plan

    plan = where(draw, lambda plan: all(each.now != each.after and len(each.others(steps)) > 1 for each in plan))
    turns = [
        turn(
            step.query(name, n), {name: now}, {name: after}, step.cell(name, n),
            [each.cell(name, n) for each in rng.sample(Taken(step, n, now, after).others(steps), 2)],
        )
        for step, n, now, after in plan
    ]  # fmt: skip
    return dialogue({name: value}, *turns, difficulty=count)


@family(tags=("dialogue", "list"))
def list_steps(rng: random.Random) -> Task:
    return _stepwise(rng, rng.choice(LISTS), numbers(rng), LIST_STEPS, rng.randint(2, 4))


@family(held_out=True, tags=("dialogue", "dict"))
def dict_steps(rng: random.Random) -> Task:
    return _stepwise(rng, rng.choice(DICTS), distinct_mapping(rng), DICT_STEPS, rng.randint(2, 4))
