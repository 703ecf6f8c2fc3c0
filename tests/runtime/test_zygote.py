"""What a Base's and a Template's process does for its forks; most of it is seen through `Template` and `Runtime`."""

from __future__ import annotations

import subprocess
import sys

REAPS = """
import os, time
from cave_rl.runtime.inside import zygote

zygote._MOST_ENDED = 20
reaper = zygote._Reaper()
read, write = os.pipe()
for _ in range(8):
    pids = []
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            os.close(write)
            os.read(read, 1)  # all end in the same moment
            os._exit(7)
        pids.append(pid)
    os.close(write)
    os.close(read)
    read, write = os.pipe()
last = pids[-1]
print(reaper.status(last), reaper.status(last), len(reaper._ended) <= 20)
"""


def test_children_that_end_together_are_all_collected_and_few_are_remembered() -> None:
    done = subprocess.run([sys.executable, "-c", REAPS], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("7 None True\n", "", 0)
