"""Changes of rows: inserting, updating, deleting, upserting. All other rows must stay as they were, ids included."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random

from cave_rl.suites.database.tasks import data
from cave_rl.suites.database.tasks.making import ask, but, family, task, tell_apart
from cave_rl.tasks.task import Task


@family(tags=("change", "shop"))
def add_product(rng: random.Random) -> Task:
    rows = data.shop(rng)
    category, other = rng.sample(rows["categories"], 2)
    taken = {each.name for each in rows["products"]}
    name = next(each for each in data.goods(rng, 40) if each not in taken)
    price, stock = rng.randint(100, 9999), rng.randint(41, 99)
    query = rng.choice(
        (
            f"Add the product '{name}' to db, in category '{category.name}', with price {price} and stock {stock}. Its "
            "id is one above the largest product id. Commit.",
            f"A new product is to go into db: '{name}', category '{category.name}', price {price}, stock {stock}, and "
            "as id the largest id of the products plus 1. Commit the change.",
        )
    )
    insert = "db.execute('INSERT INTO products (name, category_id, price, stock) VALUES (?, ?, ?, ?)', "

    def cell(of: str = category.name, values: str = f"{price}, {stock}") -> str:
        return (
            f"(category,) = db.execute(\"SELECT id FROM categories WHERE name = '{of}'\").fetchone()\n"
            f"{insert}('{name}', category, {values}))\ndb.commit()"
        )

    made = data.Product(data.next_id(rows["products"]), name, category.id, price, stock)
    turn = ask(
        "shop",
        rows,
        query,
        cell(),
        [
            cell().replace("\ndb.commit()", ""),
            cell(other.name),
            cell(values=f"{stock}, {price}"),
            f"{insert}('{name}', '{category.name}', {price}, {stock}))\ndb.commit()",
            f"{cell()}\ndb.execute(\"INSERT INTO categories (name) VALUES ('new')\")\ndb.commit()",
        ],
        after=but(rows, products=[*rows["products"], made]),
    )
    return task("shop", rows, turn)


@family(tags=("change", "shop"))
def raise_prices(rng: random.Random) -> Task:
    rows = data.shop(rng)
    category, by = rng.choice(rows["categories"]), rng.randint(10, 400)
    query = rng.choice(
        (
            f"Raise the price of all products of category '{category.name}' in db by {by}, and commit.",
            f"In db, every product in the category '{category.name}' is to cost {by} more. Commit the change.",
        )
    )
    where = f"category_id = (SELECT id FROM categories WHERE name = '{category.name}')"

    def cell(what: str = f"price = price + {by}", condition: str = f" WHERE {where}") -> str:
        return f'db.execute("UPDATE products SET {what}{condition}")\ndb.commit()'

    raised = [
        each._replace(price=each.price + by) if each.category_id == category.id else each for each in rows["products"]
    ]
    turn = ask(
        "shop",
        rows,
        query,
        cell(),
        [
            cell().replace("\ndb.commit()", ""),
            cell(condition=""),
            cell(what=f"price = {by}"),
            cell(what=f"price = price + {by}, stock = stock - 1"),
            f"{cell()}\ndb.execute('DELETE FROM order_lines')\ndb.commit()",
            f"{cell()}\ndb.execute('CREATE TABLE log (x)')",
        ],
        after=but(rows, products=raised),
    )
    return task("shop", rows, turn)


@family(tags=("change", "shop", "upsert"))
def take_delivery(rng: random.Random) -> Task:
    rows = data.shop(rng)
    category, price, name = rng.choice(rows["categories"]), rng.randint(100, 999), rng.choice(("delivery", "received"))
    known = rng.sample(rows["products"], 3)
    new = [each for each in data.goods(rng, 40) if each not in {product.name for product in rows["products"]}][:2]
    pairs = [(each, rng.randint(2, 30)) for each in [*(product.name for product in known), *new]]
    rng.shuffle(pairs)
    counts = dict(pairs)
    products = [each._replace(stock=each.stock + counts.get(each.name, 0)) for each in rows["products"]]
    for each, count in pairs:
        if each in new:
            products.append(data.Product(data.next_id(products), each, category.id, price, count))
    query = rng.choice(
        (
            f"{name} is a list of (product name, count). Book it into db: add the count to the stock of a product that "
            f"is there; add one that is not, in the order of {name}, to category '{category.name}' with price {price}, "
            "the count as its stock, and the next free id (one above the largest). Commit.",
            f"Take the goods in {name}, pairs of product name and count, into the stock of db. Known products get the "
            f"count on top; unknown ones are added one after another (id: largest plus 1; category '{category.name}', "
            f"price {price}, stock: the count). Commit in the end.",
        )
    )
    start = f"(category,) = db.execute(\"SELECT id FROM categories WHERE name = '{category.name}'\").fetchone()\n"

    def cell(conflict: str, verb: str = "INSERT") -> str:
        return (
            f"{start}for product, count in {name}:\n"
            f'    db.execute("""{verb} INTO products (name, category_id, price, stock) VALUES (?, ?, {price}, ?)\n'
            f'        {conflict}""", (product, category, count))\ndb.commit()'
        )

    right = "ON CONFLICT (name) DO UPDATE SET stock = stock + excluded.stock"
    turn = ask(
        "shop",
        rows,
        query,
        f"{start}for product, count in {name}:\n"
        "    changed = db.execute('UPDATE products SET stock = stock + ? WHERE name = ?', (count, product)).rowcount\n"
        "    if not changed:\n"
        f"        db.execute('INSERT INTO products (name, category_id, price, stock) VALUES (?, ?, {price}, ?)',\n"
        "                   (product, category, count))\ndb.commit()",
        [
            cell(right).replace("\ndb.commit()", ""),
            cell(right.replace("stock + ", "")),
            cell("", "INSERT OR IGNORE"),
            cell("", "INSERT OR REPLACE"),
            cell(right.replace("SET", "SET price = excluded.price,")),
        ],
        after=but(rows, products=products),
    )
    return task("shop", rows, turn, variables={name: (pairs, "goods that came in")}, difficulty=3)


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


