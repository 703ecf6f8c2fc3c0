"""The databases: their schemas, and a connection to a filled one. What stands here enters a rollout.

>>> db = opened("library", {"authors": [(1, "Ada Brook")], "books": [(1, "Rivers", 1, 2)]})
>>> db.execute("SELECT title, name FROM books JOIN authors ON authors.id = author_id").fetchall(), db.in_transaction
([('Rivers', 'Ada Brook')], False)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

SCHEMAS = {
    "shop": """
CREATE TABLE categories (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE products (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    category_id INTEGER NOT NULL REFERENCES categories (id),
    price INTEGER NOT NULL CHECK (price > 0),
    stock INTEGER NOT NULL CHECK (stock >= 0)
);
CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE
);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    day TEXT NOT NULL
);
CREATE TABLE order_lines (
    order_id INTEGER NOT NULL REFERENCES orders (id),
    product_id INTEGER NOT NULL REFERENCES products (id),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, product_id)
);
""",
    "library": """
CREATE TABLE authors (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE books (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL UNIQUE,
    author_id INTEGER NOT NULL REFERENCES authors (id),
    copies INTEGER NOT NULL CHECK (copies >= 0)
);
CREATE TABLE members (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE loans (
    id INTEGER PRIMARY KEY,
    book_id INTEGER NOT NULL REFERENCES books (id),
    member_id INTEGER NOT NULL REFERENCES members (id),
    taken TEXT NOT NULL,
    returned TEXT,
    CHECK (returned IS NULL OR returned >= taken)
);
""",
    "clinic": """
CREATE TABLE doctors (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    field TEXT NOT NULL
);
CREATE TABLE patients (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    born INTEGER NOT NULL
);
CREATE TABLE visits (
    id INTEGER PRIMARY KEY,
    doctor_id INTEGER NOT NULL REFERENCES doctors (id),
    patient_id INTEGER NOT NULL REFERENCES patients (id),
    day TEXT NOT NULL,
    hour INTEGER NOT NULL CHECK (hour BETWEEN 8 AND 17),
    fee INTEGER NOT NULL CHECK (fee >= 0),
    UNIQUE (doctor_id, day, hour)
);
""",
    "school": """
CREATE TABLE teachers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE courses (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL UNIQUE,
    teacher_id INTEGER NOT NULL REFERENCES teachers (id),
    seats INTEGER NOT NULL CHECK (seats >= 0)
);
CREATE TABLE students (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    year INTEGER NOT NULL CHECK (year BETWEEN 1 AND 6)
);
CREATE TABLE enrolments (
    student_id INTEGER NOT NULL REFERENCES students (id),
    course_id INTEGER NOT NULL REFERENCES courses (id),
    grade INTEGER CHECK (grade BETWEEN 1 AND 10),
    PRIMARY KEY (student_id, course_id)
);
""",
    "bank": """
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL UNIQUE,
    balance INTEGER NOT NULL CHECK (balance >= 0)
);
CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    amount INTEGER NOT NULL CHECK (amount <> 0),
    day TEXT NOT NULL
);
""",
}

Rows = Mapping[str, Sequence[tuple[Any, ...]]]


def opened(schema: str, rows: Rows, then: str = "", *, checked: bool = True) -> sqlite3.Connection:
    """A connection to a database in memory, its foreign keys enforced.

    Args:
        schema: one of `SCHEMAS`.
        rows: of each table.
        then: statements that are executed at last and not committed.
        checked: whether the rows must obey the foreign keys.
    """
    connection = sqlite3.connect(":memory:")
    connection.executescript(SCHEMAS[schema])
    connection.execute(f"PRAGMA foreign_keys = {'ON' if checked else 'OFF'}")
    for table, its in rows.items():
        if its:
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(its[0]))})", its)
    connection.commit()
    connection.execute("PRAGMA foreign_keys = ON")
    for statement in filter(None, map(str.strip, then.split(";"))):
        connection.execute(statement)
    return connection
