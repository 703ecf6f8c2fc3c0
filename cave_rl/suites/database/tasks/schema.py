"""Changes of the schema: columns, indexes, views, tables. What is there must keep its rows and its constraints."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random

from cave_rl.suites.database.tasks import data
from cave_rl.suites.database.tasks.making import ask, family, task, tell_apart
from cave_rl.tasks.task import Task


@family(tags=("schema", "shop"))
def add_column(rng: random.Random) -> Task:
    rows = data.shop(rng)
    column, value = rng.choice(("discount", "weight", "rating")), rng.randint(5, 40)
    category = rng.choice(rows["categories"])
    query = rng.choice(
        (
            f"Add a column {column} to the table products of db: INTEGER, NOT NULL, default 0. Set it to {value} for "
            f"all products of category '{category.name}'. Commit.",
            f"The products in db need a new column {column} (INTEGER NOT NULL DEFAULT 0). It is {value} for the "
            f"products of category '{category.name}' and 0 for all others. Commit the change.",
        )
    )
    where = f" WHERE category_id = (SELECT id FROM categories WHERE name = '{category.name}')"

    def cell(kind: str = "INTEGER NOT NULL DEFAULT 0", condition: str = where) -> str:
        return (
            f'db.execute("ALTER TABLE products ADD COLUMN {column} {kind}")\n'
            f'db.execute("UPDATE products SET {column} = {value}{condition}")\ndb.commit()'
        )

    turn = ask(
        "shop",
        rows,
        query,
        cell(),
        [
            cell("INTEGER"),
            cell("TEXT NOT NULL DEFAULT 0"),
            cell(condition=""),
            cell().replace("\ndb.commit()", ""),
            f'db.execute("CREATE TABLE new AS SELECT *, 0 AS {column} FROM products")\n'
            'db.execute("PRAGMA foreign_keys = OFF")\ndb.execute("DROP TABLE products")\n'
            'db.execute("ALTER TABLE new RENAME TO products")\n'
            f'db.execute("UPDATE products SET {column} = {value}{where}")\ndb.commit()',
        ],
        after=rows,
        parts=["table products"],
        then=f"ALTER TABLE products ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0; "
        f"UPDATE products SET {column} = {value} WHERE category_id = {category.id}",
    )
    return task("shop", rows, turn, difficulty=2)


@family(tags=("schema", "library"))
def add_index(rng: random.Random) -> Task:
    rows = data.library(rng)
    columns = rng.sample(("book_id", "member_id", "taken", "returned"), 2)
    name = f"loans_by_{columns[0].removesuffix('_id')}"
    query = rng.choice(
        (
            f"Create an index {name} in db on the table loans, over {columns[0]} and then {columns[1]}.",
            f"Searching loans in db is slow. Give it an index named {name} on the columns {columns[0]}, {columns[1]} "
            "(in that order).",
        )
    )

    def cell(its: list[str], table: str = "loans", kind: str = "INDEX", called: str = name) -> str:
        return f'db.execute("CREATE {kind} {called} ON {table} ({", ".join(its)})")'

    turn = ask(
        "library",
        rows,
        query,
        cell(columns),
        [
            cell(columns[::-1]),
            cell(columns[:1]),
            cell([*columns, "id"]),
            cell(columns, called="loans_index"),
            f"db.execute('BEGIN')\n{cell(columns)}",
            f"{cell(columns)}\n{cell(columns[::-1], called='another')}",
        ],
        after=rows,
        parts=[f"index {name}"],
        then=f"CREATE INDEX {name} ON loans ({', '.join(columns)})",
    )
    return task("library", rows, turn)


@family(tags=("schema", "shop"))
def add_view(rng: random.Random) -> Task:
    rows = data.shop(rng)
    name = rng.choice(("sales", "product_sales", "sold"))
    query = rng.choice(
        (
            f"Create a view {name} in db with the columns product (its name) and pieces (how many were ordered in all, "
            "over its order lines), for all products that were ordered at least once.",
            f"Make a view named {name} in db: one row a product that has order lines, column product with its name, "
            "column pieces with the sum of their quantities.",
        )
    )

    def cell(what: str = "SUM(l.quantity) AS pieces", join: str = "JOIN", kind: str = "VIEW") -> str:
        return (
            f'db.execute("""CREATE {kind} {name} AS SELECT p.name AS product, {what} FROM products p\n'
            f'    {join} order_lines l ON l.product_id = p.id GROUP BY p.id""")'
        )

    product, order = rng.choice(rows["products"]), data.next_id(rows["orders"])
    trial = (
        f"INSERT INTO orders VALUES ({order}, {rows['customers'][0].id}, '2025-01-01'); "
        f"INSERT INTO order_lines VALUES ({order}, {product.id}, 7); DELETE FROM order_lines WHERE quantity = 2"
    )
    sums: dict[int, list[int]] = {}
    for line in rows["order_lines"]:
        sums.setdefault(line.product_id, []).append(line.quantity)
    tell_apart(len(sums) == len(rows["products"]), True)
    tell_apart(all(len(each) == sum(each) for each in sums.values()), True)
    names = {each.id: each.name for each in rows["products"]}
    fixed = " UNION ALL ".join(f"SELECT '{names[key]}' AS product, {sum(its)} AS pieces" for key, its in sums.items())
    turn = ask(
        "shop",
        rows,
        query,
        cell(),
        [
            cell("COUNT(*) AS pieces"),
            cell(join="LEFT JOIN"),
            cell("SUM(l.quantity)"),
            f"{cell(kind='TABLE')}\ndb.commit()",
            f'db.execute("""CREATE VIEW {name} AS {fixed}""")',
        ],
        after=rows,
        parts=[f"view {name}"],
        then=f"CREATE VIEW {name} AS SELECT p.name AS product, SUM(l.quantity) AS pieces FROM products p "
        "JOIN order_lines l ON l.product_id = p.id GROUP BY p.id",
        trial=trial,
    )
    return task("shop", rows, turn, difficulty=2)


