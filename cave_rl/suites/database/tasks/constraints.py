"""Constraints: requests that the database refuses, in part or whole, and what is to come of them."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random

from cave_rl.suites.database.tasks import data
from cave_rl.suites.database.tasks.making import Redraw, ask, but, family, task, tell_apart
from cave_rl.tasks.task import Task


@family(tags=("constraint", "shop"))
def import_customers(rng: random.Random) -> Task:
    rows = data.shop(rng)
    name, out = rng.choice(("people", "contacts")), rng.choice(("rejected", "doubles"))
    known = {each.email for each in rows["customers"]}
    fresh = [each for each in data.people(rng, 30) if data.mail(each) not in known][:5]
    listed = [(each, data.mail(each)) for each in fresh]
    listed += [(f"{fresh[0].split()[0]} Again", data.mail(fresh[0]))]
    listed += [(each.name, each.email) for each in rng.sample(rows["customers"], 2)]
    rng.shuffle(listed)
    customers, rejected = list(rows["customers"]), []
    for position, (person, email) in enumerate(listed):
        if email in known:
            rejected.append(position)
        else:
            customers.append(data.Customer(data.next_id(customers), person, email))
            known.add(email)
    query = rng.choice(
        (
            f"{name} is a list of (name, email). Add each as a customer to db, in order, with the next free id (one "
            "above the largest). An email may occur only once: skip those that are taken, by then, and store their "
            f"positions in {name} (from 0) in the list {out}. Commit.",
            f"Import {name}, pairs of name and email, into the customers of db, one after another (id: largest plus "
            "1). Where the email is there already, nothing is added or changed and the position (from 0) goes into "
            f"the list {out}. Commit in the end.",
        )
    )

    def cell(verb: str = "INSERT", handler: str = f"{out}.append(position)") -> str:
        return f"""import sqlite3
{out} = []
for position, (person, email) in enumerate({name}):
    try:
        db.execute("{verb} INTO customers (name, email) VALUES (?, ?)", (person, email))
    except sqlite3.IntegrityError:
        {handler}
db.commit()
"""

    turn = ask(
        "shop",
        rows,
        query,
        cell(),
        [
            cell("INSERT OR REPLACE"),
            (cell("INSERT OR IGNORE"), f"{out} equals"),
            (cell(handler="break"), f"{out} equals"),
            cell(handler=f"{out}.append(position); db.rollback()"),
            cell().replace("db.commit()\n", ""),
        ],
        after=but(rows, customers=customers),
        goals={out: rejected},
    )
    return task("shop", rows, turn, variables={name: (listed, "name and email")}, difficulty=3)


@family(tags=("constraint", "school"))
def enter_grades(rng: random.Random) -> Task:
    rows = data.school(rng)
    name, out = rng.choice(("marks", "results")), rng.choice(("wrong", "invalid"))
    titles = {each.id: each.title for each in rows["courses"]}
    names = {each.id: each.name for each in rows["students"]}
    waiting = [each for each in rows["enrolments"] if each.grade is None]
    there = {(each.student_id, each.course_id) for each in rows["enrolments"]}
    absent = [(s.id, c.id) for s in rows["students"] for c in rows["courses"] if (s.id, c.id) not in there]
    if len(waiting) < 5:
        raise Redraw
    listed = [(names[e.student_id], titles[e.course_id], rng.randint(1, 10)) for e in rng.sample(waiting, 4)]
    bad = rng.choice(
        [each for each in waiting if (names[each.student_id], titles[each.course_id]) not in [x[:2] for x in listed]]
    )
    listed.append((names[bad.student_id], titles[bad.course_id], rng.choice((0, 11, 12, 15))))
    student, course = rng.choice(absent)
    listed.append((names[student], titles[course], rng.randint(1, 10)))
    rng.shuffle(listed)
    grades = {(who, what): grade for who, what, grade in listed if 1 <= grade <= 10}
    wrong = [
        at
        for at, (who, what, grade) in enumerate(listed)
        if not 1 <= grade <= 10 or (who, what) == (names[student], titles[course])
    ]
    after = but(
        rows,
        enrolments=[
            each._replace(grade=grades.get((names[each.student_id], titles[each.course_id]), each.grade))
            for each in rows["enrolments"]
        ],
    )
    query = rng.choice(
        (
            f"{name} is a list of (student name, course title, grade). Enter the grades into the enrolments of db. "
            "Some are not possible: the student is not in that course, or the grade is not allowed there. Leave those "
            f"out and store their positions in {name} (from 0) in the list {out}. Commit.",
            f"Put the grades in {name}, given as (student name, course title, grade), into db. What db does not allow, "
            f"and grades of students who are not enrolled in the course, is skipped; {out} is to be the list of the "
            "positions (from 0) of those. Commit in the end.",
        )
    )

    def cell(unknown: str = "if not changed:", broken: str = f"{out}.append(position)", grade: str = "grade") -> str:
        return f"""import sqlite3
{out} = []
for position, (student, title, grade) in enumerate({name}):
    try:
        changed = db.execute('''UPDATE enrolments SET grade = ?
            WHERE student_id = (SELECT id FROM students WHERE name = ?)
            AND course_id = (SELECT id FROM courses WHERE title = ?)''', ({grade}, student, title)).rowcount
        {unknown}
            {out}.append(position)
    except sqlite3.IntegrityError:
        {broken}
