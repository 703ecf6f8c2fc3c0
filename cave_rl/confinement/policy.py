"""The one policy object, the levels it can require, and the error that says what is missing."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args

Level = Literal["none", "limits", "contained"]

LIMITS_RUNGS = ("limits", "no_new_privs", "not_dumpable")
CONTAINED_RUNGS = (*LIMITS_RUNGS, "seccomp", "landlock", "tickets")
RUNGS_OF_LEVEL: dict[Level, tuple[str, ...]] = {"none": (), "limits": LIMITS_RUNGS, "contained": CONTAINED_RUNGS}
"""What each level stands on. What a kernel offers is always applied; the level says what may not be missing."""

_REMEDIES = {
    "limits": "Linux is needed; inside a container, allow setrlimit",
    "no_new_privs": "Linux is needed; inside a container, allow prctl",
    "not_dumpable": "Linux is needed; inside a container, allow prctl",
    "seccomp": "use Linux on x86_64 or aarch64 built with CONFIG_SECCOMP_FILTER; inside a container, allow seccomp",
    "landlock": "use Linux 5.13 or newer with 'landlock' among the LSMs (boot with lsm=landlock,...); gVisor has none",
    "tickets": (
        "use Linux 5.5 or newer and start from a process that has no seccomp listener yet; "
        "gVisor has no seccomp user notification"
    ),
}


class ConfinementError(RuntimeError):
    """The confinement a policy requires cannot be had, or it was asked for in an impossible way.

    Attributes:
        rung: The rung that is missing, or the argument that was wrong.
    """

    def __init__(self, rung: str, why: str, remedy: str | None = None) -> None:
        """Say that `rung` is missing, why, and what to do about it (a known rung has its remedy)."""
        self.rung = rung
        self.why = why
        self.remedy = remedy or _REMEDIES.get(rung, "")
        super().__init__(f"confinement: {rung}: {why}" + (f". What to do: {self.remedy}" if self.remedy else ""))

    def __reduce__(self) -> tuple[type[ConfinementError], tuple[str, str, str]]:
        """Pickle by the parts: this error travels from a Template to its host."""
        return (type(self), (self.rung, self.why, self.remedy))


@dataclass(frozen=True, slots=True)
class Confinement:
    """What hostile code may use. Plain data: picklable, hashable (it keys caches), compared by value.

    Attributes:
        require: The level below which hardening fails closed: "contained" (seccomp, Landlock, fork tickets and all
            of "limits"), "limits" (resource limits, no new privileges, not dumpable), or "none". What the kernel
            offers beyond it is applied all the same.
        memory_mb: Address space a fork may map beyond what it was born with; None for no limit.
        file_size_mb: Largest file it may write.
        open_files: File descriptors it may hold.
        cpu_s: CPU seconds a process may live for: a backstop behind the host's own deadlines; None for no limit.
        threads: Threads a process may have, its main thread included. A burst of simultaneous starts may overshoot
            by what is in flight.
        fork: Processes of its own that model code may have alive. 0: it cannot fork at all.
        exec: Whether it may execute programs, from readable paths only. To start one it must also be able to fork.
        network: Whether it may open sockets.
        readable: Paths it may read beyond what the caller works out.
    """

    require: Level = "contained"
    memory_mb: int | None = 2048
    file_size_mb: int = 64
    open_files: int = 128
    cpu_s: int | None = 600
    threads: int = 16
    fork: int = 0
    exec: bool = False
    network: bool = False
    readable: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a policy that could only fail later, far from where it was written."""
        if self.require not in get_args(Level):
            raise ConfinementError("require", f"{self.require!r} is not one of {', '.join(get_args(Level))}")
        least = {"memory_mb": 1, "file_size_mb": 0, "open_files": 16, "cpu_s": 1, "threads": 1, "fork": 0}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in least and value is not None and (type(value) is not int or value < least[field.name]):
                raise ConfinementError(field.name, f"{value!r} is not an integer of at least {least[field.name]}")
        if isinstance(self.readable, str) or not all(isinstance(path, str) for path in self.readable):
            raise ConfinementError("readable", f"{self.readable!r} is not a tuple of paths")
        object.__setattr__(self, "readable", tuple(self.readable))
