"""Changes of some variables among many."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from cave_rl.suites.making import Families, Step, fails, spoils, where
from cave_rl.suites.variables.kinds import ALIKE, KINDS, Change, kind_of
from cave_rl.suites.variables.scene import Scene, listed, sentence
from cave_rl.tasks.task import Task

family = Families()


def change_some(scene: Scene, names: Sequence[str], twin: str | None = None) -> None:
    """A turn that changes each of some variables in a way of its own.

    Args:
        scene: where it is added.
        names: the variables.
        twin: one that holds the same as the first of them and must not follow its change.
    """
    drawn = [scene.change(name) for name in names]
    rights = [right for right, _ in drawn]
    misses = [fails(_cell([drawn[0][1], *rights[1:]]), f"{names[0]} equals")]
    if len(names) > 1:
        misses.append(fails(_cell(rights[:-1]), f"{names[-1]} equals"))
    if twin is not None:
        misses.append(spoils(_cell([*rights, rights[0]._replace(name=twin)]), twin))
    goal = {each.name: each.value for each in rights}
    scene.ask(sentence([each.ask for each in rights]), goal, _cell(rights), misses)


def _cell(changes: Sequence[Change]) -> str:
    """Changes as one cell; what several of them import is imported once."""
    lines = [line for each in changes for line in each.code.split("\n")]
    imports = sorted({line for line in lines if line.startswith("from ")})
    return "\n".join([*imports, *(line for line in lines if line not in imports)])


@family(tags=("each",))
def update_some(rng: random.Random) -> Task:
    scene = Scene(rng, [rng.choice([kind for kind in KINDS if kind != "bool"])])
    for _ in range(rng.randint(1, 5)):
        if names := scene.open():
            change_some(scene, rng.sample(names, rng.randint(1, min(6, len(names)))))
    return scene.task()


@family(tags=("same",))
def change_alike(rng: random.Random) -> Task:
    kind, count = rng.choice(ALIKE), rng.randint(3, 6)
    scene = Scene(rng, [kind] * count)
    for _ in range(rng.randint(1, 3)):
        _change_all(rng, scene, rng.sample(scene.of_kind(kind), rng.randint(2, count - 1)))
    return scene.task()


def _change_all(rng: random.Random, scene: Scene, names: Sequence[str]) -> None:
    """A turn that makes the same change to each of some variables of a kind; another of that kind is left alone."""
    kind = KINDS[kind_of(scene.now[names[0]])]
    values = [scene.now[name] for name in names]

    def draw() -> tuple[Any, Step, Step]:
        step, wrong = rng.sample(kind.steps, 2)
        return kind.argument(rng, None), step, wrong

    n, step, wrong = where(
        draw, lambda drawn: all(drawn[1].apply(x, drawn[0]) not in (x, drawn[2].apply(x, drawn[0])) for x in values)
    )
    cells = [step.cell(name, n) for name in names]
    other = next(name for name in scene.of_kind(kind_of(values[0])) if name not in names)
    scene.ask(
        sentence([step.query(f"each of {listed(names)}", n)]),
        {name: step.apply(scene.now[name], n) for name in names},
        "\n".join(cells),
        [
            fails(cells[0], f"{names[-1]} equals"),
            fails("\n".join(wrong.cell(name, n) for name in names), f"{names[0]} equals"),
            spoils("\n".join([*cells, f"{other} = {names[0]}"]), other),
        ],
    )


@family(tags=("types",))
def change_by_type(rng: random.Random) -> Task:
    scene = Scene(rng, ["int", "int", "str", "list", "bool", rng.choice(("set", "dict", "float", "date"))])
    for _ in range(rng.randint(1, 3)):
        _change_types(rng, scene)
    return scene.task()


def _change_types(rng: random.Random, scene: Scene) -> None:
    """A turn that tells what to do by type, over variables of which some are of none of the types named."""
    n, tail, item = rng.randint(2, 99), "".join(rng.sample("abcdefghijklmnop", 3)), rng.randint(11, 998)
    # Of each type: what it takes, what comes of it, the code, and a wrong one.
    steps: dict[str, tuple[Any, Callable[[Any], Any], str, str]] = {
        "int": (n, lambda x: x + n, "{x} += {n}", "{x} -= {n}"),
        "str": (tail, lambda x: x + tail, "{x} += '{n}'", "{x} = '{n}' + {x}"),
        "list": (item, lambda x: [*x, item], "{x}.append({n})", "{x}.insert(0, {n})"),
    }
    some = scene.of_kind(*steps)
    rest = [name for name, value in scene.now.items() if kind_of(value) not in (*steps, "flags")]
    trap = rng.choice(scene.of_kind("bool"))  # a bool is an int to isinstance, but not by its type
    chosen = [trap, *rng.sample(some, rng.randint(3, min(8, len(some)))), *rng.sample(rest, min(2, len(rest)))]
    chosen = rng.sample(sorted(set(chosen)), len(set(chosen)))
    kinds = {name: kind_of(scene.now[name]) for name in chosen if name in some}
    cells, wrong = (
        [steps[kind][at].format(x=name, n=steps[kind][0]) for name, kind in kinds.items()]  # type: ignore[union-attr]
        for at in (2, 3)
    )
    first, *_, last = kinds
    scene.ask(
        f"Of {listed(chosen)}: increase every int by {n}, append '{tail}' to every str, append {item} to every list. "
        "A bool is no int; what is of another type stays.",
        {name: steps[kind][1](scene.now[name]) for name, kind in kinds.items()},
        "\n".join(cells),
        [
            fails("\n".join(cells[:-1]), f"{last} equals"),
            fails("\n".join([wrong[0], *cells[1:]]), f"{first} equals"),
            spoils("\n".join([*cells, f"{trap} += {n}"]), trap),
        ],
    )


class Link(NamedTuple):
    """A step that reads another variable."""

    target: str
    source: str
    step: Step
    n: int

    @property
    def code(self) -> str:
        """A cell that does it."""
        return self.step.cell(self.target, (self.source, self.n))


LINKS = (
    Step("increase {x} by {n[0]}", lambda x, n: x + n[0], "{x} += {n[0]}"),
    Step("set {x} to {n[1]} times {n[0]}", lambda x, n: n[1] * n[0], "{x} = {n[1]} * {n[0]}"),
    Step("set {x} to {n[0]} less {n[1]}", lambda x, n: n[0] - n[1], "{x} = {n[0]} - {n[1]}"),
)


@family(tags=("order",))
def change_in_order(rng: random.Random) -> Task:
    scene = Scene(rng, ["int"] * rng.randint(3, 5))
    for _ in range(rng.randint(1, 3)):
        _chain(rng, scene)
    return scene.task()


def _chain(rng: random.Random, scene: Scene) -> None:
    """A turn of steps, each of which reads what the one before it wrote."""

    def draw() -> list[Link]:
        ints = scene.of_kind("int")
        names = rng.sample(ints, rng.randint(3, min(6, len(ints))))
        return [Link(target, source, rng.choice(LINKS), rng.randint(2, 9)) for source, target in pairwise(names)]

    def run(links: Sequence[Link]) -> dict[str, int]:
        after = dict(scene.now)
        for target, source, step, n in links:
            after[target] = step.apply(after[target], (after[source], n))
        return {link.target: after[link.target] for link in links}

    def tells(links: Sequence[Link]) -> bool:
        """Whether every step shows, and their order shows in the last of them."""
        last = links[-1].target
        changed = all(value != scene.now[name] for name, value in run(links).items())
        return changed and run(links)[last] != run(links[::-1])[last]

    links = where(draw, tells)
    cells, last = [link.code for link in links], links[-1].target
    scene.ask(
        f"Do this, in order: {'; then '.join(step.query(x, (source, n)) for x, source, step, n in links)}.",
        run(links),
        "\n".join(cells),
        [fails("\n".join(cells[::-1]), f"{last} equals"), fails("\n".join(cells[:-1]), f"{last} equals")],
    )
