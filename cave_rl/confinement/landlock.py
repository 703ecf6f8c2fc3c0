"""Landlock: an allow-list of paths, no TCP, and no signals out, without privileges.

What the kernel offers grows with its ABI, and so does this: 1 (5.13) files, 2 renames across directories,
3 truncation, 4 TCP, 5 ioctl on devices, 6 (6.12) signals and abstract sockets, 7 quiet audit logs.

Not covered by any ABI, hence by seccomp or not at all: `stat`, `access` and `readlink` of any path (a process may
learn that a file exists, not what it holds or what else its directory holds), `chmod`/`chown`/`utime`, file locks,
and everything that was already open.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cave_rl.confinement.kernel import syscall

EXECUTE = 1 << 0
WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
REMOVE_DIR = 1 << 4
REMOVE_FILE = 1 << 5
MAKE_DIR = 1 << 7
MAKE_REG = 1 << 8
REFER = 1 << 13
TRUNCATE = 1 << 14
IOCTL_DEV = 1 << 15

READ = READ_FILE | READ_DIR
# No symbolic links, FIFOs, sockets or devices: whoever later looks into the directory shall find no trap in it.
WRITE = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER | TRUNCATE
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV

_FS_RIGHTS_OF_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NET_BIND_CONNECT = 0b11
_SCOPE_ABSTRACT_SOCKET_AND_SIGNAL = 0b11
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
_NO_AUDIT_RECORDS = 0b101  # of this domain, and of the domains hostile code may stack upon it


class _RulesetAttr(ctypes.Structure):
    _fields_ = [("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed", ctypes.c_uint64), ("fd", ctypes.c_int32)]


@dataclass(frozen=True, slots=True)
class Rule:
    """An open path (O_PATH) and what may be done beneath it."""

    fd: int
    rights: int


def abi() -> int:
    """The Landlock ABI of this kernel; 0 where there is none."""
    try:
        return syscall("landlock_create_ruleset", None, 0, _CREATE_RULESET_VERSION)
    except OSError:
        return 0


def rights_of(version: int) -> int:
    """Every file-system right that Landlock ABI `version` knows."""
    return (1 << _FS_RIGHTS_OF_ABI[min(version, 5)]) - 1


def open_rule(path: str, rights: int) -> Rule | None:
    """Open `path` for a rule; None where it does not exist. A file keeps only the rights a file can have."""
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    directory = stat.S_ISDIR(os.fstat(fd).st_mode)
    return Rule(fd, rights if directory else rights & _OF_FILES)


def ruleset(
    rules: Iterable[Rule], *, version: int, network: bool = True, scope: bool = True, files: bool = True
) -> int:
    """Make a ruleset, as a descriptor to `enter`; it restricts nobody yet.

    Args:
        rules: What may be done beneath which paths. The descriptors stay open.
        version: The kernel's ABI, as `abi()` found it.
        network: Whether TCP stays possible (where the ABI can tell).
        scope: Whether signals and abstract sockets end at the domain (where the ABI can tell).
        files: Whether the domain governs files at all; without, it is only a scope.
    """
    handled = rights_of(version) if files else 0
    attr = _RulesetAttr(
        handled,
        0 if network or version < 4 else _NET_BIND_CONNECT,
        _SCOPE_ABSTRACT_SOCKET_AND_SIGNAL if scope and version >= 6 else 0,
    )
    size = 8 if version < 4 else 16 if version < 6 else 24
    made = syscall("landlock_create_ruleset", ctypes.byref(attr), size, 0)
    try:
        beneath = _PathBeneath()
        for rule in rules:
            beneath.allowed, beneath.fd = rule.rights & handled, rule.fd
            if beneath.allowed:
                syscall("landlock_add_rule", made, _RULE_PATH_BENEATH, ctypes.byref(beneath), 0)
    except BaseException:
        os.close(made)
        raise
    return made


def enter(made: int, version: int) -> None:
    """Enter the domain of a ruleset: nothing but its rules from here on, in this thread and all it forks."""
    syscall("landlock_restrict_self", made, _NO_AUDIT_RECORDS if version >= 7 else 0)


def scope_fork(version: int | None = None) -> bool:
    """Give this fork a domain of its own, so that its siblings are out of reach of its signals, and it of theirs.

    A process reaches its own domain and those nested in it: a fork still reaches its own forks. False where the
    kernel cannot (ABI below 6) or the 16 domains that may be stacked are used up.
    """
    version = abi() if version is None else version
    if version < 6:
        return False
    made = ruleset((), version=version, files=False)
    try:
        enter(made, version)
    except OSError as error:
        if error.errno != errno.E2BIG:
            raise
        return False
    finally:
        os.close(made)
    return True


def covers(readable: Sequence[str], writable: Sequence[str]) -> list[str]:
    """The fewest paths that hold all of `readable` and nothing of `writable`.

    A second domain that allows reading these is a cheap way to take `writable` away again: domains intersect, so the
    first one's finer allow-list keeps holding beneath them.

    Both must be real paths (`os.path.realpath`).

    >>> covers(["/usr/lib/python3", "/usr/share/zoneinfo", "/tmp/data"], ["/tmp/scratch"])
    ['/tmp/data', '/usr']
    """
    found: set[str] = set()
    for path in readable:
        parts = path.strip("/").split("/")
        for depth in range(1, len(parts) + 1):
            candidate = "/" + "/".join(parts[:depth])
            if not any(_holds(candidate, other) for other in writable):
                found.add(candidate)
                break
        else:
            raise ValueError(f"readable path {path!r} holds a writable one of {list(writable)!r}")
    return sorted(found)


def _holds(outer: str, inner: str) -> bool:
    return inner == outer or inner.startswith(outer.rstrip("/") + "/")
