"""Transactions: what belongs together is done whole or not at all, and what failed leaves nothing behind."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random

from cave_rl.suites.database.tasks import data
from cave_rl.suites.database.tasks.making import Redraw, ask, but, family, task, tell_apart
from cave_rl.tasks.task import Task


@family(tags=("transaction", "shop"))
def pending_change(rng: random.Random) -> Task:
    rows = data.shop(rng)
    product, by = rng.choice(rows["products"]), rng.randint(10, 400)
    pending = f"UPDATE products SET price = price + {by} WHERE id = {product.id}"
    raised = but(
        rows,
        products=[each._replace(price=each.price + by) if each == product else each for each in rows["products"]],
    )
    if rng.random() < 0.5:
        query = rng.choice(
            (
                "Somebody has changed prices in db and not committed yet. The change is right: make it permanent.",
                "There is an open transaction on db with a new price. It has been approved; commit it.",
            )
        )
        gold, misses = "db.commit()", ["db.rollback()", "db.execute('SAVEPOINT kept')", f"db.commit()\n{_run(pending)}"]
        turn = ask("shop", raised, query, gold, misses, after=raised)
    else:
        query = rng.choice(
            (
                "Somebody has changed prices in db by mistake and not committed yet. Discard the change.",
                "There is an open transaction on db with a wrong price. Undo what has not been committed.",
            )
        )
        gold, misses = "db.rollback()", ["db.commit()", _run(pending), f"db.commit()\n{_run(pending)}"]
        turn = ask("shop", raised, query, gold, misses, after=rows)
    return task("shop", rows, turn, pending=pending)


def _run(statement: str) -> str:
    return f'db.execute("{statement}")\ndb.commit()'


@family(tags=("transaction", "shop"))
def book_orders(rng: random.Random) -> Task:
    rows = data.shop(rng)
    day = data.day(rng, "2024-11-01", 30)
    asked, refused, stock = [], [], {each.id: each.stock for each in rows["products"]}
    by_name = {each.name: each for each in rows["products"]}
    orders, lines = list(rows["orders"]), list(rows["order_lines"])
    for position in range(rng.randint(4, 6)):
        wanted = [(name, rng.randint(1, 5)) for name in rng.sample(sorted(by_name), rng.randint(2, 3))]
        if rng.random() < 0.45:  # of one there is not enough: the last, after others that have been booked
            wanted[-1] = (wanted[-1][0], stock[by_name[wanted[-1][0]].id] + rng.randint(1, 9))
        customer = rng.choice(rows["customers"])
        asked.append({"email": customer.email, "lines": wanted})
        if any(count > stock[by_name[name].id] for name, count in wanted):
            refused.append(position)
            continue
        order = data.Order(data.next_id(orders), customer.id, day)
        orders.append(order)
        for name, count in wanted:
            stock[by_name[name].id] -= count
            lines.append(data.Line(order.id, by_name[name].id, count))
    if not 0 < len(refused) < len(asked):
        raise Redraw
    after = but(
        rows,
        orders=orders,
        order_lines=lines,
        products=[each._replace(stock=stock[each.id]) for each in rows["products"]],
    )
    name, out = rng.choice(("requests", "basket")), rng.choice(("refused", "failed"))
    query = rng.choice(
        (
            f"{name} is a list of dicts with 'email' and 'lines', a list of (product name, count). Book each as an "
            f"order into db, one after another: an order on day '{day}' (id: one above the largest), its lines, and "
            "the stock of each product less the count. The stock may not fall below 0: if one line of an order cannot "
            "be served, nothing of that order is kept. Store the positions (from 0) of the orders that could not be "
            f"booked in the list {out}. Commit.",
            f"Book the orders in {name} into db, in their order: each has the 'email' of a customer and 'lines' of "
            f"(product name, count). An order gets the next id (largest plus 1) and the day '{day}', and takes its "
            f"counts off the stock. An order with a line for which the stock does not suffice is left out whole. {out} "
            "is to be the list of the positions (from 0) of those. Commit.",
        )
    )

    def cell(transaction: str = "with db:", record: str = f"{out}.append(position)", count: str = "count") -> str:
        return f"""import sqlite3
{out} = []
for position, each in enumerate({name}):
    try:
        {transaction}
            (customer,) = db.execute("SELECT id FROM customers WHERE email = ?", (each["email"],)).fetchone()
            new = db.execute("INSERT INTO orders (customer_id, day) VALUES (?, '{day}')", (customer,)).lastrowid
            for product, count in each["lines"]:
                db.execute("UPDATE products SET stock = stock - ? WHERE name = ?", ({count}, product))
                db.execute('''INSERT INTO order_lines
                    SELECT ?, id, ? FROM products WHERE name = ?''', (new, count, product))
    except sqlite3.IntegrityError:
        {record}
