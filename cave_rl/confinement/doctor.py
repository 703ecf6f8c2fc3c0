"""What this machine can confine with. Safe to call from a trainer full of threads: nothing here forks or restricts it.

What can only be learned by doing it (a seccomp listener, a namespace) is tried in a short-lived interpreter of its own.
"""

from __future__ import annotations

import errno
import os
import resource
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from cave_rl.confinement import kernel, landlock, namespaces, seccomp
from cave_rl.confinement.policy import RUNGS_OF_LEVEL, Level

_SO_PASSPIDFD = 76


@dataclass(frozen=True, slots=True)
class Rung:
    """One thing a kernel may offer.

    Attributes:
        name: Its name, as `Hardened.rungs`, `ConfinementError.rung` and tests use it.
        available: Whether it is there.
        detail: What was found, or why it is missing.
        gives: What it is good for.
    """

    name: str
    available: bool
    detail: str
    gives: str


@dataclass(frozen=True, slots=True)
class Report:
    """The machine, and every rung on it."""

    kernel: str
    machine: str
    uid: int
    landlock_abi: int
    rungs: tuple[Rung, ...]

    def __getitem__(self, name: str) -> Rung:
        """The rung called `name`."""
        for rung in self.rungs:
            if rung.name == name:
                return rung
        raise KeyError(f"no rung {name!r}; there are {', '.join(rung.name for rung in self.rungs)}")

    def has(self, *names: str) -> bool:
        """Whether every one of these rungs is available."""
        return all(self[name].available for name in names)

    @property
    def level(self) -> Level:
        """The best level that `Confinement.require` can be set to here."""
        levels: tuple[Level, ...] = ("contained", "limits")
        return next((level for level in levels if self.has(*RUNGS_OF_LEVEL[level])), "none")


def doctor() -> Report:
    """Look at the machine (some 30 ms)."""
    abi = landlock.abi()
    no_filter = seccomp.available()
    no_notify = no_filter or seccomp.available(seccomp.NOTIFY) or _listener_reason()
    rungs = (
        Rung("limits", True, f"open files {resource.getrlimit(resource.RLIMIT_NOFILE)[0]}",
             "bounds on memory, CPU time, file size, descriptors"),
        _rung("no_new_privs", _prctl_reason(39), "yes", "nothing executed gains privileges"),
        _rung("not_dumpable", _prctl_reason(3), "yes", "no look into memory by processes of the same user"),
        _rung("seccomp", no_filter, "filters", "dangerous system calls are refused"),
        _rung("tickets", no_notify, "user notification", "no process or thread that the host did not allow"),
        _landlock("landlock", abi, 1, "5.13", "an allow-list of files"),
        _landlock("landlock_net", abi, 4, "6.7", "no TCP even without seccomp"),
        _landlock("scope", abi, 6, "6.12", "no signals to other rollouts, decided in the kernel"),
        _rung("pidfd", _pidfd_reason(), "pidfd_open", "processes are told apart though pids are reused"),
        _rung("passpidfd", _passpidfd_reason(), "SO_PASSPIDFD", "the kernel names the sender of a frame by pidfd"),
        _rung("pidns", namespaces.available(), "PID namespace", "others out of sight; a family dies with its Base"),
        _rung("cgroup", _cgroup_reason(), "writable", "memory and pid limits for a whole family"),
        _rung("thp", _thp_reason(), "transparent huge pages", "forks of large anonymous memory are 50 times cheaper"),
    )  # fmt: skip
    return Report(os.uname().release, kernel.MACHINE, os.geteuid(), abi, rungs)


def _rung(name: str, missing: str | None, detail: str, gives: str) -> Rung:
    return Rung(name, missing is None, missing or detail, gives)


def _landlock(name: str, abi: int, needs: int, since: str, gives: str) -> Rung:
    found = f"ABI {abi}" if abi else "no Landlock (not built in, or not among the LSMs at boot)"
    return Rung(name, abi >= needs, found if abi >= needs else f"{found}; needs ABI {needs} (Linux {since})", gives)


def _listener_reason() -> str | None:
    """What `probe.py` found."""
    import subprocess  # not at the top: a Template imports this package and has no use for it

    if not sys.executable:
        return "there is no interpreter to try it in"
    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("probe.py"))]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"the probe could not run: {error}"
    return None if said == "ok" else said or "the probe ended without a word"


def _prctl_reason(option: int) -> str | None:
    try:
        kernel.prctl(option)
    except OSError as error:
        return str(error)
    return None


def _pidfd_reason() -> str | None:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as error:
        return f"{error}; needs Linux 5.3"
    return None


def _passpidfd_reason() -> str | None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, _SO_PASSPIDFD, 1)
        except OSError as error:
            return "needs Linux 6.5" if error.errno == errno.ENOPROTOOPT else str(error)
    return None


def _cgroup_reason() -> str | None:
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        return str(error)
    unified = next((line[3:] for line in lines if line.startswith("0::")), None)
    if unified is None:
        return "no cgroup v2"
    for root in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
        own = root / unified.lstrip("/")
        if (own / "cgroup.controllers").exists():
            controllers = (own / "cgroup.controllers").read_text(encoding="ascii").split()
            if not {"memory", "pids"} <= set(controllers):
                return f"{own} has no memory and pids controllers (it has: {' '.join(controllers) or 'none'})"
            return None if os.access(own, os.W_OK) else f"{own} is not writable"
    return "cgroup v2 is not mounted"


def _thp_reason() -> str | None:
    try:
        setting = Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text(encoding="ascii")
    except OSError:
        return "not built in"
    return "set to never" if "[never]" in setting else None
