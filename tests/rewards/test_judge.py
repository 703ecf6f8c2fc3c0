"""The judge as a process: clean, confined, with a deadline of its own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest

from cave_rl.rewards import Ruling, Statements, equals, judge_steps
from cave_rl.rewards import judge as judging
from cave_rl.rewards.assertions import Assertion
from cave_rl.rewards.judge import Judge
from cave_rl.runtime import Fault, Pool, TransferError, run, run_all
from cave_rl.runtime.codec import encode
from cave_rl.runtime.inside import frames
from tests.conftest import settled


@dataclass(frozen=True)
class Law:
    assertions: tuple[Assertion, ...]
    changes: frozenset[str] = frozenset()


def ruled(pool: Pool, law: Law, after: dict[str, bytes], before: dict[str, bytes] | None = None) -> Ruling:
    with run(judge_steps(pool, [law], {})) as judge:
        return run(judge.rule_steps(0, before or {}, after, ""))


def test_it_judges_in_another_process(pool: Pool) -> None:
    ruling = ruled(pool, Law((equals("x", 1), equals("y", 2))), {"x": encode(1), "y": encode(3)}, {"y": encode(2)})
    assert [verdict.passed for verdict in ruling.statements] == [True, False]
    assert ruling.idle == (False, True)
    assert not ruling.gates_hold


def test_large_claims_reach_it(pool: Pool) -> None:
    big = ["x" * 1000] * 3000
    assert ruled(pool, Law((equals("x", big),)), {"x": encode(big)}, {"x": encode(big)}).gates_hold


def test_closures_and_local_functions_reach_it(pool: Pool) -> None:
    expected = {"a": [1, 2]}

    def check(state: Any) -> None:
        assert state.x == expected, "closure"

    ruling = ruled(pool, Law((Statements.of(check),)), {"x": encode({"a": [1, 2]})})
    assert ruling.statements[0].passed, ruling.statements[0].message


def test_a_judge_of_assertions_as_data_holds_no_more_than_it_needs(pool: Pool) -> None:
    """Every fork pays for what is loaded."""
    base = pool.base(judging=True)
    brief = {"modules": ["cave_rl.rewards.assertions"]}
    with run(base.serve_steps(brief, "tests.rewards.held:Held", Judge)) as held, held.start() as judge:
        loaded = run(judge.ask(frames.JUDGE, {}, 10))
    assert "cave_rl.rewards.assertions" in loaded
    assert not {"asyncio", "gymnasium", "numpy", "pydantic"} & set(loaded)


def test_a_tasks_own_function_may_import_what_is_ours(pool: Pool) -> None:
    def check(state: Any) -> None:
        from cave_rl import equals
        from cave_rl.rewards.rows import near

        assert near(state.x, equals("x", 1).expected, 0.0), "imported when it runs, where no file of ours can be read"

    ruling = ruled(pool, Law((Statements.of(check),)), {"x": encode(1)})
    assert ruling.statements[0].passed, ruling.statements[0].message


def test_data_of_libraries_is_judged(pool: Pool) -> None:
    import numpy as np
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2]})

    def check(state: Any) -> None:
        assert np.allclose(state.x, [1.0, 2.0]), "a module that the function refers to"
        assert state.df.equals(frame), "frame"

    after = {"x": encode(np.array([1.0, 2.0])), "df": encode(frame)}
    law = Law((Statements.of(check), equals("df", frame)))
    with run(judge_steps(pool, [law], {}, ("numpy", "pandas"))) as judge:
        ruling = run(judge.rule_steps(0, {}, after, ""))
    assert [(v.name, v.passed, v.message) for v in ruling.statements if not v.passed] == []


def test_many_judges_work_at_once_and_do_not_fail_each_other(pool: Pool) -> None:
    law = Law((equals("x", 1),))
    judges = run_all([judge_steps(pool, [law], {}) for _ in range(16)])
    rulings = run_all([judge.rule_steps(0, {}, {"x": encode(1)}, "") for judge in judges])
    assert all(ruling.statements[0].passed for ruling in rulings)
    for judge in judges:
        judge.close()


def spin(state: Any) -> None:
    assert state.x == 1, "before"
    while True:
        pass
    assert state.x == 1, "after"


def wait(state: Any) -> None:
    time.sleep(1)
    assert state.x == 1, "x"


def die(state: Any) -> None:
    import os

    if state.x == 1:
        os._exit(1)
    assert state.x, "x"


def test_a_judge_over_its_cpu_deadline_has_failed_every_statement(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "DEADLINE_S", 0.3)
    ruling = ruled(pool, Law((Statements.of(spin),)), {"x": encode(1)})
    assert [(v.name, v.passed) for v in ruling.verdicts] == [("before", False), ("after", False)]
    assert "longer than" in ruling.verdicts[0].message
    assert ruling.idle == (False, False)


def test_waiting_is_not_counted_by_the_deadline(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "DEADLINE_S", 0.5)
    assert ruled(pool, Law((Statements.of(wait),)), {"x": encode(1)}).statements[0].passed


def test_a_judge_that_waits_for_ever_is_a_fault(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "WALL_S", 0.3)
    with pytest.raises(Fault, match="did not answer within"):
        ruled(pool, Law((Statements.of(wait),)), {"x": encode(1)})


def test_a_judge_that_does_not_survive_the_claims_has_failed_them(pool: Pool) -> None:
    with run(judge_steps(pool, [Law((Statements.of(die),))], {})) as judge:
        ruling = run(judge.rule_steps(0, {}, {"x": encode(1)}, ""))
        assert not ruling.statements[0].passed
        assert "did not survive" in ruling.statements[0].message
        assert settled(lambda: judge.alive, False) is False


def test_assertions_that_cannot_be_handed_over_are_a_fault(pool: Pool) -> None:
    generator = (i for i in range(3))

    def check(state: Any) -> None:
        assert state.x in generator

    with pytest.raises(TransferError, match="cannot hand"):
        run(judge_steps(pool, [Law((Statements.of(check),))], {}))


def test_a_judge_is_confined_too(pool: Pool, tmp_path: Any) -> None:
    target = str(tmp_path / "written")

    def check(state: Any) -> None:
        assert state.x == 1, "x"
        with open(target, "w") as file:
            file.write("x")
        assert state.x == 1, "escaped"

    ruling = ruled(pool, Law((Statements.of(check),)), {"x": encode(1)})
    assert [v.passed for v in ruling.verdicts] == [True, False]
    assert "PermissionError" in ruling.verdicts[1].message
