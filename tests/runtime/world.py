"""What tests inject: classes and functions in a module of their own, as a suite's `world` has them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Account:
    """A bank account whose balance is the sum of its entries."""

    owner: str = "Ada"
    balance: int = 0
    entries: list[int] = field(default_factory=list)

    def deposit(self, amount: int) -> None:
        """Adds money."""
        if amount <= 0:
            raise ValueError(f"cannot deposit {amount}")
        self.balance += amount
        self.entries.append(amount)

    def total(self) -> int:
        """The sum of the entries."""
        return sum(self.entries)

    def __validate_claim__(self) -> None:
        if self.balance != sum(self.entries):
            raise ValueError("the balance is the sum of the entries")


def double(x: int) -> int:
    """Doubles."""
    return 2 * x
