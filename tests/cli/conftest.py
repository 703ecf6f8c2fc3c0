from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands write into outputs/ of where they are run, and read what stands there."""
    monkeypatch.chdir(tmp_path)
