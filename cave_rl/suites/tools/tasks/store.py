"""Tasks over products, carts, coupons and orders."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random
from typing import Any

from cave_rl.suites.tools.tasks.asking import Domain, change, lookup
from cave_rl.suites.tools.tasks.drawing import PEOPLE, least, until_possible
from cave_rl.suites.tools.world.store import Store
from cave_rl.tasks.task import Task

GOODS = {"tea": ("Assam", "Sencha", "Rooibos", "Oolong"), "lamps": ("Globe", "Tripod", "Clip", "Arc"),
         "books": ("Atlas", "Reader", "Primer", "Almanac"), "tools": ("Plane", "Chisel", "Level", "Rasp")}  # fmt: skip
STORE = Domain("store", ("add_to_cart", "apply_coupon", "checkout", "refund"))


def draw(rng: random.Random) -> Store:
    numbers = iter(rng.sample(range(100, 1000), 16))
    products = {
        f"P{next(numbers)}": {"name": name, "category": category, "price": rng.randint(300, 9000),
                              "stock": rng.choice((0, 3, 5, 8))}
        for category, names in GOODS.items()
        for name in names
    }  # fmt: skip
    coupons = {
        f"C{percent}": {"percent": percent, "least": rng.randint(2000, 16_000)}
        for percent in rng.sample(range(4, 30), 5)
    }
    orders = {}
    for number in range(1, 17):
        lines = {each: rng.randint(1, 3) for each in rng.sample(list(products), rng.randint(1, 3))}
        status = rng.choice(("placed", "delivered", "delivered"))
        late = rng.choice((0, 0, 1, 2, 3, 5, 7)) if status == "delivered" else 0
        orders[f"O{number}"] = {"user": rng.choice(PEOPLE[:4]), "status": status, "late": late, "lines": lines,
                                "coupon": None}  # fmt: skip
    return Store(products, coupons, orders)


def _harm(rng: random.Random, store: Store) -> str:
    product = rng.choice([name for name, each in store.products.items() if each["stock"]])
    return f"add_to_cart({rng.choice(PEOPLE[5:])!r}, {product!r}, 1)"


def one_of_each(rng: random.Random) -> Task:
    def make() -> Task:
        store = draw(rng)
        user, category, cents = rng.choice(PEOPLE[:4]), rng.choice(list(GOODS)), rng.randint(3000, 9000)

        def do(f: Any) -> None:
            for each in f.find_products(category):
                if f.get_product(each)["stock"] and f.get_product(each)["price"] < cents:
                    f.add_to_cart(user, each, 1)
            f.checkout(user)

        loop = (
            f"for p in find_products({category!r}):\n    its = get_product(p)\n    if its['stock'] and its['price'] < "
            f"{{}}:\n        add_to_cart({user!r}, p, 1)"
        )
        return change(
            STORE, store,
            f"Order one piece of each product of the category {category} that is in stock and costs less than {cents} "
            f"cents, all in one order, for {user}.",
            do, f"{loop.format(cents)}\ncheckout({user!r})",
            [loop.format(cents), f"{loop.format(10**6)}\ncheckout({user!r})",
             loop.format(cents) + f"\n        checkout({user!r})"],
            harm=_harm(rng, store),
        )  # fmt: skip

    return until_possible(make)


def best_coupon(rng: random.Random) -> Task:
    def make() -> Task:
        store = draw(rng)
        user, pieces = rng.choice(PEOPLE[:4]), rng.randint(2, 3)
        product = rng.choice([name for name, each in store.products.items() if each["stock"] >= pieces])

        def do(f: Any) -> None:
            total = f.add_to_cart(user, product, pieces)
            fit = [each for each in f.list_coupons() if each["least"] <= total]
            f.apply_coupon(user, least(fit, lambda each: -int(each["percent"]))["code"])
            f.checkout(user)

        def cell(fit: str, pick: str = "max", end: str = f"\ncheckout({user!r})") -> str:
            return (
                f"total = add_to_cart({user!r}, {product!r}, {pieces})\nfit = {fit}\n"
                f"apply_coupon({user!r}, {pick}(fit, key=lambda c: c['percent'])['code']){end}"
            )

        right = "[c for c in list_coupons() if c['least'] <= total]"
        return change(
            STORE, store,
            f"Order {pieces} pieces of product {product} for {user}, with the coupon that saves most of those that can "
            "be used on such a cart.",
            do, cell(right), [cell("list_coupons()"), cell(right, "min"), cell(right, "max", "")],
            harm=_harm(rng, store),
        )  # fmt: skip

    return until_possible(make)


def refund_late(rng: random.Random) -> Task:
    def make() -> Task:
        store = draw(rng)
        user, days = rng.choice(PEOPLE[:4]), rng.randint(1, 4)

        def do(f: Any) -> None:
            for each in f.list_orders(user):
                order = f.get_order(each)
                if order["status"] == "delivered" and order["late"] > days:
                    f.refund(each)

        loop = f"for o in list_orders({user!r}):\n    if {{}}:\n        refund(o)"
        delivered = "get_order(o)['status'] == 'delivered'"
        return change(
            STORE, store,
            f"Refund every order of {user} that was delivered more than {days} days late.",
            do, loop.format(f"{delivered} and get_order(o)['late'] > {days}"),
            [loop.format(delivered), loop.format(f"{delivered} and get_order(o)['late'] >= {days}"),
             loop.format(f"{delivered} and get_order(o)['late'] <= {days}")],
            harm=_harm(rng, store),
        )  # fmt: skip

    return until_possible(make)


def order_again(rng: random.Random) -> Task:
    def make() -> Task:
        store = draw(rng)
        user = rng.choice(PEOPLE[:4])
        orders = store.list_orders(user)
        most = least(orders, lambda each: -sum(store.orders[each]["lines"].values()))

        def do(f: Any) -> None:
            for product, pieces in f.get_order(most)["lines"].items():
                f.add_to_cart(user, product, pieces)
            f.checkout(user)

        def cell(pick: str, pieces: str = "pieces") -> str:
            return (
                f"o = {pick}(list_orders({user!r}), key=lambda o: sum(get_order(o)['lines'].values()))\n"
                f"for product, pieces in get_order(o)['lines'].items():\n    add_to_cart({user!r}, product, {pieces})\n"
                f"checkout({user!r})"
            )

        return change(
            STORE, store,
            f"Find the order of {user} with the most pieces in all, and order the same again for {user}: the same "
            "products, as many of each, in one order without coupon.",
            do, cell("max"), [cell("min"), cell("max", "1")], harm=_harm(rng, store),
        )  # fmt: skip

    return until_possible(make)


def category_value(rng: random.Random) -> Task:
    def make() -> Task:
        store = draw(rng)
        category, name = rng.choice(list(GOODS)), rng.choice(("value", "worth", "cents"))
        value = sum(each["price"] * each["stock"] for each in store.products.values() if each["category"] == category)
        cell = f"{name} = sum(get_product(p)['price']{{}} for p in find_products({category!r}))"
        return lookup(
            STORE, store,
            f"What are all pieces in stock of the category {category} worth together? Store the cents in {name}.",
            name, value, cell.format(" * get_product(p)['stock']"), [cell.format(""), f"{name} = 0"],
            harm=_harm(rng, store),
        )  # fmt: skip

    return until_possible(make)