"""

    turn = ask(
        "shop",
        rows,
        query,
        cell(),
        [
            cell("if True:") + "db.commit()\n",
            cell("if True:"),
            (cell(record=f"{out}.append(each['email'])"), f"{out} equals"),
            (cell(record="break"), f"{out} equals"),
            (cell(count="0"), "db table products"),
        ],
        after=after,
        goals={out: refused},
    )
    return task("shop", rows, turn, variables={name: (asked, "orders to be booked")}, difficulty=5)


@family(tags=("transaction", "bank"))
def transfers(rng: random.Random) -> Task:
    rows = data.bank(rng)
    day, name = data.day(rng, "2024-11-01", 30), rng.choice(("transfers", "payments"))
    balances = {each.owner: each.balance for each in rows["accounts"]}
    number = {each.owner: each.id for each in rows["accounts"]}
    listed, entries, failed = [], list(rows["entries"]), None
    fails = rng.random() < 0.5
    for position in range(rng.randint(5, 9)):
        giver, taker = rng.sample(sorted(balances), 2)
        amount = rng.randint(100, max(101, balances[giver] // 3))
        if fails and failed is None and position >= 2 and rng.random() < 0.5:
            amount, failed = balances[giver] + rng.randint(1, 500), position
        listed.append((giver, taker, amount))
        if failed is None and amount > balances[giver]:
            raise Redraw
        balances[giver] -= amount
        balances[taker] += amount
        for owner, signed in ((giver, -amount), (taker, amount)):
            entries.append(data.Entry(data.next_id(entries), number[owner], signed, day))
    if fails and failed is None:
        raise Redraw
    after = but(
        rows,
        accounts=[each._replace(balance=balances[each.owner]) for each in rows["accounts"]],
        entries=entries,
    )
    query = rng.choice(
        (
            f"{name} is a list of (from, to, amount) between owners of accounts. Carry all of them out in db, in "
            f"order: move the amount and write two entries on '{day}' (minus for the first, then plus for the second; "
            "ids one above the largest). If one would bring a balance below 0, none of them is to be kept. Store in "
            "failed the position (from 0) of the first that fails, or None if all were carried out. Commit what is "
            "kept.",
            f"Execute {name} on db as a whole or not at all. Each is (from, to, amount): take the amount off the "
            f"balance of the first owner, add it to that of the second, and add an entry for each (day '{day}', next "
            "id; first the negative one, then the positive one). No balance may fall below 0. failed is to be None, "
            "or the position (from 0) of the first that could not be done, and then db is as it was before.",
        )
    )

    def cell(handler: str = "db.rollback()", record: str = "failed = position", end: str = "db.commit()") -> str:
        return f"""import sqlite3
