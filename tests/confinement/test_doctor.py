from __future__ import annotations

import os
import pickle
import threading
from dataclasses import replace

import pytest

from cave_rl.confinement import RUNGS_OF_LEVEL, Report, doctor, kernel, landlock


@pytest.fixture(scope="module")
def report() -> Report:
    return doctor()


def test_it_names_machine_and_rungs(report: Report) -> None:
    assert report.kernel == os.uname().release
    assert report.machine == kernel.MACHINE
    assert report.landlock_abi == landlock.abi()
    assert len({rung.name for rung in report.rungs}) == len(report.rungs)
    assert all(rung.detail and rung.gives for rung in report.rungs)
    assert pickle.loads(pickle.dumps(report)) == report


def test_every_rung_a_level_needs_is_reported(report: Report) -> None:
    assert set(RUNGS_OF_LEVEL["contained"]) <= {rung.name for rung in report.rungs}


@pytest.mark.parametrize(
    ("lost", "level"), [("tickets", "limits"), ("landlock", "limits"), ("no_new_privs", "none"), ("scope", "contained")]
)
def test_the_level_falls_with_its_rungs(report: Report, lost: str, level: str) -> None:
    rungs = tuple(replace(rung, available=rung.name != lost) for rung in report.rungs)
    assert replace(report, rungs=rungs).level == level


def test_unknown_rungs_are_named_with_the_known_ones(report: Report) -> None:
    with pytest.raises(KeyError, match="seccomp"):
        report["secomp"]


def test_looking_changes_nothing() -> None:
    done = threading.Event()
    threading.Thread(target=done.wait, daemon=True).start()
    before = (kernel.prctl(39), kernel.prctl(3), kernel.prctl(21), os.listdir("/proc/self/fd"))
    doctor()
    assert (kernel.prctl(39), kernel.prctl(3), kernel.prctl(21), os.listdir("/proc/self/fd")) == before
    done.set()
