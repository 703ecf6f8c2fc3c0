"""What a kill may not leave behind: files that are torn, and directories that nobody needs any more."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import weakref
from pathlib import Path

# It waits for the end of its standard input, which only its host holds: the kernel closes that however the host ends.
_KEEPER = "import shutil, sys; sys.stdin.read(); shutil.rmtree(sys.argv[1], ignore_errors=True)"


def write(path: Path, text: str) -> None:
    """Writes a file, whole or not at all."""
    part = path.with_name(f".{path.name}")
    part.write_text(text)
    part.replace(path)


def last_checkpoint(directory: Path) -> str | None:
    """The latest whole checkpoint of TRL's: the trainer's state is what is written last of one."""
    whole = [state.parent for state in directory.glob("checkpoint-*/trainer_state.json") if _is_whole(state)]
    return str(max(whole, key=lambda path: int(path.name.rpartition("-")[2]))) if whole else None


def _is_whole(file: Path) -> bool:
    """Whether a JSON file was written to its end."""
    try:
        json.loads(file.read_text())
    except ValueError:
        return False
    return True


def temporary(directory: Path, owner: object) -> None:
    """Makes a directory that goes with its owner, and with this process even where it is killed.

    Args:
        directory: is made; it may not be there yet.
        owner: when it is collected, or this process ends, the directory goes.
    """
    directory.mkdir(parents=True)
    keeper = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _KEEPER, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the host
        cwd="/",
    )
    weakref.finalize(owner, _remove, directory, keeper)


def _remove(directory: Path, keeper: subprocess.Popen[bytes]) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    assert keeper.stdin is not None
    keeper.stdin.close()
    keeper.wait()
