"""The classes of Types-v0: what a rollout meets, and what the Judge rebuilds.

Each class keeps an invariant in its methods and states it again in `__validate_claim__`, because a cell may write to
the attributes directly: a state that the methods could not have reached is not believed.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Account:
    """A bank account. Its balance is the sum of its entries and never below zero."""

    owner: str
    balance: int = 0
    entries: list[int] = field(default_factory=list)

    def deposit(self, amount: int) -> None:
        """Adds money and books the entry."""
        if amount <= 0:
            raise ValueError(f"cannot deposit {amount}")
        self.balance += amount
        self.entries.append(amount)

    def withdraw(self, amount: int) -> None:
        """Takes money and books the entry."""
        if not 0 < amount <= self.balance:
            raise ValueError(f"cannot withdraw {amount} from {self.balance}")
        self.balance -= amount
        self.entries.append(-amount)

    def __validate_claim__(self) -> None:
        if type(self.owner) is not str or type(self.entries) is not list:
            raise ValueError("an account has an owner (str) and entries (list)")
        if not all(type(entry) is int for entry in self.entries):
            raise ValueError("entries are whole numbers")
        if type(self.balance) is not int or self.balance != sum(self.entries) or self.balance < 0:
            raise ValueError("the balance is the sum of the entries and never below zero")


@dataclass
class Stack:
    """A stack of numbers with a limit on its height; the last item is the top."""

    limit: int
    items: list[int] = field(default_factory=list)

    def push(self, item: int) -> None:
        """Puts an item on top."""
        if len(self.items) >= self.limit:
            raise ValueError("the stack is full")
        self.items.append(item)

    def pop(self) -> int:
        """Takes the top item off and returns it."""
        if not self.items:
            raise ValueError("the stack is empty")
        return self.items.pop()

    def __validate_claim__(self) -> None:
        if type(self.limit) is not int or type(self.items) is not list or len(self.items) > self.limit:
            raise ValueError("a stack holds at most `limit` items")
        if not all(type(item) is int for item in self.items):
            raise ValueError("items are whole numbers")


@dataclass
class Point:
    """A point on a grid."""

    x: int
    y: int

    def move(self, dx: int, dy: int) -> None:
        """Moves the point by dx to the right and dy up."""
        self.x += dx
        self.y += dy

    def mirror(self) -> None:
        """Swaps the two coordinates."""
        self.x, self.y = self.y, self.x

    def __validate_claim__(self) -> None:
        if type(self.x) is not int or type(self.y) is not int:
            raise ValueError("coordinates are whole numbers")


@dataclass
class Shelf:
    """How many of each item there are; an item of which none is left is not listed."""

    stock: dict[str, int] = field(default_factory=dict)

    def add(self, item: str, count: int) -> None:
        """Puts some of an item on the shelf."""
        if count <= 0:
            raise ValueError(f"cannot add {count}")
        self.stock[item] = self.stock.get(item, 0) + count

    def take(self, item: str, count: int) -> None:
        """Takes some of an item off the shelf."""
        left = self.stock.get(item, 0) - count
        if count <= 0 or left < 0:
            raise ValueError(f"cannot take {count} of {item!r}")
        self.stock[item] = left
        if not left:
            del self.stock[item]

    def __validate_claim__(self) -> None:
        if type(self.stock) is not dict:
            raise ValueError("stock is a dict")
        for item, count in self.stock.items():
            if type(item) is not str or type(count) is not int or count <= 0:
                raise ValueError("a shelf lists items (str) with a count above zero")


@dataclass
class Tank:
    """A tank of water: its level is never below zero nor above its capacity."""

    capacity: int
    level: int = 0

    @property
    def free(self) -> int:
        """How much more fits in."""
        return self.capacity - self.level

    def fill(self, amount: int) -> None:
        """Adds water."""
        if not 0 < amount <= self.free:
            raise ValueError(f"cannot fill in {amount}: {self.free} is free")
        self.level += amount

    def drain(self, amount: int) -> None:
        """Lets water out."""
        if not 0 < amount <= self.level:
            raise ValueError(f"cannot drain {amount} of {self.level}")
        self.level -= amount

    def pour_into(self, other: Tank) -> int:
        """Pours as much into another tank as there is and as fits, and returns how much that was."""
        amount = min(self.level, other.free)
        self.level -= amount
        other.level += amount
        return amount

    def __validate_claim__(self) -> None:
        if type(self.capacity) is not int or type(self.level) is not int or not 0 <= self.level <= self.capacity:
            raise ValueError("a tank's level lies between 0 and its capacity, both whole numbers")


@dataclass
class Playlist:
    """Tracks, and the position of the one that plays. The position is that of a track, or 0 where there is none."""

    tracks: list[str] = field(default_factory=list)
    position: int = 0

    def current(self) -> str:
        """The track that plays."""
        if not self.tracks:
            raise ValueError("the playlist is empty")
        return self.tracks[self.position]

    def skip(self, count: int = 1) -> None:
        """Goes on by some tracks; after the last comes the first."""
        if not self.tracks:
            raise ValueError("the playlist is empty")
        self.position = (self.position + count) % len(self.tracks)

    def remove(self, track: str) -> None:
        """Takes a track out. What plays goes on; if it was that track, the next one plays."""
        at = self.tracks.index(track)
        del self.tracks[at]
        if at < self.position:
            self.position -= 1
        elif self.position == len(self.tracks):
            self.position = 0

    def __validate_claim__(self) -> None:
        if type(self.tracks) is not list or not all(type(track) is str for track in self.tracks):
            raise ValueError("tracks is a list of names (str)")
        if type(self.position) is not int or not 0 <= self.position < max(1, len(self.tracks)):
            raise ValueError("the position is that of a track")


@dataclass
class Member:
    """Someone in a team."""

    name: str
    age: int
    pay: int

    def __validate_claim__(self) -> None:
        if type(self.name) is not str or type(self.age) is not int or type(self.pay) is not int or self.pay < 0:
            raise ValueError("a member has a name (str), an age and a pay (int, not below zero)")


@dataclass
class Team:
    """A team, in which no two members have the same name."""

    members: list[Member] = field(default_factory=list)

    def find(self, name: str) -> Member:
        """The member of that name."""
        for member in self.members:
            if member.name == name:
                return member
        raise ValueError(f"no member is called {name!r}")

    def join(self, member: Member) -> None:
        """Takes someone into the team."""
        if any(each.name == member.name for each in self.members):
            raise ValueError(f"there is a {member.name!r} already")
        self.members.append(member)

    def leave(self, name: str) -> Member:
        """Takes a member out of the team and returns it."""
        member = self.find(name)
        self.members.remove(member)
        return member

    def __validate_claim__(self) -> None:
        if type(self.members) is not list or not all(type(each) is Member for each in self.members):
            raise ValueError("members is a list of Member")
        if len({each.name for each in self.members}) < len(self.members):
            raise ValueError("no two members have the same name")
