"""What a kill may not leave behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cave_rl.training import files
from tests.conftest import settled


def test_a_checkpoint_counts_once_its_state_is_whole(tmp_path: Path) -> None:
    def checkpoint(step: int, state: str | None) -> None:
        directory = tmp_path / f"checkpoint-{step}"
        directory.mkdir()
        if state is not None:
            (directory / "trainer_state.json").write_text(state)

    assert files.last_checkpoint(tmp_path / "nowhere") is None
    checkpoint(9, '{"global_step": 9}')
    checkpoint(10, '{"global_step": 10}')
    checkpoint(11, '{"global_st')
    checkpoint(12, "")
    checkpoint(13, None)
    assert files.last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-10")


def test_a_file_is_written_whole_and_in_place_of_what_was_there(tmp_path: Path) -> None:
    for text in ("one", "two"):
        files.write(tmp_path / "times.json", text)
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"times.json": text}


class Owner:
    """Something that a directory belongs to."""


def test_a_temporary_directory_goes_with_its_owner(tmp_path: Path) -> None:
    owner, directory = Owner(), tmp_path / "share" / "cave-1"
    files.temporary(directory, owner)
    (directory / "model.safetensors").write_bytes(bytes(1000))
    assert directory.is_dir()
    del owner
    assert not directory.exists()


HELD = """
import sys, time
from pathlib import Path
from cave_rl.training import files
class Owner: pass
owner, directory = Owner(), Path(sys.argv[1])
files.temporary(directory, owner)
(directory / "model.safetensors").write_bytes(bytes(1000))
print("made", flush=True)
if sys.argv[2] == "killed":
    time.sleep(600)
"""


def test_and_with_its_process_even_one_that_is_killed(tmp_path: Path) -> None:
    for end in ("ended", "killed"):
        directory = tmp_path / end
        with subprocess.Popen([sys.executable, "-c", HELD, str(directory), end], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"made\n"
            assert end == "ended" or directory.is_dir()
            if end == "killed":
                process.kill()
        assert settled(directory.exists, False, within=60) is False, end
    assert settled(lambda: keepers(tmp_path), [], within=60) == []


def keepers(directory: Path) -> list[str]:
    """The processes that were told to keep something below a directory."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
        except OSError:
            continue
        found += [command] if str(directory) in command else []
    return found
