from __future__ import annotations

import io
import json
from collections.abc import Sequence

import pytest
from rich.console import Console

from cave_rl.evaluation import Evaluation
from cave_rl.training.tables import as_markdown, as_table, compare


def evaluation(solved: Sequence[bool | None], families: str = "aabbcc") -> Evaluation:
    """None is a fault."""
    rows = [
        {"family": family, "solved": bool(each), "fault": "disk" if each is None else None}
        for each, family in zip(solved, families, strict=True)
    ]
    return Evaluation("mine", rows)


BEFORE = evaluation([False, False, True, False, False, False])
AFTER = evaluation([True, False, True, True, True, False])


def test_a_line_holds_both_sides_and_the_difference() -> None:
    row = compare("tasks", "greedy", BEFORE, AFTER)
    assert (row.table, row.decoding, row.rollouts, row.faults) == ("tasks", "greedy", 6, 0)
    assert row.before == BEFORE.success()
    assert row.after == AFTER.success()
    assert row.difference.mean == pytest.approx(3 / 6)
    assert row.difference.clusters == 3, "families are what was sampled"


def test_a_fault_on_either_side_leaves_its_task_out() -> None:
    row = compare("t", "d", evaluation([None, False, True, False, False, False]), evaluation([True, None, *[True] * 4]))
    assert (row.rollouts, row.faults) == (6, 2)
    assert row.difference.mean == pytest.approx(3 / 4), "of the four tasks that both sides have"
    assert row.difference.n == 8
    assert (row.before.n, row.after.n) == (5, 5)


def test_sides_of_different_length_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="argument"):
        compare("t", "d", BEFORE, evaluation([True] * 2, "aa"))


def test_a_line_as_data_is_json() -> None:
    found = json.loads(json.dumps(compare("t", "d", BEFORE, AFTER).as_dict(), allow_nan=False))
    assert found.keys() == {"table", "decoding", "before", "after", "difference", "rollouts", "faults"}
    assert found["after"]["mean"] == pytest.approx(4 / 6)


def test_a_line_in_markdown_and_on_the_terminal() -> None:
    row = compare("unseen tasks", "T=1", BEFORE, AFTER)
    header, rule, line = as_markdown([row]).splitlines()
    assert header == "| tasks | decoding | rollouts | before | after | difference |"
    assert [len(each.split("|")) for each in (header, rule, line)] == [8, 8, 8]
    for cell in ("unseen tasks", "T=1", "6", "16.7 %", "66.7 %", "+50.0 points"):
        assert cell in line
    console = Console(file=io.StringIO(), width=160)
    console.print(as_table([row]))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for cell in ("unseen tasks", "T=1", "16.7 %", "66.7 %", "+50.0 points"):
        assert cell in shown
