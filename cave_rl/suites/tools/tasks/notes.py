"""Tasks over notes in folders."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random
from typing import Any

from cave_rl.suites.tools.tasks.asking import Domain, change, lookup
from cave_rl.suites.tools.tasks.drawing import least, until_possible
from cave_rl.suites.tools.world.notes import Notes
from cave_rl.tasks.task import Task

FOLDERS = ("work", "home", "club", "trip", "ideas")
WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven", "islet", "jetty", "knoll", "lagoon",
         "marsh", "nectar", "orchid", "pearl", "quartz", "raven", "spruce", "tulip")  # fmt: skip
NOTES = Domain("notes", ("write_note", "move_note", "delete_note"))


def draw(rng: random.Random) -> Notes:
    """Notes of three lines: what it cost, whether it is done, and which note is next (or none)."""
    folders = rng.sample(FOLDERS, 4)
    paths = [f"{rng.choice(folders)}/{word}" for word in rng.sample(WORDS, rng.randint(12, 16))]
    rng.shuffle(paths)
    following = [*paths[1:5], "none", *(rng.choice(["none", *paths[at + 1 :]]) for at in range(5, len(paths)))]
    return Notes(
        {
            path: f"cost: {rng.randint(5, 400)}\ndone: {rng.choice(('yes', 'no'))}\nnext: {then}"
            for path, then in zip(paths, following, strict=True)
        }
    )


def _line(text: str, what: str) -> str:
    (found,) = (each.removeprefix(f"{what}: ") for each in text.split("\n") if each.startswith(f"{what}: "))
    return found


READ = "def line(path, what):\n    return dict(each.split(': ') for each in read_note(path).split('\\n'))[what]\n"
FORMAT = "Notes have lines such as 'cost: 12', 'done: yes' and 'next: work/plan' (or 'next: none')."


def _harm(rng: random.Random, notes: Notes) -> str:
    return rng.choice((f"delete_note({rng.choice(sorted(notes.texts))!r})", "write_note('work/extra', 'x')"))


def follow_chain(rng: random.Random) -> Task:
    def make() -> Task:
        notes = draw(rng)
        first, target = next(iter(notes.texts)), f"{rng.choice(FOLDERS)}/end"

        def do(f: Any) -> None:
            path, total = first, 0
            while path != "none":
                text = f.read_note(path)
                total, path = total + int(_line(text, "cost")), _line(text, "next")
            f.write_note(target, str(total))

        def cell(loop: str, start: str = "total = 0") -> str:
            return f"{READ}path = {first!r}\n{start}\n{loop}write_note({target!r}, str(total))"

        step = "    total += int(line(path, 'cost'))\n    path = line(path, 'next')\n"
        return change(
            NOTES, notes,
            f"{FORMAT} Begin with {first} and follow 'next' until there is none. Add up the costs of all notes on the "
            f"way, the first and the last too, and write a note {target} of nothing but the sum.",
            do, cell(f"while path != 'none':\n{step}"),
            [cell(f"while line(path, 'next') != 'none':\n{step}"), cell(f"for _ in range(2):\n{step}"),
             cell(f"while path != 'none':\n{step}", "total = 1")],
            harm=_harm(rng, notes),
        )  # fmt: skip

    return until_possible(make)


def archive_done(rng: random.Random) -> Task:
    def make() -> Task:
        notes = draw(rng)
        folder, archive = rng.choice(notes.list_folders()), rng.choice(("archive", "old", "past"))

        def do(f: Any) -> None:
            for each in f.list_notes(folder):
                if _line(f.read_note(each), "done") == "yes":
                    f.move_note(each, archive)

        loop = f"{READ}for path in list_notes({folder!r}):\n    if line(path, 'done') {{}}:\n        {{}}"
        move = f"move_note(path, {archive!r})"
        return change(
            NOTES, notes,
            f"{FORMAT} Move every note in the folder {folder} that is done to the folder {archive}.",
            do, loop.format("== 'yes'", move),
            [loop.format("!= ''", move), loop.format("== 'no'", move),
             loop.format("== 'yes'", f"write_note({archive!r} + '/' + path.split('/')[1], read_note(path))")],
            harm=_harm(rng, notes),
        )  # fmt: skip

    return until_possible(make)


def dearest(rng: random.Random) -> Task:
    def make() -> Task:
        notes = draw(rng)
        folders = notes.list_folders()
        folder = rng.choice([each for each in folders if len(notes.list_notes(each)) > 2])

        def do(f: Any) -> None:
            dear = least(f.list_notes(folder), lambda each: -int(_line(f.read_note(each), "cost")))
            text = f.read_note(dear)
            if _line(text, "done") == "yes":
                f.delete_note(dear)
            else:
                f.write_note(dear, text.replace("done: no", "done: yes"))

        def cell(pick: str, test: str = "line(dear, 'done') == 'yes'") -> str:
            return (
                f"{READ}dear = {pick}(list_notes({folder!r}), key=lambda path: int(line(path, 'cost')))\n"
                f"if {test}:\n    delete_note(dear)\nelse:\n"
                "    write_note(dear, read_note(dear).replace('done: no', 'done: yes'))"
            )

        return change(
            NOTES, notes,
            f"{FORMAT} Find the note in the folder {folder} with the highest cost. If it is done, delete it; else "
            "change its line to 'done: yes', and nothing else of it.",
            do, cell("max"), [cell("min"), cell("max", "True"), cell("max", "False"),
                              cell("max").replace("read_note(dear).replace('done: no', 'done: yes')", "'done: yes'")],
            harm=_harm(rng, notes),
        )  # fmt: skip

    return until_possible(make)


def cost_by_folder(rng: random.Random) -> Task:
    def make() -> Task:
        notes = draw(rng)
        name = rng.choice(("costs", "sums", "by_folder"))
        value: dict[str, int] = {}
        for path, text in notes.texts.items():
            folder = path.split("/")[0]
            value[folder] = value.get(folder, 0) + (int(_line(text, "cost")) if _line(text, "done") == "no" else 0)
        cell = (
            f"{READ}{name} = {{f: sum(int(line(p, 'cost')) for p in list_notes(f){{}})"
            " for f in list_folders()}}"
        ).replace("{f:", "{{f:")  # fmt: skip
        return lookup(
            NOTES, notes,
            f"{FORMAT} Store in {name} a dict from each folder to the sum of the costs of its notes that are not done "
            "(0 if all are).",
            name, value, cell.format(" if line(p, 'done') == 'no'"),
            [cell.format(""), cell.format(" if line(p, 'done') == 'yes'")], harm=_harm(rng, notes),
        )  # fmt: skip

    return until_possible(make)
