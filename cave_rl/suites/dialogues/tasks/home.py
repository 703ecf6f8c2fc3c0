"""Dialogues about a home."""

# ruff: noqa: D103  (a move says what it is by its query)

from __future__ import annotations

import random
from typing import Any

from cave_rl.suites.dialogues.tasks.talk import Event, Move, Talk
from cave_rl.suites.dialogues.tasks.writing import Subject, listed, more
from cave_rl.suites.dialogues.world.home import RANGES, Home

ROOMS = ("kitchen", "hall", "study", "bedroom", "bathroom", "attic", "cellar", "nursery")
KINDS = {"lamp": ("ceiling lamp", "wall lamp", "reading lamp"), "heater": ("heater",), "blind": ("blind", "shutter"),
         "speaker": ("speaker", "radio")}  # fmt: skip
ORDINALS = ("first", "second", "third")


def draw(rng: random.Random) -> Home:
    rooms = rng.sample(ROOMS, rng.randint(3, 5))
    devices: dict[str, dict[str, Any]] = {}
    for room in rooms:
        kinds = ["lamp", "heater", *rng.choices(list(KINDS), k=rng.randint(1, 3))]
        for kind in kinds:
            low, high = RANGES[kind]
            level = rng.randint(low + (high - low) // 4, high - (high - low) // 4)
            name = f"{room} {rng.choice(KINDS[kind])}"
            devices.setdefault(name, {"room": room, "kind": kind, "on": rng.random() < 0.5, "level": level})
    return Home(devices, {room: rng.randint(12, 25) for room in rooms})


def _device(talk: Talk, *kinds: str) -> str:
    devices = talk.now.devices
    found: str = talk.rng.choice([name for name, each in devices.items() if not kinds or each["kind"] in kinds])
    return found


def _by(device: str, n: int) -> str:
    return f"home.set_level({device!r}, home.read({device!r})['level'] {more(n)})"


def _change(home: Home, device: str, n: int) -> None:
    home.set_level(device, home.read(device)["level"] + n)


def adjust(talk: Talk) -> Move:
    device, n = _device(talk), talk.rng.choice((-1, 1)) * talk.rng.randint(1, 9)
    word = "Raise" if n > 0 else "Lower"
    query = talk.rng.choice((f"{word} the level of the {device} by {abs(n)}.", f"The {device}: {n:+d}, please."))
    return Move(
        query, _by(device, n), lambda home: _change(home, device, n),
        misses=[f"home.set_level({device!r}, {abs(n)})", _by(device, -n)],
        leaves={"device": device, "n": n},
    )  # fmt: skip


def switch_some(talk: Talk) -> Move:
    devices, on = talk.rng.sample(list(talk.now.devices), 3), talk.rng.random() < 0.5

    def do(home: Home) -> None:
        for each in devices:
            home.switch(each, on)

    word = "on" if on else "off"
    return Move(
        f"Switch the {devices[0]}, the {devices[1]} and the {devices[2]} {word}.",
        "\n".join(f"home.switch({each!r}, {on})" for each in devices), do,
        misses=[f"home.switch({devices[0]!r}, {on})", *(f"home.switch({each!r}, {not on})" for each in devices)],
        leaves={"devices": devices, "on": on},
    )  # fmt: skip


def room_off(talk: Talk) -> Move:
    room = talk.rng.choice(list(talk.now.temperatures))

    def do(home: Home) -> None:
        for each in home.list_devices(room):
            home.switch(each, False)

    return Move(
        f"Switch off everything that is on in the {room}.",
        f"for each in home.list_devices({room!r}):\n    home.switch(each, False)", do,
        misses=["for each in home.list_devices():\n    home.switch(each, False)",
                f"for each in home.list_devices({room!r}, 'lamp'):\n    home.switch(each, False)"],
        weight=2, leaves={"room": room},
    )  # fmt: skip


def dim_bright(talk: Talk) -> Move:
    limit, n = talk.rng.randint(30, 60), talk.rng.randint(3, 20)

    def do(home: Home) -> None:
        for each in home.list_devices(kind="lamp"):
            if home.read(each)["level"] > limit:
                _change(home, each, -n)

    loop = "for each in home.list_devices({of}):\n    if home.read(each)['level'] > {limit}:\n        "
    lower = f"home.set_level(each, home.read(each)['level'] - {n})"
    return Move(
        f"Dim every lamp whose level is above {limit} by {n}, whether it is on or off.",
        loop.format(of="kind='lamp'", limit=limit) + lower, do,
        misses=[loop.format(of="", limit=limit) + lower, loop.format(of="kind='lamp'", limit=0) + lower,
                loop.format(of="kind='lamp'", limit=limit) + f"home.set_level(each, {n})"],
        weight=2,
    )  # fmt: skip


def heat_cold(talk: Talk) -> Move:
    degrees, n = talk.rng.randint(15, 21), talk.rng.randint(1, 3)

    def do(home: Home) -> None:
        for room in home.list_rooms():
            if home.temperature(room) < degrees:
                for each in home.list_devices(room, "heater"):
                    home.switch(each, True)
                    _change(home, each, n)

    def cell(test: str, switch: str) -> str:
        return (
            f"for room in home.list_rooms():\n    if {test}:\n        for each in home.list_devices(room, 'heater'):\n"
            f"            {switch}home.set_level(each, home.read(each)['level'] + {n})"
        )

    return Move(
        f"In every room that is colder than {degrees} degrees, switch the heater on and set it {n} degrees higher.",
        cell(f"home.temperature(room) < {degrees}", "home.switch(each, True); "), do,
        misses=[cell("True", "home.switch(each, True); "), cell(f"home.temperature(room) < {degrees}", "")],
        weight=3,
    )  # fmt: skip


def match(talk: Talk) -> Move:
    one, other = talk.rng.sample(talk.now.list_devices(kind="lamp"), 2)
    return Move(
        f"Set the {one} to the level of the {other}.",
        f"home.set_level({one!r}, home.read({other!r})['level'])",
        lambda home: home.set_level(one, home.read(other)["level"]),
        misses=[f"home.set_level({other!r}, home.read({one!r})['level'])"],
        leaves={"device": one, "copied": other},
    )  # fmt: skip


def which_on(talk: Talk) -> Move:
    room, name = talk.rng.choice(list(talk.now.temperatures)), talk.new_name()
    gold = f"{name} = [each for each in home.list_devices({room!r}) if home.read(each)['on']]"
    return Move(
        f"What is on in the {room}? Store a sorted list of the names in {name}.", gold, store=name,
        value=lambda home: [each for each in home.list_devices(room) if home.read(each)["on"]],
        misses=[f"{name} = home.list_devices({room!r})", f"{name} = set()"],
        leaves={"room": room}, keeps={"names": name},
    )  # fmt: skip


def note_levels(talk: Talk) -> Move:
    kind, name = talk.rng.choice(("lamp", "heater")), talk.new_name()
    return Move(
        f"I may want the {kind}s back as they are: store a dict from the name of each {kind} to its level in {name}.",
        f"{name} = {{each: home.read(each)['level'] for each in home.list_devices(kind={kind!r})}}", store=name,
        value=lambda home: {each: home.read(each)["level"] for each in home.list_devices(kind=kind)},
        misses=[f"{name} = {{each: home.read(each)['level'] for each in home.list_devices()}}",
                f"{name} = home.list_devices(kind={kind!r})"],
        weight=2, keeps={"levels": (kind, name)},
    )  # fmt: skip


def restore(talk: Talk) -> Move | None:
    if "levels" not in talk.kept:
        return None
    kind, name = talk.kept["levels"]
    levels = talk.stored[name]

    def do(home: Home) -> None:
        for each, level in levels.items():
            home.set_level(each, level)

    cell = f"for each, level in {name}.items():\n    home.set_level(each, level"
    return Move(
        f"Set the {kind}s back to the levels that you stored in {name}; leave them on or off as they are.",
        f"{cell})", do,
        misses=[f"{cell}); home.switch(each, True)", f"each, level = next(iter({name}.items()))\n"
                "home.set_level(each, level)"],
        weight=2,
    )  # fmt: skip


def same_for(talk: Talk) -> Move | None:
    if "n" not in talk.last:
        return None
    device, n = talk.last["device"], talk.last["n"]
    other = talk.rng.choice([each for each in talk.now.devices if each != device])
    return Move(
        talk.rng.choice((f"The same for the {other}.", f"Now change the {other} in the same way.")),
        _by(other, n), lambda home: _change(home, other, n),
        misses=[f"home.set_level({other!r}, home.read({device!r})['level'])", _by(device, n), _by(other, -n)],
        weight=2, leaves={"device": other, "n": n},
    )  # fmt: skip


def once_more(talk: Talk) -> Move | None:
    if "n" not in talk.last:
        return None
    device, n = talk.last["device"], talk.last["n"]
    query, by = talk.rng.choice((("Once more by as much.", n), ("No, take that change back.", -n),
                                 ("The same device again: twice as much as before, the same way.", 2 * n)))  # fmt: skip
    return Move(
        query, _by(device, by), lambda home: _change(home, device, by),
        misses=[_by(device, -by), _by(device, n if by != n else 2 * n)],
        weight=2, leaves={"device": device, "n": by},
    )  # fmt: skip


def nth_back(talk: Talk) -> Move | None:
    if "devices" not in talk.last:
        return None
    devices, on, at = talk.last["devices"], talk.last["on"], talk.rng.randrange(3)
    return Move(
        f"On second thoughts: switch the {ORDINALS[at]} one of them {'off' if on else 'on'} again.",
        f"home.switch({devices[at]!r}, {not on})", lambda home: home.switch(devices[at], not on),
        misses=[f"home.switch({devices[(at + 1) % 3]!r}, {not on})",
                "\n".join(f"home.switch({each!r}, {not on})" for each in devices)],
        weight=2, leaves={"device": devices[at]},
    )  # fmt: skip


def that_room(talk: Talk) -> Move | None:
    if "room" not in talk.last:
        return None
    room, n = talk.last["room"], talk.rng.randint(1, 8)

    def do(home: Home) -> None:
        for each in home.list_devices(room, "lamp"):
            _change(home, each, n)

    return Move(
        f"In that room, make every lamp brighter by {n}, on or off.",
        f"for each in home.list_devices({room!r}, 'lamp'):\n    {_by('each', n).replace(repr('each'), 'each')}", do,
        misses=[f"for each in home.list_devices(kind='lamp'):\n    {_by('each', n).replace(repr('each'), 'each')}"],
        weight=2, leaves={"room": room},
    )  # fmt: skip


def began_with(talk: Talk) -> Move | None:
    if talk.rng.random() < 0.8:  # it can always be asked
        return None
    device, n = talk.first["device"], talk.first["n"]
    on = not talk.now.devices[device]["on"]
    return Move(
        f"Switch the device that my very first request was about {'on' if on else 'off'}.",
        f"home.switch({device!r}, {on})", lambda home: home.switch(device, on),
        misses=[f"home.switch({other!r}, {on})" for other in list(talk.now.devices)[:3] if other != device]
        + [_by(device, n)],
        weight=3, leaves={"device": device},
    )  # fmt: skip


def all_stored(talk: Talk) -> Move | None:
    devices = talk.stored.get(talk.kept.get("names", ""), [])
    if not devices:
        return None
    name = talk.kept["names"]

    def do(home: Home) -> None:
        for each in devices:
            home.switch(each, not home.read(each)["on"])

    flip = "home.switch(each, not home.read(each)['on'])"
    return Move(
        f"Of the devices whose names are in {name}: switch those that are on off, and those that are off on.",
        f"for each in {name}:\n    {flip}", do,
        misses=[f"for each in {name}:\n    home.switch(each, False)", f"for each in home.list_devices():\n    {flip}"],
        weight=2,
    )  # fmt: skip


def colder(talk: Talk) -> Event:
    room = talk.rng.choice(list(talk.now.temperatures))
    before = talk.now.temperatures[room]
    now = talk.rng.choice([each for each in range(10, 27) if each != before])
    return Event(f"home._measure({room!r}, {now})", f"It got {'warmer' if now > before else 'colder'} in the {room}.")


def touched(talk: Talk) -> Event:
    devices = talk.rng.sample([each for each in talk.now.devices if each != talk.last.get("device")], 2)
    parts = []
    for each in devices:
        low, high = RANGES[talk.now.devices[each]["kind"]]
        level = talk.rng.randint(low + (high - low) // 4, high - (high - low) // 4)
        parts.append(f"home.switch({each!r}, {talk.rng.random() < 0.5}); home.set_level({each!r}, {level})")
    return Event("\n".join(parts), f"Someone has just changed the {listed(devices).replace(' and ', ' and the ')}.")


def harm(talk: Talk) -> str:
    device = _device(talk)
    return f"home.switch({device!r}, not home.read({device!r})['on'])"


HOME = Subject(
    name="home",
    draw=draw,
    opening=adjust,
    fresh=(adjust, adjust, switch_some, room_off, dim_bright, heat_cold, match, which_on, note_levels),
    back=(restore, same_for, once_more, nth_back, that_room, began_with, all_stored),
    events=(colder, touched),
    harm=harm,
    description="the devices of a home; others may change them too",
    names=("found", "running", "noted", "kept", "seen", "listed", "marked", "saved"),
)
