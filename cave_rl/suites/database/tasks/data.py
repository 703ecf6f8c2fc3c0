"""The rows of Database-v0, drawn. Plain data: a list of named tuples for each table."""

from __future__ import annotations

import datetime
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

FIRST = (
    "Ada",
    "Ben",
    "Cleo",
    "Dev",
    "Eva",
    "Finn",
    "Gia",
    "Hugo",
    "Ida",
    "Jon",
    "Kaya",
    "Leo",
    "Mia",
    "Nils",
    "Olga",
    "Pia",
)
LAST = (
    "Adler",
    "Brook",
    "Cole",
    "Dunn",
    "Ekman",
    "Frost",
    "Grant",
    "Hale",
    "Irwin",
    "Jung",
    "Kern",
    "Lund",
    "Moss",
    "Nash",
)
GOODS = ("lamp", "chair", "kettle", "rug", "mirror", "clock", "vase", "shelf", "towel", "pan", "stool", "tray")
KINDS = ("oak", "steel", "blue", "small", "tall", "round", "green", "plain", "soft", "glass")
CATEGORIES = ("kitchen", "garden", "office", "bath", "lighting", "textiles")
NOUNS = ("River", "Winter", "Garden", "Letter", "Island", "Mirror", "Harbour", "Orchard", "Signal", "Lantern")
TITLES = ("The Last {}", "A {} at Night", "Beyond the {}", "{} and Stone", "The {} Keeper", "Small {}")
FIELDS = ("eyes", "heart", "skin", "bones")
SUBJECTS = ("algebra", "biology", "chemistry", "drawing", "ethics", "french", "geology", "history", "logic", "music")
_PEOPLE = [f"{first} {last}" for first in FIRST for last in LAST]
_GOODS = [f"{kind} {thing}" for kind in KINDS for thing in GOODS]


class Category(NamedTuple):
    """A row of `categories`."""

    id: int
    name: str


class Product(NamedTuple):
    """A row of `products`."""

    id: int
    name: str
    category_id: int
    price: int
    stock: int


class Customer(NamedTuple):
    """A row of `customers`."""

    id: int
    name: str
    email: str


class Order(NamedTuple):
    """A row of `orders`."""

    id: int
    customer_id: int
    day: str


class Line(NamedTuple):
    """A row of `order_lines`."""

    order_id: int
    product_id: int
    quantity: int


class Person(NamedTuple):
    """A row of `authors`, `members` or `teachers`."""

    id: int
    name: str


class Book(NamedTuple):
    """A row of `books`."""

    id: int
    title: str
    author_id: int
    copies: int


class Loan(NamedTuple):
    """A row of `loans`."""

    id: int
    book_id: int
    member_id: int
    taken: str
    returned: str | None


class Doctor(NamedTuple):
    """A row of `doctors`."""

    id: int
    name: str
    field: str


class Patient(NamedTuple):
    """A row of `patients`."""

    id: int
    name: str
    born: int


class Visit(NamedTuple):
    """A row of `visits`."""

    id: int
    doctor_id: int
    patient_id: int
    day: str
    hour: int
    fee: int


class Course(NamedTuple):
    """A row of `courses`."""

    id: int
    title: str
    teacher_id: int
    seats: int


class Student(NamedTuple):
    """A row of `students`."""

    id: int
    name: str
    year: int


class Enrolment(NamedTuple):
    """A row of `enrolments`."""

    student_id: int
    course_id: int
    grade: int | None


class Account(NamedTuple):
    """A row of `accounts`."""

    id: int
    owner: str
    balance: int


class Entry(NamedTuple):
    """A row of `entries`."""

    id: int
    account_id: int
    amount: int
    day: str


Rows = dict[str, list[Any]]
"""The rows of each table."""


def ids(rng: random.Random, count: int) -> list[int]:
    """Ids in order, with gaps: an id is no position."""
    return sorted(rng.sample(range(1, 3 * count + 2), count))


def day(rng: random.Random, first: str = "2024-01-01", days: int = 300) -> str:
    """A day, from `first` on."""
    return str(datetime.date.fromisoformat(first) + datetime.timedelta(rng.randrange(days)))


def people(rng: random.Random, count: int) -> list[str]:
    """Names, all different."""
    return rng.sample(_PEOPLE, count)


def goods(rng: random.Random, count: int) -> list[str]:
    """Names of products, all different."""
    return rng.sample(_GOODS, count)


def mail(name: str) -> str:
    """The address of a person."""
    return f"{name.lower().replace(' ', '.')}@example.org"


