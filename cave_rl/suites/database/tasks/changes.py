"""Changes of rows: inserting, updating, upserting. All other rows must stay as they were, ids included."""

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
