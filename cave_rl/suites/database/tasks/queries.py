"""Questions: the database is only read, the answer goes into a variable."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random
from collections import Counter, defaultdict

from cave_rl.suites.database.tasks import data
from cave_rl.suites.database.tasks.making import ask, family, task, tell_apart
from cave_rl.tasks.task import Task


@family(tags=("query", "shop"))
def stock_value(rng: random.Random) -> Task:
    rows = data.shop(rng)
    category, out = rng.choice(rows["categories"]), rng.choice(("value", "worth", "total"))
    own = [each for each in rows["products"] if each.category_id == category.id]
    value = sum(each.price * each.stock for each in own)
    query = rng.choice(
        (
            f"Store in {out} what the stock of all products of category '{category.name}' in db is worth: the sum of "
            "price times stock, an int.",
            f"Set {out} to the sum of price times stock over the products in db that are in category "
            f"'{category.name}'.",
        )
    )

    def cell(what: str, where: str = f" WHERE c.name = '{category.name}'") -> str:
        return (
            f'({out},) = db.execute("SELECT {what} FROM products p JOIN categories c ON c.id = p.category_id{where}")'
            ".fetchone()"
        )

    tell_apart(value, sum(each.price for each in own), len(own))
    turn = ask(
        "shop",
        rows,
        query,
        cell("SUM(p.price * p.stock)"),
        [
            cell("SUM(p.price)"),
            cell("SUM(p.price * p.stock)", ""),
            cell("SUM(p.price * p.stock)").replace(f"({out},)", out),
            (
                f"db.execute('DELETE FROM order_lines')\n{cell('SUM(p.price * p.stock)')}\ndb.commit()",
                "db unchanged",
            ),
        ],
        goals={out: value},
    )
    return task("shop", rows, turn)


@family(tags=("query", "shop"))
def revenue_by_category(rng: random.Random) -> Task:
    rows = data.shop(rng)
    out = rng.choice(("revenue", "sales", "turnover"))
    names = {each.id: each.name for each in rows["categories"]}
    products = {each.id: each for each in rows["products"]}
    revenue: dict[str, int] = {name: 0 for name in names.values()}
    pieces = dict(revenue)
    for line in rows["order_lines"]:
        product = products[line.product_id]
        revenue[names[product.category_id]] += line.quantity * product.price
        pieces[names[product.category_id]] += line.quantity
    query = rng.choice(
        (
            f"Store the revenue of each category of db in {out}, a dict from the category's name to an int: the sum of "
            "quantity times price over its order lines, 0 for a category without any.",
            f"What did each category of db sell for? {out} is to be a dict from name to the sum of quantity times "
            "price over all order lines; every category is in it, one without sales with 0.",
        )
    )

    def cell(what: str, join: str = "LEFT JOIN", more: str = "") -> str:
        return (
            f'{out} = dict(db.execute("""SELECT c.name, {what} FROM categories c\n'
            f"    {join} products p ON p.category_id = c.id {join} order_lines l ON l.product_id = p.id\n"
            f'    GROUP BY c.id{more}"""))'
        )

    right = "COALESCE(SUM(l.quantity * p.price), 0)"
    turn = ask(
        "shop",
        rows,
        query,
        cell(right),
        [
            cell("COALESCE(SUM(l.quantity), 0)"),
            cell("COALESCE(SUM(p.price), 0)"),
            cell(right, more=" LIMIT 3"),
            cell(right).replace(f"{out} = dict(", f"{out} = list("),
        ],
        goals={out: revenue},
    )
    tell_apart(revenue, pieces, {name: 0 for name in revenue})
    return task("shop", rows, turn, difficulty=2)


@family(tags=("query", "library"))
def without_loan(rng: random.Random) -> Task:
    rows = data.library(rng)
    out = rng.choice(("free", "idle", "empty_handed"))
    holding = {loan.member_id for loan in rows["loans"] if loan.returned is None}
    ever = {loan.member_id for loan in rows["loans"]}
    names = sorted(member.name for member in rows["members"] if member.id not in holding)
    tell_apart(names, sorted(member.name for member in rows["members"] if member.id not in ever))
    query = rng.choice(
        (
            f"Store in {out} a list of the names of all members in db that have no book at present (no loan that is "
            "not returned), in alphabetical order.",
            f"Which members in db hold no book now? A book is held as long as its loan has no returned day. Put their "
            f"names in the list {out}, sorted.",
        )
    )

    def cell(condition: str, negated: str = "NOT IN") -> str:
        return (
            f'found = db.execute("""SELECT name FROM members WHERE id {negated}\n'
            f'    (SELECT member_id FROM loans{condition}) ORDER BY name""")\n{out} = [name for (name,) in found]'
        )

    turn = ask(
        "library",
        rows,
        query,
        cell(" WHERE returned IS NULL"),
        [
            cell(""),
            cell(" WHERE returned IS NULL", "IN"),
            cell(" WHERE returned = NULL", "IN"),
            cell(" WHERE returned IS NULL").replace("[name for (name,) in found]", "found.fetchall()"),
        ],
        goals={out: names},
    )
    return task("library", rows, turn, difficulty=2)


