"""Values that go from one variable to another: copied, renamed, moved, put together."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

from cave_rl.rewards.assertions import deleted
from cave_rl.suites.making import Families, fails, spoils, where
from cave_rl.suites.variables.kinds import HOLDERS
from cave_rl.suites.variables.scene import Scene, listed, sentence
from cave_rl.suites.variables.updates import change_some
from cave_rl.tasks.task import Task

family = Families()


@family(tags=("copy",))
def copy_then_change(rng: random.Random) -> Task:
    """The copy must be one: of the turns after it, the first changes the copy, the second what was copied."""
    count = rng.randint(1, 3)
    scene = Scene(rng, rng.choices(HOLDERS, k=count))
    olds = rng.sample(scene.of_kind(*HOLDERS), count)
    news = scene.new_names(count)
    cells = [f"{new} = copy.deepcopy({old})" for old, new in zip(olds, news, strict=True)]
    misses = [spoils("\n".join(["import copy", *cells, f"del {olds[0]}"]), olds[0])]
    if count > 1:
        misses.append(fails("\n".join(["import copy", *cells[:-1]]), f"{news[-1]} equals"))
    scene.ask(
        sentence(
            [
                f"store in {new} a copy of {old} that does not change with it"
                for old, new in zip(olds, news, strict=True)
            ]
        ),
        {new: copy.deepcopy(scene.now[old]) for old, new in zip(olds, news, strict=True)},
        "\n".join(["import copy", *cells]),
        misses,
    )
    change_some(scene, news, twin=olds[0])
    if rng.random() < 0.5:
        change_some(scene, olds)
    return scene.task()


@family(tags=("rename",))
def rename(rng: random.Random) -> Task:
    scene = Scene(rng)
    for _ in range(rng.randint(1, 3)):
        olds = rng.sample(list(scene.now), rng.randint(1, min(3, len(scene.now))))
        news = scene.new_names(len(olds))
        cells = [f"{new} = {old}\ndel {old}" for old, new in zip(olds, news, strict=True)]
        scene.ask(
            sentence([f"rename {old} to {new}, so that {old} is gone" for old, new in zip(olds, news, strict=True)]),
            {new: scene.now[old] for old, new in zip(olds, news, strict=True)} | {old: deleted(old) for old in olds},
            "\n".join(cells),
            [
                fails("\n".join([*cells[:-1], f"{news[-1]} = {olds[-1]}"]), f"{olds[-1]} deleted"),
                fails("\n".join([*cells[:-1], f"del {olds[-1]}"]), f"{news[-1]} equals"),
            ],
        )
    return scene.task()


class Move(NamedTuple):
    """How something goes from {a} to {b}: the question, the two halves of the answer, and what both are then."""

    query: str
    add: str
    take: str
    wrong: str
    goal: dict[str, Any]


@family(tags=("move",))
def move_between(rng: random.Random) -> Task:
    scene = Scene(rng, ["int", "int", "list", "list", "set", "set"])
    for _ in range(rng.randint(1, 4)):
        move = _move(rng, scene, rng.choice(("int", "list", "set")))
        a, b = move.goal
        misses = [fails(move.add, f"{a} equals"), fails(move.take, f"{b} equals"), fails(move.wrong, f"{a} equals")]
        scene.ask(move.query, move.goal, f"{move.add}\n{move.take}", misses)
    return scene.task()


def _move(rng: random.Random, scene: Scene, kind: str) -> Move:
    def draw() -> tuple[str, str]:
        a, b = rng.sample(scene.of_kind(kind), 2)
        return a, b

    if kind == "int":
        (a, b), n = draw(), rng.randint(2, 9)
        query = f"Move {n} from {a} to {b}: {b} gains what {a} loses."
        goal: dict[str, Any] = {a: scene.now[a] - n, b: scene.now[b] + n}
        return Move(query, f"{b} += {n}", f"{a} -= {n}", f"{a} += {n}\n{b} -= {n}", goal)
    if kind == "list":
        a, b = where(draw, lambda pair: len(scene.now[pair[0]]) > 0)
        goal = {a: scene.now[a][:-1], b: [*scene.now[b], scene.now[a][-1]]}
        query = f"Move the last item of {a} to the end of {b}."
        return Move(query, f"{b}.append({a}[-1])", f"{a}.pop()", f"{a}.append({b}.pop())", goal)
    a, b = where(draw, lambda pair: bool(scene.now[pair[0]] - scene.now[pair[1]]))
    n = rng.choice(sorted(scene.now[a] - scene.now[b]))
    goal = {a: scene.now[a] - {n}, b: scene.now[b] | {n}}
    return Move(
        f"Move {n} from the set {a} to the set {b}.",
        f"{b}.add({n})",
        f"{a}.remove({n})",
        f"{a} = sorted({a} - {{{n}}})",
        goal,
    )


@family(tags=("collect",))
def collect_values(rng: random.Random) -> Task:
    scene = Scene(rng, [*["int"] * rng.randint(2, 4), *rng.choice((["str"] * 2, ["list"] * 2, ["set"] * 2))])
    for _ in range(rng.randint(1, 4)):
        kinds = [kind for kind in ("int", "str", "list", "set") if len(scene.of_kind(kind)) > 1]
        _collect(rng, scene, rng.choice(kinds))
    return scene.task()


def _collect(rng: random.Random, scene: Scene, kind: str) -> None:
    """A turn that puts the values of two to five variables of a kind together under a new name."""
    mark = "|" if kind == "set" else "+"

    def together(names: Sequence[str]) -> Any:
        return reduce(lambda a, b: a | b if kind == "set" else a + b, [scene.now[name] for name in names])

    def draw() -> list[str]:
        known = scene.of_kind(kind)
        return rng.sample(known, rng.randint(2, min(5, len(known))))

    def tells(names: Sequence[str]) -> bool:
        """Whether the first of them, and the order, make a difference: some hold what others were put together to."""
        whole = together(names)
        same_back = kind in ("str", "list") and together(names[::-1]) == whole
        return whole not in (together(names[1:]), scene.now[names[0]]) and not same_back

    names, (new,) = where(draw, tells), scene.new_names(1)
    what = {
        "int": f"the sum of {listed(names)}",
        "str": f"the text that {listed(names)} make, joined in this order, with nothing between them",
        "list": f"a list of all items of {listed(names)}, in this order",
        "set": f"the set of all members of {listed(names)}",
    }
    misses = [fails(f"{new} = {f' {mark} '.join(names[1:])}", f"{new} equals")]
    if kind in ("str", "list"):
        misses.append(fails(f"{new} = {' + '.join(names[::-1])}", f"{new} equals"))
    if kind in ("list", "set"):  # what was to be new is the first of them, which grows
        grown = [f"{new} = {names[0]}", *(f"{new} {mark}= {name}" for name in names[1:])]
        misses.append(spoils("\n".join(grown), names[0]))
    scene.ask(f"Store in {new} {what[kind]}.", {new: together(names)}, f"{new} = {f' {mark} '.join(names)}", misses)
