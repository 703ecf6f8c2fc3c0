"""The README of a suite lists its families, and says which are held out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cave_rl.suites.types.tasks import suite as types
from cave_rl.suites.variables.tasks import suite as variables
from cave_rl.tasks.suite import Suite

SUITES = Path(__file__).parents[2] / "cave_rl" / "suites"


@pytest.mark.parametrize(("package", "suite"), [("types", types), ("variables", variables)])
def test_the_table_of_families_is_that_of_the_suite(package: str, suite: Suite) -> None:
    text = (SUITES / package / "README.md").read_text()
    table = "\n".join(line for line in text.splitlines() if line.startswith("|"))
    listed = dict(re.findall(r"`(\w+)`(\*?)", table))
    listed = {name: star for name, star in listed.items() if name in suite.families}
    assert listed == {name: "*" * family.held_out for name, family in suite.families.items()}


def test_the_numbers_in_the_readme_of_types_are_right() -> None:
    text = (SUITES / "types" / "README.md").read_text()
    counts = len(types.families), len(types.names("train")), len(types.names("heldout"))
    assert tuple(map(int, re.search(r"(\d+): (\d+) are trained, (\d+) ", text).groups())) == counts  # type: ignore[union-attr]
    core = [family for family in types.families.values() if "core" in family.tags]
    assert len(core) == 19
    assert "for the nineteen" in text
