"""A mixture is a suite like any other, whose parts come up by their weights."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice
from typing import Any

import gymnasium
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cave_rl.envs import CaveEnv, CaveVectorEnv, register
from cave_rl.evaluation import choose, evaluate
from cave_rl.rewards import equals
from cave_rl.rollouts import gold, play_messages
from cave_rl.runtime import Pool, Variable
from cave_rl.tasks import (
    SPLITS,
    Curriculum,
    EpisodeConfig,
    Mixture,
    Split,
    Suite,
    SuiteError,
    Task,
    Turn,
    draw_rows,
    find,
    registry,
    split_of,
    task_of,
)


def part(name: str, *families: str, tag: str = "") -> Suite:
    suite = Suite(name)
    for family in families:

        def make(rng: random.Random, levels: int = 1) -> Task:
            n = rng.randrange(10**6)
            turn = Turn("Double n.", equals("n", 2 * n), changes=["n"], gold="n *= 2")
            return Task([turn], [Variable("n", n)])

        levels = (1, 3) if family.startswith("level") else None
        suite.family(name=family, held_out=family.startswith("held"), tags=(tag,) if tag else (), difficulty=levels)(
            make
        )
    suite.examples = tuple(suite.task("train", family, 10**6) for family in suite.names("train")[:2])
    return suite


ONE, TWO = part("One-v0", "a", "b", "held", tag="first"), part("Two-v0", "a", "level")


@pytest.fixture
def mixed() -> Mixture:
    return Mixture({ONE: 2.0, TWO: 1.0}, name="Mixed-v0")


def test_its_families_are_called_by_suite_and_family(mixed: Mixture) -> None:
    assert mixed.names("train") == ["One-v0:a", "One-v0:b", "Two-v0:a", "Two-v0:level"]
    assert mixed.names("heldout") == ["One-v0:held"]
    assert mixed.select("train", tags=["first"]) == ["One-v0:a", "One-v0:b"]
    assert mixed.families["Two-v0:level"].difficulty == (1, 3)


def test_its_tasks_are_the_very_tasks_of_its_parts(mixed: Mixture) -> None:
    for split in ("train", "validation", "test"):
        task = mixed.task(split, "Two-v0:a", 5)  # type: ignore[arg-type]
        assert (task.id, task.seed, task.suite) == (TWO.task(split, "a", 5).id, task.seed, "Two-v0")  # type: ignore[arg-type]
        assert split_of(task) == split
    assert mixed.task("train", "Two-v0:level", 0, difficulty=3).difficulty == 3
    assert mixed.task("heldout", "One-v0:held", 0).id == ONE.task("heldout", "held", 0).id


def test_parts_come_by_their_weights_evenly_spread(mixed: Mixture) -> None:
    order = [f"{task.suite[0]}{task.family}" for task in mixed.tasks("train", n=12)]
    assert order == ["Oa", "Ta", "Ob", "Oa", "Tlevel", "Ob", "Oa", "Ta", "Ob", "Oa", "Tlevel", "Ob"]
    contents = [task.content for task in mixed.tasks("train", n=60)]
    assert len(set(contents)) == 60


@given(st.dictionaries(st.sampled_from([ONE, TWO, part("Three-v0", "c")]), st.floats(0.1, 10), min_size=1))
def test_at_any_time_each_part_has_had_its_share(weights: dict[Any, float]) -> None:
    mixed = Mixture(weights)
    total = sum(weights.values())
    count: Counter[str] = Counter()
    for done, family in enumerate(islice(mixed.turns(mixed.names("train")), 60), 1):
        count[family.partition(":")[0]] += 1
        for suite, weight in weights.items():
            assert abs(count[suite.name] - done * weight / total) <= len(weights)


def test_a_draw_by_chance_follows_the_weights_too(mixed: Mixture) -> None:
    rng = np.random.default_rng(0)
    count = Counter(mixed.pick(mixed.names("train"), rng) for _ in range(3000))
    assert 1900 < count["One-v0:a"] + count["One-v0:b"] < 2100
    assert 900 < count["One-v0:a"] < 1100
    assert {mixed.pick(["Two-v0:a"], rng) for _ in range(5)} == {"Two-v0:a"}


def test_a_split_of_which_a_part_has_nothing_is_of_the_others(mixed: Mixture) -> None:
    assert {task.suite for task in mixed.tasks("heldout", n=5)} == {"One-v0"}


def test_rows_are_drawn_by_the_weights_and_lead_back(mixed: Mixture) -> None:
    rows = draw_rows(mixed, "train", 30)
    assert Counter(row["suite"] for row in rows) == {"One-v0": 20, "Two-v0": 10}
    for row in rows:
        assert task_of(mixed, row).id == row["task"]
    assert rows == draw_rows(mixed, "train", 30) != draw_rows(mixed, "train", 30, seed=1)


def test_the_few_shot_examples_of_the_parts_take_turns(mixed: Mixture) -> None:
    assert [task.suite for task in mixed.examples] == ["One-v0", "Two-v0", "One-v0", "Two-v0"]


def test_environments_take_one_as_an_object_or_by_its_id(mixed: Mixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})
    register(mixed)
    ids = []
    for env in (CaveEnv(mixed), gymnasium.make("cave_rl/Mixed-v0"), CaveEnv("Mixed-v0")):
        ids.append([env.reset(seed=seed)[1]["task"]["id"] for seed in range(6)])
        chosen = {"family": "Two-v0:level", "index": 1, "difficulty": 2}
        assert env.reset(options=chosen)[1]["task"]["suite"] == "Two-v0"
        assert env.unwrapped.episode.task.difficulty == 2  # type: ignore[attr-defined]
        env.close()
    assert ids[0] == ids[1] == ids[2]
    envs = CaveVectorEnv(mixed, num_envs=2)
    assert envs.reset(seed=0)[0] == ("Double n.",) * 2
    envs.close()


def test_evaluation_takes_one(mixed: Mixture, pool: Pool) -> None:
    chosen = choose(mixed, "test", 9)
    assert Counter(task.suite for task in chosen) == {"One-v0": 6, "Two-v0": 3}
    found = evaluate(lambda each: play_messages(each, gold), chosen, pool=pool, config=EpisodeConfig())
    assert found.success().mean == 1.0


def test_a_curriculum_takes_one(mixed: Mixture) -> None:
    assert [tuple(arm) for arm in Curriculum.of(mixed).weights()] == [
        ("One-v0:a", None),
        ("One-v0:b", None),
        ("Two-v0:a", None),
        ("Two-v0:level", 1),
        ("Two-v0:level", 2),
        ("Two-v0:level", 3),
    ]


def test_a_mixture_may_be_part_of_one(mixed: Mixture) -> None:
    outer = Mixture({mixed: 1.0, part("Three-v0", "c"): 1.0})
    assert outer.name == "Mixed-v0_and_Three-v0"
    assert outer.names("heldout") == ["Mixed-v0:One-v0:held"]
    assert outer.task("train", "Mixed-v0:One-v0:b", 2).id == ONE.task("train", "b", 2).id
    assert Counter(task.suite for task in outer.tasks("train", n=12)) == {"Three-v0": 6, "One-v0": 4, "Two-v0": 2}


def test_it_is_found_where_a_suite_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {"One-v0": ONE, "Two-v0": TWO})
    for text in ("3*One-v0+Two-v0", " 3 * One-v0 + 1.0*cave_rl/Two-v0", "3*One-v0 + tests.tasks.test_mixture:TWO"):
        found = find(text)
        assert isinstance(found, Mixture)
        assert found.weights == {"One-v0": 3.0, "Two-v0": 1.0}
    assert registry.names().count("One-v0_and_Two-v0") == 0, "it is no suite of its own"


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda: Mixture({}), "of one suite or more, each once, not of: none"),
        (lambda: Mixture({ONE: 1, part("One-v0", "x"): 1}), "each once, not of: One-v0, One-v0"),
        (lambda: Mixture({ONE: 0}), "weight of One-v0 in a mixture is a number above zero, not 0"),
        (lambda: Mixture({ONE: float("nan")}), "number above zero, not nan"),
        (lambda: Mixture({"Typos-v0": 1}), "no suite 'Typos-v0'.*did you mean 'Types-v0'"),
        (lambda: Mixture({ONE: 1}).task("train", "One-v0:c", 0), "no family 'One-v0:c'.*did you mean 'One-v0:b'"),
        (lambda: Mixture({ONE: 1}).task("train", "a", 0), "no family 'a' in split 'train'"),
        (lambda: Mixture({ONE: 1}).task("test", "One-v0:held", 0), "no family 'One-v0:held' in split 'test'"),
        (lambda: Mixture({ONE: 1}, name="mixed"), "looks like 'Shop-v0'"),
        (lambda: Mixture({ONE: 1}).family(lambda rng: None), "is a mixture: register the family with one of One-v0"),
        (lambda: find("two*Types-v0 + Types-v0"), r"'two\*Types-v0' is no part of a mixture"),
        (lambda: find("Types-v0 + Types-v0"), "each part once"),
        (lambda: find("Types-v0 +"), "looks like 2"),
        (lambda: find("Types-v0 + Typos-v0"), "no suite 'Typos-v0'"),
        (lambda: find("-1*Types-v0 + Types-v0:x"), "cannot load suite|above zero"),
    ],
)
def test_what_is_no_mixture_is_told(ask: Any, told: str) -> None:
    with pytest.raises(SuiteError, match=told):
        ask()


@pytest.mark.parametrize("split", SPLITS)
def test_no_task_of_one_split_is_in_another(split: Split, mixed: Mixture) -> None:
    own = {task.content for task in mixed.tasks(split, n=40)}
    for other in SPLITS:
        if other != split:
            assert not own & {task.content for task in mixed.tasks(other, n=40)}
