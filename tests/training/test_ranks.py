"""Two gloo ranks whose episodes take different numbers of turns give what one rank gives, prompt by prompt."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cave_rl.rollouts import traces
from tests.training import ranks, tiny
from tests.training.serving import Model, serving

ROOT = Path(__file__).parents[2]
WAYS = ("served", "own", "collective")
WORLD = 2
pytestmark = pytest.mark.timeout(900)  # of what is shared, by whichever test is the first


def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


def train(output: Path, url: str) -> None:
    """Trains on two ranks."""
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port()), "OMP_NUM_THREADS": "1"}
    errors = [(output.parent / f"rank{rank}.log").open("w+") for rank in range(WORLD)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.training.ranks", str(output), tiny.directory(), url, *WAYS],
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(WORLD)},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=errors[rank],
        )
        for rank in range(WORLD)
    ]
    try:
        for process in processes:
            process.wait(timeout=400)
    finally:
        for process in processes:
            process.kill()
            process.wait()
        told = []
        for error in errors:
            error.seek(0)
            told.append(error.read()[-3000:])
            error.close()
    assert [process.returncode for process in processes] == [0] * WORLD, "\n---\n".join(told)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[list[dict[str, Any]]]]:
    """What was written down of every rollout, by one rank and by two, in each way."""
    directory = tmp_path_factory.mktemp("ranks")
    with serving(Model()) as url:
        ranks.main(str(directory / "one"), tiny.directory(), url, *WAYS)
    with serving(Model()) as url:
        train(directory / "two", url)
    return {way: [traces.read(directory / world / way / "traces.jsonl") for world in ("one", "two")] for way in WAYS}


@pytest.mark.parametrize("way", WAYS)
def test_two_ranks_give_what_one_gives(found: dict[str, list[list[dict[str, Any]]]], way: str) -> None:
    one, two = ([(row["task"], row["messages"], row["reward"]) for row in rows] for rows in found[way])
    assert one == two
    assert [row["train_step"] for row in found[way][1]] == [0] * 8
    assert [row["fault"] for row in found[way][1]] == [None] * 8


@pytest.mark.parametrize("way", WAYS)
def test_one_rank_has_more_messages_to_generate_than_the_other(
    found: dict[str, list[list[dict[str, Any]]]], way: str
) -> None:
    """Else it would be no test: TRL's own loop goes well where all ranks call equally often."""
    counts = [len(row["outcomes"]) for row in found[way][1]]
    assert max(counts[:4]) != max(counts[4:]), "one rank has ended while the other goes on"
