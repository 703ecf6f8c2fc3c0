"""The classes of Types-v0 keep their invariants, and say when a state cannot have come about through their methods."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cave_rl.suites.types.world import Account, Member, Playlist, Point, Shelf, Stack, Tank, Team


@given(st.lists(st.tuples(st.sampled_from(["deposit", "withdraw"]), st.integers(-50, 200)), max_size=20))
def test_whatever_is_called_an_account_stays_possible(calls: list[tuple[str, int]]) -> None:
    account = Account("Ada")
    for method, amount in calls:
        with suppress(ValueError):
            getattr(account, method)(amount)
        account.__validate_claim__()


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["add", "take"]), st.integers(-3, 9)), max_size=20))
def test_whatever_is_called_a_shelf_stays_possible(calls: list[tuple[str, str, int]]) -> None:
    shelf = Shelf()
    for item, method, count in calls:
        with suppress(ValueError):
            getattr(shelf, method)(item, count)
        shelf.__validate_claim__()


def test_a_stack_refuses_to_overflow_and_to_underflow() -> None:
    stack = Stack(1)
    stack.push(3)
    with pytest.raises(ValueError, match="full"):
        stack.push(4)
    assert stack.pop() == 3
    with pytest.raises(ValueError, match="empty"):
        stack.pop()


@given(st.lists(st.tuples(st.sampled_from(["fill", "drain", "pour"]), st.integers(-5, 60)), max_size=20))
def test_whatever_is_called_tanks_stay_possible_and_pouring_loses_nothing(calls: list[tuple[str, int]]) -> None:
    one, other = Tank(100, 40), Tank(30)
    for method, amount in calls:
        together = one.level + other.level
        if method == "pour":
            moved = one.pour_into(other)
            assert (one.level + other.level, moved >= 0) == (together, True)
            assert one.level == 0 or other.free == 0
        else:
            with suppress(ValueError):
                getattr(one, method)(amount)
        one.__validate_claim__()
        other.__validate_claim__()


@given(st.lists(st.tuples(st.sampled_from(["skip", "remove"]), st.integers(0, 9)), max_size=20))
def test_whatever_is_called_a_playlist_stays_possible(calls: list[tuple[str, int]]) -> None:
    playlist = Playlist(list("abcde"), 2)
    for method, n in calls:
        with suppress(ValueError):
            if method == "skip":
                playlist.skip(n)
            else:
                playlist.remove("abcde"[n % 5])
        playlist.__validate_claim__()


def test_what_plays_goes_on_when_another_track_is_removed() -> None:
    playlist = Playlist(list("abcd"), 2)
    playlist.remove("a")
    assert playlist.current() == "c"
    playlist.remove("d")
    assert playlist.current() == "c"
    playlist.remove("c")
    assert playlist.current() == "b"
    playlist.remove("b")
    with pytest.raises(ValueError, match="empty"):
        playlist.current()
    with pytest.raises(ValueError, match="empty"):
        playlist.skip()


def test_a_team_takes_no_two_members_of_one_name() -> None:
    team = Team([Member("Ada", 30, 900)])
    team.join(Member("Bo", 40, 800))
    with pytest.raises(ValueError, match="already"):
        team.join(Member("Bo", 50, 700))
    assert team.leave("Ada") == Member("Ada", 30, 900)
    with pytest.raises(ValueError, match="no member"):
        team.find("Ada")


def test_a_point_moves_and_mirrors() -> None:
    point = Point(2, -1)
    point.move(3, 4)
    point.mirror()
    assert point == Point(3, 5)


@pytest.mark.parametrize(
    "impossible",
    [
        Account("Ada", 10, [5]),
        Account("Ada", -5, [-5]),
        Account("Ada", True, [1]),
        Account("Ada", 2, [1, 1.0]),  # type: ignore[list-item]
        Account(7, 0, []),  # type: ignore[arg-type]
        Account("Ada", 0, None),  # type: ignore[arg-type]
        Stack(1, [1, 2]),
        Stack(2, ["1"]),  # type: ignore[list-item]
        Stack(2, (1,)),  # type: ignore[arg-type]
        Point(1.0, 2),  # type: ignore[arg-type]
        Point(True, 2),
        Shelf({"fig": 0}),
        Shelf({"fig": 1.5}),  # type: ignore[dict-item]
        Shelf({1: 1}),  # type: ignore[dict-item]
        Shelf([]),  # type: ignore[arg-type]
        Tank(10, 11),
        Tank(10, -1),
        Tank(10, 5.0),  # type: ignore[arg-type]
        Playlist(["a"], 1),
        Playlist([], -1),
        Playlist(["a"], True),
        Playlist(("a",), 0),  # type: ignore[arg-type]
        Member("Ada", 30, -1),
        Member("Ada", 30, 9.5),  # type: ignore[arg-type]
        Team([Member("Ada", 30, 1), Member("Ada", 31, 2)]),
        Team(["Ada"]),  # type: ignore[list-item]
    ],
    ids=repr,
)
def test_an_impossible_state_is_refused(impossible: Any) -> None:
    with pytest.raises(ValueError, match=r"is|are|has|have|holds|lies|lists"):
        impossible.__validate_claim__()
