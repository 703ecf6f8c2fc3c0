"""The classes of Types-v0: what a rollout meets, and what the Judge rebuilds.

Each class keeps an invariant in its methods and states it again in `__validate_claim__`, because a cell may write to
the attributes directly: a state that the methods could not have reached is not believed.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Account:
    """A bank account. Its balance is the sum of its entries and never below zero."""

    owner: str
    balance: int = 0
    entries: list[int] = field(default_factory=list)

    def deposit(self, amount: int) -> None:
        """Adds money and books the entry."""
        if amount <= 0:
            raise ValueError(f"cannot deposit {amount}")
        self.balance += amount
        self.entries.append(amount)

    def withdraw(self, amount: int) -> None:
        """Takes money and books the entry."""
        if not 0 < amount <= self.balance:
            raise ValueError(f"cannot withdraw {amount} from {self.balance}")
        self.balance -= amount
        self.entries.append(-amount)

    def __validate_claim__(self) -> None:
        if type(self.owner) is not str or type(self.entries) is not list:
            raise ValueError("an account has an owner (str) and entries (list)")
        if not all(type(entry) is int for entry in self.entries):
            raise ValueError("entries are whole numbers")
        if type(self.balance) is not int or self.balance != sum(self.entries) or self.balance < 0:
            raise ValueError("the balance is the sum of the entries and never below zero")


@dataclass
class Stack:
    """A stack of numbers with a limit on its height; the last item is the top."""

    limit: int
    items: list[int] = field(default_factory=list)

    def push(self, item: int) -> None:
        """Puts an item on top."""
        if len(self.items) >= self.limit:
            raise ValueError("the stack is full")
        self.items.append(item)

    def pop(self) -> int:
        """Takes the top item off and returns it."""
        if not self.items:
            raise ValueError("the stack is empty")
        return self.items.pop()

    def __validate_claim__(self) -> None:
        if type(self.limit) is not int or type(self.items) is not list or len(self.items) > self.limit:
            raise ValueError("a stack holds at most `limit` items")
        if not all(type(item) is int for item in self.items):
            raise ValueError("items are whole numbers")


@dataclass
class Point:
    """A point on a grid."""

    x: int
    y: int

    def move(self, dx: int, dy: int) -> None:
        """Moves the point by dx to the right and dy up."""
        self.x += dx
        self.y += dy

    def mirror(self) -> None:
        """Swaps the two coordinates."""
        self.x, self.y = self.y, self.x

    def __validate_claim__(self) -> None:
        if type(self.x) is not int or type(self.y) is not int:
            raise ValueError("coordinates are whole numbers")


@dataclass
class Shelf:
    """How many of each item there are; an item of which none is left is not listed."""

    stock: dict[str, int] = field(default_factory=dict)

    def add(self, item: str, count: int) -> None:
        """Puts some of an item on the shelf."""
        if count <= 0:
            raise ValueError(f"cannot add {count}")
        self.stock[item] = self.stock.get(item, 0) + count

    def take(self, item: str, count: int) -> None:
        """Takes some of an item off the shelf."""
        left = self.stock.get(item, 0) - count
        if count <= 0 or left < 0:
            raise ValueError(f"cannot take {count} of {item!r}")
        self.stock[item] = left
        if not left:
            del self.stock[item]

    def __validate_claim__(self) -> None:
        if type(self.stock) is not dict:
            raise ValueError("stock is a dict")
        for item, count in self.stock.items():
            if type(item) is not str or type(count) is not int or count <= 0:
                raise ValueError("a shelf lists items (str) with a count above zero")
