"""Something to host that a user has a part in. It stands apart from the tests, as `lamp` does."""

from __future__ import annotations

import os


class Router:
    """A router."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def plug(self, port: int) -> int:
        """Plugs it in."""
        if port > 4:
            raise ValueError(f"there is no port {port}")
        self.log.append(f"plug {port}")
        return port

    def unplug(self) -> str:
        """Unplugs it."""
        self.log.append("unplug")
        return "unplugged"

    def ping(self) -> None:
        """Waits for an answer."""
        while True:
            pass

    def manual(self, pages: int) -> str:
        """What stands in the manual."""
        return "\ud800" + "page " * pages

    def burn(self) -> None:
        """Ends all of it."""
        os._exit(3)

    def reset(self) -> None:
        """Resets it."""
        self.log.append("reset")
