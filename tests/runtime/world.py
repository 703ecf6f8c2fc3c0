"""What tests inject: classes and functions in a module of their own, as a suite's `world` has them."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
import random
import time
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


class BankError(ValueError):
    """What a bank refuses."""


@dataclass
class Receipt:
    """What a transfer gives."""

    source: str
    amount: int


class Bank:
    """A bank: no money comes from nowhere."""

    def __init__(self, **balances: int) -> None:
        self.balances = balances
        self._moved = 0

    def transfer(self, source: str, target: str, amount: int = 1) -> dict[str, int]:
        """Moves money.

        Raises a BankError if there is not enough.
        """
        if amount <= 0:
            raise BankError(f"cannot move {amount}")
        if self.balances[source] < amount:
            raise BankError("not enough money")
        self.balances[source] -= amount
        self._moved += amount  # what comes next may fail: then this stays
        self.balances[target] += amount
        return self.balances

    def balance(self, of: str) -> int:
        """The balance of one account."""
        return self.balances[of]

    async def audit(self) -> int:
        """All the money there is."""
        await asyncio.sleep(0)
        return sum(self.balances.values())

    def receipt(self, source: str, amount: int) -> Receipt:
        """A receipt."""
        return Receipt(source, amount)

    def store(self, value: object) -> object:
        """Keeps a value, and gives it back."""
        self.stored = value
        return value

    def work(self, seconds: float) -> None:
        """Counts up as long as it is told to."""
        self.count = 0
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.count += 1

    def stubborn(self) -> None:
        """Cannot be interrupted."""
        while True:
            with contextlib.suppress(KeyboardInterrupt):
                time.sleep(0.01)

    def die(self) -> None:
        """Takes its process with it."""
        os._exit(7)

    def dice(self) -> int:
        """A random number."""
        return random.getrandbits(60)

    def myself(self) -> object:
        """What cannot cross."""
        return [self]


class Desk:
    """Where one asks for the time."""

    def now(self) -> datetime.datetime:
        """What time it is."""
        return datetime.datetime.now()


def ping(text: str, times: int = 1) -> str:
    """Repeats a text."""
    return text * times


def double(x: int) -> int:
    """Doubles."""
    return 2 * x
