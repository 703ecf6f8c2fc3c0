"""Market-v0: every family is solvable, cannot be solved by idling, and tells near-misses from solutions."""

from __future__ import annotations

import random
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cave_rl.rollouts import gold as by_gold
from cave_rl.rollouts import play_messages
from cave_rl.runtime import Pool
from cave_rl.tasks import Episode, EpisodeConfig, SuiteError, Task
from tests.conftest import Play, python
from tests.suites.playing import gold, instead, misses, tasks
from tests.suites.playing import play as exercise

pytest.importorskip("pandas")
matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from cave_rl.suites.market.tasks import real, suite  # noqa: E402
from cave_rl.suites.market.tasks.judging import Agrees  # noqa: E402

ROOT = Path(__file__).parents[3]
SMALL = sorted(name for name, family in suite.families.items() if "large" not in family.tags)
LARGE = sorted(suite.families.keys() - set(SMALL))
FIGURES = {name for name in SMALL if "figure" in suite.families[name].tags}


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    yield
    if "matplotlib.pyplot" in sys.modules:
        matplotlib.pyplot.close("all")


def some(family: str) -> list[Task]:
    """Some tasks of a family; drawing a figure takes its time."""
    return tasks(suite, family, 1 if family in FIGURES else 3)


@pytest.mark.parametrize("family", SMALL)
def test_gold_solves_every_turn_and_nothing_holds_before_it(family: str) -> None:
    for task in some(family):
        for turn, played in zip(task.turns, exercise(task, gold(task)), strict=True):
            assert played.score == 1.0, (turn.query, played)
            assert not any(played.idle), (turn.query, played)


@pytest.mark.parametrize("family", SMALL)
def test_idling_solves_no_turn(family: str) -> None:
    for task in some(family)[:2]:
        for index in range(len(task.turns)):
            assert exercise(task, instead(task, index, ()))[index].score == 0.0, task.turns[index].query


@pytest.mark.parametrize("family", SMALL)
def test_near_misses_fail_by_the_verdict_they_name(family: str) -> None:
    for task in some(family):
        assert all(turn.near_misses for turn in task.turns)
        for index, miss in misses(task):
            played = exercise(task, instead(task, index, miss.cells))[index]
            assert played.score < 1.0, (task.turns[index].query, miss)
            assert miss.fails
            assert played.verdicts[miss.fails], (task.turns[index].query, miss, played)


@pytest.mark.parametrize("family", SMALL)
def test_harm_to_another_variable_takes_the_score(family: str) -> None:
    task = some(family)[0]
    for name in {each.name for each in task.variables} - task.turns[-1].changes:
        cells = (*task.turns[-1].gold, f"{name} = None")
        assert exercise(task, instead(task, len(task.turns) - 1, cells))[-1].score == 0.0, name


@pytest.mark.parametrize("family", SMALL)
def test_one_changed_cell_of_the_frame_takes_the_score(family: str) -> None:
    task = some(family)[0]
    frame = task.variables[0].name
    cells = (*task.turns[-1].gold, f"{frame}.loc[{frame}.index[-1], 'low'] = 0.01")
    assert exercise(task, instead(task, len(task.turns) - 1, cells))[-1].score == 0.0


@pytest.mark.parametrize("family", LARGE)
def test_large_frames_have_a_hundred_thousand_to_a_million_rows_and_are_judged_alike(family: str) -> None:
    (task,) = tasks(suite, family, 1)
    assertion = task.turns[0].assertions[0]
    assert isinstance(assertion, Agrees)
    assert 100_000 <= assertion.market.rows <= 1_000_400
    (played,) = exercise(task, gold(task))
    assert played.score == 1.0, played
    miss = task.turns[0].near_misses[0]
    assert exercise(task, [miss.cells])[0].score < 1.0
    frame = task.variables[0].name
    (played,) = exercise(task, [[*task.turns[0].gold, f"{frame}.loc[{frame}.index[-1], 'low'] = 0.01"]])
    assert played.verdicts[f"{frame} unchanged"], "it crosses as its digest"
    assert played.score == 0.0


@pytest.mark.parametrize("family", sorted(suite.families))
def test_queries_name_what_is_judged_and_vary(family: str) -> None:
    drawn = tasks(suite, family, 12)
    assert len({task.content for task in drawn}) == len(drawn)
    assert len({task.turns[0].query for task in drawn}) >= 2
    for turn in drawn[0].turns:
        assert all(name in turn.query for name in turn.reads), (turn.query, turn.reads)


