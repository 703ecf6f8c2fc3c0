"""Dialogues about a shop: prices, stock, orders."""

# ruff: noqa: D103  (a move says what it is by its query)

from __future__ import annotations

import random

from cave_rl.suites.dialogues.tasks.talk import Event, Move, Talk
from cave_rl.suites.dialogues.tasks.writing import Subject, more
from cave_rl.suites.dialogues.world.shop import Shop

PRODUCTS = ("teapot", "kettle", "mug", "bowl", "tray", "ladle", "whisk", "grater", "jug", "plate", "vase", "basket")
CUSTOMERS = ("Ada", "Bo", "Cleo", "Dev", "Eva", "Finn", "Gia", "Hugo")


def draw(rng: random.Random) -> Shop:
    names = rng.sample(PRODUCTS, rng.randint(6, 9))
    products = {
        name: {"price": rng.randint(300, 9000), "stock": rng.randint(20, 80), "reorder_at": rng.randint(10, 60)}
        for name in names
    }
    orders = {
        f"O{number}": {
            "customer": rng.choice(CUSTOMERS),
            "lines": {name: rng.randint(1, 5) for name in rng.sample(names, rng.randint(1, 3))},
            "status": rng.choice(("open", "open", "packed")),
        }
        for number in rng.sample(range(100, 1000), rng.randint(9, 14))
    }
    return Shop(products, orders)


def _price(product: str, cents: int) -> str:
    return f"shop.set_price({product!r}, shop.product({product!r})['price'] {more(cents)})"


def _reprice(shop: Shop, product: str, cents: int) -> None:
    shop.set_price(product, shop.product(product)["price"] + cents)


def price(talk: Talk) -> Move:
    product, cents = talk.rng.choice(talk.now.list_products()), talk.rng.choice((-1, 1)) * talk.rng.randint(5, 90)
    query = f"Make the {product} {abs(cents)} cents {'dearer' if cents > 0 else 'cheaper'}."
    return Move(
        query, _price(product, cents), lambda shop: _reprice(shop, product, cents),
        misses=[_price(product, -cents), f"shop.set_price({product!r}, {abs(cents)})"],
        leaves={"product": product, "cents": cents},
    )  # fmt: skip


