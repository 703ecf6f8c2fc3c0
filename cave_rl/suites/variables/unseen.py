"""The families that are never trained on: choosing by value, exchanging, and putting back."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import copy
import random

from cave_rl.runtime.codec import same
from cave_rl.suites.making import Families, fails, spoils
from cave_rl.suites.variables.scene import Scene, listed
from cave_rl.suites.variables.updates import change_some
from cave_rl.tasks.task import Task

family = Families()


@family(held_out=True, tags=("choose",))
def change_by_value(rng: random.Random) -> Task:
    """Which variables change depends on what they hold, which the model is not told."""
    scene = Scene(rng, ["int"] * rng.randint(4, 6))
    for _ in range(rng.randint(1, 3)):
        _change_larger(rng, scene)
    return scene.task()


def _change_larger(rng: random.Random, scene: Scene) -> None:
    ints, by = scene.of_kind("int"), rng.randint(2, 9)
    names = rng.sample(ints, rng.randint(4, min(8, len(ints))))
    limit = rng.choice(sorted({scene.now[name] for name in names})[:-1])
    goal = {name: by * scene.now[name] for name in names if scene.now[name] > limit}
    at = next(name for name in names if scene.now[name] == limit)

    def cell(test: str) -> str:
        return "\n".join(f"if {name} {test}:\n    {name} *= {by}" for name in names)

    scene.ask(
        f"Multiply by {by} each of {listed(names)} that is above {limit}.",
        goal,
        cell(f"> {limit}"),
        [
            spoils(cell(f">= {limit}"), at),
            spoils("\n".join(f"{name} *= {by}" for name in names), at),
            fails(cell(f"<= {limit}"), f"{next(iter(goal))} equals"),
        ],
    )


@family(held_out=True, tags=("exchange",))
def exchange(rng: random.Random) -> Task:
    scene = Scene(rng, ["int", "str", "list"])
    for _ in range(rng.randint(1, 4)):
        names = _different(rng, scene, rng.randint(2, 4))
        after = [*names[1:], names[0]]
        if len(names) == 2:
            query = f"Exchange the values of {names[0]} and {names[1]}."
        else:
            gets = [f"{a} gets the value of {b}" for a, b in zip(names, after, strict=True)]
            query = f"Let the values go round: {', '.join(gets)}, all as they are now."
        one_by_one = "\n".join(f"{a} = {b}" for a, b in zip(names, after, strict=True))
        scene.ask(
            query,
            {a: scene.now[b] for a, b in zip(names, after, strict=True)},
            f"{', '.join(names)} = {', '.join(after)}",
            [fails(one_by_one, f"{names[-1]} equals"), fails(f"{names[0]} = {names[1]}", f"{names[-1]} equals")],
        )
    return scene.task()


def _different(rng: random.Random, scene: Scene, most: int) -> list[str]:
    """Variables that hold different values: two at least, for there are three kinds."""
    found: list[str] = []
    for name in rng.sample(scene.open(), len(scene.open())):
        if len(found) < most and not any(same(scene.now[name], scene.now[each]) for each in found):
            found.append(name)
    return found


@family(held_out=True, tags=("restore",))
def save_and_restore(rng: random.Random) -> Task:
    """What was saved must not follow the changes, and must be enough to undo them."""
    scene = Scene(rng, ["list", "int", "dict"])
    names = rng.sample(scene.open(), rng.randint(2, min(5, len(scene.open()))))
    (store,) = scene.new_names(1)
    saved = {name: copy.deepcopy(scene.now[name]) for name in names}
    entries = ", ".join(f"'{name}': {name}" for name in names)
    scene.ask(
        f"Save {listed(names)} in a dict {store}: a copy of each, under its name. They will change; {store} must not.",
        {store: saved},
        f"import copy\n{store} = copy.deepcopy({{{entries}}})",
        [fails(f"{store} = [{', '.join(names)}]", f"{store} equals")],
    )
    change_some(scene, names)
    back = "\n".join(f"{name} = copy.deepcopy({store}['{name}'])" for name in names)
    scene.ask(
        f"Put {listed(names)} back to what {store} has of them; {store} stays as it is.",
        dict(saved),
        f"import copy\n{back}",
        [
            fails(f"{names[0]} = {store}['{names[0]}']", f"{names[-1]} equals"),
            spoils("\n".join(f"{name} = {store}.pop('{name}')" for name in names), store),
        ],
    )
    return scene.task()
