"""Two gloo ranks whose episodes take different numbers of turns give what one rank gives, prompt by prompt."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.training import tiny
from tests.training.serving import Model, serving

ROOT = Path(__file__).parents[2]


def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


def trained(output: Path, url: str, way: str, world: int) -> list[dict[str, Any]]:
    """Trains on so many ranks; what was written down of every rollout."""
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port()), "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.training.ranks", str(output), tiny.directory(), url, way],
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world)}
            if world > 1
            else shared,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(world)
    ]
    try:
        told = [rank.communicate(timeout=280)[1] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert [rank.returncode for rank in ranks] == [0] * world, told[0][-3000:]
    return [json.loads(line) for line in (output / "traces.jsonl").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("way", ["served", "own", "collective"])
def test_two_ranks_give_what_one_gives(tmp_path: Path, way: str) -> None:
    found = []
    for world in (1, 2):
        with serving(Model()) as url:
            found.append(trained(tmp_path / str(world), url, way, world))
    one, two = ([(row["task"], row["messages"], row["reward"]) for row in rows] for rows in found)
    assert one == two
    halves = [{len(row["outcomes"]) for row in found[1][i : i + 4]} for i in (0, 4)]
    assert max(halves[0] | halves[1]) > 1, "dialogues"
    assert [row["train_step"] for row in found[1]] == [0] * 8
