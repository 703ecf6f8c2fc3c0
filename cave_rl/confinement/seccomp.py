"""Seccomp: which system calls hostile code may make, as a table of rules compiled to BPF.

The default is to allow: CPython, numpy and pandas need some 150 calls and every C library release adds to them. What
is refused reaches other processes, the machine, the network, or kernel code that a rollout has no business with.

`rules_for` is the policy and reads from top to bottom: for each call the first rule that matches decides. Refusals
are errors, not deaths, so that ordinary library code can fall back; only calls through a foreign ABI kill. Calls newer
than the table answer ENOSYS.

Not covered: what a call is applied *to* (paths, structures behind pointers) cannot be seen from BPF; that is Landlock's
part. `chmod`, `chown` and time stamps, which Landlock does not govern, are answered with success and do nothing, so
that `shutil.copy` works while no file of the same user changes.
"""

from __future__ import annotations

import ctypes
import errno
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cave_rl.confinement import kernel
from cave_rl.confinement.policy import Confinement

ALLOW = 0x7FFF0000
NOTIFY = 0x7FC00000
KILL = 0x80000000
_ERRNO = 0x00050000

_SET_MODE_FILTER, _GET_ACTION_AVAIL = 1, 2
_FLAG_NEW_LISTENER, _FLAG_WAIT_KILLABLE_RECV = 1 << 3, 1 << 5
_DATA_NR, _DATA_ARCH, _DATA_ARGS = 0, 4, 16
_X32_BIT = 0x40000000
_INT_MASK = 0xFFFFFFFF


def fail(error: int) -> int:
    """The action that makes a call fail with `error`; 0 makes it do nothing and report success."""
    return _ERRNO | error


@dataclass(frozen=True, slots=True)
class Arg:
    """A test of one argument's low 32 bits (after `mask`).

    Every argument tested here is an `int`, a flag word of 32 bits, or a number whose upper half the kernel refuses,
    so the lower half is all that can make a difference.
    """

    index: int
    op: Literal["==", "!=", "&"]
    value: int
    mask: int = _INT_MASK

    def holds(self, args: Sequence[int]) -> bool:
        """Whether the test is true of `args`, computed as BPF will."""
        word = args[self.index] & self.mask & _INT_MASK
        return _OPERATORS[self.op](word, self.value)


_OPERATORS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "&": lambda word, bits: bool(word & bits),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """`action` for the call `name` when every test holds."""

    name: str
    action: int
    tests: tuple[Arg, ...] = ()


DENIED = {
    "administering the machine": (
        "acct add_key request_key keyctl bpf perf_event_open userfaultfd kexec_load kexec_file_load init_module "
        "finit_module delete_module reboot swapon swapoff quotactl quotactl_fd syslog settimeofday clock_settime "
        "clock_adjtime adjtimex sethostname setdomainname iopl ioperm vhangup personality lookup_dcookie nfsservctl "
        "modify_ldt uselib ustat sysfs lsm_set_self_attr seccomp io_setup io_uring_setup io_uring_enter "
        "io_uring_register"
    ),
    "mounts and namespaces": (
        "mount umount2 pivot_root chroot unshare setns fsopen fsconfig fsmount fspick move_mount open_tree "
        "open_tree_attr mount_setattr statmount listmount"
    ),
    "other processes": (
        "ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd process_madvise process_mrelease move_pages "
        "migrate_pages mbind set_mempolicy set_mempolicy_home_node"
    ),
    "files past the path checks, watches on others' files, memory that no limit counts": (
        "name_to_handle_at open_by_handle_at fanotify_init fanotify_mark inotify_init inotify_init1 memfd_create "
        "memfd_secret file_setattr"
    ),
    "memory and queues shared by name": (
        "shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl mq_open mq_unlink "
        "mq_timedsend mq_timedreceive mq_notify mq_getsetattr"
    ),
}
NETWORK = "socket connect bind listen accept accept4"
IGNORED = "chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes futimesat utimensat sync syncfs"
XATTRS = "setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat"
SIGNALS = ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal")
SCHEDULING_BY_PID = {
    "prlimit64": 0, "sched_setaffinity": 0, "sched_setscheduler": 0, "sched_setparam": 0, "sched_setattr": 0,
    "setpriority": 1, "ioprio_set": 1,
}  # fmt: skip
"""Calls that act on the process in argument n: allowed on oneself, which is 0 (BPF cannot know one's own pid)."""

