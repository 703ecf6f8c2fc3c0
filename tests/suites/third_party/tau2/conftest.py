"""These tests need tau2; where it is not installed they are skipped, or fail if CAVE_RL_EXPECT_TAU2 is set."""

from __future__ import annotations

import importlib.util
import os

import pytest

from cave_rl.suites.third_party.tau2.world.backend import INSTALL


@pytest.fixture(autouse=True)
def installed(request: pytest.FixtureRequest) -> None:
    """Skips where the port is missing, but for tests that are marked as needing none."""
    missing = [name for name in ("inspect_evals", "toml") if importlib.util.find_spec(name) is None]
    if not missing or request.node.get_closest_marker("without_tau2"):
        return
    why = f"{missing[0]} is not installed: {INSTALL}"
    if os.environ.get("CAVE_RL_EXPECT_TAU2"):
        pytest.fail(f"tau2 is expected here: {why}")
    pytest.skip(why)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "without_tau2: runs where tau2 is not installed, too")
