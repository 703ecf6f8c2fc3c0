from __future__ import annotations

from typing import Any

import pytest

from cave_rl.runtime.result import Limits


@pytest.mark.parametrize("name", ["cpu_s", "wall_s", "grace_s", "output_bytes", "code_bytes", "claim_bytes"])
@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), "5", True, None])
def test_limits_are_numbers_above_zero(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a number above 0"):
        Limits(**{name: value})


def test_whole_and_broken_numbers_are_taken() -> None:
    assert Limits(cpu_s=1, wall_s=0.5) == Limits(cpu_s=1.0, wall_s=0.5)
