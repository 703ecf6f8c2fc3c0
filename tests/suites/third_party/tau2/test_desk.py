"""The desk: upstream's tools over upstream's databases, and no way to these but the tools."""

from __future__ import annotations

import copy
import inspect
import pickle
import random
import sys
from typing import Any, get_type_hints

import pytest

from cave_rl.suites.third_party.tau2.tasks.data import scenarios, splits
from cave_rl.suites.third_party.tau2.tasks.making import desk_class, opened, solve
from cave_rl.suites.third_party.tau2.world.backend import Domain, backend
from cave_rl.suites.third_party.tau2.world.desk import Desk
from cave_rl.suites.third_party.tau2.world.ported import PortedEnvironment

ORDER = "#W2378156"
EXCHANGE = {
    "order_id": ORDER,
    "item_ids": ["1151293680", "4983901480"],
    "new_item_ids": ["7706410293", "7747408585"],
    "payment_method_id": "credit_card_9513926",
}


def desk(domain: Domain) -> Any:
    found = desk_class(domain)()
    found.open()
    return found


def hashed(of: Desk) -> str:
    return str(of._open.environment.databases["assistant"].get_hash())  # type: ignore[attr-defined]


def test_a_tool_has_the_documented_signature_and_docstring() -> None:
    method = desk("retail").exchange_delivered_order_items
    assert str(inspect.signature(method)) == (
        "(order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str) -> dict"
    )
    assert get_type_hints(method)["return"] is dict
    assert "ask for explicit user confirmation" in method.__doc__
    assert "order_id: The order id, such as '#W0000000'." in method.__doc__


@pytest.mark.parametrize("domain", ["retail", "airline", "telecom"])
def test_every_tool_is_documented(domain: Domain) -> None:
    for tool in backend().tools(domain):
        assert tool.doc
        assert not {"inspect", "ToolError"} & set(f"{tool.doc} {tool.signature}".replace(":", " ").split())


def test_results_are_copies() -> None:
    own = desk("retail")
    before = own.get_order_details(ORDER)
    spoilt = own.get_order_details(ORDER)
    spoilt["status"] = "cancelled"
    spoilt["items"].clear()
    assert own.get_order_details(ORDER) == before
    assert own.changed == {}


def test_arguments_are_copies() -> None:
    own, given = desk("retail"), copy.deepcopy(EXCHANGE)
    own.exchange_delivered_order_items(**given)
    given["item_ids"].append("9")  # type: ignore[attr-defined]
    assert own.get_order_details(ORDER)["exchange_items"] == sorted(EXCHANGE["item_ids"])


def test_what_changed_is_noted_entry_by_entry() -> None:
    own = desk("retail")
    own.exchange_delivered_order_items(**EXCHANGE)
    assert list(own.changed) == [f"orders/{ORDER}"]
    with pytest.raises(ValueError, match="Non-delivered order cannot be exchanged"):
        own.exchange_delivered_order_items(**EXCHANGE)
    assert list(own.changed) == [f"orders/{ORDER}"]


@pytest.mark.parametrize("given", [{1, 2}, float("nan"), b"x", object()])
def test_what_json_cannot_say_is_no_argument(given: Any) -> None:
    own = desk("telecom")
    with pytest.raises(TypeError, match="takes what JSON can say"):
        own.refuel_data("C1001", "L1002", given)


def test_a_desk_opens_as_it_arrives_and_sets_the_scene() -> None:
    id = next(each for each in splits("telecom")["base"] if "airplane_mode_on" in each)
    own = opened(scenarios("telecom")[id])
    assert own.answers == []
    arrived = pickle.loads(pickle.dumps(own))
    assert len(arrived.answers) == len(own.asked)
    assert "Airplane Mode" in arrived.check_status_bar()


def test_the_same_calls_leave_the_same_state_if_the_world_is_seeded_the_same() -> None:
    found = []
    for seed in (1, 1, 2):
        random.seed(seed)
        own = desk("telecom")
        own.refuel_data("C1002", "L1004", 2)
        found.append(str(own.get_bills_for_customer("C1002")))
    assert found[0] == found[1] != found[2]


def test_only_the_desk_that_was_opened_last_works_over_shared_databases() -> None:
    first, second = desk("retail"), desk("retail")
    assert second.get_order_details(ORDER)["status"] == "delivered"
    with pytest.raises(RuntimeError, match="another retail desk"):
        first.get_order_details(ORDER)


@pytest.mark.parametrize("domain", ["retail", "airline"])
def test_the_journal_is_upstreams_hash(domain: Domain) -> None:
    """The same has changed if and only if the hash of the whole database is the same; undoing restores it."""
    untouched = hashed(desk(domain))
    assert untouched == PortedEnvironment(domain).databases["assistant"].get_hash()  # type: ignore[attr-defined]
    seen: dict[str, dict[str, str]] = {untouched: {}}
    for scenario in list(scenarios(domain).values())[:: 9 if domain == "retail" else 8]:
        own = opened(scenario)
        own.open()
        for each in scenario.actions:
            try:
                getattr(own, each.name)(**each.arguments)
            except ValueError:
                continue
        assert seen.setdefault(hashed(own), own.changed) == own.changed
    assert len(seen) > 3
    assert len({str(sorted(each.items())) for each in seen.values()}) == len(seen)
    assert hashed(desk(domain)) == untouched


def test_answers_that_fail_in_upstreams_own_run_end_their_cell() -> None:
    parts = [solve(scenarios("retail")[id]).parts for id in ("0", "64")]
    assert len(parts[0]) == 1
    assert len(parts[1]) > 1


def test_the_port_leaves_its_package_and_what_that_depends_on_alone() -> None:
    desk("telecom")
    assert not [name for name in sys.modules if name.startswith(("inspect_ai", "inspect_evals"))]
