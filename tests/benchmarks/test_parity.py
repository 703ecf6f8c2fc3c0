"""Our verdict and upstream's are the same, on some dialogues of each category; the benchmark plays all of them."""

from __future__ import annotations

import importlib.util
import os
import random

import pytest

from benchmarks.mutations import drop, early, empty, mutated, perturb, repeat, twice
from benchmarks.parity import in_episodes, in_process, parity, table
from cave_rl.runtime import Pool
from cave_rl.suites.third_party.bfcl.tasks.suite import CATEGORIES, INSTALL

GOLD = (("cd(folder='a')", "touch('b')"), (), ("add(a=1, b=[2, 'x'])",))


def test_mutations_say_what_they_do() -> None:
    rng = random.Random(0)
    assert sum(map(len, drop(GOLD, rng) or ())) == 2
    assert (empty(GOLD, rng) or ()).count(()) == 2
    assert repeat(GOLD, rng) == (*GOLD[:2], GOLD[2] * 2)
    assert early(GOLD, rng) == (GOLD[0], GOLD[2], ())
    assert twice(GOLD, rng) == (GOLD[0], GOLD[2], GOLD[2])
    found = {perturb(GOLD, random.Random(seed)) for seed in range(50)}
    changed = [sum(one != other for one, other in zip(GOLD, each or (), strict=True)) for each in found]
    assert len(found) == 4
    assert set(changed) == {1}


def test_a_dialogue_without_refusals_has_no_mutation_of_one() -> None:
    kinds = [kind for kind, _ in mutated((("ls()",),), "x")]
    assert kinds == ["gold", "drop", "empty", "repeat", "nothing"]


@pytest.mark.parametrize("category", CATEGORIES)
def test_verdicts_agree(pool: Pool, category: str) -> None:
    if importlib.util.find_spec("bfcl_eval") is None:
        if os.environ.get("CAVE_RL_EXPECT_BFCL"):
            pytest.fail(f"BFCL is expected here: {INSTALL}")
        pytest.skip(f"bfcl_eval is not installed: {INSTALL}")
    numbers = {"base": (7, 90, 147), "miss_func": (3, 60), "miss_param": (110, 180), "long_context": (9, 120)}
    found = parity(category, numbers[category], in_episodes(pool))
    assert found.disagreements == []
    assert found.kinds["gold"].reward == found.kinds["gold"].checker == len(numbers[category])
    assert found.kinds["nothing"].checker == 0
    assert parity(category, numbers[category], in_process).kinds == found.kinds
    assert next(row for row in table({category: found}) if row[0] == "disagreements")[1].startswith("0 of ")
