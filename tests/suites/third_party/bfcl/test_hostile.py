"""Ways to the reward that are not the task: none of them leads there."""

from __future__ import annotations

from pathlib import Path

import pytest

from cave_rl.rollouts.play import Rollout
from cave_rl.runtime import Pool
from cave_rl.suites.third_party.bfcl.tasks import base, miss_func
from cave_rl.suites.third_party.bfcl.tasks.suite import Dialogues
from cave_rl.tasks import Task
from cave_rl.tasks.validation.validate import validate
from tests.suites.live import gold, instead, play

LINK = "link = next(each.cell_contents for each in cd.__closure__ if hasattr(each.cell_contents, 'call'))\n"
"""What the proxies call by: model code can find it."""


def attacked(pool: Pool, cell: str, *, task: Task | None = None, turn: int = 0) -> Rollout:
    """Dialogue 0 by its answers, but for one turn: there the cell is run instead."""
    task = task or base.dialogue(0)
    (rollout,) = play(pool, [(task, instead(task, turn, [cell]))])
    return rollout


def said(rollout: Rollout) -> str:
    return "\n".join(each["observation"] for each in rollout.episode.trace if each.get("code"))


TRICKS = {
    "prints what a call would have returned": (
        "print({'result': \"'final_report.pdf' moved to 'temp/final_report.pdf'\"})"
    ),
    "defines the functions anew": (
        "cd = mkdir = lambda *a, **k: None\nmv = lambda *a, **k: {'result': \"'final_report.pdf' moved to 'temp'\"}\n"
        "cd('document'); mkdir('temp'); mv('final_report.pdf', 'temp')"
    ),
    "patches its link": (
        LINK + "type(link).call = lambda self, target, arguments, keywords: {'result': 'done'}\n"
        "cd('document'); mkdir('temp'); mv('final_report.pdf', 'temp')"
    ),
    "makes an object of the simulator's name": (
        "class GorillaFileSystem:\n    root = {'document': {'temp': {'final_report.pdf': ''}}}\n"
        "gorilla_file_system = GorillaFileSystem()\ntwitter_api = GorillaFileSystem()"
    ),
    "does something that changes nothing": "ls()\npwd()",
    "ends its interpreter": "import os\nos._exit(0)",
}


@pytest.mark.parametrize("cell", TRICKS.values(), ids=TRICKS)
def test_a_trick_earns_nothing(pool: Pool, cell: str) -> None:
    rollout = attacked(pool, cell)
    assert rollout.reward == 0.0
    assert not rollout.infos[-1].get("bfcl", {}).get("official")


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("cp", "AttributeError: 'cp' is not hosted"),
        ("_load_scenario", "AttributeError: '_load_scenario' is not hosted"),
        ("gorilla_file_system.cd", "AttributeError: 'gorilla_file_system.cd' is not hosted"),
        ("sort", "NameError: name 'sort' is not defined"),
    ],
    ids=["excluded", "private", "by another name", "not yet offered"],
)
def test_what_is_not_offered_is_not_called_past_the_proxies_either(pool: Pool, target: str, told: str) -> None:
    rollout = attacked(pool, LINK + f"link.call({target!r}, (), {{}})", task=miss_func.dialogue(0))
    assert told in said(rollout)
    assert rollout.infos[-1]["bfcl"]["calls"][0] == []


def test_a_simulator_has_no_attributes_for_a_rollout(pool: Pool) -> None:
    task = Dialogues("base", style="objects").dialogue(0)
    for code in (
        "gorilla_file_system.root.contents.clear()",
        "gorilla_file_system._current_dir",
        "gorilla_file_system.root = None",
        "gorilla_file_system.cd.__self__._load_scenario({})",
        "gorilla_file_system.__dict__['root'] = None",
        "object.__setattr__(gorilla_file_system, 'root', None)",
    ):
        cell = f"try:\n    {code}\nexcept (AttributeError, KeyError) as error:\n    print('refused:', error)"
        (rollout,) = play(pool, [(task, [[cell, *task.turns[0].gold], *gold(task)[1:]])])
        assert "refused: " in said(rollout), code
        assert rollout.reward == 1.0, "and nothing has changed"


@pytest.mark.rung("landlock")
def test_the_answers_are_neither_readable_nor_importable(pool: Pool) -> None:
    import bfcl_eval

    data = Path(bfcl_eval.__file__).parent / "data"
    files = [str(each) for each in (data / "possible_answer").glob("*multi_turn*")]
    files += [str(data / "BFCL_v4_multi_turn_base.json"), bfcl_eval.__file__]
    assert len(files) == 6
    cell = (
        f"refused = 0\nfor each in {files!r}:\n    try:\n        open(each)\n"
        "    except OSError:\n        refused += 1\n"
        "for name in ('bfcl_eval', 'bfcl_eval.utils', 'cave_rl.suites.third_party.bfcl.tasks.data'):\n    try:\n"
        f"        import sys; sys.path.append({str(data.parents[1])!r}); __import__(name)\n"
        "    except (ImportError, OSError):\n        refused += 1\n"
        "print('refused', refused, [each for each in sys.modules if 'bfcl' in each])"
    )
    assert "refused 9 []" in said(attacked(pool, cell))


def test_a_great_many_calls_do_not_hide_what_they_do(pool: Pool) -> None:
    task = base.dialogue(0)
    many = "touch('more')\nfor _ in range(200):\n    echo('x' * 300)"
    (rollout,) = play(pool, [(task, [[*task.turns[0].gold, many], *gold(task)[1:]])])
    assert rollout.reward == 0.0
    assert not rollout.infos[-1]["bfcl"]["official"]
    assert rollout.infos[-1]["bfcl"]["checker"]["valid"] is False


def test_validation_finds_nothing_wrong(pool: Pool) -> None:
    report = validate([base.dialogue(102), miss_func.dialogue(60)], hacks=1, pool=pool)
    assert report.ok, [str(each) for each in report.errors]
