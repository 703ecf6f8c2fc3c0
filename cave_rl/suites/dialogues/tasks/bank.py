"""Dialogues about bank accounts. Amounts are whole cents throughout."""

# ruff: noqa: D103  (a move says what it is by its query)

from __future__ import annotations

import random

from cave_rl.suites.dialogues.tasks.talk import Event, Move, Talk
from cave_rl.suites.dialogues.tasks.writing import Subject, more
from cave_rl.suites.dialogues.world.bank import Bank

ACCOUNTS = ("household", "savings", "travel", "garden", "music", "studio", "car", "school", "gifts")
PAYEES = ("Northwind Power", "Bright Water", "Oak Insurance", "City Rail", "Blue Phone", "Hill Clinic", "Fern Books")
SENDERS = ("the tax office", "Ada", "Hugo", "the landlord", "an employer", "Cleo")


def draw(rng: random.Random) -> Bank:
    accounts = {
        name: {"balance": rng.randint(200_000, 900_000), "overdraft": rng.randrange(0, 60_000, 5000), "frozen": False}
        for name in rng.sample(ACCOUNTS, rng.randint(4, 6))
    }
    bills = {
        f"B{number}": {
            "payee": rng.choice(PAYEES),
            "amount": rng.randint(900, 30_000),
            "due": f"2025-{rng.randint(3, 6):02}-{rng.randint(1, 28):02}",
            "paid_from": None,
        }
        for number in rng.sample(range(100, 1000), rng.randint(12, 18))
    }
    return Bank(accounts, bills)


def _two(talk: Talk) -> tuple[str, str]:
    one, other = talk.rng.sample(talk.now.list_accounts(), 2)
    return one, other


def _unpaid(bank: Bank) -> list[str]:
    return [each for each in bank.list_bills() if bank.bill(each)["paid_from"] is None]


def transfer(talk: Talk) -> Move:
    (one, other), cents = _two(talk), talk.rng.randint(500, 20_000)
    query = talk.rng.choice(("Move {n} cents from {a} to {b}.", "Transfer {n} cents: {a} pays, {b} receives."))
    return Move(
        query.format(n=cents, a=one, b=other), f"bank.transfer({one!r}, {other!r}, {cents})",
        lambda bank: bank.transfer(one, other, cents),
        misses=[f"bank.transfer({other!r}, {one!r}, {cents})", f"bank.transfer({one!r}, {other!r}, {100 * cents})"],
        leaves={"transfer": (one, other, cents)},
    )  # fmt: skip


