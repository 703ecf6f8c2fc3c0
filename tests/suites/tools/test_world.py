"""The functions of Tools-v0 keep their state possible, and what they refuse changes nothing."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cave_rl.runtime.codec import same
from cave_rl.runtime.primitives import Hosted
from cave_rl.suites.tools.tasks import clinic, helpdesk, notes, store, travel

DRAWS: dict[Callable[[random.Random], Any], tuple[str, ...]] = {
    travel.draw: travel.TRAVEL.mutators,
    store.draw: store.STORE.mutators,
    helpdesk.draw: helpdesk.HELPDESK.mutators,
    notes.draw: notes.NOTES.mutators,
    clinic.draw: clinic.CLINIC.mutators,
}


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from(list(DRAWS)))
def test_only_the_functions_that_are_said_to_change_something_do_and_not_if_they_refuse(data: Any, draw: Any) -> None:
    world = draw(random.Random(data.draw(st.integers(0, 50))))
    names = [name for each in vars(world).values() if isinstance(each, dict) for name in each]
    arguments = st.sampled_from([*names, "nothing", "open", "urgent", "", 0, 1, 2, True, None, 1.5])
    for method in data.draw(st.lists(st.sampled_from(Hosted(world).methods()), min_size=5, max_size=15)):
        before, refused = copy.deepcopy(world), False
        try:
            getattr(world, method.name)(*(data.draw(arguments) for _ in method.parameters))
        except (ValueError, LookupError, TypeError, AttributeError):
            refused = True
        if refused or method.name not in DRAWS[draw]:
            assert same(world, before), method.name


@pytest.mark.parametrize("draw", list(DRAWS))
def test_every_function_tells_the_model_what_it_does(draw: Any) -> None:
    methods = Hosted(draw(random.Random(1))).methods()
    assert all(each.func.__doc__ for each in methods)
    assert set(DRAWS[draw]) < {each.name for each in methods}


def test_only_a_quote_that_was_given_can_be_booked_and_only_a_free_room() -> None:
    world = travel.draw(random.Random(1))
    hotel = next(name for name, each in world.hotels.items() if each["free"] == 1)
    who = next(iter(world.limits))
    for forged in (f"{hotel}/1/00000000", f"{hotel}/2/{world.quote(hotel, 1)['quote'][-8:]}", "x"):
        with pytest.raises(ValueError, match=r"quote|unpack"):
            world.book(forged, who)
    booking = world.book(world.quote(hotel, 1)["quote"], who)
    with pytest.raises(ValueError, match="no free room"):
        world.book(world.quote(hotel, 1)["quote"], who)
    world.cancel(booking)
    assert world.hotels[hotel]["free"] == 1
    with pytest.raises(ValueError, match="already"):
        world.cancel(booking)


def test_a_coupon_needs_a_cart_that_is_worth_it_and_a_checkout_takes_the_goods_off_the_shelf() -> None:
    world = store.draw(random.Random(1))
    product = next(name for name, each in world.products.items() if each["stock"] == 3)
    world.coupons["C1"] = {"percent": 1, "least": world.products[product]["price"] * 2}
    with pytest.raises(ValueError, match="empty"):
        world.checkout("Ada")
    world.add_to_cart("Ada", product, 1)
    with pytest.raises(ValueError, match="cannot be used"):
        world.apply_coupon("Ada", "C1")
    assert world.add_to_cart("Ada", product, 1) == world.coupons["C1"]["least"]
    world.apply_coupon("Ada", "C1")
    order = world.get_order(world.checkout("Ada"))
    assert (order["lines"], order["coupon"], world.products[product]["stock"]) == ({product: 2}, "C1", 1)


def test_a_ticket_is_closed_only_after_a_reply_and_then_stays_as_it_is() -> None:
    world = helpdesk.draw(random.Random(1))
    ticket = next(name for name in world.find_tickets("open") if not world.tickets[name]["replies"])
    with pytest.raises(ValueError, match="never replied"):
        world.close_ticket(ticket)
    world.reply(ticket, "Hello")
    world.close_ticket(ticket)
    with pytest.raises(ValueError, match="closed"):
        world.set_priority(ticket, "low")