db.commit()
"""

    turn = ask(
        "school",
        rows,
        query,
        cell(),
        [
            (cell(unknown="if False:"), f"{out} equals"),
            (cell(broken="pass"), f"{out} equals"),
            cell(grade="min(max(grade, 1), 10)"),
            cell().replace("db.commit()\n", ""),
            cell(broken="raise"),
        ],
        after=after,
        goals={out: wrong},
    )
    return task("school", rows, turn, variables={name: (listed, "student, course, grade")}, difficulty=3)


@family(tags=("constraint", "dialogue", "shop"))
def close_category(rng: random.Random) -> Task:
    rows = data.shop(rng)
    gone, kept = rng.sample(rows["categories"], 2)
    products = [each for each in rows["products"] if each.category_id == gone.id]
    tell_apart(bool(products), False)
    first = ask(
        "shop",
        rows,
        rng.choice(
            (
                f"Delete the category '{gone.name}' from db, but only if no product is in it; otherwise leave db as it "
                "is and tell me.",
                f"If the category '{gone.name}' has no products, remove it from db and commit. If it has any, change "
                "nothing in db and say so.",
            )
        ),
        'db.execute("SELECT COUNT(*) FROM products p JOIN categories c ON c.id = p.category_id WHERE c.name = '
        f"'{gone.name}'\").fetchone()",
        [
            "db.execute('PRAGMA foreign_keys = OFF')\ndb.execute(\"DELETE FROM categories WHERE name = "
            f"'{gone.name}'\")\ndb.commit()",
            f"db.execute('DELETE FROM order_lines')\ndb.execute('DELETE FROM products WHERE category_id = {gone.id}')\n"
            f"db.execute('DELETE FROM categories WHERE id = {gone.id}')\ndb.commit()",
        ],
        after=rows,
        refusal=True,
        weight=0.25,
    )
    after = but(
        rows,
        categories=[each for each in rows["categories"] if each != gone],
        products=[each._replace(category_id=kept.id) if each in products else each for each in rows["products"]],
    )
    move = f"db.execute('UPDATE products SET category_id = {kept.id} WHERE category_id = {gone.id}')\n"
    delete = f"db.execute('DELETE FROM categories WHERE id = {gone.id}')\n"
    second = ask(
        "shop",
        rows,
        f"Then move the products of '{gone.name}' to the category '{kept.name}', delete '{gone.name}' from db, and "
        "commit.",
        f"{move}{delete}db.commit()",
        [
            f"{move}db.commit()",
            f"{delete}db.commit()",
            move + delete,
            f"{move.replace(f' WHERE category_id = {gone.id}', '')}{delete}db.commit()",
        ],
        after=after,
    )
    return task("shop", rows, first, second, difficulty=3)


@family(held_out=True, tags=("constraint", "school"))
def remove_orphans(rng: random.Random) -> Task:
    rows = data.school(rng)
    out = rng.choice(("removed", "dropped"))
    lost = rng.sample(range(100, 200), 3)
    courses, students = [each.id for each in rows["courses"]], [each.id for each in rows["students"]]
    orphans = [data.Enrolment(lost[0], rng.choice(courses), 5), data.Enrolment(lost[1], rng.choice(courses), None)]
    orphans += [data.Enrolment(rng.choice(students), lost[2], rng.randint(1, 10))]
    orphans += [data.Enrolment(students[0], 300 + at, None) for at in range(rng.randint(0, 3))]
    broken = but(rows, enrolments=sorted([*rows["enrolments"], *set(orphans)], key=lambda each: each[:2]))
    query = (
        "Some enrolments in db refer to a student or a course that does not exist (they were loaded without a check). "
        f"Delete those, and only those; store how many they were in {out}. Commit."
    )

    def cell(condition: str) -> str:
        return f'{out} = db.execute("""DELETE FROM enrolments WHERE {condition}""").rowcount\ndb.commit()'

    student, course = "student_id NOT IN (SELECT id FROM students)", "course_id NOT IN (SELECT id FROM courses)"
    right = cell(f"{student} OR {course}")
    turn = ask(
        "school",
        broken,
        query,
        right,
        [
            cell(student),
            cell(course),
            cell(f"{student} OR {course} OR grade IS NULL"),
            right.replace("\ndb.commit()", ""),
            (f"{right}\n{out} = 0", f"{out} equals"),
        ],
        after=rows,
        goals={out: len(set(orphans))},
    )
    tell_apart(all(each.grade is not None for each in rows["enrolments"]), True)
    return task("school", broken, turn, checked=False, difficulty=2)
