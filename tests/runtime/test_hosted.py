"""What the host works out of hosted objects: names, targets, classes, and how they are told of."""

from __future__ import annotations

import collections
import enum
from typing import Any

import pytest

from cave_rl.runtime.describe import describe, describe_all
from cave_rl.runtime.hosted import ClassClash, classes_in, classes_of, proxy_of
from cave_rl.runtime.primitives import Hosted, Type
from tests.runtime.world import Account, Bank, Receipt, ping


class Base:
    def shared(self) -> None:
        """From the base."""


class SmartHTTPHome(Base):
    """A home."""

    def __init__(self) -> None:
        self.callback = print

    @classmethod
    def build(cls, size: int = 3) -> None:
        """Builds."""

    @staticmethod
    def help() -> str:
        return "?"

    @property
    def price(self) -> int:
        return 5

    def _hidden(self) -> None: ...

    def __len__(self) -> int:
        return 0


def test_names_come_from_the_class_or_the_function() -> None:
    assert Hosted(SmartHTTPHome()).name == "smart_http_home"
    assert Hosted(Bank()).name == "bank"
    assert Hosted(ping).name == "ping"
    assert Hosted(Bank(), name="savings").injected == ("savings",)
    assert Hosted(lambda: 1, name="one").targets == {"one": "one"}


def test_public_methods_are_exposed_properties_and_attributes_are_not() -> None:
    assert [each.name for each in Hosted(SmartHTTPHome()).methods()] == ["build", "help", "shared"]
    assert Hosted(Bank(), expose="balance").targets == {"bank.balance": "balance"}
    flat = Hosted(Bank(), expose=["transfer", "balance"], flat=True)
    assert flat.targets == {"transfer": "transfer", "balance": "balance"}
    assert flat.injected == ("transfer", "balance")


def test_what_is_a_users_is_not_exposed() -> None:
    hosted = Hosted(Bank(), expose=["balance"], user="transfer")
    assert (hosted.targets, hosted.injected) == ({"bank.balance": "balance"}, ("bank",))
    assert hosted.for_user is not None
    assert hosted.for_user.targets == {"bank.transfer": "transfer"}
    assert "bank.transfer" not in Hosted(Bank(), user=["transfer"]).targets, "nor where all else is"
    assert Hosted(Bank()).for_user is None


@pytest.mark.parametrize(
    ("make", "error", "told"),
    [
        (lambda: Hosted(Bank(), user=["transfr"]), ValueError, "no public method 'transfr'; did you mean 'transfer'"),
        (lambda: Hosted(Bank(), ["balance"], user=["balance"]), ValueError, "'balance' is the user's, or exposed, not"),
        (lambda: Hosted(ping, user=["ping"]), ValueError, "is a function"),
        (lambda: Hosted(Bank), TypeError, "got the class Bank"),
        (lambda: Hosted(Bank, name="bank"), TypeError, "got the class Bank"),
        (lambda: Hosted([1]), ValueError, "hosted 'list' exposes no method"),
        (lambda: Hosted(lambda: 1), ValueError, "a lambda has no name"),
        (lambda: Hosted(Bank(), expose=["transfr"]), ValueError, "no public method 'transfr'; did you mean 'transfer'"),
        (lambda: Hosted(Bank(), expose=["__init__"]), ValueError, "no public method '__init__'"),
        (lambda: Hosted(Bank(), expose=[]), ValueError, "exposes no method"),
        (lambda: Hosted(SmartHTTPHome(), expose=["price"]), ValueError, "no public method 'price'"),
        (lambda: Hosted(ping, flat=True), ValueError, "is a function"),
        (lambda: Hosted(Bank(), name="a b"), ValueError, "not a Python identifier"),
        (lambda: Hosted(Bank(), description=5), TypeError, "description of hosted object 'bank'"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_hosted_is_refused_by_name(make: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        make()


def test_a_proxy_is_made_from_texts_alone() -> None:
    class Own:
        pass

    class Odd:
        """Odd."""

        def take(self, a: Own, /, b: Own = Own(), *rest: int, c: str = "x", **more: Any) -> Own:  # type: ignore[empty-body]  # noqa: B008
            """Takes."""

    told = proxy_of(Hosted(Odd()))
    assert told["class"] == "Odd"
    (method,) = told["methods"]
    assert method["signature"] == {
        "parameters": [
            ("a", 0, "Own", None),
            ("b", 1, "Own", "..."),
            ("rest", 2, "int", None),
            ("c", 3, "str", "'x'"),
            ("more", 4, "Any", None),
        ],
        "returns": "Own",
    }


def test_classes_of_instances_are_found_at_any_depth() -> None:
    class Colour(enum.Enum):
        RED = 1

    class Slotted:
        __slots__ = ("empty", "inner")

    Pair = collections.namedtuple("Pair", "a b")
    slotted = Slotted()
    slotted.inner = {Colour.RED: [Pair(Receipt("a", 1), {frozenset([3])})]}
    bank = Bank()
    bank.store(collections.deque([slotted, print, Account, collections.Counter()]))
    bank.stored.append(bank)  # type: ignore[attr-defined]
    assert set(classes_in(bank)) == {Bank, Slotted, Colour, Pair, Receipt}


def test_two_classes_of_one_name_clash() -> None:
    assert classes_of([Type(Account)], [Hosted(Bank(), classes=(Account, Receipt))]) == {
        "Account": Account,
        "Receipt": Receipt,
        "Bank": Bank,
    }
    other = type("Receipt", (), {})
    with pytest.raises(ClassClash, match="two classes are called Receipt"):
        classes_of([Type(Receipt)], [Hosted(Bank(), classes=(other,))])


def test_a_model_is_told_of_methods_and_never_of_values() -> None:
    bank = Bank(a=987_654)
    told = describe(Hosted(bank, "transfer", "where the money is")).text()  # type: ignore[arg-type]
    assert told == (
        "bank: Bank\n"
        "    where the money is\n"
        "    A bank: no money comes from nowhere.\n"
        "    def transfer(source: str, target: str, amount: int = 1) -> dict[str, int]  # Moves money.\n"
        "        Raises a BankError if there is not enough."
    )
    assert "987" not in describe(Hosted(bank)).text()
    assert describe(Hosted(ping, description="says it")).text() == (
        "def ping(text: str, times: int = 1) -> str\n    says it\n    Repeats a text."
    )


def test_flat_ones_are_told_as_functions() -> None:
    told = describe_all([Hosted(Bank(), expose=["audit", "balance"], flat=True), Type(Receipt)])
    assert [each.signature for each in told] == [
        "async def audit() -> int",
        "def balance(of: str) -> int",
        "class Receipt(source: str, amount: int)",
    ]
    assert [each.kind for each in told] == ["function", "function", "type"]
    home = describe(Hosted(SmartHTTPHome()))
    assert home.methods == (
        "def build(size: int = 3) -> None  # Builds.",
        "def help() -> str",
        "def shared() -> None  # From the base.",
    )
