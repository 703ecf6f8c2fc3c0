"""These tests need bfcl-eval; where it is not installed they are skipped, or fail if CAVE_RL_EXPECT_BFCL is set."""

from __future__ import annotations

import importlib.util
import os

import pytest

from cave_rl.suites.third_party.bfcl.tasks.suite import INSTALL


@pytest.fixture(autouse=True)
def installed(request: pytest.FixtureRequest) -> None:
    """Skips where the package is missing, but for tests that are marked as needing none."""
    missing = [name for name in ("bfcl_eval", "mpmath") if importlib.util.find_spec(name) is None]
    if not missing or request.node.get_closest_marker("without_bfcl"):
        return
    why = f"{missing[0]} is not installed: {INSTALL}"
    if os.environ.get("CAVE_RL_EXPECT_BFCL"):
        pytest.fail(f"BFCL is expected here: {why}")
    pytest.skip(why)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "without_bfcl: runs where bfcl-eval is not installed, too")