@pytest.mark.parametrize("family", sorted(suite.families))
def test_a_generator_is_a_pure_function_of_its_rng_and_quick_whatever_the_rows(family: str) -> None:
    make = suite.families[family].make
    assert make(random.Random(7)).content == make(random.Random(7)).content
    used = time.process_time()
    for seed in range(20):
        assert make(random.Random(seed)).content
    assert (time.process_time() - used) / 20 < 0.02


def test_the_more_rows_and_steps_the_harder() -> None:
    few, many = (tasks(suite, family, 1)[0].difficulty or 0 for family in ("mean_close", "large_mean_close"))
    assert many > few + 2
    assert (tasks(suite, "portfolio", 1)[0].difficulty or 0) > few + 2


def test_every_kind_is_there_and_of_each_some_families_are_held_out() -> None:
    for kind in ("query", "analysis", "change", "chart", "dialogue"):
        held_out = [family.held_out for family in suite.families.values() if kind in family.tags]
        assert any(held_out)
        assert not all(held_out)
    assert {len(tasks(suite, family, 1)[0].turns) for family in SMALL} == {1, 2, 3, 4}


# Real prices


@pytest.mark.parametrize("family", sorted(real.families))
def test_the_families_hold_over_real_prices_too(family: str) -> None:
    pytest.importorskip("bokeh_sampledata")
    (task,) = tasks(real, family, 1)
    assert [played.score for played in exercise(task, gold(task))] == [1.0] * len(task.turns)
    for index, miss in misses(task):
        assert exercise(task, instead(task, index, miss.cells))[index].score < 1.0, (task.turns[index].query, miss)


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert any(each.startswith("bokeh-sampledata") for each in extras["market"])
    monkeypatch.setattr("cave_rl.runtime.extras._extras", lambda: {"bokeh_sampledata": "market"})
    monkeypatch.setitem(sys.modules, "bokeh_sampledata", None)
    with pytest.raises(SuiteError, match=r"bokeh_sampledata is not installed; it comes with: .*cave-rl\[market\]"):
        real.task("train", "mean_close", 0)


# In confined runtimes


@pytest.mark.parametrize(
    "family", ["mean_close", "add_returns", "line_chart", "line_spec", "portfolio", "correction", "large_sector_volume"]
)
def test_the_same_holds_in_a_confined_runtime(family: str, play: Callable[..., Play]) -> None:
    (task,) = tasks(suite, family, 1)
    solved = play(task, *(message for turn in task.turns for message in (python(turn.gold[0]), "Done.")))
    assert solved.reward == pytest.approx(1.0)
    idle = play(task, *["Done."] * len(task.turns))
    assert idle.reward == 0.0
    first = task.turns[0]
    missed = play(task, python(first.near_misses[0].cells[0]), "Done.")
    assert missed.verdicts[first.near_misses[0].fails or ""] is False


def test_a_rollout_knows_how_to_make_its_data_and_nothing_of_the_answers(play: Callable[..., Play]) -> None:
    (task,) = tasks(suite, "mean_close", 1)
    code = """
import sys
loaded = sorted(name for name in sys.modules if 'suites.market' in name)
try:
    import cave_rl.suites.market.tasks.answers
    loaded.append('answers')
except ImportError:
    pass
print(loaded)
"""
    played = play(task, python(code))
    assert "['cave_rl.suites.market', 'cave_rl.suites.market.world']" in played.last.observation


def test_patched_libraries_and_objects_equal_to_everything_earn_nothing(play: Callable[..., Play]) -> None:
    (task,) = tasks(suite, "mean_close", 1)
    (name,) = task.turns[0].reads
    lies = [
        f"class Same(dict):\n    __eq__ = lambda *a: True\n    __hash__ = None\n{name} = Same()",
        "import numpy as np, math\nnp.isclose = lambda *a, **k: np.array([True])\nmath.isclose = lambda *a, **k: True\n"
        f"{name} = {{}}",
        f"from cave_rl.suites.market import world\nworld.walk = world.frame = lambda *a, **k: None\n{name} = {{}}",
    ]
    for lie in lies:
        assert play(task, python(lie), "Done.").reward == 0.0


def test_a_million_rows_are_set_up_once() -> None:
    (task,) = tasks(suite, "large_mean_close", 1)
    with Pool() as pool:
        for _ in range(2):
            (rollout,) = play_messages([Episode(task, pool=pool, config=EpisodeConfig())], by_gold)
            assert rollout.reward == 1.0
            rollout.episode.close()
        assert [key[0] for key in pool._templates if isinstance(key, tuple)].count("runtime") == 1
