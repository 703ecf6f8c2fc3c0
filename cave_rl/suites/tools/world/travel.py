"""Weather, hotels, bookings."""

from __future__ import annotations

import hashlib
from typing import Any


class Travel:
    """Prices are whole cents; a room that is booked is free no more."""

    def __init__(
        self, rain: dict[str, dict[str, int]], hotels: dict[str, dict[str, Any]], limits: dict[str, int], seal: str
    ) -> None:
        self.rain = rain
        self.hotels = hotels
        self.limits = limits
        self.seal = seal
        self.bookings: dict[str, dict[str, Any]] = {}
        self.messages: dict[str, list[str]] = {}

    def forecast(self, city: str, day: str) -> dict[str, Any]:
        """The weather of a city on a day ("Monday" to "Sunday"): `rain`, its probability in percent."""
        return {"city": city, "day": day, "rain": self.rain[city][day]}

    def find_hotels(self, city: str) -> list[dict[str, Any]]:
        """The hotels of a city: each has `hotel`, `price` (cents a night), `stars` and `free` (rooms)."""
        return [
            {"hotel": name, **{key: each[key] for key in ("price", "stars", "free")}}
            for name, each in self.hotels.items()
            if each["city"] == city
        ]

    def quote(self, hotel: str, nights: int) -> dict[str, Any]:
        """What a hotel takes for some nights: `quote`, an id to book with, and `total` in cents."""
        if type(nights) is not int or nights < 1:
            raise ValueError(f"nights are a whole number above 0, not {nights!r}")
        total = self.hotels[hotel]["price"] * nights
        sealed = hashlib.blake2b(f"{self.seal}/{hotel}/{nights}".encode(), digest_size=4).hexdigest()
        return {"quote": f"{hotel}/{nights}/{sealed}", "total": total}

    def card_limit(self, traveller: str) -> int:
        """Verifies a traveller's card, and tells how many cents it can pay."""
        return self.limits[traveller]

    def book(self, quote: str, traveller: str) -> str:
        """Books what a quote offers; the id of the booking."""
        hotel, nights, _ = quote.split("/")
        if quote != self.quote(hotel, int(nights))["quote"]:
            raise ValueError(f"no quote {quote!r} was given")
        if not self.hotels[hotel]["free"]:
            raise ValueError(f"{hotel} has no free room")
        if traveller not in self.limits:
            raise ValueError(f"no traveller {traveller!r}; there are {', '.join(sorted(self.limits))}")
        self.hotels[hotel]["free"] -= 1
        booking = f"R{len(self.bookings) + 1}"
        self.bookings[booking] = {
            "traveller": traveller, "hotel": hotel, "city": self.hotels[hotel]["city"], "nights": int(nights),
            "cancelled": False,
        }  # fmt: skip
        return booking

    def find_bookings(self, traveller: str) -> list[dict[str, Any]]:
        """A traveller's bookings: each has `booking`, `hotel`, `city`, `nights` and `cancelled`."""
        return [{"booking": name, **each} for name, each in self.bookings.items() if each["traveller"] == traveller]

    def cancel(self, booking: str) -> None:
        """Cancels a booking."""
        found = self.bookings[booking]
        if found["cancelled"]:
            raise ValueError(f"{booking} is cancelled already")
        found["cancelled"] = True
        self.hotels[found["hotel"]]["free"] += 1

    def send_message(self, person: str, text: str) -> None:
        """Sends a person a message."""
        if type(text) is not str or type(person) is not str:
            raise ValueError("a message is a text for a person")
        self.messages.setdefault(person, []).append(text)
