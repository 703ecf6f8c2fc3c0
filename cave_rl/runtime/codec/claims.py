"""What a claim may be besides an ordinary value, and how decoding is bounded."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass


class ClaimError(Exception):
    """The bytes are no claim that can be rebuilt: broken, over the limits, or an invalid state of a class."""


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """How much decoding may cost.

    Attributes:
        max_bytes: bytes of the claim.
        max_items: scalars and references in it. Each may take some 100 bytes of memory.
        max_depth: how deep tuples, frozensets, arrays and frames may nest in one another. (Hashing and freeing them
            uses the C stack. Lists, dicts, sets and instances nest without limit.)
        libraries: whether numpy and pandas values are decoded; if not they are a `ClaimError`, and neither is imported.
        stand_ins: whether what only stands for a value is decoded (`Opaque`, `Digest`, the claims of connections and
            figures); if not it is a `ClaimError`.
    """

    max_bytes: int = 1 << 28
    max_items: int = 5_000_000
    max_depth: int = 1000
    libraries: bool = True
    stand_ins: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Opaque:
    """What stands for a value that cannot be carried: only its type is claimed.

    It equals nothing, itself included, so that no assertion passes on it. Compare `type_name` for "unchanged, by type".

    Attributes:
        type_name: `module.qualname` of the type, as its runtime gives it.
        reason: why, where the type alone does not say it.
    """

    type_name: str
    reason: str = ""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class Digest:
    """What stands for a value whose encoding is larger than was asked for.

    Attributes:
        type_name: `module.qualname` of its type.
        nbytes: size of the encoding.
        blake2b: `digest` of the encoding.
    """

    type_name: str
    nbytes: int
    blake2b: str


def digest(value_bytes: bytes) -> str:
    """The hash of an encoding, as `Digest.blake2b` has it."""
    return hashlib.blake2b(value_bytes, digest_size=32).hexdigest()


@dataclass(frozen=True, slots=True)
class SqliteClaim:
    """The content of a sqlite3 connection: the pages of its main database, not yet looked at.

    Attributes:
        data: the pages as the connection sees them, what it has not committed included.
        in_transaction: whether a transaction is open, so that some of it may be uncommitted.
    """

    data: bytes
    in_transaction: bool = False

    def __repr__(self) -> str:
        return f"SqliteClaim({len(self.data)} bytes)"

    def connect(self) -> sqlite3.Connection:
        """A connection to a copy in memory. The pages are hostile: use it in a judge; `sqlite3.Error` is theirs."""
        connection = sqlite3.connect(":memory:")
        if self.data:
            connection.deserialize(self.data)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        return connection


@dataclass(frozen=True, slots=True)
class CurveClaim:
    """A line or a scatter: its label (empty if none) and its points."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class BarsClaim:
    """One group of bars: its label, and for each bar left, bottom, width and height."""

    label: str
    bars: tuple[tuple[float, float, float, float], ...]

    @property
    def heights(self) -> tuple[float, ...]:
        """The height of each bar."""
        return tuple(height for *_, height in self.bars)


@dataclass(frozen=True, slots=True)
class AxesClaim:
    """What one axes of a figure shows."""

    title: str
    xlabel: str
    ylabel: str
    xscale: str
    yscale: str
    legend: tuple[str, ...]
    xticks: tuple[str, ...]
    yticks: tuple[str, ...]
    lines: tuple[CurveClaim, ...]
    bars: tuple[BarsClaim, ...]
    scatters: tuple[CurveClaim, ...]


@dataclass(frozen=True, slots=True)
class FigureClaim:
    """What a matplotlib figure shows, as plain data."""

    title: str
    axes: tuple[AxesClaim, ...]
