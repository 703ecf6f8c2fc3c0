"""Our verdict and tau2's are the same, on some tasks of each domain; the benchmark plays all of them."""

from __future__ import annotations

import importlib.util
import os
import zlib

import pytest

from benchmarks.tau2_parity import SUITES, costs, in_episodes, in_process, is_write, parity, runs, table
from cave_rl.runtime import Pool
from cave_rl.suites.third_party.tau2.tasks.data import Action, Scenario, scenarios, splits
from cave_rl.suites.third_party.tau2.world.backend import INSTALL


@pytest.fixture
def installed() -> None:
    if importlib.util.find_spec("inspect_evals") is None:
        if os.environ.get("CAVE_RL_EXPECT_TAU2"):
            pytest.fail(f"tau2 is expected here: {INSTALL}")
        pytest.skip(f"inspect_evals is not installed: {INSTALL}")


def made(*actions: Action, communicated: tuple[str, ...] = ()) -> Scenario:
    return Scenario("1", "retail", "", "", (), actions, (), communicated, frozenset({"DB"}), ())


def test_mutations_say_what_they_do() -> None:
    look = Action("get_order_details", {"order_id": "#W1"}, "assistant", None)
    act = Action("cancel_pending_order", {"order_id": "#W1"}, "assistant", None)
    other = Action("modify_user_address", {"zip": "1"}, "assistant", None)
    found = {run.kind: run for run in runs(made(look, act, communicated=("10",)), [made(other)])}
    assert {
        kind: [name for name in ("get_", "cancel_", "modify_") if name in run.cell] for kind, run in found.items()
    } == {
        "gold": ["get_", "cancel_"],
        "drop": ["get_"],
        "writes": ["cancel_"],
        "perturb": ["get_", "cancel_"],
        "more": ["get_", "cancel_", "modify_"],
        "silent": ["get_", "cancel_"],
        "nothing": [],
    }
    assert "'#W1x'" in found["perturb"].cell
    assert (found["gold"].answer, found["silent"].answer) == ("10", "Done.")
    assert [run.kind for run in runs(made(look), [])] == ["gold", "nothing"]
    assert not is_write(look)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", SUITES)
def test_verdicts_agree(name: str) -> None:
    """By the code of World and judge, without their processes."""
    base = splits(SUITES[name].domain)["base"]
    step = {"retail": 38, "airline": 17}.get(name, 12)
    ids = base[zlib.crc32(name.encode()) % step :: step]
    found = parity(SUITES[name], ids, in_process)
    assert found.disagreements == []
    assert found.kinds["gold"].reward == found.kinds["gold"].peer == len(ids)
    assert table({name: found})[-4][1].startswith("0 of ")


@pytest.mark.usefixtures("installed")
def test_verdicts_are_the_same_in_episodes(pool: Pool) -> None:
    for suite in SUITES.values():
        known = scenarios(suite.domain).items()
        ids = [next(each for each, told in known if told.communicated or suite.domain == "telecom")]
        found = parity(suite, ids, in_episodes(pool))
        assert found.disagreements == []
        assert found.kinds == parity(suite, ids, in_process).kinds


@pytest.mark.usefixtures("installed")
def test_answers_are_solved_while_their_cost_is_measured() -> None:
    told = costs("telecom", 1)
    assert told.startswith("telecom: 1 of 1 solved, ")
