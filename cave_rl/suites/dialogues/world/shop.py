"""A shop with an inventory and orders."""

from __future__ import annotations

from typing import Any

STEPS = {"open": ("packed", "cancelled"), "packed": ("shipped", "cancelled")}


class Shop:
    """A shop. Prices are whole cents. What is on the shelf never falls below 0: an order takes its goods off it."""

    def __init__(self, products: dict[str, dict[str, Any]], orders: dict[str, dict[str, Any]]) -> None:
        self.products = products
        self.orders = orders
        self.__validate_claim__()

    def list_products(self) -> list[str]:
        """The names of the products, sorted."""
        return sorted(self.products)

    def product(self, name: str) -> dict[str, Any]:
        """A product: `price` in cents, `stock` (pieces on the shelf) and `reorder_at`."""
        return dict(self._product(name))

    def list_orders(self, status: str | None = None) -> list[str]:
        """The ids of the orders, sorted; of one status ("open", "packed", "shipped", "cancelled")."""
        return sorted(name for name, each in self.orders.items() if status in (None, each["status"]))

    def order(self, order: str) -> dict[str, Any]:
        """An order: `customer`, `lines` (product -> pieces) and `status`."""
        found = self._order(order)
        return {**found, "lines": dict(found["lines"])}

    def set_price(self, product: str, price: int) -> None:
        """Sets the price of a product, in cents."""
        if type(price) is not int or price <= 0:
            raise ValueError(f"a price is a whole number of cents above 0, not {price!r}")
        self._product(product)["price"] = price

    def restock(self, product: str, pieces: int) -> None:
        """Puts more pieces of a product on the shelf."""
        self._pieces(pieces)
        self._product(product)["stock"] += pieces

    def add_line(self, order: str, product: str, pieces: int) -> None:
        """Adds pieces of a product to an open order, and takes them off the shelf."""
        self._pieces(pieces)
        found, goods = self._order(order), self._product(product)
        if found["status"] != "open":
            raise ValueError(f"order {order} is {found['status']}, not open")
        if goods["stock"] < pieces:
            raise ValueError(f"there are only {goods['stock']} pieces of {product}")
        goods["stock"] -= pieces
        found["lines"][product] = found["lines"].get(product, 0) + pieces

    def move_on(self, order: str, status: str) -> None:
        """Packs an open order, ships a packed one, or cancels either: its goods go back on the shelf."""
        found = self._order(order)
        if status not in STEPS.get(found["status"], ()):
            raise ValueError(f"order {order} is {found['status']}: it cannot become {status!r}")
        if status == "cancelled":
            for product, pieces in found["lines"].items():
                self._product(product)["stock"] += pieces
        found["status"] = status

    def _pieces(self, pieces: int) -> None:
        if type(pieces) is not int or pieces <= 0:
            raise ValueError(f"pieces are a whole number above 0, not {pieces!r}")

    def _product(self, name: str) -> dict[str, Any]:
        if name not in self.products:
            raise ValueError(f"no product {name!r}; there are {', '.join(sorted(self.products))}")
        return self.products[name]

    def _order(self, order: str) -> dict[str, Any]:
        if order not in self.orders:
            raise ValueError(f"no order {order!r}; there are {', '.join(sorted(self.orders))}")
        return self.orders[order]

    def __validate_claim__(self) -> None:
        for each in self.products.values():
            if (
                type(each["price"]) is not int
                or type(each["stock"]) is not int
                or min(each["price"] - 1, each["stock"]) < 0
            ):
                raise ValueError(f"no such product is possible: {each}")
