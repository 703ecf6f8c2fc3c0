"""What has changed in a database: found by what was asked for by key."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from cave_rl.suites.third_party.tau2.world.journal import Journal

KEYS = st.sampled_from("abcd")


class Entry(BaseModel):
    count: int
    parts: list[int] = Field(default_factory=list)


class Database(BaseModel):
    entries: dict[str, Entry]
    names: dict[str, str]


def database() -> Database:
    return Database(entries={key: Entry(count=at, parts=[at]) for at, key in enumerate("abc")}, names={"a": "x"})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["add", "append", "put", "drop", "name", "look"]), KEYS), max_size=12))
def test_the_same_has_changed_if_and_only_if_the_databases_are_the_same(steps: list[tuple[str, str]]) -> None:
    own, before = database(), database().model_dump()
    journal = Journal(own)
    for what, key in steps:
        if what == "put":
            own.entries[key] = Entry(count=9)
        elif what == "name":
            own.names[key] = "x"
        elif what == "drop":
            own.entries.pop(key, None)
        elif what == "look":
            journal.look()
        elif key in own.entries:
            entry = own.entries[key]
            entry.count += what == "add"
            entry.parts += [1] if what == "append" else []
    journal.look()
    now = own.model_dump()
    differing = {
        f"{name}/{key}"
        for name in now
        for key in before[name].keys() | now[name].keys()
        if before[name].get(key) != now[name].get(key)
    }
    assert set(journal.changed) == differing
    journal.undo()
    assert own.model_dump() == before
    assert journal.changed == {}


def test_what_is_gone_is_noted_as_nothing_and_what_comes_back_not_at_all() -> None:
    own = database()
    journal = Journal(own)
    entry = own.entries.pop("a")
    journal.look()
    assert journal.changed == {"entries/a": ""}
    own.entries["a"] = entry
    journal.look()
    assert journal.changed == {}
