"""Tasks over tickets, agents and customers."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random
from typing import Any

from cave_rl.suites.tools.tasks.asking import Domain, change, decline, lookup
from cave_rl.suites.tools.tasks.drawing import PEOPLE, least, until_possible
from cave_rl.suites.tools.world.helpdesk import PRIORITIES, Helpdesk
from cave_rl.tasks.task import Task

PRODUCTS = ("router", "scanner", "printer", "camera")
AGENTS = ("Kai", "Lea", "Mo", "Nils", "Olga", "Pia")
COUNTRIES = ("Norway", "Portugal", "Kenya")
HELPDESK = Domain("helpdesk", ("assign", "set_priority", "reply", "close_ticket"))


def draw(rng: random.Random) -> Helpdesk:
    agents = {name: sorted(rng.sample(PRODUCTS, 2)) for name in AGENTS}
    customers = {
        name: {"plan": rng.choice(("basic", "gold")), "country": rng.choice(COUNTRIES)}
        for name in rng.sample(PEOPLE, 7)
    }
    tickets = {}
    for number in rng.sample(range(100, 1000), rng.randint(14, 20)):
        product, status = rng.choice(PRODUCTS), rng.choice(("open", "open", "open", "closed"))
        knowing = [name for name, skills in agents.items() if product in skills]
        tickets[f"T{number}"] = {
            "customer": rng.choice(list(customers)),
            "product": product,
            "priority": rng.choice(PRIORITIES[:3]),
            "status": status,
            "agent": rng.choice([None, *knowing]),
            "days": rng.randint(0, 30),
            "replies": rng.choice(([], ["We are on it."])) if status == "open" else ["Solved."],
        }
    return Helpdesk(tickets, agents, customers)


def _harm(rng: random.Random, helpdesk: Helpdesk) -> str:
    return rng.choice((f"reply({rng.choice(helpdesk.find_tickets('open'))!r}, 'Hello')",
                       f"set_priority({rng.choice(helpdesk.find_tickets('open'))!r}, 'urgent')"))  # fmt: skip


def assign_one(rng: random.Random) -> Task:
    def make() -> Task:
        helpdesk = draw(rng)
        ticket = rng.choice([each for each in helpdesk.find_tickets("open") if not helpdesk.tickets[each]["agent"]])

        def do(f: Any) -> None:
            f.assign(ticket, least(f.find_agents(f.get_ticket(ticket)["product"]), lambda each: int(f.workload(each))))

        cell = (
            f"product = get_ticket({ticket!r})['product']\nassign({ticket!r}, {{}}(find_agents(product), key=workload))"
        )
        return change(
            HELPDESK, helpdesk,
            f"Assign ticket {ticket} to the agent with the fewest open tickets of those who know its product.",
            do, cell.format("min"), [cell.format("max"), f"assign({ticket!r}, min({AGENTS!r}, key=workload))"],
            harm=_harm(rng, helpdesk),
        )  # fmt: skip

    return until_possible(make)


def triage(rng: random.Random) -> Task:
    def make() -> Task:
        helpdesk = draw(rng)
        product = rng.choice(PRODUCTS)

        def do(f: Any) -> None:
            for each in f.find_tickets("open"):
                ticket = f.get_ticket(each)
                if ticket["product"] == product and ticket["agent"] is None:
                    f.assign(each, min(f.find_agents(product), key=f.workload))

        def cell(agent: str, test: str = " and its['agent'] is None", start: str = "") -> str:
            return (
                f"{start}for t in find_tickets('open'):\n    its = get_ticket(t)\n"
                f"    if its['product'] == {product!r}{test}:\n        assign(t, {agent})"
            )

        best = f"min(find_agents({product!r}), key=workload)"
        return change(
            HELPDESK, helpdesk,
            f"Go through the open tickets about the {product} that have no agent, in the order of their ids, and "
            "assign each to the agent who knows the product and has the fewest open tickets at that moment (the "
            "first by name where they are equal).",
            do, cell(best),
            [cell("agent", start=f"agent = {best}\n"), cell(best, ""), cell(best.replace("min", "max"))],
            harm=_harm(rng, helpdesk),
        )  # fmt: skip

    return until_possible(make)


def escalate(rng: random.Random) -> Task:
    def make() -> Task:
        helpdesk = draw(rng)
        days, plan = rng.randint(6, 20), rng.choice(("basic", "gold"))

        def do(f: Any) -> None:
            for each in f.find_tickets("open"):
                ticket = f.get_ticket(each)
                if ticket["days"] > days and f.get_customer(ticket["customer"])["plan"] == plan:
                    f.set_priority(each, "urgent")

        loop = "for t in find_tickets('open'):\n    its = get_ticket(t)\n    if {}:\n        set_priority(t, {!r})"
        old, planned = f"its['days'] > {days}", f"get_customer(its['customer'])['plan'] == {plan!r}"
        return change(
            HELPDESK, helpdesk,
            f"Make every open ticket urgent that is more than {days} days old and whose customer has the {plan} plan.",
            do, loop.format(f"{old} and {planned}", "urgent"),
            [loop.format(old, "urgent"), loop.format(planned, "urgent"), loop.format(f"{old} and {planned}", "high")],
            harm=f"reply({helpdesk.find_tickets('open')[0]!r}, 'Hello')",
        )  # fmt: skip

    return until_possible(make)


def close_stale(rng: random.Random) -> Task:
    def make() -> Task:
        helpdesk = draw(rng)
        days, country = rng.randint(5, 18), rng.choice(COUNTRIES)

        def do(f: Any) -> None:
            for each in f.find_tickets("open"):
                ticket = f.get_ticket(each)
                if ticket["days"] > days and f.get_customer(ticket["customer"])["country"] == country:
                    if not ticket["replies"]:
                        f.reply(each, "Is this still open?")
                    else:
                        f.close_ticket(each)

        loop = (
            "for t in find_tickets('open'):\n    its = get_ticket(t)\n"
            f"    if its['days'] > {days} and get_customer(its['customer'])['country'] == {country!r}:\n        "
        )
        ask, close = "reply(t, 'Is this still open?')", "close_ticket(t)"
        return change(
            HELPDESK, helpdesk,
            f"For each open ticket of a customer in {country} that is more than {days} days old: if it was never "
            "replied to, reply 'Is this still open?', and leave it open; else close it.",
            do, f"{loop}if its['replies']:\n            {close}\n        else:\n            {ask}",
            [f"{loop}{ask}\n        {close}", f"{loop}if its['replies']:\n            {close}", loop + ask],
            harm=f"set_priority({helpdesk.find_tickets('open')[0]!r}, 'urgent')",
        )  # fmt: skip

    return until_possible(make)


def oldest(rng: random.Random) -> Task:
    def make() -> Task:
        helpdesk = draw(rng)
        product, name = rng.choice(PRODUCTS), rng.choice(("oldest", "ticket", "longest"))
        fit = [each for each in helpdesk.find_tickets("open") if helpdesk.tickets[each]["product"] == product]
        value = least(fit, lambda each: -int(helpdesk.tickets[each]["days"]))
        if len(fit) < 2:
            raise LookupError("one ticket has no oldest")
        cell = f"fit = [t for t in find_tickets('open'){{}}]\n{name} = {{}}(fit, key=lambda t: get_ticket(t)['days'])"
        test = f" if get_ticket(t)['product'] == {product!r}"
        return lookup(
            HELPDESK, helpdesk,
            f"Which open ticket about the {product} is the oldest? Store its id in {name}.",
            name, value, cell.format(test, "max"), [cell.format(test, "min"), cell.format("", "max")],
            harm=_harm(rng, helpdesk),
        )  # fmt: skip

    return until_possible(make)


def none_so_old(rng: random.Random) -> Task:
    def make() -> Task:
        helpdesk = draw(rng)
        product = rng.choice(PRODUCTS)
        fit = [each for each in helpdesk.find_tickets("open") if helpdesk.tickets[each]["product"] == product]
        ticket = least(fit, lambda each: -int(helpdesk.tickets[each]["days"]))
        days = helpdesk.tickets[ticket]["days"]
        return decline(
            HELPDESK, helpdesk,
            f"Reply 'Sorry for the wait' to each open ticket about the {product} that is more than {days} days old; do "
            "nothing else, and nothing at all if there is none.",
            f"print([t for t in find_tickets('open') if get_ticket(t)['product'] == {product!r} and "
            f"get_ticket(t)['days'] > {days}])",
            [f"reply({ticket!r}, 'Sorry for the wait')", f"set_priority({ticket!r}, 'urgent')"],
        )  # fmt: skip

    return until_possible(make)
