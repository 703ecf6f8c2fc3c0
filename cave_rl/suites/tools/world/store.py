"""Products, carts, coupons, orders."""

from __future__ import annotations

from typing import Any


class Store:
    """Prices are whole cents; what is in a cart is not yet off the shelf."""

    def __init__(
        self, products: dict[str, dict[str, Any]], coupons: dict[str, dict[str, int]], orders: dict[str, dict[str, Any]]
    ) -> None:
        self.products = products
        self.coupons = coupons
        self.orders = orders
        self.carts: dict[str, dict[str, Any]] = {}

    def find_products(self, category: str) -> list[str]:
        """The ids of the products of a category."""
        return [name for name, each in self.products.items() if each["category"] == category]

    def get_product(self, product: str) -> dict[str, Any]:
        """A product: `name`, `category`, `price` in cents, `stock`."""
        return dict(self.products[product])

    def list_coupons(self) -> list[dict[str, Any]]:
        """The coupons: each has `code`, `percent` (off the whole cart) and `least` (cents it takes)."""
        return [{"code": code, **each} for code, each in self.coupons.items()]

    def add_to_cart(self, user: str, product: str, pieces: int) -> int:
        """Puts pieces of a product in a user's cart; what the cart comes to then, in cents, without coupon."""
        if type(pieces) is not int or not 1 <= pieces <= self.products[product]["stock"]:
            raise ValueError(f"there are {self.products[product]['stock']} pieces of {product}, not {pieces!r}")
        lines = self.carts.setdefault(user, {"lines": {}, "coupon": None})["lines"]
        lines[product] = lines.get(product, 0) + pieces
        return self._sum(lines)

    def apply_coupon(self, user: str, code: str) -> None:
        """Uses a coupon on a user's cart: one a cart."""
        cart, coupon = self._cart(user), self.coupons[code]
        if cart["coupon"] is not None or self._sum(cart["lines"]) < coupon["least"]:
            raise ValueError(f"{code} cannot be used on the cart of {user}")
        cart["coupon"] = code

    def checkout(self, user: str) -> str:
        """Orders what is in a user's cart, and empties it; the id of the order."""
        cart = self._cart(user)
        if any(pieces > self.products[each]["stock"] for each, pieces in cart["lines"].items()):
            raise ValueError(f"the cart of {user} asks for more than there is")
        for each, pieces in cart["lines"].items():
            self.products[each]["stock"] -= pieces
        order = f"O{len(self.orders) + 1}"
        self.orders[order] = {"user": user, "status": "placed", "late": 0, **self.carts.pop(user)}
        return order

    def list_orders(self, user: str) -> list[str]:
        """The ids of a user's orders."""
        return [name for name, each in self.orders.items() if each["user"] == user]

    def get_order(self, order: str) -> dict[str, Any]:
        """An order: `user`, `lines` (product -> pieces), `coupon`, `status`, and by how many days it is `late`."""
        found = self.orders[order]
        return {**found, "lines": dict(found["lines"])}

    def refund(self, order: str) -> None:
        """Refunds a delivered order."""
        if self.orders[order]["status"] != "delivered":
            raise ValueError(f"{order} is {self.orders[order]['status']}, not delivered")
        self.orders[order]["status"] = "refunded"

    def _cart(self, user: str) -> dict[str, Any]:
        if user not in self.carts:
            raise ValueError(f"the cart of {user} is empty")
        return self.carts[user]

    def _sum(self, lines: dict[str, int]) -> int:
        return sum(pieces * int(self.products[each]["price"]) for each, pieces in lines.items())
