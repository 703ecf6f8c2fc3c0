"""Answers that a rollout could find are found; what it holds by right is not taken for one."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cave_rl.rewards import equals
from cave_rl.runtime import Function, Pool, Variable, run
from cave_rl.tasks import Suite, Task, Turn
from cave_rl.tasks.validation import hunt, leaks, validate
from cave_rl.tasks.validation.report import Notes
from tests.runtime.hostile.conftest import CONTAINED

pytestmark = CONTAINED

GOLD = "letter = ' '.join(['Dear', name, 'goodbye'])"
QUERY = "Put a letter to name in letter."


def letter(**given: Any) -> Task:
    turn = Turn(QUERY, equals("letter", "Dear Ada goodbye"), gold=GOLD, near_misses=["letter = name"])
    return Task([turn], variables=[Variable("name", "Ada"), *given.pop("more", [])], **given)


def leaked(task: Task | Suite, pool: Pool) -> list[tuple[str, str]]:
    report = validate([task] if isinstance(task, Task) else task, tasks=1, hacks=1, pool=pool)
    assert not [each for each in report.findings if each.check != "leak"], str(report)
    return [(each.severity, each.message) for each in report.findings]


def test_a_task_that_keeps_its_answers_leaks_nothing(pool: Pool) -> None:
    assert leaked(letter(), pool) == []


def test_an_answer_within_another_is_not_found_in_what_is_looked_for(pool: Pool) -> None:
    gold = "letter = 'Dear Ada goodbye'"
    both = f"{gold}\nhow = 'gladly, Ada'"
    how = equals("how", "gladly, Ada")
    turns = [
        Turn(QUERY, equals("letter", "Dear Ada goodbye"), gold=gold, near_misses=["letter = name"]),
        Turn("Once more, and put in how how.", how, changes=["letter"], gold=both, near_misses=["how = name"]),
    ]
    assert leaked(Task(turns, variables=[Variable("name", "Ada")]), pool) == []


def test_gold_in_an_injected_value(pool: Pool) -> None:
    class Notes:
        """Not injected as a Type, so nothing of it is seen by the claims."""

    hint = Function(lambda: len(GOLD), name="hint")
    assert ("error", "cell 1 of the gold of turn 1 stands in an object of the rollout") in leaked(
        letter(functions=[hint]), pool
    )


def test_an_expected_value_in_the_closure_of_a_function(pool: Pool) -> None:
    expected = "Dear Ada goodbye"

    def is_done(text: str) -> bool:
        return text == expected

    (severity, message), *_ = leaked(letter(functions=[Function(is_done)]), pool)
    assert severity == "warning"
    assert message.startswith("'Dear Ada goodbye', which turn 1 expects, stands in")


def test_what_the_rollout_is_given_is_no_leak(pool: Pool) -> None:
    more = [Variable("template", "Dear Ada goodbye"), Variable("hint", GOLD)]
    assert leaked(letter(more=more), pool) == []


def test_canaries_are_found_wherever_they_are_planted(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for a hole of ours: what is planted in the task also enters the runtime."""
    plant = leaks._plant

    def planted(task: Task, needles: leaks.Needles) -> Task:
        copy = plant(task, needles)
        turn = copy.turns[0]
        held = {
            "query": (turn.query,),
            "gold": list(turn.gold),
            "expected": {turn.assertions[-1].expected: 1},  # type: ignore[attr-defined]
            "miss": [[turn.near_misses[-1].cells[0].encode()]],
            "seed": [str(copy.seed)],
        }
        return copy.but(variables=[*copy.variables, Variable("held", held)])

    monkeypatch.setattr(leaks, "_plant", planted)
    found = {message.partition(" stands in")[0] for _, message in leaked(letter(), pool)}
    assert found >= {
        "the canary in the query of turn 1",
        "the canary in the gold of turn 1",
        "the canary in an expected value of turn 1",
        "the canary in a near-miss of turn 1",
        "the task's seed as text",
    }