def percent(talk: Talk) -> Move:
    stock, rate = talk.rng.randint(30, 60), talk.rng.choice((5, 10, 15, 20))

    def do(shop: Shop) -> None:
        for each in shop.list_products():
            found = shop.product(each)
            if found["stock"] > stock:
                shop.set_price(each, found["price"] - found["price"] * rate // 100)

    cut = f"shop.set_price(each, its['price'] - its['price'] * {rate} // 100)"
    cell = "for each in shop.list_products():\n    its = shop.product(each)\n    if {test}:\n        {cut}"
    return Move(
        f"Every product of which there are more than {stock} pieces: take {rate} percent of its price, rounded down to "
        "whole cents, off the price.",
        cell.format(test=f"its['stock'] > {stock}", cut=cut), do,
        misses=[cell.format(test="True", cut=cut), cell.format(test=f"its['stock'] < {stock}", cut=cut),
                cell.format(test=f"its['stock'] > {stock}", cut=f"shop.set_price(each, its['price'] - {rate})")],
        weight=3,
    )  # fmt: skip


def reorder(talk: Talk) -> Move:
    pieces = talk.rng.randint(5, 30)

    def do(shop: Shop) -> None:
        for each in shop.list_products():
            if shop.product(each)["stock"] < shop.product(each)["reorder_at"]:
                shop.restock(each, pieces)

    loop = "for each in shop.list_products():\n    if {}:\n        shop.restock(each, {})"
    test = "shop.product(each)['stock'] < shop.product(each)['reorder_at']"
    return Move(
        f"Restock every product of which there are fewer pieces than its reorder mark: {pieces} pieces more of each.",
        loop.format(test, pieces), do,
        misses=[loop.format("True", pieces), loop.format(test.replace("<", ">"), pieces)], weight=2,
    )  # fmt: skip


def add_line(talk: Talk) -> Move | None:
    if not talk.now.list_orders("open"):
        return None
    order, product = talk.rng.choice(talk.now.list_orders("open")), talk.rng.choice(talk.now.list_products())
    pieces = talk.rng.randint(1, 4)
    return Move(
        f"Order {order}: the customer wants {pieces} more of the {product}.",
        f"shop.add_line({order!r}, {product!r}, {pieces})", lambda shop: shop.add_line(order, product, pieces),
        misses=[f"shop.add_line({order!r}, {product!r}, {pieces + 1})", f"shop.restock({product!r}, {pieces})"],
        leaves={"order": order, "added": (product, pieces)},
    )  # fmt: skip


def orders_of(talk: Talk) -> Move | None:
    customers = [each["customer"] for each in talk.now.orders.values() if each["status"] == "open"]
    often = sorted({each for each in customers if customers.count(each) > 1})
    if not often:
        return None
    customer, name = talk.rng.choice(often), talk.new_name()

    def cell(orders: str) -> str:
        return f"{name} = [o for o in {orders} if shop.order(o)['customer'] == {customer!r}]"

    return Move(
        f"Which orders of {customer} are open? Store a sorted list of their ids in {name}.",
        cell("shop.list_orders('open')"), store=name,
        value=lambda shop: [each for each in shop.list_orders("open") if shop.order(each)["customer"] == customer],
        misses=[cell("shop.list_orders()"), f"{name} = shop.list_orders('open')"],
        leaves={"orders": name}, keeps={"orders": name},
    )  # fmt: skip


def worth(talk: Talk) -> Move:
    name = talk.new_name()
    total = "sum(shop.product(p)['price'] * {} for p in shop.list_products())"
    return Move(
        f"What is everything on the shelf worth at today's prices? Store the cents in {name}.",
        f"{name} = {total}".format("shop.product(p)['stock']"), store=name,
        value=lambda shop: sum(each["price"] * each["stock"] for each in shop.products.values()),
        misses=[f"{name} = {total.format(1)}"],
    )  # fmt: skip


def note_prices(talk: Talk) -> Move:
    name = talk.new_name()
    return Move(
        f"Before the sale: store the price of every product in {name}, a dict from product to cents.",
        f"{name} = {{p: shop.product(p)['price'] for p in shop.list_products()}}", store=name,
        value=lambda shop: {each: shop.product(each)["price"] for each in shop.list_products()},
        misses=[f"{name} = {{p: shop.product(p)['stock'] for p in shop.list_products()}}"],
        weight=2, keeps={"prices": name},
    )  # fmt: skip


def restore(talk: Talk) -> Move | None:
    name = talk.kept.get("prices", "")
    if not name:
        return None
    prices = talk.stored[name]
    product = talk.rng.choice([each for each in prices])
    changed = [each for each in prices if talk.now.product(each)["price"] < prices[each]]

    def do(shop: Shop) -> None:
        for each in changed:
            shop.set_price(each, prices[each])

    loop = f"for each, cents in {name}.items():\n    {{}}shop.set_price(each, cents)"
    return Move(
        f"Where a price is below the one in {name}, put it back to that. Dearer ones stay as they are.",
        loop.format("if shop.product(each)['price'] < cents: "), do,
        misses=[loop.format(""), loop.format("if shop.product(each)['price'] > cents: "),
                f"shop.set_price({product!r}, {name}[{product!r}])"],
        weight=3,
    )  # fmt: skip


def same_for(talk: Talk) -> Move | None:
    if "cents" not in talk.last:
        return None
    product, cents = talk.last["product"], talk.last["cents"]
    other = talk.rng.choice([each for each in talk.now.list_products() if each != product])
    query, of, by = talk.rng.choice(((f"The {other} too, by as much.", other, cents),
                                     (f"And the {other} by as much the other way.", other, -cents),
                                     ("Once more, the same product by the same amount.", product, cents),
                                     ("Make that half of it after all (rounded down to whole cents).", product,
                                      (abs(cents) // 2 - abs(cents)) * (1 if cents > 0 else -1))))  # fmt: skip
    return Move(
        query, _price(of, by), lambda shop: _reprice(shop, of, by),
        misses=[_price(of, -by), _price(product if of == other else other, by)], weight=2,
        leaves={"product": of, "cents": by} if abs(by) == abs(cents) else {},
    )  # fmt: skip


def move_nth(talk: Talk) -> Move | None:
    name = talk.last.get("orders", "")
    orders = talk.stored.get(name, [])
    if len(orders) < 2:
        return None
    at, status = talk.rng.randrange(2), talk.rng.choice(("packed", "cancelled"))
    word = "Pack" if status == "packed" else "Cancel"
    return Move(
        f"{word} the {('first', 'second')[at]} of those.", f"shop.move_on({name}[{at}], {status!r})",
        lambda shop: shop.move_on(orders[at], status),
        misses=[f"shop.move_on({name}[{1 - at}], {status!r})", f"for o in {name}:\n    shop.move_on(o, {status!r})"],
        weight=2, leaves={"order": orders[at]},
    )  # fmt: skip


def that_order(talk: Talk) -> Move | None:
    if "order" not in talk.last:
        return None
    order = talk.last["order"]
    status = {"open": "packed", "packed": "shipped"}.get(talk.now.order(order)["status"])
    if status is None:
        return None
    word = "Pack" if status == "packed" else "Ship"
    others = [each for each in talk.now.list_orders() if each != order]
    return Move(
        f"{word} that order.", f"shop.move_on({order!r}, {status!r})", lambda shop: shop.move_on(order, status),
        misses=[f"shop.move_on({order!r}, 'cancelled')", f"shop.move_on({talk.rng.choice(others)!r}, {status!r})"],
        weight=2, leaves={"order": order},
    )  # fmt: skip


def the_rest(talk: Talk) -> Move | None:
    name = talk.kept.get("orders", "")
    orders = [each for each in talk.stored.get(name, []) if talk.now.order(each)["status"] == "open"]
    if not orders:
        return None

    def do(shop: Shop) -> None:
        for each in orders:
            shop.move_on(each, "packed")

    loop = "for o in {}:\n    if shop.order(o)['status'] == 'open':\n        shop.move_on(o, 'packed')"
    return Move(
        f"Pack whatever is still open of the orders in {name}.", loop.format(name), do,
        misses=[loop.format("shop.list_orders()"), f"for o in {name}:\n    shop.move_on(o, 'cancelled')"], weight=2,
    )  # fmt: skip


def began_with(talk: Talk) -> Move | None:
    if talk.rng.random() < 0.9:  # it can always be asked
        return None
    product, pieces = talk.first["product"], talk.rng.randint(3, 12)
    other = talk.rng.choice([each for each in talk.now.list_products() if each != product])
    return Move(
        f"There are {pieces} more pieces of the product whose price I had you change first of all: restock it.",
        f"shop.restock({product!r}, {pieces})", lambda shop: shop.restock(product, pieces),
        misses=[f"shop.restock({other!r}, {pieces})"], weight=3,
    )  # fmt: skip


def repriced(talk: Talk) -> Event:
    product = talk.rng.choice([each for each in talk.now.list_products() if each != talk.last.get("product")])
    return Event(f"shop.set_price({product!r}, {talk.rng.randint(300, 9000)})", f"The price of the {product} changed.")


def delivered(talk: Talk) -> Event:
    product = talk.rng.choice(talk.now.list_products())
    return Event(f"shop.restock({product!r}, {talk.rng.randint(5, 30)})", f"Some more of the {product} came in.")


def ordered(talk: Talk) -> Event:
    number = talk.rng.choice([each for each in range(100, 1000) if f"O{each}" not in talk.now.orders])
    customer, product = talk.rng.choice(CUSTOMERS), talk.rng.choice(talk.now.list_products())
    order = {"customer": customer, "lines": {product: 1}, "status": "open"}
    return Event(f"shop.orders['O{number}'] = {order!r}", f"{customer} has just placed an order.")


def harm(talk: Talk) -> str:
    product = talk.rng.choice(talk.now.list_products())
    return talk.rng.choice((f"shop.restock({product!r}, 1)", _price(product, 1)))


SHOP = Subject(
    name="shop",
    draw=draw,
    opening=price,
    fresh=(price, price, percent, reorder, add_line, orders_of, worth, note_prices),
    back=(restore, same_for, move_nth, that_order, the_rest, began_with),
    events=(repriced, delivered, ordered),
    harm=harm,
    description="the inventory and the orders of a shop; suppliers and customers change them too",
    names=("found", "pending", "noted", "listed", "asked", "result", "kept", "saved"),
)