failed = None
for position, (giver, taker, amount) in enumerate({name}):
    try:
        for owner, signed in ((giver, -amount), (taker, amount)):
            db.execute("UPDATE accounts SET balance = balance + ? WHERE owner = ?", (signed, owner))
            db.execute('''INSERT INTO entries (account_id, amount, day)
                SELECT id, ?, '{day}' FROM accounts WHERE owner = ?''', (signed, owner))
    except sqlite3.IntegrityError:
        {record}
        {handler}
        break
{end}
"""

    goals = {"failed": failed}
    if failed is None:
        misses: list[str | tuple[str, str]] = [
            cell(end=""),
            cell(end="db.rollback()"),
            (cell().replace("signed, owner", "-signed, owner"), "db table entries"),
            (cell().replace("failed = None", "failed = False"), "failed equals"),
        ]
        turn = ask("bank", rows, query, cell(), misses, after=after, goals=goals)
    else:
        misses = [
            (cell(handler="db.commit()"), "db unchanged"),
            (cell(handler="pass"), "db unchanged"),
            (cell(record="failed = amount"), "failed equals"),
            (cell().replace("        break\n", ""), "db unchanged"),
        ]
        tell_apart(failed == len(listed) - 1, True)
        turn = ask("bank", rows, query, cell(), misses, goals=goals)
    return task("bank", rows, turn, variables={name: (listed, "from, to, amount")}, difficulty=4)


@family(held_out=True, tags=("transaction", "school"))
def enrol_groups(rng: random.Random) -> Task:
    rows = data.school(rng)
    name, out = rng.choice(("groups", "classes")), rng.choice(("left_out", "rejected"))
    seats = {each.title: each.seats for each in rows["courses"]}
    course_id = {each.title: each.id for each in rows["courses"]}
    student_id = {each.name: each.id for each in rows["students"]}
    taken = {(each.student_id, each.course_id) for each in rows["enrolments"]}
    enrolments, listed, rejected, halfway = list(rows["enrolments"]), [], [], False
    for position, title in enumerate(rng.sample(sorted(seats), rng.randint(4, 5))):
        free = sorted(each for each in student_id if (student_id[each], course_id[title]) not in taken)
        if len(free) < 2:
            raise Redraw
        students = rng.sample(free, rng.randint(2, min(4, len(free))))
        listed.append((title, students))
        if len(students) > seats[title]:
            rejected.append(position)
            halfway = halfway or seats[title] > 0
            continue
        seats[title] -= len(students)
        for each in students:
            taken.add((student_id[each], course_id[title]))
            enrolments.append(data.Enrolment(student_id[each], course_id[title], None))
    if not (halfway and len(rejected) < len(listed)):
        raise Redraw
    after = but(
        rows,
        enrolments=enrolments,
        courses=[each._replace(seats=seats[each.title]) for each in rows["courses"]],
    )
    query = (
        f"{name} is a list of (course title, list of student names). Enrol each group in db, one after another: an "
        "enrolment without a grade for each student, and one seat less in the course for each. A group for which the "
        f"seats do not suffice is not enrolled at all. Store the positions (from 0) of those groups in the list {out}. "
        "Commit."
    )

    def cell(transaction: str = "with db:", seat: str = "seats - 1") -> str:
        return f"""import sqlite3
{out} = []
for position, (title, students) in enumerate({name}):
    try:
        {transaction}
            (course,) = db.execute("SELECT id FROM courses WHERE title = ?", (title,)).fetchone()
            for student in students:
                db.execute("UPDATE courses SET seats = {seat} WHERE id = ?", (course,))
                db.execute("INSERT INTO enrolments SELECT id, ?, NULL FROM students WHERE name = ?", (course, student))
    except sqlite3.IntegrityError:
        {out}.append(position)
"""

    turn = ask(
        "school",
        rows,
        query,
        cell(),
        [
            cell("if True:") + "db.commit()\n",
            cell("if True:"),
            (cell(seat="seats"), f"{out} equals"),
            (f"{cell()}{name}.reverse()", f"{name} unchanged"),
        ],
        after=after,
        goals={out: rejected},
    )
    return task("school", rows, turn, variables={name: (listed, "who is to be enrolled")}, difficulty=4)
