"""Dialogues of two to four turns on one connection: each builds on what the earlier ones left there."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random

from cave_rl.suites.database.tasks import data
from cave_rl.suites.database.tasks.making import ask, but, family, task, tell_apart
from cave_rl.tasks.task import Task


@family(tags=("dialogue", "shop"))
def new_customer(rng: random.Random) -> Task:
    rows = data.shop(rng)
    known = {each.name for each in rows["customers"]}
    person = next(each for each in data.people(rng, 20) if each not in known)
    customer = data.Customer(data.next_id(rows["customers"]), person, data.mail(person))
    joined = but(rows, customers=[*rows["customers"], customer])
    insert = f"db.execute(\"INSERT INTO customers (name, email) VALUES ('{person}', '{customer.email}')\")\n"
    first = ask(
        "shop",
        rows,
        f"Add the customer '{person}' with the email '{customer.email}' to db (id: one above the largest), and commit.",
        f"{insert}db.commit()",
        [insert, f"{insert * 2}db.commit()", insert.replace(customer.email, person) + "db.commit()"],
        after=joined,
    )
    product, count = rng.choice(rows["products"]), rng.randint(1, 4)
    order = data.Order(data.next_id(rows["orders"]), customer.id, data.day(rng, "2024-12-01", 30))
    ordered = but(
        joined,
        orders=[*rows["orders"], order],
        order_lines=[*rows["order_lines"], data.Line(order.id, product.id, count)],
        products=[each._replace(stock=each.stock - count) if each == product else each for each in rows["products"]],
    )
    place = (
        f"new = db.execute(\"INSERT INTO orders (customer_id, day) SELECT id, '{order.day}' FROM customers WHERE email "
        f"= '{customer.email}'\").lastrowid\n"
        'db.execute("INSERT INTO order_lines SELECT ?, id, ? FROM products WHERE name = ?", '
        f"(new, {count}, '{product.name}'))\n"
    )
    take = f"db.execute(\"UPDATE products SET stock = stock - {count} WHERE name = '{product.name}'\")\n"
    second = ask(
        "shop",
        joined,
        f"The new customer orders {count} of '{product.name}' on {order.day}. Enter the order (next id) with its line, "
        "take the pieces off the stock in db, and commit.",
        f"{place}{take}db.commit()",
        [
            (f"{place}db.commit()", "db table products"),
            place + take,
            (f"{take}db.commit()", "db table orders"),
            (f"{place}{take.replace(' - ', ' + ')}db.commit()", "db table products"),
        ],
        after=ordered,
    )
    third = ask(
        "shop",
        ordered,
        "What does that order cost? Store the sum of quantity times price in cost, as an int.",
        "(cost,) = db.execute('SELECT SUM(l.quantity * p.price) FROM order_lines l JOIN products p ON p.id = "
        "l.product_id WHERE l.order_id = (SELECT MAX(id) FROM orders)').fetchone()",
        [
            "(cost,) = db.execute('SELECT SUM(quantity) FROM order_lines').fetchone()",
            "(cost,) = db.execute('SELECT SUM(l.quantity * p.price) FROM order_lines l JOIN products p ON p.id = "
            "l.product_id').fetchone()",
            (f"db.execute('UPDATE products SET price = 1')\ncost = {count * product.price}", "db unchanged"),
        ],
        goals={"cost": count * product.price},
    )
    return task("shop", rows, first, second, third, difficulty=4)


@family(tags=("dialogue", "library"))
def loan_desk(rng: random.Random) -> Task:
    rows = data.library(rng)
    known = {each.name for each in rows["members"] + rows["authors"]}
    person = next(each for each in data.people(rng, 25) if each not in known)
    member = data.Person(data.next_id(rows["members"]), person)
    book = rng.choice([each for each in rows["books"] if each.copies > 0])
    taken, back = data.day(rng, "2025-01-01", 20), data.day(rng, "2025-02-01", 20)
    joined = but(rows, members=[*rows["members"], member])
    insert = f"db.execute(\"INSERT INTO members (name) VALUES ('{person}')\")\n"
    first = ask(
        "library",
        rows,
        f"'{person}' becomes a member: add the name to the members in db (id: one above the largest), and commit.",
        f"{insert}db.commit()",
        [insert, insert.replace("members", "authors") + "db.commit()"],
        after=joined,
    )
    loan = data.Loan(data.next_id(rows["loans"]), book.id, member.id, taken, None)
    lent = but(
        joined,
        loans=[*rows["loans"], loan],
        books=[each._replace(copies=each.copies - 1) if each == book else each for each in rows["books"]],
    )
    lend = (
        'db.execute("INSERT INTO loans (book_id, member_id, taken) SELECT b.id, m.id, ? FROM books b, members m WHERE '
        f"b.title = ? AND m.name = ?\", ('{taken}', '{book.title}', '{person}'))\n"
    )
    less = f"db.execute(\"UPDATE books SET copies = copies - 1 WHERE title = '{book.title}'\")\n"
    second = ask(
        "library",
        joined,
        f"The new member takes out '{book.title}' on {taken}. Enter the loan (next id, not returned) into db, take 1 "
        "off the copies of the book, and commit.",
        f"{lend}{less}db.commit()",
        [
            lend + less,
            (f"{lend}db.commit()", "db table books"),
            (f"{less}db.commit()", "db table loans"),
            (
                f"{lend}{less}db.execute('UPDATE loans SET returned = taken WHERE returned IS NULL')\ndb.commit()",
                "db table loans",
            ),
        ],
        after=lent,
    )
    count = sum(each.returned is None for each in lent["loans"])
    third = ask(
        "library",
        lent,
        "How many loans in db are not returned now? Store the number in open_loans.",
        "(open_loans,) = db.execute('SELECT COUNT(*) FROM loans WHERE returned IS NULL').fetchone()",
        [
            "(open_loans,) = db.execute('SELECT COUNT(*) FROM loans').fetchone()",
            "(open_loans,) = db.execute('SELECT COUNT(*) - 1 FROM loans WHERE returned IS NULL').fetchone()",
            "open_loans = db.execute('SELECT id FROM loans WHERE returned IS NULL').fetchall()",
        ],
        goals={"open_loans": count},
    )
    returned = but(
        lent,
        loans=[each._replace(returned=back) if each == loan else each for each in lent["loans"]],
        books=rows["books"],
    )
    close = (
        f"db.execute(\"UPDATE loans SET returned = '{back}' WHERE member_id = (SELECT id FROM members WHERE name = "
        f"'{person}')\")\n"
    )
    more = less.replace(" - ", " + ")
    fourth = ask(
        "library",
        lent,
        f"{person} brings the book back on {back}. Note that in db, with the copies as well, and commit.",
        f"{close}{more}db.commit()",
        [
            close + more,
            (f"{close}db.commit()", "db table books"),
            (f'{close.partition(" WHERE")[0]}")\n{more}db.commit()', "db table loans"),
            (f"{close}{less}db.commit()", "db table books"),
        ],
        after=returned,
    )
    return task("library", rows, first, second, third, fourth, difficulty=5)


@family(tags=("dialogue", "event", "shop"))
def prices_moved(rng: random.Random) -> Task:
    rows = data.shop(rng)
    out = rng.choice(("value", "worth"))
    category, factor = rng.choice(rows["categories"]), rng.randint(2, 4)
    names = {each.id: each.name for each in rows["categories"]}
    event = f"db.execute('UPDATE products SET price = price * {factor} WHERE category_id = {category.id}'); db.commit()"
    moved = but(
        rows,
        products=[
            each._replace(price=each.price * factor) if each.category_id == category.id else each
            for each in rows["products"]
        ],
    )

    def values(products: list[data.Product]) -> dict[str, int]:
        found = dict.fromkeys(names.values(), 0)
        for each in products:
            found[names[each.category_id]] += each.price * each.stock
        return found

    def cell(what: str = "p.price * p.stock") -> str:
        return (
            f'{out} = dict(db.execute("""SELECT c.name, SUM({what}) FROM categories c\n'
            f'    JOIN products p ON p.category_id = c.id GROUP BY c.id"""))'
        )

    first = ask(
        "shop",
        rows,
        f"Store in {out} what the stock of each category in db is worth: a dict from category name to the sum of price "
        "times stock.",
        cell(),
        [cell("p.price"), cell("p.stock"), f"{cell()}\n{out} = list({out}.items())"],
        goals={out: values(rows["products"])},
    )
    second = ask(
        "shop",
        moved,
        f"Prices in db have just been changed. Bring {out} up to date.",
        cell(),
        [
            f"{out} = dict({out})",
            f"{out}['{category.name}'] += 1",
            f"{out} = {{name: {factor} * each for name, each in {out}.items()}}",
            (f"{cell()}\ndb.execute('UPDATE products SET price = price / {factor}')\ndb.commit()", "db unchanged"),
        ],
        goals={out: values(moved["products"])},
        updates=[out],
        event=event,
    )
    return task("shop", rows, first, second, difficulty=3)