@family(tags=("query", "clinic"))
def last_visits(rng: random.Random) -> Task:
    rows = data.clinic(rng)
    out = rng.choice(("last_visit", "latest", "seen"))
    doctor = rng.choice(rows["doctors"])
    names = {each.id: each.name for each in rows["patients"]}
    latest: dict[str, str] = {}
    first: dict[str, str] = {}
    for visit in rows["visits"]:
        if visit.doctor_id == doctor.id:
            name = names[visit.patient_id]
            latest[name] = max(latest.get(name, ""), visit.day)
            first[name] = min(first.get(name, "9"), visit.day)
    tell_apart(len(latest) > 1, False)
    tell_apart(latest, first)
    query = rng.choice(
        (
            f"Store in {out} a dict from patient name to the day of the last visit to doctor {doctor.name}, for all "
            "patients in db that saw that doctor.",
            f"When did each patient in db see doctor {doctor.name} last? {out} is to be a dict from the patient's name "
            "to the day; patients who never did are not in it.",
        )
    )

    def cell(what: str, where: str = f"WHERE d.name = '{doctor.name}' ") -> str:
        return (
            f'{out} = dict(db.execute("""SELECT p.name, {what} FROM visits v JOIN patients p ON p.id = v.patient_id\n'
            f'    JOIN doctors d ON d.id = v.doctor_id {where}GROUP BY p.id"""))'
        )

    turn = ask(
        "clinic",
        rows,
        query,
        cell("MAX(v.day)"),
        [cell("MIN(v.day)"), cell("COUNT(*)"), cell("MAX(v.day)", ""), cell("MAX(v.day)").replace("p.name", "p.id")],
        goals={out: latest},
    )
    return task("clinic", rows, turn, difficulty=2)


@family(tags=("query", "school"))
def mean_grades(rng: random.Random) -> Task:
    rows = data.school(rng)
    out = rng.choice(("means", "grades", "averages"))
    titles = {each.id: each.title for each in rows["courses"]}
    grades: dict[str, list[int]] = defaultdict(list)
    for each in rows["enrolments"]:
        if each.grade is not None:
            grades[titles[each.course_id]].append(each.grade)
    means = {title: sum(its) / len(its) for title, its in grades.items()}
    query = rng.choice(
        (
            f"Store the mean grade of each course of db in {out}: a dict from the course's title to a float. "
            "Enrolments without a grade do not count, courses without any grade are left out.",
            f"Make {out} a dict from course title to the mean of its grades (a float), from db. Leave out enrolments "
            "that have no grade, and courses that have none at all.",
        )
    )

    def cell(what: str, more: str = "WHERE e.grade IS NOT NULL ") -> str:
        return (
            f'{out} = dict(db.execute("""SELECT c.title, {what} FROM courses c\n'
            f'    JOIN enrolments e ON e.course_id = c.id {more}GROUP BY c.id"""))'
        )

    turn = ask(
        "school",
        rows,
        query,
        cell("AVG(e.grade)"),
        [
            cell("SUM(e.grade) / COUNT(*)"),
            cell("SUM(e.grade) * 1.0 / COUNT(*)", ""),
            cell("MAX(e.grade) * 1.0"),
            cell("AVG(e.grade)").replace("c.title", "c.id"),
        ],
        goals={out: means},
    )
    ungraded = any(each.grade is None and titles[each.course_id] in means for each in rows["enrolments"])
    tell_apart(ungraded, False)
    return task("school", rows, turn, difficulty=2)


@family(held_out=True, tags=("query", "library"))
def best_reader(rng: random.Random) -> Task:
    rows = data.library(rng)
    name, count = rng.choice((("reader", "loans"), ("member", "count")))
    counted = Counter(loan.member_id for loan in rows["loans"])
    open_now = Counter(loan.member_id for loan in rows["loans"] if loan.returned is None)
    (best, most), (_, second) = counted.most_common(2)
    tell_apart(most, second)
    tell_apart(most, open_now[best])
    names = {each.id: each.name for each in rows["members"]}
    query = (
        f"Which member in db has taken out the most loans, returned or not? Store the name in {name} and the number of "
        f"loans in {count}."
    )

    def cell(join: str = "", order: str = "DESC") -> str:
        return (
            f'{name}, {count} = db.execute("""SELECT m.name, COUNT(*) FROM loans l\n'
            f'    JOIN members m ON m.id = l.member_id {join}GROUP BY m.id ORDER BY COUNT(*) {order}""").fetchone()'
        )

    turn = ask(
        "library",
        rows,
        query,
        cell(),
        [
            (cell("WHERE l.returned IS NULL "), f"{count} equals"),
            (cell(order="ASC"), f"{count} equals"),
            (f"{cell()}\n{name} = ({name},)", f"{name} equals"),
        ],
        goals={name: names[best], count: most},
    )
    return task("library", rows, turn, difficulty=2)


@family(held_out=True, tags=("query", "bank"))
def wrong_balances(rng: random.Random) -> Task:
    rows = data.bank(rng)
    out = rng.choice(("wrong", "suspects"))
    bad = rng.sample(range(len(rows["accounts"])), rng.randint(2, 3))
    rows["accounts"] = [
        each._replace(balance=each.balance + rng.randint(1, 500)) if at in bad else each
        for at, each in enumerate(rows["accounts"])
    ]
    owners = sorted(rows["accounts"][at].owner for at in bad)
    query = (
        f"The balance of an account in db should be the sum of its entries. Store in {out} a list of the owners of all "
        "accounts of which this is not so, in alphabetical order."
    )

    def cell(condition: str) -> str:
        return (
            'found = db.execute("""SELECT owner FROM accounts a JOIN entries e ON e.account_id = a.id\n'
            f'    GROUP BY a.id HAVING {condition} ORDER BY owner""")\n{out} = [owner for (owner,) in found]'
        )

    turn = ask(
        "bank",
        rows,
        query,
        cell("a.balance <> SUM(e.amount)"),
        [
            cell("a.balance = SUM(e.amount)"),
            cell("a.balance < SUM(e.amount)"),
            cell("a.balance <> MAX(e.amount)"),
        ],
        goals={out: owners},
    )
    return task("bank", rows, turn, difficulty=2)
