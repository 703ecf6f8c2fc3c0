"""tau2's tasks in real episodes: what Python can say and tool calls cannot, and what is not the way to the reward."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.tau2_peer import scored
from cave_rl.rollouts import play_messages
from cave_rl.rollouts.play import Rollout
from cave_rl.runtime import Pool
from cave_rl.semantic.parsing import fenced
from cave_rl.suites.third_party.tau2.tasks import airline, retail, telecom
from cave_rl.suites.third_party.tau2.tasks.data import splits
from cave_rl.suites.third_party.tau2.world import port
from cave_rl.tasks import Episode, EpisodeConfig, Task
from cave_rl.tasks.validation.validate import validate

EXCHANGE = (
    "exchange_delivered_order_items(order_id='#W2378156', item_ids=['1151293680', '4983901480'], "
    "new_item_ids=['7706410293', '7747408585'], payment_method_id='credit_card_9513926')"
)
LINK = (
    "link = next(each.cell_contents for each in get_order_details.__closure__ if hasattr(each.cell_contents, 'call'))\n"
)
"""What the proxies call by: model code can find it."""


def played(pool: Pool, task: Task, cells: Sequence[str], answer: str = "Done.") -> Rollout:
    episode = Episode(task, pool=pool, config=EpisodeConfig())
    try:
        (rollout,) = play_messages(
            [episode], lambda own: fenced(cells[own.turn_steps]) if own.turn_steps < len(cells) else answer
        )
    finally:
        episode.close()
    assert rollout.fault is None
    return rollout


def told(rollout: Rollout, answer: str = "Done.") -> dict[str, Any]:
    """What is told of it; the peer says the same of the calls."""
    found: dict[str, Any] = rollout.infos[-1]["tau2"]
    task = rollout.episode.task
    domain = "telecom" if task.suite.startswith("Tau2-Telecom") else task.family
    assert found["reward"] == rollout.reward
    assert scored(domain, found["task"], found["calls"], answer) == bool(rollout.reward)  # type: ignore[arg-type]
    return found


def said(rollout: Rollout) -> str:
    return "\n".join(each["observation"] for each in rollout.episode.trace if each.get("code"))


GOOD = {
    "loops and conditions": (
        "user = get_user_details(find_user_id_by_name_zip('Yusuf', 'Rossi', '19122'))\n"
        "for number in user['orders']:\n    order = get_order_details(number)\n"
        "    olds = [each for each in order['items'] if each['name'] in ('Mechanical Keyboard', 'Smart Thermostat')]\n"
        "    if order['status'] != 'delivered' or len(olds) != 2 or number != '#W2378156':\n        continue\n"
        "    news = []\n    for old in olds:\n"
        "        variants = get_product_details(old['product_id'])['variants']\n"
        "        news += [key for key in variants if key in ('7706410293', '7747408585')]\n"
        "    exchange_delivered_order_items(number, [old['item_id'] for old in olds], news,\n"
        "                                   next(iter(user['payment_methods'])))"
    ),
    "refusals that are caught": (
        f"for reason in ('because', 'no longer needed'):\n    try:\n        cancel_pending_order('#W2378156', reason)\n"
        f"    except ValueError as error:\n        print(error)\n{EXCHANGE}"
    ),
    "an exception half-way": f"{EXCHANGE}\nraise RuntimeError\ncancel_pending_order('#W2378156', 'no longer needed')",
    "what is returned is changed": (
        f"order = {EXCHANGE}\norder['status'] = 'cancelled'\norder['items'].clear()\n"
        "other = get_order_details('#W2378156')\nother.clear()\n"
        "product = get_product_details('1656367028')\nproduct['variants']['7706410293']['price'] = 0"
    ),
    "arguments that are changed afterwards": (
        "olds, news = ['1151293680', '4983901480'], ('7706410293', '7747408585')\n"
        "exchange_delivered_order_items('#W2378156', olds, news, 'credit_card_9513926')\nolds.clear()"
    ),
}

BAD = {
    "does nothing": "",
    "only looks": "get_order_details('#W2378156')",
    "acts on another order": "cancel_pending_order('#W9348897', 'no longer needed')",
    "does it, and something else": f"{EXCHANGE}\nmodify_user_address('yusuf_rossi_9620', 'a', 'b', 'c', 'd', 'e', 'f')",
    "does half of it": (
        "exchange_delivered_order_items('#W2378156', ['1151293680'], ['7706410293'], 'credit_card_9513926')"
    ),
    "changes only what was returned": "order = get_order_details('#W2378156')\norder['status'] = 'exchange requested'",
    "defines the function anew": f"exchange_delivered_order_items = lambda **given: given\n{EXCHANGE}",
    "patches its link": (LINK + f"type(link).call = lambda self, target, arguments, keywords: {{}}\n{EXCHANGE}"),
    "makes an object of the desk's name": "class Retail:\n    changed = {}\n    answers = []\ndesk = Retail()",
}


@pytest.mark.parametrize("cell", GOOD.values(), ids=GOOD)
def test_calls_count_however_they_are_made(pool: Pool, cell: str) -> None:
    rollout = played(pool, retail.scenario("0"), [cell])
    assert rollout.reward == 1.0, said(rollout)
    assert told(rollout)["parts"] == {"COMMUNICATE": True, "DB": True}


@pytest.mark.parametrize("cell", BAD.values(), ids=BAD)
def test_what_is_not_the_task_earns_nothing(pool: Pool, cell: str) -> None:
    rollout = played(pool, retail.scenario("0"), [cell] if cell else [])
    assert rollout.reward == 0.0, said(rollout)
    assert not told(rollout)["parts"]["DB"]


def test_the_state_has_no_attributes_for_a_rollout(pool: Pool) -> None:
    for code in (
        "desk.changed.clear()",
        "get_order_details.__self__.changed",
        "get_order_details.__wrapped__",
        LINK + "link.call('_call', (), {})",
        LINK + "link.call('open', (), {})",
        LINK + "link.call('initialize', (), {})",
    ):
        cell = (
            "try:\n    "
            + code.replace("\n", "\n    ")
            + "\nexcept (AttributeError, NameError) as error:\n    print('refused:', error)"
        )
        rollout = played(pool, retail.scenario("0"), [cell, EXCHANGE])
        assert "refused: " in said(rollout), code
        assert rollout.reward == 1.0, "and nothing has changed"


def test_what_must_be_told_must_be_told(pool: Pool) -> None:
    task = retail.scenario("2")
    turn = task.turns[0]
    assert played(pool, task, turn.gold, turn.gold_answer).reward == 1.0
    rollout = played(pool, task, turn.gold, "All is done.")
    assert rollout.reward == 0.0
    assert told(rollout, "All is done.")["parts"] == {"COMMUNICATE": False, "DB": True}


def test_where_nothing_may_be_done_doing_nothing_is_right_and_acting_is_not(pool: Pool) -> None:
    task = airline.scenario("0")
    assert task.turns[0].refusal
    assert played(pool, task, []).reward == 1.0
    rollout = played(pool, task, ["cancel_reservation('EHGLP3')"])
    assert rollout.reward == 0.0
    assert not told(rollout)["parts"]["DB"]


def test_a_ticket_is_solved_with_the_tools_of_both_sides(pool: Pool) -> None:
    base = splits("telecom")["base"]
    task = telecom.scenario(next(each for each in base if "data_usage_exceeded" in each and "airplane" in each))
    calls = "\n".join(task.turns[0].gold).split("\n")
    rollout = played(pool, task, ["\n".join(calls)])
    assert rollout.reward == 1.0
    assert all(told(rollout)["parts"].values())
    for left in range(len(calls)):
        rollout = played(pool, task, ["\n".join(calls[:left] + calls[left + 1 :])])
        told(rollout)


def test_a_ticket_that_can_only_be_handed_on_must_be(pool: Pool) -> None:
    known = splits("telecom")["base"]
    found = [each for each in known if "ACTION" in telecom.scenario(each).turns[0].assertions[0].scenario.basis]  # type: ignore[attr-defined]
    task = telecom.scenario(found[0])
    rollout = played(pool, task, task.turns[0].gold)
    assert rollout.reward == 1.0
    assert told(rollout)["parts"] == {"ACTION": True, "ENV_ASSERTION": True}
    rollout = played(pool, task, ["check_status_bar()"])
    assert rollout.reward == 0.0
    assert not told(rollout)["parts"]["ACTION"]


def test_a_dialogue_that_its_step_limit_ends_has_failed(pool: Pool) -> None:
    task = retail.scenario("0")
    limit = task.turns[0].max_steps
    assert limit is not None
    rollout = played(pool, task, [EXCHANGE, *["list_all_product_types()"] * limit])
    assert rollout.reward == 0.0
    assert rollout.infos[-1]["tau2"]["parts"]["DB"]


@pytest.mark.rung("landlock")
def test_the_answers_are_neither_readable_nor_importable(pool: Pool) -> None:
    data = port.root() / "data" / "domains"
    files = [str(data / each) for each in ("retail/tasks.json", "retail/db.json.gz", "telecom/tasks.json.gz")]
    files.append(str(Path(port.__file__)))
    names = ["inspect_evals", "cave_rl.suites.third_party.tau2.world.desk", "cave_rl.suites.third_party.tau2.tasks"]
    cell = (
        f"import sys\nsys.path.append({str(data.parents[2])!r})\nrefused = 0\n"
        f"for each in {files!r}:\n    try:\n        open(each)\n    except OSError:\n        refused += 1\n"
        f"for name in {names!r}:\n    try:\n        __import__(name)\n"
        "    except (ImportError, OSError):\n        refused += 1\n"
        "print('refused', refused, [each for each in sys.modules if 'tau2' in each or 'inspect_' in each])"
    )
    assert "refused 7 []" in said(played(pool, retail.scenario("0"), [cell]))


def test_validation_finds_nothing_wrong(pool: Pool) -> None:
    ticket = next(each for each in splits("telecom")["base"] if "data_usage_exceeded" in each)
    report = validate([retail.scenario("64"), airline.scenario("2"), telecom.scenario(ticket)], hacks=1, pool=pool)
    assert report.ok, [str(each) for each in report.errors]
    assert json.dumps([str(each) for each in report.errors]) == "[]"
