"""Removals: rows go together with what refers to them, and nothing else does."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random

from cave_rl.suites.database.tasks import data
from cave_rl.suites.database.tasks.making import ask, but, family, task, tell_apart
from cave_rl.tasks.task import Task


@family(tags=("change", "shop"))
def forget_customer(rng: random.Random) -> Task:
    rows = data.shop(rng)
    customer = rng.choice(rows["customers"])
    gone = {each.id for each in rows["orders"] if each.customer_id == customer.id}
    tell_apart(bool(gone), False)
    query = rng.choice(
        (
            f"Delete the customer with the email '{customer.email}' from db, together with all orders of that customer "
            "and their lines. Commit.",
            f"Remove from db everything of the customer '{customer.email}': order lines, orders, and the customer. "
            "Commit the change.",
        )
    )
    start = f"(customer,) = db.execute(\"SELECT id FROM customers WHERE email = '{customer.email}'\").fetchone()\n"
    lines = (
        "db.execute('DELETE FROM order_lines WHERE order_id IN (SELECT id FROM orders WHERE customer_id = ?)', "
        "(customer,))\n"
    )
    orders = "db.execute('DELETE FROM orders WHERE customer_id = ?', (customer,))\n"
    end = "db.execute('DELETE FROM customers WHERE id = ?', (customer,))\ndb.commit()"
    after = but(
        rows,
        customers=[each for each in rows["customers"] if each != customer],
        orders=[each for each in rows["orders"] if each.id not in gone],
        order_lines=[each for each in rows["order_lines"] if each.order_id not in gone],
    )
    turn = ask(
        "shop",
        rows,
        query,
        start + lines + orders + end,
        [
            start + end,
            start + f"db.execute('PRAGMA foreign_keys = OFF')\n{end}",
            start + lines + orders + "db.commit()",
            start + f"db.execute('DELETE FROM order_lines')\n{orders}{end}",
            (start + lines + orders + end.replace("\ndb.commit()", ""), "db table orders"),
        ],
        after=after,
    )
    return task("shop", rows, turn, difficulty=2)


@family(held_out=True, tags=("change", "shop"))
def merge_customers(rng: random.Random) -> Task:
    rows = data.shop(rng)
    kept, gone = rng.sample(rows["customers"], 2)
    tell_apart(any(each.customer_id == gone.id for each in rows["orders"]), False)
    query = (
        f"In db the customers with the emails '{kept.email}' and '{gone.email}' are the same person. Keep the first: "
        "give it the orders of the second, then delete the second. Commit."
    )
    after = but(
        rows,
        customers=[each for each in rows["customers"] if each != gone],
        orders=[each._replace(customer_id=kept.id) if each.customer_id == gone.id else each for each in rows["orders"]],
    )

    def cell(first: str, second: str, delete: str = "DELETE FROM customers WHERE id = ?") -> str:
        return (
            "find = 'SELECT id FROM customers WHERE email = ?'\n"
            f"(kept,), (gone,) = [db.execute(find, (each,)).fetchone() for each in ('{first}', '{second}')]\n"
            f"db.execute('UPDATE orders SET customer_id = ? WHERE customer_id = ?', (kept, gone))\n"
            f"db.execute('{delete}', (gone,))\ndb.commit()"
        )

    turn = ask(
        "shop",
        rows,
        query,
        cell(kept.email, gone.email),
        [
            cell(gone.email, kept.email),
            cell(kept.email, gone.email, "UPDATE customers SET name = name WHERE id = ?"),
            cell(kept.email, gone.email).replace("\ndb.commit()", ""),
            cell(kept.email, gone.email).replace(" WHERE customer_id = ?', (kept, gone)", "', (kept,)"),
        ],
        after=after,
    )
    return task("shop", rows, turn, difficulty=3)


@family(held_out=True, tags=("change", "clinic"))
def cancel_visits(rng: random.Random) -> Task:
    rows = data.clinic(rng)
    out, doctor = rng.choice(("to_call", "affected")), rng.choice(rows["doctors"])
    own = [each for each in rows["visits"] if each.doctor_id == doctor.id]
    tell_apart(len(own) > 2, False)
    limit = sorted(each.day for each in own)[len(own) // 2]
    gone = [each for each in own if each.day >= limit]
    tell_apart(len(gone) == len(own), True)
    names = {each.id: each.name for each in rows["patients"]}
    callees = sorted({names[each.patient_id] for each in gone})
    query = (
        f"Doctor {doctor.name} is away from {limit} on. Store in {out} the names of the patients who have a visit to "
        "that doctor on or after that day, each once, in a sorted list; then delete those visits from db and commit."
    )

    def cell(condition: str, order: str = "sorted({name for (name,) in found})") -> str:
        where = f"doctor_id = (SELECT id FROM doctors WHERE name = '{doctor.name}'){condition}"
        return (
            f'found = db.execute("SELECT p.name FROM visits v JOIN patients p ON p.id = v.patient_id WHERE {where}")'
            f'\n{out} = {order}\ndb.execute("DELETE FROM visits WHERE {where}")\ndb.commit()'
        )

    turn = ask(
        "clinic",
        rows,
        query,
        cell(f" AND day >= '{limit}'"),
        [
            cell(f" AND day > '{limit}'"),
            cell(""),
            (cell(f" AND day >= '{limit}'", "[name for (name,) in found][::-1] + ['']"), f"{out} equals"),
            cell(f" AND day >= '{limit}'").replace("\ndb.commit()", ""),
        ],
        after=but(rows, visits=[each for each in rows["visits"] if each not in gone]),
        goals={out: callees},
    )
    return task("clinic", rows, turn, difficulty=3)