_CLONE_ESCAPES = 0x7E020000 | 0x00008000  # any CLONE_NEW*, and CLONE_PARENT, which makes a sibling of a child
_AF_UNIX, _SOCK_TYPE_MASK, _SOCK_STREAM, _SOCK_SEQPACKET = 1, 0xF, 1, 5
_PRCTL = {"PDEATHSIG": 1, "DUMPABLE": 4, "SECCOMP": 22, "CHILD_SUBREAPER": 36, "SCHED_CORE": 62, "PTRACER": 0x59616D61}
_SIGKILL = 9
_FCNTL_DENIED = (8, 10, 15, 1031)  # F_SETOWN, F_SETSIG, F_SETOWN_EX: signals to others; F_SETPIPE_SZ: shared quota
_IOCTL_DENIED = (0x5412, 0x541C, 0x8901, 0x8902)  # TIOCSTI, TIOCLINUX: type at a terminal; FIOSETOWN, SIOCSPGRP
_O_TRUNC, _O_ACCMODE = 0o1000, 0o3


def rules_for(policy: Confinement, *, notify: bool, landlock_abi: int) -> Iterator[Rule]:
    """What `policy` means in system calls.

    Args:
        policy: The policy.
        notify: Whether a listener will answer for forks, threads and (on older kernels) signals.
        landlock_abi: The Landlock ABI that will be enforced besides; what it leaves open is closed here.
    """
    refuse = fail(errno.EPERM)
    for names in DENIED.values():
        yield from (Rule(name, refuse) for name in names.split())
    yield from (Rule(name, fail(0)) for name in IGNORED.split())
    yield from (Rule(name, fail(errno.ENOTSUP)) for name in XATTRS.split())

    if not policy.network:
        yield from (Rule(name, refuse) for name in NETWORK.split())
        # A datagram socket, though born in a pair, can send to any address; stream and seqpacket pairs cannot.
        yield Rule("socketpair", refuse, (Arg(0, "!=", _AF_UNIX),))
        yield Rule("socketpair", ALLOW, (Arg(1, "==", _SOCK_STREAM, _SOCK_TYPE_MASK),))
        yield Rule("socketpair", ALLOW, (Arg(1, "==", _SOCK_SEQPACKET, _SOCK_TYPE_MASK),))
        yield Rule("socketpair", refuse)

    if not policy.exec:
        yield Rule("execve", refuse)
        yield Rule("execveat", refuse)

    # clone3 hides its flags behind a pointer; told ENOSYS, every C library falls back to clone.
    yield Rule("clone3", fail(errno.ENOSYS))
    yield Rule("clone", refuse, (Arg(0, "&", _CLONE_ESCAPES),))
    if notify:
        yield from (Rule(name, NOTIFY) for name in ("clone", "fork", "vfork"))

    if landlock_abi < 6:
        yield Rule("pidfd_send_signal", refuse)
        yield from (Rule(name, NOTIFY if notify else refuse) for name in SIGNALS)
    if landlock_abi < 3:
        # Truncation is not yet governed by path, and opening a file for reading may truncate it.
        yield Rule("truncate", refuse)
        yield Rule("openat2", fail(errno.ENOSYS))
        for name, flags in (("open", 1), ("openat", 2)):
            yield Rule(name, refuse, (Arg(flags, "&", _O_TRUNC), Arg(flags, "==", 0, _O_ACCMODE)))

    for name, index in SCHEDULING_BY_PID.items():
        if index == 1:  # (which, who): only PRIO_PROCESS / IOPRIO_WHO_PROCESS, which are 0 and 1
            yield Rule(name, refuse, (Arg(0, "!=", 0 if name == "setpriority" else 1),))
        yield Rule(name, refuse, (Arg(index, "!=", 0),))

    yield Rule("prctl", refuse, (Arg(0, "==", _PRCTL["SECCOMP"]),))
    yield Rule("prctl", refuse, (Arg(0, "==", _PRCTL["SCHED_CORE"]),))
    yield Rule("prctl", refuse, (Arg(0, "==", _PRCTL["PTRACER"]),))
    yield Rule("prctl", refuse, (Arg(0, "==", _PRCTL["DUMPABLE"]), Arg(1, "!=", 0)))
    yield Rule("prctl", refuse, (Arg(0, "==", _PRCTL["PDEATHSIG"]), Arg(1, "!=", _SIGKILL)))
    yield Rule("prctl", refuse, (Arg(0, "==", _PRCTL["CHILD_SUBREAPER"]), Arg(1, "==", 0)))
    yield from (Rule("fcntl", refuse, (Arg(1, "==", command),)) for command in _FCNTL_DENIED)
    yield from (Rule("ioctl", refuse, (Arg(1, "==", command),)) for command in _IOCTL_DENIED)


# ---- from rules to BPF -----------------------------------------------------------------------------------------------

_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_IF_EQUAL, _IF_AT_LEAST, _IF_BITS = 0x15, 0x35, 0x45


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint32)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction))]


