"""Resource limits, privileges and family ties: what every Linux has, whatever its security modules.

RLIMIT_NPROC is absent on purpose: it counts per user over all rollouts and the trainer, and does nothing for root.
Processes and threads are bounded by fork tickets instead.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from pathlib import Path

from cave_rl.confinement.kernel import mallopt, prctl, syscall
from cave_rl.confinement.policy import Confinement

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_GET_NO_NEW_PRIVS = 39

_M_ARENA_MAX = -8
_MIB = 1 << 20
_PAGE = os.sysconf("SC_PAGE_SIZE")


def no_new_privs() -> None:
    """Give up gaining privileges by executing anything; seccomp and Landlock need it without root."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def not_dumpable() -> None:
    """Keep other processes of the same user out of this one's memory, and its memory out of core files."""
    prctl(PR_SET_DUMPABLE, 0)


def set_child_subreaper() -> None:
    """Adopt orphaned descendants, so that nobody escapes the family by losing its parent."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int | None = None) -> None:
    """Be killed when the parent dies. Not inherited: every fork calls it for itself.

    Args:
        parent: The pid the parent is known to have. If it is not the parent any more, the parent died before the
            call could take effect, and this process leaves at once.
    """
    prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def drop_caps() -> None:
    """Empty the capability bounding set and every capability set.

    Root without capabilities still owns root's files: Landlock is what keeps it away from them. Others have some too
    where they entered a user namespace.
    """
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            break  # past the last capability this kernel has, or CAP_SETPCAP is already gone
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    nothing = (ctypes.c_uint32 * 6)()
    syscall("capset", ctypes.byref(header), ctypes.byref(nothing))


def template_limits() -> None:
    """Set once, inherited by every fork: what neither a Template nor its forks ever need."""
    ceilings = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 64 * 1024,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_RTPRIO: 0,
        resource.RLIMIT_SIGPENDING: 256,
    }
    apply_bounds(tuple(_at_most(which, ceiling) for which, ceiling in ceilings.items()))
    # Every glibc arena reserves 64 MiB of address space, which a limit on address space would count.
    mallopt(_M_ARENA_MAX, 2)


def prefer_as_oom_victim() -> bool:
    """Be killed before the trainer when memory runs out. Inherited; raising the score needs no privilege."""
    try:
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    except OSError:
        return False
    return True


Bounds = tuple[tuple[int, tuple[int, int]], ...]
"""Resource limits as (which, (soft, hard))."""


def fork_bounds(policy: Confinement, statm: int | None = None) -> Bounds:
    """Work out one fork's limits: address space above what it is born with, CPU time, file size, descriptors.

    Args:
        policy: The policy whose numbers to apply. Limits only ever go down.
        statm: An open /proc/self/statm of this process, for where /proc cannot be opened any more.
    """
    bounds = [_at_most(resource.RLIMIT_FSIZE, policy.file_size_mb * _MIB)]
    bounds.append(_at_most(resource.RLIMIT_NOFILE, policy.open_files))
    if policy.memory_mb is not None:
        pages = int((os.pread(statm, 64, 0) if statm is not None else _own_statm()).split(b" ", 1)[0])
        bounds.append(_at_most(resource.RLIMIT_AS, pages * _PAGE + policy.memory_mb * _MIB))
    if policy.cpu_s is not None:
        # SIGXCPU at the soft limit names the cause; SIGKILL follows for who ignores it.
        bounds.append(_at_most(resource.RLIMIT_CPU, policy.cpu_s, policy.cpu_s + 5))
    return tuple(bounds)


def apply_bounds(bounds: Bounds) -> None:
    """Set limits that were worked out before, in the fork they are for."""
    for which, values in bounds:
        resource.setrlimit(which, values)


def _own_statm() -> bytes:
    with open("/proc/self/statm", "rb") as file:
        return file.read()


def _at_most(which: int, soft: int, hard: int | None = None) -> tuple[int, tuple[int, int]]:
    hard = soft if hard is None else hard
    ceiling = resource.getrlimit(which)[1]
    if ceiling != resource.RLIM_INFINITY:
        hard = min(hard, ceiling)
    return which, (min(soft, hard), hard)