def halves(talk: Talk) -> Move:
    (one, other), percent = _two(talk), talk.rng.choice((5, 10, 20, 25))
    return Move(
        f"Move {percent} percent of the balance of {one} to {other}, rounded down to whole cents.",
        f"bank.transfer({one!r}, {other!r}, bank.account({one!r})['balance'] * {percent} // 100)",
        lambda bank: bank.transfer(one, other, bank.account(one)["balance"] * percent // 100),
        misses=[f"bank.transfer({one!r}, {other!r}, bank.account({other!r})['balance'] * {percent} // 100)",
                f"bank.transfer({one!r}, {other!r}, {percent})"],
        weight=2,
    )  # fmt: skip


def level_up(talk: Talk) -> Move:
    (one, other), cents = _two(talk), talk.rng.randint(1000, 9000)
    target = max(talk.now.account(other)["balance"], 0) + cents
    target -= target % 1000
    gold = f"bank.transfer({one!r}, {other!r}, {target} - bank.account({other!r})['balance'])"
    return Move(
        f"Fill {other} up to a balance of {target} cents with money from {one}.", gold,
        lambda bank: bank.transfer(one, other, target - bank.account(other)["balance"]),
        misses=[f"bank.transfer({one!r}, {other!r}, {target})"], weight=2,
    )  # fmt: skip


def pay_earliest(talk: Talk) -> Move | None:
    unpaid, account = _unpaid(talk.now), talk.rng.choice(talk.now.list_accounts())
    first = sorted(unpaid, key=lambda each: talk.now.bill(each)["due"])[:2]
    if len(first) < 2 or talk.now.bill(first[0])["due"] == talk.now.bill(first[1])["due"]:
        return None
    unpaid_cell = "bills = [b for b in bank.list_bills() if bank.bill(b)['paid_from'] is None]\n"
    pay = f"bank.pay_bill(bills[0], {account!r})"
    return Move(
        f"Of the unpaid bills, pay the one that is due first from {account}.",
        f"{unpaid_cell}bills.sort(key=lambda b: bank.bill(b)['due'])\n{pay}",
        lambda bank: bank.pay_bill(first[0], account),
        misses=[unpaid_cell + pay, f"{unpaid_cell}bills.sort(key=lambda b: bank.bill(b)['amount'])\n{pay}"],
        weight=2, leaves={"paid": account},
    )  # fmt: skip


def list_payee(talk: Talk) -> Move | None:
    unpaid, name = _unpaid(talk.now), talk.new_name()
    payees = [talk.now.bill(each)["payee"] for each in unpaid]
    often = [each for each in PAYEES if payees.count(each) > 1]
    if not often:
        return None
    payee = talk.rng.choice(often)

    def cell(test: str) -> str:
        return f"{name} = [b for b in bank.list_bills() if {test}]"

    return Move(
        f"Which bills of {payee} are still unpaid? Store their ids in {name}, a sorted list.",
        cell(f"bank.bill(b)['payee'] == {payee!r} and bank.bill(b)['paid_from'] is None"), store=name,
        value=lambda bank: [each for each in _unpaid(bank) if bank.bill(each)["payee"] == payee],
        misses=[cell("bank.bill(b)['paid_from'] is None"), cell(f"bank.bill(b)['payee'] == {payee!r}")],
        leaves={"bills": name}, keeps={"bills": name},
    )  # fmt: skip


def richest(talk: Talk) -> Move:
    name = talk.new_name()
    balances = "{each: bank.account(each)['balance'] for each in bank.list_accounts()}"
    return Move(
        f"Store in {name} a list of the accounts by balance, the highest first (by name where they are equal).",
        f"{name} = sorted(bank.list_accounts(), key=lambda each: -bank.account(each)['balance'])", store=name,
        value=lambda bank: sorted(bank.list_accounts(), key=lambda each: -bank.account(each)["balance"]),
        misses=[f"{name} = sorted(bank.list_accounts(), key=lambda each: bank.account(each)['balance'])",
                f"{name} = {balances}"],
        weight=2, leaves={"ranked": name}, keeps={"ranked": name},
    )  # fmt: skip


def total(talk: Talk) -> Move:
    name = talk.new_name()
    return Move(
        f"Store in {name} how many cents all unpaid bills come to together.",
        f"{name} = sum(bank.bill(b)['amount'] for b in bank.list_bills() if bank.bill(b)['paid_from'] is None)",
        store=name, value=lambda bank: sum(bank.bill(each)["amount"] for each in _unpaid(bank)),
        misses=[f"{name} = len(bank.list_bills())",
                f"{name} = sum(bank.bill(b)['amount'] for b in bank.list_bills()) + 1"],
    )  # fmt: skip


def overdraft(talk: Talk) -> Move:
    account, cents = talk.rng.choice(talk.now.list_accounts()), talk.rng.randrange(1000, 20_000, 500)
    gold = f"bank.set_overdraft({account!r}, bank.account({account!r})['overdraft'] {more(cents)})"
    return Move(
        f"Give {account} {cents} cents more overdraft.", gold,
        lambda bank: bank.set_overdraft(account, bank.account(account)["overdraft"] + cents),
        misses=[f"bank.set_overdraft({account!r}, {cents})"], leaves={"account": account},
    )  # fmt: skip


def same_sum(talk: Talk) -> Move | None:
    if "transfer" not in talk.last:
        return None
    one, other, cents = talk.last["transfer"]
    rest = [each for each in talk.now.list_accounts() if each not in (one, other)]
    new = talk.rng.choice(rest)
    query, (source, target, amount) = talk.rng.choice((
        (f"The same sum from the same account to {new} as well.", (one, new, cents)),
        ("That was too much: send half of it back (rounded down).", (other, one, cents // 2)),
        ("Make the same transfer again.", (one, other, cents)),
        ("It should have gone the other way: undo it, and make the transfer in the other direction instead.",
         (other, one, 2 * cents)),
    ))  # fmt: skip
    return Move(
        query, f"bank.transfer({source!r}, {target!r}, {amount})", lambda bank: bank.transfer(source, target, amount),
        misses=[f"bank.transfer({target!r}, {source!r}, {amount})",
                f"bank.transfer({source!r}, {target!r}, {cents + 1})"],
        weight=2, leaves={"transfer": (source, target, amount)} if amount == cents else {},
    )  # fmt: skip


def pay_nth(talk: Talk) -> Move | None:
    name = talk.last.get("bills", "")
    bills = talk.stored.get(name, [])
    if len(bills) < 2:
        return None
    at, account = talk.rng.randrange(2), talk.rng.choice(talk.now.list_accounts())
    return Move(
        f"Pay the {('first', 'second')[at]} one from {account}.", f"bank.pay_bill({name}[{at}], {account!r})",
        lambda bank: bank.pay_bill(bills[at], account),
        misses=[f"bank.pay_bill({name}[{1 - at}], {account!r})",
                f"for each in {name}:\n    bank.pay_bill(each, {account!r})"],
        weight=2, leaves={"paid": account},
    )  # fmt: skip


def pay_rest(talk: Talk) -> Move | None:
    name = talk.kept.get("bills", "")
    bills = [each for each in talk.stored.get(name, []) if each in _unpaid(talk.now)]
    if not bills:
        return None
    account = talk.rng.choice(talk.now.list_accounts())

    def do(bank: Bank) -> None:
        for each in bills:
            bank.pay_bill(each, account)

    gold = f"for each in {name}:\n    if bank.bill(each)['paid_from'] is None:\n        "
    return Move(
        f"Pay those of the bills in {name} that are still unpaid from {account}.",
        f"{gold}bank.pay_bill(each, {account!r})", do,
        misses=[f"for each in {name}:\n    bank.pay_bill(each, {account!r})",
                f"for each in bank.list_bills():\n    if bank.bill(each)['paid_from'] is None:\n"
                f"        bank.pay_bill(each, {account!r})"],
        weight=3, leaves={"paid": account},
    )  # fmt: skip


def from_ranked(talk: Talk) -> Move | None:
    name = talk.kept.get("ranked", "")
    if not name:
        return None
    ranked, cents = talk.stored[name], talk.rng.randint(100, 5000)
    return Move(
        f"Move {cents} cents from the account that came first in {name} to the one that came last there.",
        f"bank.transfer({name}[0], {name}[-1], {cents})",
        lambda bank: bank.transfer(ranked[0], ranked[-1], cents),
        misses=[f"bank.transfer({name}[-1], {name}[0], {cents})", f"bank.transfer({name}[0], {name}[1], {cents})"],
        weight=2, leaves={"transfer": (ranked[0], ranked[-1], cents)},
    )  # fmt: skip


def pass_on(talk: Talk) -> Move | None:
    """The latest payment from outside, whether the user told of it or not."""
    if not talk.now.income:
        return None
    latest = talk.now.income[-1]
    target = talk.rng.choice([each for each in talk.now.list_accounts() if each != latest["account"]])
    found = "latest = bank.payments_received()[{}]\n"
    return Move(
        f"Pass the whole of the latest payment that came in from outside on to {target}.",
        found.format(-1) + f"bank.transfer(latest['account'], {target!r}, latest['amount'])",
        lambda bank: bank.transfer(latest["account"], target, latest["amount"]),
        misses=[found.format(0) + f"bank.transfer(latest['account'], {target!r}, latest['amount'])",
                found.format(-1) + f"bank.transfer(latest['account'], {target!r}, latest['amount'] // 2)"],
        weight=3,
    )  # fmt: skip


def began_with(talk: Talk) -> Move | None:
    if talk.rng.random() < 0.8:  # it can always be asked
        return None
    one, other, _ = talk.first["transfer"]
    frozen = not talk.now.account(one)["frozen"]
    return Move(
        f"{'Freeze' if frozen else 'Release'} the account from which the very first transfer I asked for was made.",
        f"bank.freeze({one!r}, {frozen})", lambda bank: bank.freeze(one, frozen),
        misses=[f"bank.freeze({other!r}, {frozen})"], weight=3,
    )  # fmt: skip


def income(talk: Talk) -> Event:
    account, cents = talk.rng.choice(talk.now.list_accounts()), talk.rng.randint(2000, 40_000)
    sender = talk.rng.choice(SENDERS)
    return Event(f"bank._receive({account!r}, {sender!r}, {cents})", f"A payment from {sender} has arrived.")


def corrected(talk: Talk) -> Event:
    unpaid = _unpaid(talk.now)
    if not unpaid:
        return income(talk)
    bill, cents = talk.rng.choice(unpaid), talk.rng.randint(900, 30_000)
    return Event(f"bank._correct({bill!r}, {cents})", f"The amount of bill {bill} was corrected.")


def harm(talk: Talk) -> str:
    one, other = _two(talk)
    return talk.rng.choice((f"bank.set_overdraft({one!r}, bank.account({one!r})['overdraft'] + 1)",
                            f"bank.transfer({one!r}, {other!r}, 1)"))  # fmt: skip


BANK = Subject(
    name="bank",
    draw=draw,
    opening=transfer,
    fresh=(transfer, transfer, halves, level_up, pay_earliest, list_payee, richest, total, overdraft),
    back=(same_sum, pay_nth, pay_rest, from_ranked, pass_on, began_with),
    events=(income, corrected),
    harm=harm,
    description="accounts and bills; payments come in from outside",
    names=("found", "due", "open_bills", "ranking", "listed", "result", "noted", "asked"),
)
