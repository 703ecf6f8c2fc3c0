"""A lending library."""

from __future__ import annotations

from typing import Any

MOST_LOANS = 4


class Library:
    """A library. A book has one borrower at most, a reader at most four books, and fees are whole cents."""

    def __init__(self, books: dict[str, dict[str, Any]], readers: dict[str, int]) -> None:
        self.books = books
        self.readers = readers
        self.__validate_claim__()

    def list_books(self, borrower: str | None = None) -> list[str]:
        """The titles of all books, sorted; or of those that a reader has borrowed."""
        return sorted(title for title, each in self.books.items() if borrower in (None, each["borrower"]))

    def book(self, title: str) -> dict[str, Any]:
        """A book: `author`, `borrower` (None if it is in), `days_left` and `waiting` (readers, in order)."""
        found = self._book(title)
        return {**found, "waiting": list(found["waiting"])}

    def list_readers(self) -> list[str]:
        """The names of the readers, sorted."""
        return sorted(self.readers)

    def fee(self, reader: str) -> int:
        """What a reader owes, in cents."""
        return self.readers[self._reader(reader)]

    def lend(self, title: str, reader: str, days: int) -> None:
        """Lends a book that is in. If readers wait for it, only to the first of them, who then waits no longer."""
        found = self._book(title)
        if found["borrower"] is not None:
            raise ValueError(f"{title!r} is lent to {found['borrower']}")
        if found["waiting"] and found["waiting"][0] != reader:
            raise ValueError(f"{title!r} is kept for {found['waiting'][0]}")
        if len(self.list_books(self._reader(reader))) >= MOST_LOANS:
            raise ValueError(f"{reader} has {MOST_LOANS} books already")
        found["borrower"], found["days_left"], found["waiting"] = reader, self._days(days), found["waiting"][1:]

    def take_back(self, title: str) -> None:
        """Takes back a book that is lent."""
        found = self._book(title)
        if found["borrower"] is None:
            raise ValueError(f"{title!r} is in")
        found["borrower"], found["days_left"] = None, 0

    def prolong(self, title: str, days: int) -> None:
        """Gives the borrower of a book more days. Not if another waits for it."""
        found = self._book(title)
        if found["borrower"] is None or found["waiting"]:
            raise ValueError(f"the loan of {title!r} cannot be prolonged")
        found["days_left"] += self._days(days)

    def queue(self, title: str, reader: str) -> None:
        """Puts a reader at the end of those who wait for a book."""
        found = self._book(title)
        if reader in (*found["waiting"], found["borrower"]):
            raise ValueError(f"{reader} has {title!r}, or waits for it")
        found["waiting"].append(self._reader(reader))

    def charge(self, reader: str, cents: int) -> None:
        """Adds to what a reader owes; a negative number takes off it. Nobody can owe less than nothing."""
        if type(cents) is not int or self.fee(reader) + cents < 0:
            raise ValueError(f"{reader} cannot be charged {cents!r} cents")
        self.readers[reader] += cents

    def _days_pass(self, days: int) -> None:
        """Time passes; a loan does not fall below 0 days."""
        for each in self.books.values():
            each["days_left"] = max(0, each["days_left"] - days)

    def _days(self, days: int) -> int:
        if type(days) is not int or days <= 0:
            raise ValueError(f"days are a whole number above 0, not {days!r}")
        return days

    def _book(self, title: str) -> dict[str, Any]:
        if title not in self.books:
            raise ValueError(f"no book {title!r}; there are {', '.join(sorted(self.books))}")
        return self.books[title]

    def _reader(self, name: str) -> str:
        if name not in self.readers:
            raise ValueError(f"no reader {name!r}; there are {', '.join(sorted(self.readers))}")
        return name

    def __validate_claim__(self) -> None:
        for title, each in self.books.items():
            if each["borrower"] is None and each["days_left"]:
                raise ValueError(f"{title!r} is in, and yet has days left")
        if any(type(cents) is not int or cents < 0 for cents in self.readers.values()):
            raise ValueError("fees are whole cents, not below 0")
