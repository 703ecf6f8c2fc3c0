"""Instances of injected classes come back as the task's own class; what only pretends to be one is opaque."""

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator

from cave_rl.runtime.codec import ClaimError, Opaque, decode, encode, same


@dataclasses.dataclass
class Account:
    owner: str
    balance: float
    history: list[Any] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        self.history.append("opened")

    def total(self) -> float:
        return self.balance

    @functools.cached_property
    def double(self) -> float:
        return 2 * self.balance

    def __validate_claim__(self) -> None:
        if type(self.balance) is not float or self.balance < 0:
            raise ValueError("a balance is a float of 0 or more")


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int


class Node:
    __slots__ = ("__private", "links", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.links: set[Node] = set()

    def hide(self, what: Any) -> Node:
        self.__private = what
        return self

    def shown(self) -> Any:
        return self.__private


class Pair(NamedTuple):
    left: Any
    right: Any


class Color(enum.Enum):
    RED = 1
    BLUE = object()


class Mode(enum.Flag):
    READ = 1
    WRITE = 2


class Word(enum.StrEnum):
    YES = "y"


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    price: float = Field(ge=0, alias="Price")
    tags: list[str] = []
    _seen: int = PrivateAttr(default=3)

    @field_validator("name")
    @classmethod
    def no_blank(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("blank")
        return value


class Cart(BaseModel):
    items: list[Item] = []
    owner: Any = None


CLASSES = [Account, Point, Node, Pair, Color, Mode, Word, Item, Cart]
NAMES: dict[type, str] = {cls: cls.__name__ for cls in CLASSES}
KNOWN: dict[str, type] = {name: cls for cls, name in NAMES.items()}


def there_and_back(value: Any) -> Any:
    claimed = encode(value, NAMES)
    back = decode(claimed, KNOWN)
    assert encode(back, NAMES) == claimed
    assert same(back, value)
    return back


def test_a_dataclass_keeps_its_state_and_does_not_run_its_post_init() -> None:
    account = Account("ada", 2.0)
    account.history.append(account)
    back = there_and_back(account)
    assert type(back) is Account
    assert back.history == ["opened", back]
    assert back.total() == 2.0


def test_slots_and_frozen_fields() -> None:
    assert there_and_back({Point(1, 2): Point(3, 4)}) == {Point(1, 2): Point(3, 4)}
    assert there_and_back(Node("a").hide([1])).shown() == [1]
    assert not hasattr(there_and_back(Node("a")), "_Node__private")


def test_the_order_in_which_fields_were_set_is_no_content() -> None:
    one, other = Account("ada", 1.0), Account("ada", 1.0)
    other.__dict__ = dict(reversed(other.__dict__.items()))
    assert encode(one, NAMES) == encode(other, NAMES)


def test_a_graph_with_sets_of_neighbours_is_canonical() -> None:
    def ring(order: list[int]) -> list[Node]:
        nodes = {at: Node(f"n{at}") for at in order}
        for at, node in nodes.items():
            node.links = {nodes[other] for other in order if (other - at) % 9 in (1, 3, 8)}
        return [nodes[at] for at in range(9)]

    assert encode(ring(list(range(9))), NAMES) == encode(ring(list(range(8, -1, -1))), NAMES)
    back = decode(encode(ring(list(range(9))), NAMES), KNOWN)
    assert back[1] in back[0].links


def test_namedtuples_and_enumerations() -> None:
    value = [Pair(1, [2]), Color.RED, Color.BLUE, Mode.READ, Mode.READ | Mode.WRITE, Mode(0), Word.YES]
    back = there_and_back(value)
    assert back == value
    assert [type(each) for each in back] == [type(each) for each in value]
    assert back[2] is Color.BLUE


def test_a_model_is_put_through_its_validator() -> None:
    item = Item(name="tea", Price=2.5)
    item._seen = 7
    back = there_and_back(Cart(items=[item, item]))
    assert type(back) is Cart
    assert back.items[0] == item
    assert back.items[0] is back.items[1]
    assert back.items[0]._seen == 7
    assert back.items[0].model_fields_set == {"name", "price"}


@pytest.mark.parametrize(
    ("field", "bad"),
    [("price", -1.0), ("price", "2.5"), ("name", " "), ("name", b"tea"), ("tags", ("a",)), ("tags", [1]), ("more", 1)],
)
def test_an_invalid_model_is_no_claim(field: str, bad: Any) -> None:
    item = Item(name="tea", Price=2.5)
    item.__dict__[field] = bad
    with pytest.raises(ClaimError, match="Item"):
        decode(encode([item], NAMES), KNOWN)


def test_an_unvalidated_int_in_a_float_field_is_harmless() -> None:
    item = Item(name="tea", Price=2.5)
    item.price = 3
    assert type(there_and_back(item).price) is int


def test_models_in_a_cycle() -> None:
    cart = Cart()
    cart.owner = Cart(owner=cart)
    back = there_and_back(cart)
    assert back.owner.owner is back


def test_the_hook_of_a_class_has_the_last_word() -> None:
    account = Account("ada", 1.0)
    account.balance = -1.0
    with pytest.raises(ClaimError, match="0 or more"):
        decode(encode({"deep": [account]}, NAMES), KNOWN)


def test_a_cached_property_is_no_state() -> None:
    account, untouched = Account("ada", 1.0), Account("ada", 1.0)
    assert account.double == 2.0
    account.__dict__["double"] = 1e9
    assert encode(account, NAMES) == encode(untouched, NAMES)
    assert decode(encode(account, NAMES), KNOWN).double == 2.0


def test_a_method_cannot_be_replaced() -> None:
    account = Account("ada", 1.0)
    account.__dict__["total"] = Pair
    with pytest.raises(ClaimError, match="total"):
        decode(encode(account, NAMES), KNOWN)


def test_only_the_classes_that_were_given_are_rebuilt() -> None:
    claimed = encode(Point(1, 2), NAMES)
    with pytest.raises(ClaimError, match="Point"):
        decode(claimed)
    assert decode(encode(Point(1, 2))).type_name.endswith("Point")
    for cls in (Account, Color, Pair, int):
        with pytest.raises(ClaimError):
            decode(claimed, {"Point": cls})


# Pretenders. Each would raise, or shout through the file, if any of its code ran.


def _never(*_: Any, **__: Any) -> Any:
    raise AssertionError("code of the runtime was run")


def _pretenders(tmp_path: Path) -> dict[str, Any]:
    traps = dict.fromkeys(
        [
            "__eq__",
            "__ne__",
            "__hash__",
            "__iter__",
            "__len__",
            "__getattribute__",
            "__getattr__",
            "__repr__",
            "__str__",
            "__bool__",
            "__reduce__",
            "__reduce_ex__",
            "__int__",
            "__index__",
            "__float__",
            "__getitem__",
            "__contains__",
            "keys",
            "items",
            "values",
            "__array__",
            "__dir__",
        ],
        _never,
    )

    class Lying(type):
        __hash__ = _never  # type: ignore[assignment]
        __eq__ = _never  # type: ignore[assignment]
        __getattribute__ = _never
        __instancecheck__ = _never
        __subclasscheck__ = _never

    class Bomb:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path}/ran",)

    class Masked:
        __class__ = property(lambda self: int)  # type: ignore[assignment]

    made: dict[str, Any] = {
        "meta": Lying("int", (), traps)(),
        "masked": Masked(),
        "bomb": Bomb(),
        "same name": dataclasses.make_dataclass("Account", ["owner"], namespace={"__module__": __name__})("eve"),
        "tzinfo": type("Zone", (__import__("datetime").tzinfo,), traps),
    }
    bases = {int: 5, float: 1.5, str: "x", bytes: b"x", dict: {1: 2}, list: [1], tuple: (1,), set: {1}, frozenset: {1}}
    for base, content in (*bases.items(), (collections.OrderedDict, {1: 2}), (Account, ("eve", 1.0)), (Pair, (1, 2))):
        cls = type(base.__name__, (base,), {})
        arguments = content if base in (Account, Pair) else (content,)
        made[base.__name__] = cls(*arguments)  # type: ignore[misc]
        for name in traps.keys() - {"__hash__"}:
            setattr(cls, name, _never)
    return made


def test_pretenders_are_opaque_and_nothing_runs(tmp_path: Path) -> None:
    for label, value in _pretenders(tmp_path).items():
        back = decode(encode(value, NAMES), KNOWN)
        assert type(back) is Opaque, label
        for holder in ([value], (value,), {"k": value}, Pair(value, 1)):
            assert "Opaque" in repr(decode(encode(holder, NAMES), KNOWN)), label
    assert not list(tmp_path.iterdir())


def test_pretenders_inside_of_what_is_trusted() -> None:
    class Sub(dict):  # type: ignore[type-arg]
        keys = values = items = __iter__ = _never

    account = Account("ada", 1.0)
    account.__dict__ = Sub(account.__dict__)
    assert type(decode(encode(account, NAMES), KNOWN)) is Opaque

    class Key(str):
        __hash__ = str.__hash__
        __eq__ = _never  # type: ignore[assignment]

    other = Account("ada", 1.0)
    other.__dict__.clear()
    other.__dict__[Key("balance")] = 2.0
    assert type(decode(encode(other, NAMES), KNOWN)) is Opaque


def test_properties_and_attribute_hooks_of_injected_classes_do_not_run() -> None:
    class Nosy:
        def __init__(self) -> None:
            self.__dict__["x"] = 1

        y = property(_never)
        __getattribute__ = __getattr__ = __setattr__ = __eq__ = _never  # type: ignore[assignment]
        __hash__ = None  # type: ignore[assignment]

    nosy = object.__new__(Nosy)
    Nosy.__dict__["__dict__"].__get__(nosy)["x"] = 1
    back = decode(encode(nosy, {Nosy: "Nosy"}), {"Nosy": Nosy})
    assert type(back) is Nosy
    assert Nosy.__dict__["__dict__"].__get__(back) == {"x": 1}


def test_the_insides_of_library_values_may_be_replaced() -> None:
    from fractions import Fraction
    from uuid import UUID

    class Int(int):
        __eq__ = _never  # type: ignore[assignment]

    third = Fraction(1, 3)
    third._numerator = Int(7)  # type: ignore[attr-defined]
    mark = UUID(int=1)
    object.__setattr__(mark, "int", "no int")
    assert [type(each) for each in decode(encode([third, mark]))] == [Opaque, Opaque]
