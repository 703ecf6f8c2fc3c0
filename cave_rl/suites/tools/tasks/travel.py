"""Tasks over weather, hotels and bookings."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random
from typing import Any

from cave_rl.suites.tools.tasks.asking import Domain, change, decline, lookup
from cave_rl.suites.tools.tasks.drawing import PEOPLE, least, until_possible
from cave_rl.suites.tools.world.travel import Travel
from cave_rl.tasks.task import Task

CITIES = ("Lisbon", "Oslo", "Porto", "Turin", "Ghent", "Split", "Bern", "Riga")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOTELS = ("Anchor", "Bellevue", "Crown", "Domus", "Elm", "Fountain", "Garden", "Harbour", "Iris", "Jade", "Kings",
          "Lantern", "Meridian", "Nest", "Old Mill", "Palace", "Quay", "Regent", "Star", "Terrace")  # fmt: skip
TRAVEL = Domain("travel", ("book", "cancel", "send_message"))


def draw(rng: random.Random) -> Travel:
    cities, names = rng.sample(CITIES, 4), rng.sample(HOTELS, 18)
    hotels = {
        name: {"city": cities[at % 4], "price": rng.randint(4000, 20_000), "stars": rng.randint(2, 5),
               "free": rng.randint(0, 3)}
        for at, name in enumerate(names)
    }  # fmt: skip
    rain = {city: dict(zip(DAYS, rng.sample(range(5, 95), 7), strict=True)) for city in cities}
    limits = {name: rng.randint(20_000, 60_000) for name in rng.sample(PEOPLE, 5)}
    travel = Travel(rain, hotels, limits, f"{rng.getrandbits(64):x}")
    for _ in range(12):
        hotel, nights = rng.choice(names), rng.randint(1, 6)
        if hotels[hotel]["free"]:
            travel.book(travel.quote(hotel, nights)["quote"], rng.choice(list(limits)))
    return travel


def _harm(rng: random.Random, travel: Travel) -> str:
    kept = [name for name, each in travel.bookings.items() if not each["cancelled"]]
    return rng.choice((f"send_message({rng.choice(PEOPLE)!r}, 'Done')", f"cancel({rng.choice(kept)!r})"))


def cheapest_stay(rng: random.Random) -> Task:
    def make() -> Task:
        travel = draw(rng)
        city, who = rng.choice(list(travel.rain)), rng.choice(list(travel.limits))
        stars, nights = rng.randint(2, 4), rng.randint(2, 6)

        def do(f: Any) -> None:
            fit = [each for each in f.find_hotels(city) if each["free"] and each["stars"] >= stars]
            f.book(f.quote(least(fit, lambda each: int(each["price"]))["hotel"], nights)["quote"], who)

        def cell(test: str, key: str, nights: int = nights) -> str:
            return (
                f"fit = [h for h in find_hotels({city!r}) if {test}]\nhotel = min(fit, key=lambda h: {key})\n"
                f"book(quote(hotel['hotel'], {nights})['quote'], {who!r})"
            )

        right = f"h['free'] and h['stars'] >= {stars}"
        return change(
            TRAVEL, travel,
            f"Book {nights} nights for {who} in the cheapest hotel of {city} that has at least {stars} stars and a "
            "free room.",
            do, cell(right, "h['price']"),
            [cell(right, "-h['price']"), cell("h['free']", "h['price']"), cell(right, "h['price']", nights + 1)],
            harm=_harm(rng, travel),
        )  # fmt: skip

    return until_possible(make)


def driest_city(rng: random.Random) -> Task:
    def make() -> Task:
        travel = draw(rng)
        cities, day = rng.sample(list(travel.rain), 3), rng.choice(DAYS)
        who, limit = rng.choice(list(travel.limits)), rng.randint(20, 50)

        def do(f: Any) -> None:
            city = least(cities, lambda each: int(f.forecast(each, day)["rain"]))
            if f.forecast(city, day)["rain"] > limit:
                f.send_message(who, "Stay at home")
                return
            fit = [each for each in f.find_hotels(city) if each["free"]]
            f.book(f.quote(least(fit, lambda each: int(each["price"]))["hotel"], 1)["quote"], who)

        def cell(pick: str, limit: int = limit) -> str:
            return (
                f"city = {pick}({cities!r}, key=lambda c: forecast(c, {day!r})['rain'])\n"
                f"if forecast(city, {day!r})['rain'] > {limit}:\n    send_message({who!r}, 'Stay at home')\n"
                "else:\n    hotel = min((h for h in find_hotels(city) if h['free']), key=lambda h: h['price'])\n"
                f"    book(quote(hotel['hotel'], 1)['quote'], {who!r})"
            )

        first, second, third = cities
        return change(
            TRAVEL, travel,
            f"In which of {first}, {second} and {third} is rain least likely on {day}? If it is more than {limit} "
            f"percent even there, send {who} the message 'Stay at home'. Else book one night there for {who}, in the "
            "cheapest hotel with a free room.",
            do, cell("min"), [cell("max"), cell("min", 100), cell("min", 0)], harm=_harm(rng, travel),
        )  # fmt: skip

    return until_possible(make)


def within_limit(rng: random.Random) -> Task:
    def make() -> Task:
        travel = draw(rng)
        city, who, nights = rng.choice(list(travel.rain)), rng.choice(list(travel.limits)), rng.randint(2, 4)

        def do(f: Any) -> None:
            limit = f.card_limit(who)
            fit = [h for h in f.find_hotels(city) if h["free"] and f.quote(h["hotel"], nights)["total"] <= limit]
            best = least(fit, lambda each: -100_000 * int(each["stars"]) + int(each["price"]))
            f.book(f.quote(best["hotel"], nights)["quote"], who)

        def cell(limit: str, key: str = "(-h['stars'], h['price'])") -> str:
            return (
                f"limit = {limit}\nfit = [h for h in find_hotels({city!r}) if h['free'] and "
                f"quote(h['hotel'], {nights})['total'] <= limit]\nbest = min(fit, key=lambda h: {key})\n"
                f"book(quote(best['hotel'], {nights})['quote'], {who!r})"
            )

        right = f"card_limit({who!r})"
        return change(
            TRAVEL, travel,
            f"Verify the card of {who}, and then book {nights} nights in {city}: of the hotels with a free room whose "
            "total is within the limit of the card the one with most stars, the cheaper one where they are equal.",
            do, cell(right), [cell("10 ** 9"), cell(str(travel.limits[who])), cell(right, "h['price']")],
            harm=_harm(rng, travel), first={"card_limit": {"traveller": who}},
        )  # fmt: skip

    return until_possible(make)


def cancel_all(rng: random.Random) -> Task:
    def make() -> Task:
        travel = draw(rng)
        who, city = rng.choice(list(travel.limits)), rng.choice(list(travel.rain))

        def do(f: Any) -> None:
            found = [each for each in f.find_bookings(who) if each["city"] == city]
            for each in found:
                f.cancel(each["booking"])
            f.send_message(who, str(len(found)))

        def cell(test: str, text: str = "len(found)") -> str:
            return (
                f"found = [b for b in find_bookings({who!r}) if {test}]\nfor b in found:\n    cancel(b['booking'])\n"
                f"send_message({who!r}, str({text}))"
            )

        return change(
            TRAVEL, travel,
            f"Cancel every booking of {who} in {city}, and send {who} how many that were: a message of nothing but the "
            "number.",
            do, cell(f"b['city'] == {city!r}"),
            [cell("True"), cell(f"b['city'] != {city!r}"), cell(f"b['city'] == {city!r}", "1 + len(found)")],
            harm=f"send_message({rng.choice(PEOPLE)!r}, 'Done')",
        )  # fmt: skip

    return until_possible(make)


def shortest_list(rng: random.Random) -> Task:
    def make() -> Task:
        travel = draw(rng)
        day, name = rng.choice(DAYS), rng.choice(("dry", "cities", "sunny"))
        cities, limit = sorted(travel.rain), rng.randint(30, 70)
        value = [each for each in cities if travel.rain[each][day] < limit]
        cell = f"{name} = [c for c in {cities!r} if forecast(c, {day!r})['rain'] {{}} {limit}]"
        return lookup(
            TRAVEL, travel,
            f"In which of {', '.join(cities)} is rain on {day} less likely than {limit} percent? Store a sorted list "
            f"of them in {name}.",
            name, value, cell.format("<"), [cell.format(">"), f"{name} = {cities!r}", f"{name} = set()"],
            harm=_harm(rng, travel),
        )  # fmt: skip

    return until_possible(make)


def too_dear(rng: random.Random) -> Task:
    def make() -> Task:
        travel = draw(rng)
        city, who = rng.choice(list(travel.rain)), rng.choice(list(travel.limits))
        hotels = [each for each in travel.find_hotels(city) if each["free"]]
        cents = min(each["price"] for each in hotels) - rng.randint(50, 500)
        hotel = min(hotels, key=lambda each: int(each["price"]))["hotel"]
        return decline(
            TRAVEL, travel,
            f"If a hotel of {city} with a free room takes less than {cents} cents a night, book one night there for "
            f"{who}. Otherwise do nothing.",
            f"print([h for h in find_hotels({city!r}) if h['free'] and h['price'] < {cents}])",
            [f"book(quote({hotel!r}, 1)['quote'], {who!r})", f"send_message({who!r}, 'Nothing found')"],
        )  # fmt: skip

    return until_possible(make)