@family(tags=("schema", "clinic"))
def summary_table(rng: random.Random) -> Task:
    rows = data.clinic(rng)
    name = rng.choice(("fees", "income", "earned"))
    sums = {each.id: 0 for each in rows["doctors"]}
    for visit in rows["visits"]:
        sums[visit.doctor_id] += visit.fee
    tell_apart(all(sums.values()), False)
    query = rng.choice(
        (
            f"Create a table {name} in db with doctor_id (INTEGER PRIMARY KEY, a reference to doctors (id)) and total "
            "(INTEGER NOT NULL), and fill it with the sum of the fees of each doctor's visits. Commit.",
            f"db needs a table {name}: doctor_id INTEGER PRIMARY KEY REFERENCES doctors (id), total INTEGER NOT NULL. "
            "One row a doctor who has visits, total is the sum of their fees. Commit.",
        )
    )
    columns = "doctor_id INTEGER PRIMARY KEY REFERENCES doctors (id), total INTEGER NOT NULL"

    def cell(its: str = columns, what: str = "SUM(fee)") -> str:
        return (
            f'db.execute("CREATE TABLE {name} ({its})")\n'
            f'db.execute("INSERT INTO {name} SELECT doctor_id, {what} FROM visits GROUP BY doctor_id")\ndb.commit()'
        )

    values = ", ".join(f"({doctor}, {total})" for doctor, total in sums.items() if total)
    turn = ask(
        "clinic",
        rows,
        query,
        cell(),
        [
            cell(what="COUNT(*)"),
            cell(columns.replace(" REFERENCES doctors (id)", "")),
            cell(columns.replace(" NOT NULL", "")),
            cell().replace("\ndb.commit()", ""),
            f'db.execute("CREATE TABLE {name} AS SELECT doctor_id, SUM(fee) AS total FROM visits GROUP BY doctor_id")\n'
            "db.commit()",
            f"{cell()}\ndb.execute('DELETE FROM visits')\ndb.commit()",
        ],
        after=rows,
        parts=[f"table {name}"],
        then=f"CREATE TABLE {name} ({columns}); INSERT INTO {name} VALUES {values}",
    )
    return task("clinic", rows, turn, difficulty=2)


