"""A home with devices in rooms."""

from __future__ import annotations

from typing import Any

RANGES = {"lamp": (0, 100), "heater": (5, 30), "blind": (0, 100), "speaker": (0, 60)}


class Home:
    """A home. Every device stands in a room, is on or off, and has a level within the range of its kind."""

    def __init__(self, devices: dict[str, dict[str, Any]], temperatures: dict[str, int]) -> None:
        self.devices = devices
        self.temperatures = temperatures
        self.__validate_claim__()

    def list_devices(self, room: str | None = None, kind: str | None = None) -> list[str]:
        """The names of the devices, sorted; of one room, or of one kind ("lamp", "heater", "blind", "speaker")."""
        if room is not None:
            self._room(room)
        return sorted(
            name for name, each in self.devices.items() if room in (None, each["room"]) and kind in (None, each["kind"])
        )

    def list_rooms(self) -> list[str]:
        """The names of the rooms, sorted."""
        return sorted(self.temperatures)

    def read(self, device: str) -> dict[str, Any]:
        """What a device is: `room`, `kind`, `on` (True or False) and `level`."""
        return dict(self._device(device))

    def temperature(self, room: str) -> int:
        """The temperature of a room, in degrees."""
        return self.temperatures[self._room(room)]

    def switch(self, device: str, on: bool) -> None:
        """Switches a device on or off. It keeps its level."""
        if type(on) is not bool:
            raise ValueError(f"on must be True or False, not {on!r}")
        self._device(device)["on"] = on

    def set_level(self, device: str, level: int) -> None:
        """Sets the level of a device, on or off: percent of a lamp or blind, degrees of a heater, volume of a speaker.

        Lamps and blinds take 0 to 100, heaters 5 to 30, speakers 0 to 60.
        """
        found = self._device(device)
        low, high = RANGES[found["kind"]]
        if type(level) is not int or not low <= level <= high:
            raise ValueError(f"the level of a {found['kind']} is a whole number from {low} to {high}, not {level!r}")
        found["level"] = level

    def _measure(self, room: str, temperature: int) -> None:
        """A room got warmer or colder."""
        self.temperatures[self._room(room)] = temperature

    def _device(self, name: str) -> dict[str, Any]:
        if name not in self.devices:
            raise ValueError(f"no device {name!r}; there are {', '.join(sorted(self.devices))}")
        return self.devices[name]

    def _room(self, name: str) -> str:
        if name not in self.temperatures:
            raise ValueError(f"no room {name!r}; there are {', '.join(sorted(self.temperatures))}")
        return name

    def __validate_claim__(self) -> None:
        for each in self.devices.values():
            low, high = RANGES[each["kind"]]
            if type(each["on"]) is not bool or type(each["level"]) is not int or not low <= each["level"] <= high:
                raise ValueError(f"a device is out of its range: {each}")
            if each["room"] not in self.temperatures:
                raise ValueError(f"a device stands in no room of the home: {each}")
