"""What the dialogues are about keeps its invariants, whatever it is asked to do."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cave_rl.runtime.codec import same
from cave_rl.runtime.primitives import Hosted
from cave_rl.suites.dialogues.tasks import bank, calendar, home, library, shop
from cave_rl.suites.dialogues.world.bank import Bank
from cave_rl.suites.dialogues.world.calendar import Calendar, Meeting
from cave_rl.suites.dialogues.world.home import Home
from cave_rl.suites.dialogues.world.library import Library
from cave_rl.suites.dialogues.world.shop import Shop

DRAWS: list[Callable[[random.Random], Any]] = [home.draw, bank.draw, shop.draw, library.draw, calendar.draw]
NUMBERS = st.one_of(st.integers(-5, 5), st.integers(-10_000, 10_000), st.sampled_from([True, 1.5, "3", None]))


def names_in(world: Any) -> list[Any]:
    return [name for each in vars(world).values() if isinstance(each, dict) for name in each]


@settings(max_examples=25, deadline=None)
@given(st.data(), st.sampled_from(DRAWS))
def test_whatever_is_called_a_world_stays_possible_and_a_refused_call_changes_nothing(data: Any, draw: Any) -> None:
    world = draw(random.Random(data.draw(st.integers(0, 50))))
    arguments = st.one_of(
        NUMBERS, st.booleans(), st.sampled_from([*names_in(world), "nothing", "packed", "cancelled", "shipped"])
    )
    for method in data.draw(st.lists(st.sampled_from(Hosted(world).methods()), min_size=5, max_size=12)):
        if isinstance(world, Calendar) and method.name == "add":
            continue
        before = copy.deepcopy(world)
        try:
            getattr(world, method.name)(*(data.draw(arguments) for _ in method.parameters))
        except (ValueError, KeyError, TypeError):
            assert same(world, before), method.name
        world.__validate_claim__()


@pytest.mark.parametrize("draw", DRAWS)
def test_every_method_tells_the_model_what_it_does(draw: Any) -> None:
    assert all(each.func.__doc__ for each in Hosted(draw(random.Random(1))).methods())


def test_money_moves_within_what_covers_it_and_none_is_made() -> None:
    one = {"balance": 100, "overdraft": 50, "frozen": False}
    bank = Bank({"a": one, "b": {**one, "overdraft": 0}}, {"B1": {"payee": "P", "amount": 30, "due": "2025-03-01",
                                                                  "paid_from": None}})  # fmt: skip
    bank.transfer("a", "b", 150)
    assert (bank.account("a")["balance"], bank.account("b")["balance"]) == (-50, 250)
    for wrong in (
        lambda: bank.transfer("a", "b", 1),
        lambda: bank.transfer("b", "b", 1),
        lambda: bank.transfer("b", "a", -5),
        lambda: bank.set_overdraft("a", 49),
        lambda: bank.pay_bill("B1", "a"),
    ):
        with pytest.raises(ValueError, match="a"):
            wrong()
    bank.pay_bill("B1", "b")
    with pytest.raises(ValueError, match="was paid"):
        bank.pay_bill("B1", "b")
    bank.freeze("b", True)
    with pytest.raises(ValueError, match="frozen"):
        bank.transfer("b", "a", 1)


def test_an_order_takes_goods_off_the_shelf_and_a_cancelled_one_gives_them_back() -> None:
    shop = Shop(
        {"mug": {"price": 5, "stock": 3, "reorder_at": 1}}, {"O1": {"customer": "Ada", "lines": {}, "status": "open"}}
    )
    shop.add_line("O1", "mug", 2)
    with pytest.raises(ValueError, match="only 1"):
        shop.add_line("O1", "mug", 2)
    shop.move_on("O1", "packed")
    with pytest.raises(ValueError, match="not open"):
        shop.add_line("O1", "mug", 1)
    shop.move_on("O1", "cancelled")
    assert shop.product("mug")["stock"] == 3
    with pytest.raises(ValueError, match="cancelled"):
        shop.move_on("O1", "shipped")


def test_a_book_is_kept_for_who_waits_first() -> None:
    book = {"author": "Moss", "borrower": "Ada", "days_left": 3, "waiting": ["Bo"]}
    library = Library({"T": book}, {"Ada": 0, "Bo": 0, "Cleo": 0})
    library.queue("T", "Cleo")
    with pytest.raises(ValueError, match="prolonged"):
        library.prolong("T", 3)
    library.take_back("T")
    with pytest.raises(ValueError, match="kept for Bo"):
        library.lend("T", "Cleo", 7)
    library.lend("T", "Bo", 7)
    assert library.book("T")["waiting"] == ["Cleo"]


def test_two_meetings_do_not_overlap_in_one_room() -> None:
    calendar = Calendar()
    calendar.add("A", Meeting("Monday", 600, 30, "Amber"))
    with pytest.raises(ValueError, match="taken"):
        calendar.add("B", Meeting("Monday", 615, 30, "Amber"))
    calendar.add("B", Meeting("Monday", 630, 30, "Amber"))
    with pytest.raises(ValueError, match="taken"):
        calendar.move("B", "Monday", 601)
    calendar.meetings["B"].start = 610  # a cell may write what it likes: the claim says that it cannot be
    with pytest.raises(ValueError, match="overlap"):
        calendar.__validate_claim__()


@pytest.mark.parametrize("level", [101, -1, 5.0, True, "5", None])
def test_a_device_takes_levels_of_its_kind_only(level: Any) -> None:
    home = Home({"lamp": {"room": "hall", "kind": "lamp", "on": True, "level": 50}}, {"hall": 20})
    with suppress(ValueError):
        home.set_level("lamp", level)
    assert home.read("lamp")["level"] == 50
