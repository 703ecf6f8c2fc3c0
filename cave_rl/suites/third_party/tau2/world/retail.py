"""The retail desk, where tau2 is installed."""

from __future__ import annotations

from cave_rl.suites.third_party.tau2.world.backend import is_installed
from cave_rl.suites.third_party.tau2.world.desk import desk_of

if is_installed():
    Retail = desk_of("retail", "Retail", __name__)
