from __future__ import annotations

import pickle

import pytest

from cave_rl.confinement import RUNGS_OF_LEVEL, Confinement, ConfinementError


def test_policy_is_plain_data() -> None:
    policy = Confinement(memory_mb=512, readable=("/data",))
    assert pickle.loads(pickle.dumps(policy)) == policy
    assert {policy: 1}[Confinement(memory_mb=512, readable=("/data",))] == 1


@pytest.mark.parametrize(
    ("options", "rung"),
    [
        ({"require": "containd"}, "require"),
        ({"memory_mb": 0}, "memory_mb"),
        ({"memory_mb": 1.5}, "memory_mb"),
        ({"cpu_s": True}, "cpu_s"),
        ({"open_files": 3}, "open_files"),
        ({"threads": 0}, "threads"),
        ({"fork": -1}, "fork"),
        ({"readable": "/data"}, "readable"),
    ],
)
def test_impossible_policies_are_refused(options: dict[str, object], rung: str) -> None:
    with pytest.raises(ConfinementError) as refused:
        Confinement(**options)  # type: ignore[arg-type]
    assert refused.value.rung == rung


def test_each_level_holds_the_one_below() -> None:
    assert set(RUNGS_OF_LEVEL["none"]) < set(RUNGS_OF_LEVEL["limits"]) < set(RUNGS_OF_LEVEL["contained"])


def test_error_names_rung_reason_and_remedy_and_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(ConfinementError("landlock", "this kernel does not offer Landlock")))
    assert error.rung == "landlock"
    assert "does not offer" in str(error)
    assert "5.13" in str(error)