@family(held_out=True, tags=("schema", "clinic"))
def rename_column(rng: random.Random) -> Task:
    rows = data.clinic(rng)
    table, old, new = rng.choice(
        (
            ("doctors", "field", "speciality"),
            ("patients", "born", "birth_year"),
            ("visits", "fee", "price"),
            ("visits", "day", "visited_on"),
        )
    )
    other = {"doctors": "name", "patients": "name", "visits": "hour"}[table]
    query = rng.choice(
        (
            f"Rename the column {old} of the table {table} in db to {new}. Everything else stays.",
            f"In db, the column {old} of {table} is to be called {new} from now on.",
        )
    )

    def cell(first: str, second: str) -> str:
        return f'db.execute("ALTER TABLE {table} RENAME COLUMN {first} TO {second}")'

    turn = ask(
        "clinic",
        rows,
        query,
        cell(old, new),
        [
            cell(other, new),
            cell(old, f"{new}_2"),
            f'db.execute("ALTER TABLE {table} ADD COLUMN {new}")\n'
            f'db.execute("UPDATE {table} SET {new} = {old}")\ndb.commit()',
            f'db.execute("PRAGMA foreign_keys = OFF")\n{cell(old, new)}\n'
            f'db.execute("CREATE TABLE copied AS SELECT * FROM {table}")\ndb.execute("DROP TABLE {table}")\n'
            f'db.execute("ALTER TABLE copied RENAME TO {table}")',
        ],
        after=rows,
        parts=[f"table {table}"],
        then=f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}",
    )
    return task("clinic", rows, turn)


@family(held_out=True, tags=("schema", "bank"))
def unique_index(rng: random.Random) -> Task:
    rows = data.bank(rng)
    name = rng.choice(("one_a_day", "daily_entry"))
    for account in rng.sample([each.id for each in rows["accounts"]], 2):
        one, other, *_ = (at for at, each in enumerate(rows["entries"]) if each.account_id == account)
        rows["entries"][other] = rows["entries"][other]._replace(day=rows["entries"][one].day)
    kept: list[data.Entry] = []
    seen: set[tuple[int, str]] = set()
    for each in rows["entries"]:
        if (each.account_id, each.day) not in seen:
            kept.append(each)
            seen.add((each.account_id, each.day))
    query = (
        "An account may have only one entry a day. In db, delete of the entries of one account on one day all but the "
        f"one with the smallest id, and then create a unique index {name} on entries (account_id, day). Leave the "
        "balances as they are. Commit."
    )

    def cell(keep: str = "MIN(id)", kind: str = "UNIQUE INDEX") -> str:
        return (
            f'db.execute("DELETE FROM entries WHERE id NOT IN (SELECT {keep} FROM entries GROUP BY account_id, day)")\n'
            f'db.execute("CREATE {kind} {name} ON entries (account_id, day)")\ndb.commit()'
        )

    turn = ask(
        "bank",
        rows,
        query,
        cell(),
        [
            cell("MAX(id)"),
            (cell(kind="INDEX"), f"db index {name}"),
            cell().replace("\ndb.commit()", ""),
            cell().replace('(account_id, day)")\ndb.c', '(account_id)")\ndb.c'),
        ],
        after={**rows, "entries": kept},
        parts=[f"index {name}"],
        then=f"CREATE UNIQUE INDEX {name} ON entries (account_id, day)",
    )
    return task("bank", rows, turn, difficulty=2)