def test_a_hunt_that_does_not_run_through_is_no_all_clear(pool: Pool) -> None:
    task = letter(setup="import gc\ngc.get_objects = None\ngc.get_referents = None")
    notes = Notes("letter", "letter/0")
    from cave_rl.tasks import EpisodeConfig

    run(leaks.leaks_steps(task, notes, pool=pool, config=EpisodeConfig(), seed=0))
    (finding,) = notes.findings
    assert finding.check == "fault"
    assert "the hunt for answers did not run through" in finding.message
    assert "TypeError" in finding.message


def test_what_no_object_shows_is_found_in_memory() -> None:
    """Where `/proc/self/mem` can be read, that is: here, in a process without walls."""
    code = """
import ctypes
held = ctypes.create_string_buffer(64)
for at, byte in enumerate((99, 97, 110, 97, 114, 121, 32, 48, 49, 50, 51)):
    held[at] = byte
print(hunt([(b'deco', b'y that is nowhere'), (b'cana', b'ry 0123')], [], [], []))
"""
    script = f"{inspect.getsource(hunt)}\n{code}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout) == [(1, "memory")]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed package of a suite: `world` enters the rollout, `tasks` reads its answers from a file beside it."""
    root = tmp_path / "site-packages" / "leaky_shop"
    root.mkdir(parents=True)
    (root / "__init__.py").write_text("")
    (root / "world.py").write_text(
        "class Shop:\n    '''A shop.'''\n    def __init__(self):\n        self.name = 'Ada'\n"
    )
    (root / "answers.json").write_text(json.dumps({"gold": GOLD}))
    (root / "tasks.py").write_text(
        "import json, pathlib\n"
        "from cave_rl import Suite, Task, Turn, Type, Variable, equals\n"
        "from leaky_shop.world import Shop\n"
        "suite = Suite('Leaky-v0')\n"
        "gold = json.loads((pathlib.Path(__file__).parent / 'answers.json').read_text())['gold']\n"
        "@suite.family\n"
        "def letter(rng):\n"
        "    name = rng.choice(['Ada', 'Bo', 'Cleo', 'Dev', 'Eva', 'Finn']) + str(rng.randrange(10**6))\n"
        f"    turn = Turn({QUERY!r}, equals('letter', ' '.join(['Dear', name, 'goodbye'])),\n"
        "                gold=gold, near_misses=['letter = name'])\n"
        "    return Task([turn], variables=[Variable('name', name), Variable('shop', Shop())], types=[Type(Shop)])\n"
    )
    monkeypatch.syspath_prepend(str(root.parent))
    yield root
    for name in [name for name in sys.modules if name.partition(".")[0] == "leaky_shop"]:
        del sys.modules[name]


def test_a_file_of_answers_beside_what_the_rollout_may_read(package: Path) -> None:
    suite = importlib.import_module("leaky_shop.tasks").suite
    with Pool() as pool:
        found = leaked(suite, pool)
    assert found == [("error", f"cell 1 of the gold of turn 1 stands in file {package}/answers.json of the rollout")]


PARTIAL = "import functools\nsuite.family(name='letter')(functools.partial(letter))\n"


@pytest.mark.parametrize("made", ["whole", "of a part of its arguments"])
def test_answers_in_the_code_of_the_tasks_are_out_of_reach(package: Path, made: str) -> None:
    code = (
        (package / "tasks.py")
        .read_text()
        .replace(
            "gold = json.loads((pathlib.Path(__file__).parent / 'answers.json').read_text())['gold']",
            f"gold = {GOLD!r}",
        )
    )
    (package / "tasks.py").write_text(code if made == "whole" else code.replace("@suite.family\n", "") + PARTIAL)
    (package / "answers.json").unlink()
    suite = importlib.import_module("leaky_shop.tasks").suite
    with Pool() as pool:
        assert leaked(suite, pool) == []
