"""Instances of the classes in `world`: what their methods do, and what they keep true."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random

from cave_rl.suites.making import Families, fails, single, spoils, where
from cave_rl.suites.types.drawing import PEOPLE, letters, mapping, numbers, whole
from cave_rl.suites.types.world import Account, Member, Playlist, Point, Shelf, Stack, Tank, Team
from cave_rl.tasks.task import Task

family = Families()


def account_of(rng: random.Random, owner: str | None = None) -> Account:
    entries = [whole(rng) for _ in range(rng.randint(2, 5))]
    return Account(owner or rng.choice(PEOPLE), sum(entries), entries)


def booked(account: Account, *entries: int) -> Account:
    return Account(account.owner, account.balance + sum(entries), [*account.entries, *entries])


def _team(rng: random.Random) -> Team:
    names = rng.sample(PEOPLE, rng.randint(3, 6))
    return Team([Member(name, rng.randint(18, 66), rng.randint(1_000, 9_000)) for name in names])


@family(tags=("object",))
def deposit(rng: random.Random) -> Task:
    account, other, amount = account_of(rng), account_of(rng), rng.randint(5, 500)
    query = rng.choice((f"Deposit {amount} into account.", f"Pay {amount} into account."))
    before = {"account": account, "savings": other} if rng.random() < 0.5 else {"account": account}
    return single(
        query, before, {"account": booked(account, amount)}, f"account.deposit({amount})",
        f"account.balance += {amount}",
        f"account.withdraw({min(amount, account.balance)})", types=(Account,), difficulty=2,
    )  # fmt: skip


@family(tags=("object",))
def withdraw_share(rng: random.Random) -> Task:
    account = where(lambda: account_of(rng), lambda account: account.balance > 29)
    parts = rng.choice((2, 3, 4, 5))
    amount = account.balance // parts
    query = f"Withdraw one part in {parts} of the balance of account (rounded down)."
    return single(
        query, {"account": account}, {"account": booked(account, -amount)},
        f"account.withdraw(account.balance // {parts})", f"account.withdraw({parts})",
        f"account.balance -= account.balance // {parts}", f"account.withdraw(account.balance // {parts} + 1)",
        types=(Account,), difficulty=3,
    )  # fmt: skip


@family(tags=("object",))
def push(rng: random.Random) -> Task:
    items, item = numbers(rng), whole(rng)
    query = rng.choice((f"Push {item} onto stack.", f"Put {item} on top of stack."))
    return single(
        query, {"stack": Stack(20, items)}, {"stack": Stack(20, [*items, item])}, f"stack.push({item})",
        f"stack.items.insert(0, {item})", f"stack.push('{item}')", types=(Stack,), difficulty=2,
    )  # fmt: skip


@family(tags=("object",))
def move_point(rng: random.Random) -> Task:
    names = rng.sample(("start", "target", "p", "q"), 2)
    (x, y), (u, v) = (rng.sample(range(-500, 500), 2) for _ in names)
    dx, dy = rng.sample(range(2, 60), 2)
    query = rng.choice(
        (f"Move {names[0]} by {dx} to the right and {dy} up.", f"Shift {names[0]}: {dx} right, {dy} up.")
    )
    return single(
        query, {names[0]: Point(x, y), names[1]: Point(u, v)}, {names[0]: Point(x + dx, y + dy)},
        f"{names[0]}.move({dx}, {dy})", f"{names[0]}.move({dy}, {dx})", f"{names[1]}.move({dx}, {dy})",
        f"{names[0]}.x += {dx}", types=(Point,), difficulty=2,
    )  # fmt: skip


@family(tags=("object",))
def take_item(rng: random.Random) -> Task:
    stock = mapping(rng)
    item = rng.choice(list(stock))
    count = where(lambda: rng.randint(2, stock[item] - 1), lambda count: 2 * count != stock[item])
    query = rng.choice((f"Take {count} of '{item}' off the shelf.", f"Remove {count} of '{item}' from shelf."))
    return single(
        query, {"shelf": Shelf(stock)}, {"shelf": Shelf({**stock, item: stock[item] - count})},
        f"shelf.take('{item}', {count})", f"shelf.add('{item}', {count})", f"shelf.stock['{item}'] = {count}",
        f"del shelf.stock['{item}']", types=(Shelf,), difficulty=2,
    )  # fmt: skip


@family(held_out=True, tags=("object",))
def transfer(rng: random.Random) -> Task:
    source, target = (account_of(rng) for _ in range(2))
    amount = rng.randint(5, source.balance - 1)
    query = rng.choice((f"Transfer {amount} from checking to savings.", f"Move {amount} from checking into savings."))
    return single(
        query, {"checking": source, "savings": target},
        {"checking": booked(source, -amount), "savings": booked(target, amount)},
        f"checking.withdraw({amount})\nsavings.deposit({amount})", f"savings.deposit({amount})",
        f"checking.deposit({amount})\nsavings.deposit({amount})", types=(Account,), difficulty=3,
    )  # fmt: skip


@family(held_out=True, tags=("object",))
def pop_stack(rng: random.Random) -> Task:
    items = numbers(rng)
    query = rng.choice(("Take the top item off stack and store it in top.", "Pop stack and keep the item as top."))
    return single(
        query, {"stack": Stack(20, items)}, {"stack": Stack(20, items[:-1]), "top": items[-1]}, "top = stack.pop()",
        fails("stack.pop()", "top equals"), "top = stack.items[-1]", "top = stack.items.pop(0)", types=(Stack,),
        difficulty=2,
    )  # fmt: skip


@family(tags=("object", "list"))
def deposit_all(rng: random.Random) -> Task:
    account, amounts = account_of(rng), numbers(rng, 2, 6)
    query = rng.choice(
        ("Deposit each of amounts into account, in order.", "Pay all amounts, one after the other, into account.")
    )
    return single(
        query, {"account": account, "amounts": amounts}, {"account": booked(account, *amounts)},
        "for amount in amounts:\n    account.deposit(amount)", "account.deposit(sum(amounts))",
        "account.deposit(amounts[0])", "for amount in reversed(amounts):\n    account.deposit(amount)",
        spoils("while amounts:\n    account.deposit(amounts.pop(0))", "amounts"), types=(Account,),
        difficulty=1 + len(amounts) / 2,
    )  # fmt: skip


@family(tags=("object",))
def make_point(rng: random.Random) -> Task:
    a, b = rng.sample(("start", "target", "p", "q"), 2)
    (x, u), (y, v) = (rng.sample(range(-500, 500), 2) for _ in range(2))
    query = rng.choice(
        (
            f"Store in corner a new Point with the x of {a} and the y of {b}.",
            f"Make a new Point corner: x as in {a}, y as in {b}.",
        )
    )
    return single(
        query, {a: Point(x, y), b: Point(u, v)}, {"corner": Point(x, v)}, f"corner = Point({a}.x, {b}.y)",
        f"corner = Point({b}.x, {a}.y)", f"corner = ({a}.x, {b}.y)", f"corner = {a}",
        spoils(f"corner = {a}\ncorner.y = {b}.y", a), types=(Point,), difficulty=2,
    )  # fmt: skip


@family(tags=("object", "list"))
def mirror_all(rng: random.Random) -> Task:
    name = rng.choice(("points", "corners", "path"))
    points = [rng.sample(range(-500, 500), 2) for _ in range(rng.randint(3, 6))]
    query = rng.choice((f"Mirror every point in {name}.", f"Mirror all points of the list {name}."))
    return single(
        query, {name: [Point(x, y) for x, y in points]}, {name: [Point(y, x) for x, y in points]},
        f"for point in {name}:\n    point.mirror()", f"{name}[0].mirror()",
        f"{name} = [point.mirror() for point in {name}]", f"{name}.reverse()",
        f"for point in {name}:\n    point.move(1, 1)", types=(Point,), difficulty=2 + len(points) / 4,
    )  # fmt: skip


@family(tags=("object",))
def pour(rng: random.Random) -> Task:
    a, b = rng.sample(("barrel", "tank", "bucket", "basin"), 2)
    one, other = Tank(rng.randint(300, 900), rng.randint(100, 290)), Tank(rng.randint(300, 900), rng.randint(10, 290))
    moved = min(one.level, other.free)
    after = Tank(one.capacity, one.level - moved), Tank(other.capacity, other.level + moved)
    query = rng.choice((f"Pour as much of {a} into {b} as fits.", f"Empty {a} into {b}, as far as {b} has room."))
    return single(
        query, {a: one, b: other}, {a: after[0], b: after[1]}, f"{a}.pour_into({b})", f"{b}.pour_into({a})",
        fails(f"{a}.drain({moved})", f"{b} equals"), f"{b}.fill({moved})",
        fails(f"{a}.pour_into(Tank({b}.capacity, {b}.level))", f"{b} equals"), types=(Tank,), difficulty=2,
    )  # fmt: skip


@family(tags=("object",))
def skip_tracks(rng: random.Random) -> Task:
    tracks = list(dict.fromkeys(letters(rng, 4, 9) for _ in range(rng.randint(5, 9))))
    position = rng.randint(2, len(tracks) - 1)
    by = where(lambda: rng.randint(2, 12), lambda by: position + by >= len(tracks) and by % len(tracks) > 1)
    query = rng.choice((f"Skip {by} tracks ahead in playlist.", f"Go on by {by} tracks in playlist."))
    return single(
        query, {"playlist": Playlist(tracks, position)}, {"playlist": Playlist(tracks, (position + by) % len(tracks))},
        f"playlist.skip({by})", "playlist.skip()", f"playlist.position += {by}", f"playlist.skip({by + 1})",
        f"playlist.tracks = playlist.tracks[{by}:]", types=(Playlist,), difficulty=2,
    )  # fmt: skip


@family(tags=("object", "nested"))
def raise_pay(rng: random.Random) -> Task:
    team = _team(rng)
    who, other = rng.sample([each.name for each in team.members], 2)
    by = rng.randint(20, 400)
    after = Team([Member(each.name, each.age, each.pay + by * (each.name == who)) for each in team.members])
    query = rng.choice((f"Raise the pay of {who} in team by {by}.", f"Pay {who} of team {by} more."))
    return single(
        query, {"team": team}, {"team": after}, f"team.find('{who}').pay += {by}", f"team.find('{other}').pay += {by}",
        f"team.find('{who}').pay = {by}", f"team.find('{who}').age += {by}",
        f"for member in team.members:\n    member.pay += {by}", types=(Team, Member), difficulty=3,
    )  # fmt: skip


@family(held_out=True, tags=("object", "list"))
def richest(rng: random.Random) -> Task:
    names = [letters(rng, 4, 8) for _ in range(rng.randint(4, 7))]
    accounts = where(
        lambda: [account_of(rng, name) for name in names],
        lambda all_: (
            len({each.balance for each in all_}) == len(all_)
            and max(all_, key=lambda each: each.balance).owner not in (names[-1], max(names))
        ),
    )
    query = rng.choice(
        (
            "Store the owner of the account with the largest balance, of those in accounts, in owner.",
            "Set owner to the owner of the fullest of accounts.",
        )
    )
    return single(
        query, {"accounts": accounts}, {"owner": max(accounts, key=lambda each: each.balance).owner},
        "owner = max(accounts, key=lambda each: each.balance).owner",
        "owner = max(accounts, key=lambda each: each.balance)", "owner = max(each.owner for each in accounts)",
        "owner = min(accounts, key=lambda each: each.balance).owner", "owner = accounts[-1].owner", types=(Account,),
        difficulty=3,
    )  # fmt: skip


@family(held_out=True, tags=("object",))
def remove_track(rng: random.Random) -> Task:
    tracks = list(dict.fromkeys(letters(rng, 4, 9) for _ in range(rng.randint(5, 9))))
    at = rng.randint(0, len(tracks) - 3)
    position = rng.randint(at + 1, len(tracks) - 1)
    left = [track for track in tracks if track != tracks[at]]
    query = rng.choice(
        (
            f"Remove the track '{tracks[at]}' from playlist; what plays goes on.",
            f"Take '{tracks[at]}' out of playlist and keep playing.",
        )
    )
    return single(
        query, {"playlist": Playlist(tracks, position)}, {"playlist": Playlist(left, position - 1)},
        f"playlist.remove('{tracks[at]}')", f"playlist.tracks.remove('{tracks[at]}')",
        f"playlist.remove('{tracks[at + 1]}')", "playlist.tracks.pop()\nplaylist.position = 0", types=(Playlist,),
        difficulty=2,
    )  # fmt: skip


@family(held_out=True, tags=("object", "nested"))
def payroll(rng: random.Random) -> Task:
    team = _team(rng)
    query = rng.choice(
        (
            "Store the sum of the pay of all members of team in payroll.",
            "Set payroll to what the members of team are paid together.",
        )
    )
    return single(
        query, {"team": team}, {"payroll": sum(each.pay for each in team.members)},
        "payroll = sum(each.pay for each in team.members)", "payroll = sum(each.age for each in team.members)",
        "payroll = team.members[0].pay", "payroll = [each.pay for each in team.members]",
        "payroll = max(each.pay for each in team.members)", types=(Team, Member), difficulty=3,
    )  # fmt: skip
