"""Which task is played: the seed draws it, options choose it, and a level is one of the family's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cave_rl.envs.choosing import Chooser
from cave_rl.tasks import SuiteError
from tests.tasks.test_suite import levelled


def chosen(options: dict[str, Any] | None = None, seed: int = 0) -> Any:
    return Chooser(levelled(), None, "train", None)(np.random.default_rng(seed), options)


def test_the_seed_draws_family_task_and_level() -> None:
    assert [chosen(seed=seed)[0].id for seed in (3, 3)] == [chosen(seed=3)[0].id] * 2
    drawn = [chosen(seed=seed)[0] for seed in range(40)]
    assert {task.family for task in drawn} == {"longer", "plain", "tells"}
    assert {task.difficulty for task in drawn if task.family == "longer"} == {2, 3, 4, 5}


@pytest.mark.parametrize("level", [2, np.int64(2)])
def test_a_level_can_be_chosen(level: Any) -> None:
    task, _ = chosen({"family": "longer", "index": 1, "difficulty": level})
    assert task.id == levelled().task("train", "longer", 1, difficulty=2).id


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"family": "longer", "difficulty": 9}, "has the levels 2 to 5, not 9"),
        ({"family": "plain", "difficulty": 1}, "takes no difficulty"),
        ({"family": "longer", "difficulty": "hard"}, "a whole number, not 'hard'"),
        ({"level": 3}, "unknown reset option 'level': task, family, index, difficulty"),
    ],
)
def test_a_level_that_is_none_is_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(SuiteError, match=told):
        chosen(options)
