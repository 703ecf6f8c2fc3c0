"""A bank with accounts and bills."""

from __future__ import annotations

from typing import Any


class Bank:
    """A bank. Amounts are whole cents; no account may fall below its overdraft limit, and no frozen one may pay."""

    def __init__(self, accounts: dict[str, dict[str, Any]], bills: dict[str, dict[str, Any]]) -> None:
        self.accounts = accounts
        self.bills = bills
        self.income: list[dict[str, Any]] = []
        self.__validate_claim__()

    def list_accounts(self) -> list[str]:
        """The names of the accounts, sorted."""
        return sorted(self.accounts)

    def account(self, name: str) -> dict[str, Any]:
        """An account: `balance` and `overdraft` (how far below 0 it may fall), in cents, and `frozen`."""
        return dict(self._account(name))

    def list_bills(self) -> list[str]:
        """The ids of all bills, paid ones too, sorted."""
        return sorted(self.bills)

    def bill(self, bill: str) -> dict[str, Any]:
        """A bill: `payee`, `amount` in cents, `due` (as "2025-03-31"), and `paid_from` (an account, None if unpaid)."""
        return dict(self._bill(bill))

    def payments_received(self) -> list[dict[str, Any]]:
        """What came in from outside, oldest first: each has `account`, `sender` and `amount` in cents."""
        return [dict(each) for each in self.income]

    def transfer(self, source: str, target: str, amount: int) -> None:
        """Moves an amount of cents from one account to another."""
        if source == target:
            raise ValueError("source and target are one account")
        target_account = self._account(target)
        self._take(source, amount)
        target_account["balance"] += amount

    def pay_bill(self, bill: str, account: str) -> None:
        """Pays an unpaid bill from an account."""
        found = self._bill(bill)
        if found["paid_from"] is not None:
            raise ValueError(f"bill {bill} was paid from {found['paid_from']}")
        self._take(account, found["amount"])
        found["paid_from"] = account

    def set_overdraft(self, account: str, overdraft: int) -> None:
        """Sets how many cents below 0 an account may fall. It must cover what is overdrawn already."""
        found = self._account(account)
        if type(overdraft) is not int or overdraft < max(0, -found["balance"]):
            raise ValueError(f"an overdraft of {overdraft!r} cents is not possible for {account}")
        found["overdraft"] = overdraft

    def freeze(self, account: str, frozen: bool) -> None:
        """Freezes an account, or releases it. A frozen account can receive money, not pay."""
        if type(frozen) is not bool:
            raise ValueError(f"frozen must be True or False, not {frozen!r}")
        self._account(account)["frozen"] = frozen

    def _receive(self, account: str, sender: str, amount: int) -> None:
        """A payment arrives from outside."""
        self._account(account)["balance"] += amount
        self.income.append({"account": account, "sender": sender, "amount": amount})

    def _correct(self, bill: str, amount: int) -> None:
        """A payee corrects the amount of an unpaid bill."""
        self._bill(bill)["amount"] = amount

    def _take(self, name: str, amount: int) -> None:
        found = self._account(name)
        if type(amount) is not int or amount <= 0:
            raise ValueError(f"an amount is a whole number of cents above 0, not {amount!r}")
        if found["frozen"]:
            raise ValueError(f"{name} is frozen")
        if found["balance"] - amount < -found["overdraft"]:
            raise ValueError(f"{name} does not cover {amount} cents")
        found["balance"] -= amount

    def _account(self, name: str) -> dict[str, Any]:
        if name not in self.accounts:
            raise ValueError(f"no account {name!r}; there are {', '.join(sorted(self.accounts))}")
        return self.accounts[name]

    def _bill(self, bill: str) -> dict[str, Any]:
        if bill not in self.bills:
            raise ValueError(f"no bill {bill!r}; there are {', '.join(sorted(self.bills))}")
        return self.bills[bill]

    def __validate_claim__(self) -> None:
        for each in self.accounts.values():
            if type(each["balance"]) is not int or type(each["frozen"]) is not bool:
                raise ValueError(f"no such account is possible: {each}")
            if each["balance"] < -each["overdraft"]:
                raise ValueError(f"an account is overdrawn: {each}")
