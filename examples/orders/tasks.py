"""What must not enter the runtime: queries, gold, near-misses, assertions."""

from __future__ import annotations

import random

from cave_rl import NearMiss, Suite, Task, Turn, Type, Variable
from orders.world import Line, Order

PRODUCTS = ("pens", "cups", "lamps", "chairs", "plants", "clocks", "frames")

suite = Suite("Orders-v0", description="orders that know what a valid order is")


def draw_order(rng: random.Random, number: int, *, paid: bool = False) -> Order:
    """An order of two to four lines."""
    order = Order(number=number)
    for product in rng.sample(PRODUCTS, rng.randint(2, 4)):
        order.add(product, rng.randint(1, 9), rng.randrange(100, 3000))
    if paid:
        order.pay()
    return order


def draw_orders(rng: random.Random) -> list[Order]:
    """Four to six orders, of which one or two are paid, no two of one total."""
    while True:
        count, paid = rng.randint(4, 6), rng.randint(1, 2)
        numbers = rng.sample(range(100, 1000), count)
        orders = [draw_order(rng, number, paid=place < paid) for place, number in enumerate(numbers)]
        if len({order.total for order in orders}) == count:
            rng.shuffle(orders)
            return orders


@suite.family(tags=("order", "dialogue"))
def add_and_pay(rng: random.Random) -> Task:
    """Adds to a line that is there, then pays."""
    order = draw_order(rng, rng.randrange(100, 1000))
    line, more = rng.choice(order.lines), rng.randint(1, 9)
    product, cents = line.product, line.cents
    added = order.model_copy(deep=True)
    added.add(product, more, cents)
    paid = added.model_copy(deep=True)
    paid.pay()

    def more_pieces(state):
        assert state.order.model_dump() == added.model_dump(), "the order"

    def is_paid(state):
        assert state.order.model_dump() == paid.model_dump(), "the order is paid"
        assert state.amount == paid.total, "the amount"

    return Task(
        variables=[Variable("order", order)],
        types=[Type(Order), Type(Line)],
        turns=[
            Turn(
                f"Add {more} more {product} to order, at {cents} cents each.",
                more_pieces,
                changes=["order"],
                gold=f"order.add({product!r}, {more}, {cents})",
                near_misses=[
                    # pydantic does not see what is appended to a list: the judge does
                    f"order.lines.append(Line(product={product!r}, pieces={more}, cents={cents}))",
                    f"next(line for line in order.lines if line.product == {product!r}).pieces = {more}",
                    f"order.add({product!r}, {more}, {cents})\norder.pay()",  # more than was asked for
                ],
            ),
            Turn(
                "Pay order, and put what was paid, in cents, in amount.",
                is_paid,
                changes=["order"],
                gold="amount = order.pay()",
                near_misses=[
                    NearMiss("amount = order.total", fails="the order is paid"),  # told, not done
                    NearMiss(  # around the validators: a receipt over nothing
                        "amount = order.total\norder.__dict__['receipt'] = 0", fails="the order is paid"
                    ),
                ],
            ),
        ],
    )


@suite.family(tags=("orders",))
def reduce_large(rng: random.Random) -> Task:
    """Gives a discount to large orders that are still open; the limit is the total of one, so > and >= differ."""
    while True:
        orders = draw_orders(rng)
        limit = rng.choice([order.total for order in orders if order.is_open])
        large = [order.number for order in orders if order.total > limit and order.is_open]
        over = [order.is_open for order in orders if order.total > limit]
        if False in over[:-1] and over[-1]:  # a paid one is met before the last that is open
            break
    percent = rng.randrange(5, 50, 5)
    wanted = {order.number: order.model_copy(deep=True) for order in orders}
    for number in large:
        wanted[number].reduce(percent)

    def reduced(state, before):
        assert [order.number for order in state.orders] == [order.number for order in before.orders], "the same orders"
        for order in state.orders:
            assert order.model_dump() == wanted[order.number].model_dump(), "each as it should be"

    gold = f"for order in orders:\n    if order.is_open and order.total > {limit}:\n        order.reduce({percent})"
    return Task(
        variables=[Variable("orders", orders)],
        types=[Type(Order), Type(Line)],
        turns=[
            Turn(
                f"Set the discount to {percent} percent on those of orders that are open and have a total of more "
                f"than {limit} cents.",
                reduced,
                changes=["orders"],
                gold=gold,
                near_misses=[
                    NearMiss(gold.replace(">", ">="), fails="each as it should be"),
                    NearMiss(gold.replace("order.is_open and ", ""), fails="each as it should be"),
                    NearMiss(  # around the methods: a paid order whose receipt is not its total is none
                        gold.replace("order.is_open and ", "").replace(
                            f"order.reduce({percent})", f"order.__dict__['discount'] = {percent}"
                        ),
                        fails="each as it should be",
                    ),
                    NearMiss("orders.clear()", fails="each as it should be"),  # a loop that is never entered has failed
                ],
            )
        ],
    )


@suite.family(held_out=True)
def pay_cheapest(rng: random.Random) -> Task:
    """Pays the cheapest open order, and leaves the others as they are."""
    orders = draw_orders(rng)
    wanted = [order.model_copy(deep=True) for order in orders]
    min((order for order in wanted if order.is_open), key=lambda order: order.total).pay()

    def one_is_paid(state):
        assert [order.model_dump() for order in state.orders] == [order.model_dump() for order in wanted], "the orders"

    gold = "min((order for order in orders if order.is_open), key=lambda order: order.total).pay()"
    return Task(
        variables=[Variable("orders", orders)],
        types=[Type(Order), Type(Line)],
        turns=[
            Turn(
                "Pay the one of orders that has the smallest total of those that are open.",
                one_is_paid,
                changes=["orders"],
                gold=gold,
                near_misses=[
                    gold.replace("min", "max"),
                    "for order in orders:\n    if order.is_open:\n        order.pay()",
                    f"{gold}\norders.sort(key=lambda order: order.total)",  # more than was asked for
                ],
            )
        ],
    )