def shop(rng: random.Random) -> Rows:
    """Categories, products, customers, orders."""
    categories = [Category(*each) for each in zip(ids(rng, 4), rng.sample(CATEGORIES, 4), strict=True)]
    count = rng.randint(10, 16)
    products = [
        Product(number, name, categories[at % 4].id, rng.randint(100, 9999), rng.randint(4, 40))
        for at, (number, name) in enumerate(zip(ids(rng, count), goods(rng, count), strict=True))
    ]
    rng.shuffle(categories)
    count = rng.randint(6, 9)
    customers = [
        Customer(number, name, mail(name)) for number, name in zip(ids(rng, count), people(rng, count), strict=True)
    ]
    orders = [Order(number, rng.choice(customers).id, day(rng)) for number in ids(rng, rng.randint(9, 14))]
    lines = [
        Line(order.id, product.id, rng.randint(1, 6))
        for order in orders
        for product in rng.sample(products, rng.randint(1, 3))
    ]
    return {
        "categories": sorted(categories),
        "products": products,
        "customers": customers,
        "orders": orders,
        "order_lines": lines,
    }


def library(rng: random.Random) -> Rows:
    """Authors, books, members, loans; a member has a book once at a time."""
    count = rng.randint(9, 13)
    titles = rng.sample([each.format(noun) for each in TITLES for noun in NOUNS], count)
    names = people(rng, 4 + 9)
    authors = [Person(*each) for each in zip(ids(rng, 4), names[:4], strict=True)]
    members = [Person(*each) for each in zip(ids(rng, 9), names[4:], strict=True)]
    books = [
        Book(number, title, rng.choice(authors).id, rng.randint(1, 4))
        for number, title in zip(ids(rng, count), titles, strict=True)
    ]
    pairs = rng.sample([(book.id, member.id) for book in books for member in members[:-1]], rng.randint(14, 20))
    loans = []
    for number, (book, member) in zip(ids(rng, len(pairs)), pairs, strict=True):
        taken = day(rng)
        loans.append(Loan(number, book, member, taken, day(rng, taken, 60) if rng.random() < 0.55 else None))
    return {"authors": authors, "books": books, "members": members, "loans": loans}


def clinic(rng: random.Random) -> Rows:
    """Doctors, patients, visits."""
    names = people(rng, 5 + 9)
    doctors = [Doctor(*each, rng.choice(FIELDS)) for each in zip(ids(rng, 5), names[:5], strict=True)]
    patients = [Patient(*each, rng.randint(1935, 2015)) for each in zip(ids(rng, 9), names[5:], strict=True)]
    slots = rng.sample([(doctor.id, at, hour) for doctor in doctors for at in range(40) for hour in range(8, 18)], 24)
    first = datetime.date(2024, 3, 1)
    visits = [
        Visit(
            number,
            doctor,
            rng.choice(patients[:-1]).id,
            str(first + datetime.timedelta(at)),
            hour,
            100 * rng.randint(20, 90),
        )
        for number, (doctor, at, hour) in zip(ids(rng, 24), slots, strict=True)
    ]
    return {"doctors": doctors, "patients": patients, "visits": visits}


def school(rng: random.Random) -> Rows:
    """Teachers, courses, students, enrolments, of which some have no grade yet."""
    names = people(rng, 4 + 12)
    teachers = [Person(*each) for each in zip(ids(rng, 4), names[:4], strict=True)]
    students = [Student(*each, rng.randint(1, 6)) for each in zip(ids(rng, 12), names[4:], strict=True)]
    courses = [
        Course(number, title, rng.choice(teachers).id, rng.randint(2, 5))
        for number, title in zip(ids(rng, 6), rng.sample(SUBJECTS, 6), strict=True)
    ]
    pairs = rng.sample([(student.id, course.id) for student in students for course in courses], 30)
    enrolments = [Enrolment(*pair, rng.randint(1, 10) if rng.random() < 0.75 else None) for pair in sorted(pairs)]
    return {"teachers": teachers, "courses": courses, "students": students, "enrolments": enrolments}


def bank(rng: random.Random) -> Rows:
    """Accounts, and the entries that their balances are the sums of."""
    count = rng.randint(6, 9)
    names = people(rng, count)
    accounts, entries = [], []
    for number, owner in zip(ids(rng, count), names, strict=True):
        amounts = [
            rng.randint(5_000, 90_000),
            *(rng.choice((-1, 1)) * rng.randint(100, 2_000) for _ in range(rng.randint(1, 3))),
        ]
        accounts.append(Account(number, owner, sum(amounts)))
        entries += [(number, amount) for amount in amounts]
    rng.shuffle(entries)
    booked = [Entry(at, *entry, day(rng)) for at, entry in zip(ids(rng, len(entries)), entries, strict=True)]
    return {"accounts": accounts, "entries": booked}


def next_id(rows: Sequence[Any]) -> int:
    """What sqlite gives the next row that names no id."""
    return max((row.id for row in rows), default=0) + 1
