"""A judge that tells what it holds."""

from __future__ import annotations

import sys
from typing import Any

from cave_rl.rewards.court import Court


class Held(Court):
    """Answers every request with the modules that are loaded."""

    def handle(self, operation: bytes, request: Any, fds: list[int]) -> Any:
        return sorted(sys.modules)