@family(held_out=True, tags=("dialogue", "bank"))
def month_end(rng: random.Random) -> Task:
    rows = data.bank(rng)
    fee, limit, day = rng.randint(100, 400), rng.randint(20_000, 60_000), "2024-12-31"
    poor = [each for each in rows["accounts"] if each.balance < limit]
    tell_apart(1 < len(poor) < len(rows["accounts"]) and all(each.balance >= fee for each in poor), False)
    first = ask(
        "bank",
        rows,
        f"Store in charged a list of the owners of all accounts in db whose balance is below {limit}, in alphabetical "
        "order.",
        f"charged = [owner for (owner,) in db.execute('SELECT owner FROM accounts WHERE balance < {limit} ORDER BY "
        "owner')]",
        [
            f"charged = [owner for (owner,) in db.execute('SELECT owner FROM accounts WHERE balance > {limit} ORDER BY "
            "owner')]",
            "charged = [owner for (owner,) in db.execute('SELECT owner FROM accounts ORDER BY owner')]",
        ],
        goals={"charged": sorted(each.owner for each in poor)},
    )
    entries = list(rows["entries"])
    for each in sorted(poor, key=lambda account: account.owner):
        entries.append(data.Entry(data.next_id(entries), each.id, -fee, day))
    paid = but(
        rows,
        accounts=[each._replace(balance=each.balance - fee) if each in poor else each for each in rows["accounts"]],
        entries=entries,
    )
    charge = f"""for owner in charged:
    db.execute("UPDATE accounts SET balance = balance - {fee} WHERE owner = ?", (owner,))
    db.execute('''INSERT INTO entries (account_id, amount, day)
        SELECT id, -{fee}, '{day}' FROM accounts WHERE owner = ?''', (owner,))
"""
    second = ask(
        "bank",
        rows,
        f"Each owner in charged pays a fee of {fee}: in db, take it off the balance and write an entry of -{fee} on "
        f"{day} (next id, in the order of charged). Commit.",
        f"{charge}db.commit()",
        [
            charge,
            (charge.replace(f"-{fee}", f"{fee}") + "db.commit()", "db table entries"),
            (charge.replace("balance - ", "balance + ") + "db.commit()", "db table accounts"),
            (f"charged.reverse()\n{charge}db.commit()", "charged unchanged"),
        ],
        after=paid,
    )
    total = sum(each.balance for each in paid["accounts"])
    third = ask(
        "bank",
        paid,
        "What do all accounts in db hold together now? Store the sum in held.",
        "(held,) = db.execute('SELECT SUM(balance) FROM accounts').fetchone()",
        [
            f"(held,) = db.execute('SELECT SUM(balance) + {fee * len(poor)} FROM accounts').fetchone()",
            "(held,) = db.execute('SELECT MAX(balance) FROM accounts').fetchone()",
            "(held,) = db.execute('SELECT COUNT(*) FROM accounts').fetchone()",
        ],
        goals={"held": total},
    )
    return task("bank", rows, first, second, third, difficulty=4)
