"""The assertion of Database-v0: the database is, as a whole, what it should be.

A turn may change the connection as a whole, so what it was not to change must be looked at as well. Work that is
missing costs the verdict of its table. Damage costs all of them, as a gate does: a row that is lost or that nobody
asked for, a difference in another table or in the schema, a broken foreign key, an open transaction.

>>> from cave_rl.rewards.evidence import Evidence, State
>>> from cave_rl.runtime.codec import decode, encode
>>> from cave_rl.suites.database.world import opened
>>> db = opened("bank", {"accounts": [(1, "Ada", 50)]})
>>> before, after = {"accounts": ((1, "Ada", 50),)}, {"accounts": ((1, "Ada", 40),)}
>>> holds = Holds("db", "bank", before, after, ("table accounts",))
>>> _ = db.execute("UPDATE accounts SET balance = 40")
>>> [verdict.message for verdict in holds.check(Evidence(State({"db": decode(encode(db))})))]
['db: a transaction is open: what is not committed does not count']
>>> db.commit()
>>> [verdict.passed for verdict in holds.check(Evidence(State({"db": decode(encode(db))})))]
[True]
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, ClassVar

from cave_rl.rewards.assertions import equals
from cave_rl.rewards.evidence import Evidence, show
from cave_rl.rewards.verdict import Verdict
from cave_rl.runtime.codec import SqliteClaim
from cave_rl.suites.database.tasks.dumping import Dump, dump
from cave_rl.suites.database.world import opened

Rows = Sequence[tuple[Any, ...]]
Tables = Mapping[str, Rows]


@dataclass(frozen=True, slots=True)
class Holds:
    """A database holds exactly what is expected, committed.

    Attributes:
        variable: the connection's name.
        schema: what it began as.
        before, after: the rows of every table before and after the turn.
        changed: what the turn is to change (`table products`, `index by_day`), a verdict each; if nothing, one on all.
        then: changes of the schema, as statements that are executed on the rows after the turn.
        trial: a statement that both are given before they are compared once more: a view must show what is there then.
        goals: what variables must equal, a verdict each.
        weight: of each verdict.
    """

    __cave_host_only__: ClassVar[bool] = True

    variable: str
    schema: str
    before: Tables
    after: Tables
    changed: tuple[str, ...] = ()
    then: str = ""
    trial: str = ""
    goals: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        parts = tuple(f"{self.variable} {part}" for part in self.changed) or (f"{self.variable} as expected",)
        return (*parts, *(f"{name} equals" for name in self.goals))

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({self.variable, *self.goals})

    def check(self, evidence: Evidence) -> list[Verdict]:
        wrong = self._wrong(evidence.state[self.variable])
        damage = next((why for part, why in wrong.items() if part not in self.changed), "")
        whys = [wrong.get(part, "") and f"{self.variable}: {wrong[part]}" for part in self.changed or ("",)]
        for name, value in self.goals.items():
            held = equals(name, value).check(evidence)[0].message if name in evidence.state else f"there is no {name}"
            whys.append(held)
        if damage:
            whys = [f"{self.variable}: {damage}"] * len(whys)
        return [Verdict(name, not why, self.weight, why) for name, why in zip(self.names, whys, strict=True)]

    def _wrong(self, claim: Any) -> dict[str, str]:
        """What is missing, by the part of the database; what is damaged stands under no such part."""
        if type(claim) is not SqliteClaim:
            return {"": f"expected a sqlite3 connection, got {show(claim)}"}
        if claim.in_transaction:
            return {"": "a transaction is open: what is not committed does not count"}
        with closing(opened(self.schema, self.after, self.then, checked=False)) as wanted:
            wanted.commit()
            with closing(claim.connect()) as actual:
                try:
                    wrong = self._compared(dump(actual), dump(wanted))
                    if not wrong and self.trial:
                        for each in (actual, wanted):
                            each.executescript(self.trial)
                        wrong = _differing(dump(actual), dump(wanted))
                except sqlite3.Error as error:
                    return {"": f"the database cannot be read: {error}"}
        return wrong

    def _compared(self, actual: Dump, wanted: Dump) -> dict[str, str]:
        wrong = _differing(actual, wanted)
        for part in wrong.keys() & set(self.changed):
            its, own = actual.get(part), wanted[part]
            before = self.before.get(part.removeprefix("table "))
            if its is None:
                why = "" if before is None else "it is gone"
            elif its.shape != own.shape and not self.then:
                why = "it demands something else"
            else:
                why = _damage(its.rows, own.rows, before or ())
            if why:
                wrong[f"damage to {part}"] = f"{part}: {why}"
        return wrong


def _damage(actual: Rows, wanted: Rows, before: Rows) -> str:
    """What of the rows is neither as it was nor as it should be."""
    its, own, was = (Counter(map(repr, rows)) for rows in (actual, wanted, before))
    lost = (own & was) - its
    odd = its - (own | was)
    if lost:
        return f"the row {next(iter(lost))} is lost"
    return f"the row {next(iter(odd))} was not asked for" if odd else ""


def _differing(actual: Dump, wanted: Dump) -> dict[str, str]:
    found = {}
    for part in [*wanted, *(actual.keys() - wanted.keys())]:
        if part not in actual:
            found[part] = f"there is no {part}"
        elif part not in wanted:
            found[part] = f"there is a {part} that was not asked for"
        elif repr(actual[part]) != repr(wanted[part]):
            found[part] = f"{part}: {_first(actual[part], wanted[part])}"
    return found


def _first(actual: Any, wanted: Any) -> str:
    """What differs first, as far down as both are lists of the same length."""
    if type(actual) is type(wanted) and isinstance(wanted, (list, tuple)) and len(actual) == len(wanted):
        return next(_first(a, w) for a, w in zip(actual, wanted, strict=True) if repr(a) != repr(w))
    return f"expected {show(wanted)}, got {show(actual)}"