class Assembler:
    """Classic BPF with forward labels: a jump names where to go, or None for the next instruction."""

    def __init__(self) -> None:
        """Start an empty program."""
        self._code: list[tuple[int, int, str | None, str | None]] = []
        self._labels: dict[str, int] = {}

    def load(self, offset: int) -> None:
        """Load the 32-bit word at `offset` of `struct seccomp_data`."""
        self._code.append((_LOAD, offset, None, None))

    def mask(self, bits: int) -> None:
        """Keep only `bits` of what was loaded."""
        self._code.append((_AND, bits, None, None))

    def jump(self, code: int, value: int, *, true: str | None = None, false: str | None = None) -> None:
        """Compare what was loaded with `value` and go on at one of two labels."""
        self._code.append((code, value, true, false))

    def ret(self, action: int) -> None:
        """Decide."""
        self._code.append((_RETURN, action, None, None))

    def label(self, name: str) -> None:
        """Name the place of the next instruction."""
        self._labels[name] = len(self._code)

    def assemble(self) -> list[tuple[int, int, int, int]]:
        """The instructions as (code, jump if true, jump if false, value)."""
        return [(c, self._hop(i, t), self._hop(i, f), k) for i, (c, k, t, f) in enumerate(self._code)]

    def _hop(self, at: int, label: str | None) -> int:
        distance = 0 if label is None else self._labels[label] - at - 1
        if not 0 <= distance <= 255:
            raise ValueError(f"BPF jump from {at} to {label!r} spans {distance} instructions, at most 255 are possible")
        return distance


def compile_rules(
    rules: Iterator[Rule] | Sequence[Rule],
    *,
    numbers: Mapping[str, int] = kernel.NUMBERS,
    machine: str = kernel.MACHINE,
    audit_arch: int | None = kernel.AUDIT_ARCH,
) -> list[tuple[int, int, int, int]]:
    """Compile rules to BPF: for each call the first rule that matches decides, a call without a match is allowed."""
    if audit_arch is None:
        raise OSError(errno.ENOSYS, f"no system call table for {machine}")
    by_name: dict[str, list[Rule]] = {}
    for rule in rules:
        if rule.name in numbers:  # the other architecture's calls fall away
            by_name.setdefault(rule.name, []).append(rule)

    out = Assembler()
    out.load(_DATA_ARCH)
    out.jump(_IF_EQUAL, audit_arch, true="native")
    out.ret(KILL)
    out.label("native")
    out.load(_DATA_NR)
    if machine == "x86_64":
        out.jump(_IF_AT_LEAST, _X32_BIT, false="not x32")
        out.ret(KILL)
        out.label("not x32")
    out.jump(_IF_AT_LEAST, kernel.HIGHEST_KNOWN + 1, false="known")
    out.ret(fail(errno.ENOSYS))
    out.label("known")
    for name, own in by_name.items():
        # The loaded call number survives a block that is skipped; a block that is entered always decides.
        out.jump(_IF_EQUAL, numbers[name], false=f"after {name}")
        for place, rule in enumerate(own):
            _emit(out, rule, otherwise=f"{name} {place}")
            out.label(f"{name} {place}")
        if own[-1].tests:
            out.ret(ALLOW)
        out.label(f"after {name}")
    out.ret(ALLOW)
    return out.assemble()


def _emit(out: Assembler, rule: Rule, otherwise: str) -> None:
    for test in rule.tests:
        out.load(_DATA_ARGS + 8 * test.index)
        if test.mask != _INT_MASK:
            out.mask(test.mask)
        if test.op == "!=":
            out.jump(_IF_EQUAL, test.value, true=otherwise)
        else:
            out.jump(_IF_BITS if test.op == "&" else _IF_EQUAL, test.value, false=otherwise)
    out.ret(rule.action)


def available(action: int = fail(0)) -> str | None:
    """None if this kernel can filter with `action`, else why not."""
    if kernel.AUDIT_ARCH is None:
        return f"no system call table for {kernel.MACHINE}"
    try:
        kernel.syscall("seccomp", _GET_ACTION_AVAIL, 0, ctypes.byref(ctypes.c_uint32(action & 0xFFFF0000)))
    except OSError as error:
        return str(error)
    return None


def install(instructions: Sequence[tuple[int, int, int, int]], *, listen: bool) -> int | None:
    """Enter the filter, in this thread and all it forks; for good. Needs no_new_privs or root.

    Returns:
        With `listen`, the descriptor on which NOTIFY calls arrive. Whoever holds it decides: no fork may ever.
    """
    code = (_Instruction * len(instructions))(*(_Instruction(*parts) for parts in instructions))
    program = _Program(len(instructions), code)
    if not listen:
        kernel.syscall("seccomp", _SET_MODE_FILTER, 0, ctypes.byref(program))
        return None
    try:
        # Once received, a request is not torn down by an ordinary signal, so a granted ticket is not lost to one.
        flags = _FLAG_NEW_LISTENER | _FLAG_WAIT_KILLABLE_RECV
        return kernel.syscall("seccomp", _SET_MODE_FILTER, flags, ctypes.byref(program))
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    return kernel.syscall("seccomp", _SET_MODE_FILTER, _FLAG_NEW_LISTENER, ctypes.byref(program))
