from __future__ import annotations

import pytest

from cave_rl.runtime.nearest import nearest


@pytest.mark.parametrize(
    ("name", "told"),
    [("trian", "; did you mean 'train'?"), ("test", "; did you mean 'test'?"), ("colour", ""), ("", "")],
)
def test_the_nearest_is_named_where_one_is_near(name: str, told: str) -> None:
    assert nearest(name, iter(["train", "test", "heldout"])) == told
