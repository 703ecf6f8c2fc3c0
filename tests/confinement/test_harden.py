from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cave_rl.confinement import RUNGS_OF_LEVEL, doctor
from tests.confinement.conftest import ROOT, Template, needs_rung

CONTAINED_RUNGS = RUNGS_OF_LEVEL["contained"]
IMPORT = "from cave_rl.confinement import *\nfrom cave_rl.confinement import landlock, seccomp\n"


def python(source: str) -> str:
    """What a fresh interpreter prints: the errors it ends with go to its output too."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    guarded = IMPORT + "try:\n" + "\n".join(f"    {line}" for line in source.strip().splitlines())
    guarded += "\nexcept ConfinementError as error:\n    print(f'{error.rung}|{error}')"
    done = subprocess.run([sys.executable, "-c", guarded], capture_output=True, text=True, env=environment, check=False)
    return done.stdout.strip() or done.stderr


@needs_rung(*CONTAINED_RUNGS)
def test_contained_holds_every_rung_of_its_level() -> None:
    made = Template({"require": "contained"})
    assert set(CONTAINED_RUNGS) <= set(made.hardened["rungs"])
    made.close()


@pytest.mark.parametrize(
    ("lacking", "rung"),
    [
        ("landlock.abi = lambda: 0", "landlock"),
        ("seccomp.available = lambda *a: 'no such system call'", "seccomp"),
        ("seccomp.available = lambda action=0: 'too old' if action == seccomp.NOTIFY else None", "tickets"),
    ],
)
def test_contained_fails_closed_naming_the_rung(lacking: str, rung: str) -> None:
    said = python(f"{lacking}\nharden_template(Confinement(require='contained'), readable=readable_paths())")
    assert said.startswith(f"{rung}|confinement: {rung}: ")
    assert "What to do: " in said


@pytest.mark.parametrize("level", ["none", "limits"])
def test_lower_levels_apply_what_there_is_and_report_the_rest(level: str) -> None:
    said = python(
        "landlock.abi = lambda: 0\n"
        f"hardened = harden_template(Confinement(require={level!r}), readable=readable_paths())\n"
        "print(dict(hardened.missing)['landlock'], 'landlock' in hardened.rungs, 'limits' in hardened.rungs)"
    )
    assert said == "this kernel does not offer Landlock False True"


@needs_rung("seccomp", "tickets")
def test_a_foreign_listener_is_a_missing_rung_not_a_crash() -> None:
    said = python(
        "from cave_rl.confinement.limits import no_new_privs\n"
        "no_new_privs()\n"
        "seccomp.install([(6, 0, 0, seccomp.ALLOW)], listen=True)\n"
        "harden_template(Confinement(), readable=readable_paths())"
    )
    assert said.startswith("tickets|")


def test_threads_are_named_and_refused() -> None:
    said = python(
        "import threading\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "harden_template(Confinement(require='none'), readable=())"
    )
    assert said.startswith("template|")
    assert "2 threads" in said


def test_hardening_is_once_and_in_order() -> None:
    twice = "harden_template(Confinement(require='none'), readable=())\n"
    assert "hardened already" in python(twice * 2)
    assert "no fork of a hardened Template" in python("harden_fork(Confinement())")
    assert "no hardened Template" in python("plan_fork(Confinement())")


def test_writable_must_exist() -> None:
    assert python("harden_template(Confinement(require='none'), readable=(), writable=['/no/such'])").startswith(
        "writable|"
    )


def test_a_fork_is_hardened_in_little_time(template: Template) -> None:
    forks = [template.fork("") for _ in range(20)]
    costs = sorted(fork.first["cost"] for fork in forks)
    for fork in forks:
        fork.close()
    assert costs[5] < 0.005, f"harden_fork takes {costs[10] * 1e6:.0f} us"


def test_the_level_of_this_machine_is_what_hardening_finds(template: Template) -> None:
    found = {rung.name for rung in doctor().rungs if rung.available}
    assert set(CONTAINED_RUNGS) & found == set(CONTAINED_RUNGS) & set(template.hardened["rungs"])
