"""What enters the runtime: orders that know what a valid order is.

A model's code works on these very objects, and may go around their methods. What it claims at the end is put through
the validators again, in the judge: an order that no order can be has failed, however it came about.
"""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Line(BaseModel):
    """Some pieces of one product."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    product: str = Field(min_length=1)
    pieces: int = Field(gt=0)
    cents: int = Field(gt=0, description="price of a piece")


class Order(BaseModel):
    """An order: a product has at most one line, and what a paid order comes to is what its receipt says."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    number: int
    lines: list[Line] = Field(default_factory=list)
    discount: int = Field(0, ge=0, le=50, description="percent")
    receipt: int | None = Field(None, description="what was paid, in cents; None while the order is open")

    @property
    def is_open(self) -> bool:
        """Whether it is not paid yet."""
        return self.receipt is None

    @property
    def total(self) -> int:
        """What is to be paid, in cents, rounded down."""
        return sum(line.pieces * line.cents for line in self.lines) * (100 - self.discount) // 100

    def add(self, product: str, pieces: int, cents: int) -> None:
        """Adds pieces of a product: to its line if there is one at that price, else as a new line."""
        self._check_open()
        for line in self.lines:
            if line.product == product:
                if line.cents != cents:
                    raise ValueError(f"{product} costs {line.cents} cents on this order")
                line.pieces += pieces
                return
        self.lines.append(Line(product=product, pieces=pieces, cents=cents))

    def reduce(self, percent: int) -> None:
        """Sets the discount."""
        self._check_open()
        self.discount = percent

    def pay(self) -> int:
        """Pays the order; returns what was paid."""
        self._check_open()
        if not self.lines:
            raise ValueError("there is nothing to pay")
        self.receipt = self.total
        return self.receipt

    def _check_open(self) -> None:
        if not self.is_open:
            raise ValueError(f"order {self.number} is paid: it cannot change")

    @model_validator(mode="after")
    def _is_an_order(self) -> Self:
        products = [line.product for line in self.lines]
        if len(set(products)) != len(products):
            raise ValueError("a product has at most one line")
        if self.receipt is not None and (self.receipt != self.total or not self.lines):
            raise ValueError("what was paid is what the order comes to")
        return self