@family(tags=("change", "library"))
def take_back(rng: random.Random) -> Task:
    rows = data.library(rng)
    name, today = rng.choice(("returns", "brought")), data.day(rng, "2025-02-01", 60)
    out = [each.id for each in rows["loans"] if each.returned is None]
    tell_apart(3 <= len(out) < len(rows["loans"]), False)
    given = rng.sample(out, 3)
    already = rng.choice([each.id for each in rows["loans"] if each.id not in out])
    listed = [*given, already]
    rng.shuffle(listed)
    back = {each.book_id: 0 for each in rows["loans"]}
    for each in rows["loans"]:
        back[each.book_id] += each.id in given
    after = but(
        rows,
        loans=[each._replace(returned=today) if each.id in given else each for each in rows["loans"]],
        books=[each._replace(copies=each.copies + back.get(each.id, 0)) for each in rows["books"]],
    )
    query = rng.choice(
        (
            f"{name} is a list of loan ids whose books have come back to the library. In db, set their returned day to "
            f"'{today}' and add 1 to the copies of each book, but skip loans that are returned already. Commit.",
            f"The loans with the ids in {name} end on '{today}': note that in db as the day on which they were "
            "returned, and raise the copies of the book by 1 for each. Leave loans alone that have a returned day "
            "already. Commit.",
        )
    )

    def cell(skip: str, copies: str = "copies + 1") -> str:
        return (
            f"end = \"UPDATE loans SET returned = '{today}' WHERE id = ?{skip}\"\n"
            f'back = "UPDATE books SET copies = {copies} WHERE id = (SELECT book_id FROM loans WHERE id = ?)"\n'
            f"for loan in {name}:\n"
            "    if db.execute(end, (loan,)).rowcount:\n"
            "        db.execute(back, (loan,))\n"
            "db.commit()"
        )

    right = " AND returned IS NULL"
    turn = ask(
        "library",
        rows,
        query,
        cell(right),
        [
            (cell(""), "db table loans"),
            (cell(right, "copies"), "db table books"),
            cell(right).replace("\ndb.commit()", ""),
            (f"{cell(right)}\n{name}.clear()", f"{name} unchanged"),
        ],
        after=after,
    )
    return task("library", rows, turn, variables={name: (listed, "ids of loans")}, difficulty=2)


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
