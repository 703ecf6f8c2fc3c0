"""Values come back exactly, references lead to what they name, and what cannot be written is told."""

from __future__ import annotations

import base64
import collections
import datetime
import decimal
import functools
import json
import math
import sqlite3
import threading
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cave_rl.runtime.codec import encode, same
from cave_rl.suites.types.world import Account
from cave_rl.tasks.static.portable import PortableError, from_json, reference, resolve, to_json

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**60, 10**70),
    st.floats(allow_nan=True),
    st.text(),
    st.text(st.characters(min_codepoint=0xD7F0, max_codepoint=0xE010, exclude_categories=()), max_size=3),
    st.binary(max_size=8),
    st.complex_numbers(),
    st.decimals(),
    st.fractions(),
    st.datetimes(),
    st.dates(),
    st.timedeltas(),
    st.uuids(),
)
KEYS = st.one_of(st.text(max_size=4), st.integers(-3, 3), st.booleans(), st.none(), st.just("$claim"))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(KEYS, inner, max_size=4),
        st.dictionaries(KEYS, inner, max_size=3).map(collections.OrderedDict),
        st.sets(st.integers(), max_size=4),
        inner.map(lambda each: [each, each]),
    ),
    max_leaves=12,
)


def through(value: Any, classes: Any = ()) -> Any:
    """What a value is once it was written as text and read again."""
    names = {cls: cls.__name__ for cls in classes}
    text = json.dumps(to_json(value, names), allow_nan=False)
    return from_json(json.loads(text), {name: cls for cls, name in names.items()})


@given(VALUES)
def test_a_value_comes_back_exactly(value: Any) -> None:
    back = through(value)
    assert same(value, back)
    assert encode(value) == encode(back), "what occurs twice, too"


@pytest.mark.parametrize(
    "value", [None, 1, "x", -0.5, [1, [2.0, "three"]], {"a": [True, None]}, {"claim": 1}, [], {}, 10**30]
)
def test_what_json_can_hold_is_written_as_it_stands(value: Any) -> None:
    assert to_json(value) is value


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        {1: "x"},
        {True: 1},
        math.nan,
        -math.inf,
        {"$claim": "x"},
        {1, 2},
        b"x",
        collections.deque([1], maxlen=2),
        collections.Counter("aab"),
        decimal.Decimal("1.50"),
        Fraction(1, 3),
        datetime.datetime(2024, 2, 29, tzinfo=datetime.UTC),
        np.arange(6).reshape(2, 3),
        np.float32(1.5),
        pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
    ],
)
def test_what_it_cannot_is_written_as_a_claim(value: Any) -> None:
    assert set(to_json(value)) == {"$claim"}
    assert same(through(value), value)


def test_what_contains_itself_comes_back_so() -> None:
    value: list[Any] = [1]
    value.append(value)
    back = through(value)
    assert back[1] is back


def test_an_instance_comes_back_if_its_class_is_given() -> None:
    account = Account("Ada")
    account.deposit(5)
    back = through([account, account], [Account])
    assert back[0] is back[1]
    assert (type(back[0]), back[0].entries) == (Account, [5])
    account.balance = 7
    invalid = {"$claim": base64.b64encode(encode(account, {Account: "Account"})).decode()}
    with pytest.raises(PortableError, match=r"cannot be read: not a valid Account.*the balance is the sum"):
        from_json(invalid, {"Account": Account})


def database() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE t (x)")
    return db


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (print, "holds a builtin_function_or_method, which cannot be carried"),
        ([1, {"x": (threading.Lock(),)}], "holds a _thread.lock, which cannot be carried"),
        ([Account("Ada")], r"holds a cave_rl\.suites\.types\.world\.Account, .*among the task's types\?"),
        ({"db": database()}, "holds a Connection, whose content can be read but not made live again"),
        (np.zeros(2, dtype="O,i4"), "holds a numpy.ndarray, which cannot be carried: "),
        (pd.Series([print]), "holds a builtin_function_or_method"),
        (type("Sub", (list,), {})(), "holds a .*Sub, which cannot be carried"),
    ],
)
def test_what_cannot_be_carried_is_told_however_deep_it_lies(value: Any, told: str) -> None:
    with pytest.raises(PortableError, match=told):
        to_json(value)


@pytest.mark.parametrize(
    "data",
    [{"$claim": "no base64!"}, {"$claim": "AAAA"}, {"$claim": 5}, {"$claim": "AQE=", "more": 1}],
)
def test_what_is_no_claim_is_told(data: Any) -> None:
    with pytest.raises(PortableError, match=r"cannot be read|stands alone"):
        from_json(data)


# references


def here() -> None: ...


class Outer:
    class Inner: ...

    def method(self) -> None: ...


@pytest.mark.parametrize("item", [here, Outer, Outer.Inner, Outer.method, Account, np.mean, sorted])
def test_a_reference_leads_back(item: Any) -> None:
    text = reference(item)
    assert resolve(text, [text.partition(":")[0]]) is item


def inner() -> Any:
    def local() -> None: ...

    return local


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (lambda: None, "is a lambda: only what stands at the top"),
        (inner(), "is defined inside a function"),
        (functools.partial(here), "a partial has no name"),
        (functools.wraps(here)(lambda: None), "test_portable:here leads to something else"),
        (type("Gone", (), {"__module__": "no_such_module"}), "no_such_module:Gone leads to something else"),
        (type("Mine", (), {"__module__": "__main__"}), "is defined in a script"),
    ],
)
def test_what_has_no_reference_is_told(item: Any, told: str) -> None:
    with pytest.raises(PortableError, match=told):
        reference(item)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("os:system", "would import os, which was not allowed"),
        ("tests.tasks.static.test_portable_more:x", "would import .* which was not allowed"),
        (f"{__name__}:sqlite3.connect", "is no function or class that is defined there"),
        (f"{__name__}:resolve", "is no function or class that is defined there"),
        (f"{__name__}:SCALARS", "is no function or class"),
        (f"{__name__}:here.__globals__", "is no function or class"),
        (f"{__name__}:gone", "cannot be loaded: AttributeError"),
        (f"{__name__}:", "cannot be loaded: AttributeError"),
        (f"{__name__}.gone:x", "cannot be loaded: ModuleNotFoundError"),
    ],
)
def test_a_reference_leads_only_to_what_an_allowed_module_defines(text: str, told: str) -> None:
    with pytest.raises(PortableError, match=told):
        resolve(text, [__name__])
