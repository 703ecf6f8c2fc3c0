"""tau2's tasks as suites: which there are, how they are split, and what a task of theirs holds."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cave_rl.suites.third_party.tau2 import tasks as tau2
from cave_rl.suites.third_party.tau2.tasks.data import JUDGED, scenario, scenarios, splits
from cave_rl.suites.third_party.tau2.tasks.suite import FAMILIES, Tickets, ids
from cave_rl.suites.third_party.tau2.world.backend import INSTALL, backend
from cave_rl.tasks import opening
from cave_rl.tasks.config import PromptConfig
from cave_rl.tasks.rows import draw_rows, task_of
from cave_rl.tasks.suite import SuiteError
from cave_rl.tasks.task import Task

COUNTS = {"retail": (64, 10, 40), "airline": (26, 4, 20), "telecom": (64, 10, 40)}
PARTS = ("train", "validation", "test")


def asked(task: Task) -> str:
    return task.turns[0].assertions[0].scenario.id  # type: ignore[attr-defined,no-any-return]


@pytest.mark.without_tau2
def test_the_suites_can_be_listed_without_the_package() -> None:
    code = (
        "import sys; sys.modules['inspect_evals'] = sys.modules['tau2'] = None\n"
        "from cave_rl.suites.third_party.tau2.tasks import retail\n"
        "from cave_rl.suites.third_party.tau2.world import airline\n"
        "from cave_rl.tasks.suite import SuiteError\n"
        "print(retail.name, retail.names('train'))\n"
        "try:\n    retail.task('train', 'retail', 0)\nexcept SuiteError as error:\n    print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[0] == "Tau2-Retail-SingleAgent-v0 ['retail']"
    assert said[1] == f"inspect_evals is not installed, which Tau2-Retail-SingleAgent-v0 needs: {INSTALL}"


@pytest.mark.without_tau2
def test_a_domain_that_is_none_is_told_with_the_nearest() -> None:
    with pytest.raises(SuiteError, match=r"retial.*retail"):
        Tickets("retial")  # type: ignore[arg-type]
    with pytest.raises(SuiteError, match="only telecom"):
        Tickets("airline", full=True)


@pytest.mark.parametrize("domain", COUNTS)
def test_the_splits_are_upstreams_and_share_no_task(domain: str) -> None:
    suite = Tickets(domain)  # type: ignore[arg-type]
    found = {part: [asked(task) for task in suite.tasks(part)] for part in PARTS}  # type: ignore[arg-type]
    upstream = splits(domain)  # type: ignore[arg-type]
    assert tuple(map(len, found.values())) == COUNTS[domain]
    assert set(found["test"]) == set(upstream["test"])
    assert {*found["train"], *found["validation"]} == set(upstream["train"])
    assert len({*found["train"], *found["validation"], *found["test"]}) == sum(COUNTS[domain])
    assert suite.names("heldout") == []


def test_the_full_training_split_has_all_that_is_not_in_the_others() -> None:
    full = ids("telecom", "train", full=True)
    others = [*ids("telecom", "validation"), *ids("telecom", "test")]
    assert len(full) == 2235
    assert {*full, *others} == set(scenarios("telecom"))
    assert set(full).isdisjoint(others)
    assert set(ids("telecom", "train")) <= set(full)
    assert [asked(task) for task in tau2.telecom_full.tasks("test", n=3)] == [
        asked(task) for task in tau2.telecom.tasks("test", n=3)
    ]


def test_fewer_tasks_are_taken_from_all_families_and_more_than_there_are_from_none() -> None:
    assert [task.family for task in tau2.telecom.tasks("validation", n=3)] == list(FAMILIES["telecom"])
    with pytest.raises(SuiteError, match="it has 20 of split 'test', not 21"):
        list(tau2.airline.tasks("test", n=21))
    with pytest.raises(SuiteError, match="no level"):
        tau2.airline.task("test", "airline", 0, difficulty=3)
    with pytest.raises(SuiteError, match="has no task '50'"):
        tau2.airline.scenario("50")


def test_refusals_can_be_left_out() -> None:
    with_all = [task.turns[0].refusal for part in PARTS for task in tau2.airline.tasks(part)]  # type: ignore[arg-type]
    without = [task.turns[0].refusal for part in PARTS for task in Tickets("airline", refusals=False).tasks(part)]  # type: ignore[arg-type]
    assert (sum(with_all), len(with_all)) == (19, 50)
    assert (sum(without), len(without)) == (0, 31)


def test_the_same_scenario_is_the_same_task_whenever_it_is_made() -> None:
    for suite, id in ((tau2.retail, "0"), (tau2.airline, "7"), (tau2.telecom, splits("telecom")["test"][0])):
        assert suite.scenario(id).id == suite.scenario(id).id
        assert suite.scenario(id).family in suite.families


def test_rows_name_their_tasks() -> None:
    rows = draw_rows(tau2.retail, "train", 8)
    assert all(task_of(tau2.retail, row).id == row["task"] for row in rows)


def test_solo_has_the_tools_of_both_sides_and_a_ticket() -> None:
    task = tau2.telecom.scenario(splits("telecom")["base"][0])
    sides = {tool.side for tool in backend().tools("telecom")}
    assert sides == {"assistant", "user"}
    assert {"enable_roaming", "toggle_roaming", "transfer_to_human_agents"} <= set(task.preparation.targets)
    assert len(task.preparation.targets) == 13 + 30
    text = "".join(message["content"] for message in opening.opening(task, PromptConfig()))
    assert "<ticket>\nThe user" in text
    assert "<tech_support_policy>" in text
    assert "assert_" not in text, "what tasks ask of toolkits is no tool"


def test_single_agent_has_the_policy_and_what_the_customer_was_told() -> None:
    text = tau2.retail.scenario("0").turns[0].query
    assert "# Retail agent policy" in text
    assert "Reason for call:" in text
    assert "You do not remember your email address." in text


def test_what_a_customer_is_told_is_what_the_port_tells() -> None:
    import importlib

    from cave_rl.suites.third_party.tau2.world import port

    model = importlib.import_module(f"{port.__name__}.data_model.tasks").Task
    for domain in COUNTS:
        for record in backend().tasks(domain)[:50]:  # type: ignore[arg-type]
            told = scenarios(domain)[record["id"]].customer  # type: ignore[arg-type]
            assert told == str(model.model_validate(record).user_scenario)


def test_assertions_in_words_are_told_not_to_be_judged_and_communication_is_judged_for_them() -> None:
    record = next(each for each in backend().tasks("retail") if each["evaluation_criteria"]["communicate_info"])
    criteria = {**record["evaluation_criteria"], "reward_basis": ["DB", "NL_ASSERTION"], "nl_assertions": ["It is."]}
    later = scenario("retail", {**record, "evaluation_criteria": criteria})
    assert later.basis == {"DB", "COMMUNICATE"}
    assert later.not_judged == ("NL_ASSERTION",)
    assert scenario("retail", record).not_judged == ()


def test_every_basis_can_be_judged() -> None:
    bases = {each.basis for domain in COUNTS for each in scenarios(domain).values()}  # type: ignore[arg-type]
    assert bases == {
        frozenset({"DB", "COMMUNICATE"}),
        frozenset({"ENV_ASSERTION"}),
        frozenset({"ENV_ASSERTION", "ACTION"}),
    }
    assert frozenset().union(*bases) == JUDGED
