"""Thin, typed access to the Linux kernel: raw system calls and prctl through ctypes, failures as `OSError`.

Nothing here decides anything. The numbers come from the kernel's own tables and cover x86_64 and aarch64; on another
machine `NUMBERS` is empty and every rung that needs a system call of its own reports itself as unavailable.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.prctl.restype = ctypes.c_int

_LAYOUT = {"x86_64": 0, "aarch64": 1}
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

MACHINE = os.uname().machine if sys.maxsize > 2**32 else f"32-bit process on {os.uname().machine}"
AUDIT_ARCH = _AUDIT_ARCH.get(MACHINE)

# name: (x86_64, aarch64); None where the architecture never had the call.
_TABLE: dict[str, tuple[int | None, int | None]] = {
    # administration of the machine
    "acct": (163, 89), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "reboot": (169, 142),
    "swapon": (167, 224), "swapoff": (168, 225), "quotactl": (179, 60), "quotactl_fd": (443, 443), "syslog": (103, 116),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
    "sethostname": (170, 161), "setdomainname": (171, 162), "iopl": (172, None), "ioperm": (173, None),
    "vhangup": (153, 58), "personality": (135, 92), "lookup_dcookie": (212, 18), "nfsservctl": (180, 42),
    "modify_ldt": (154, None), "uselib": (134, None), "ustat": (136, None), "sysfs": (139, None),
    "lsm_set_self_attr": (460, 460), "seccomp": (317, 277),
    # mounts and namespaces
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97),
    "setns": (308, 268), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "move_mount": (429, 429), "open_tree": (428, 428), "open_tree_attr": (467, 467), "mount_setattr": (442, 442),
    "statmount": (457, 457), "listmount": (458, 458),
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "process_mrelease": (448, 448), "move_pages": (279, 239),
    "migrate_pages": (256, 238), "mbind": (237, 235), "set_mempolicy": (238, 237),
    "set_mempolicy_home_node": (450, 450), "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424),
    "prlimit64": (302, 261), "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118), "sched_setattr": (314, 274), "setpriority": (141, 140), "ioprio_set": (251, 30),
    # making processes
    "fork": (57, None), "vfork": (58, None), "clone": (56, 220), "clone3": (435, 435), "execve": (59, 221),
    "execveat": (322, 281), "prctl": (157, 167),
    # files
    "open": (2, None), "openat": (257, 56), "openat2": (437, 437), "truncate": (76, 45),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263), "inotify_init": (253, None), "inotify_init1": (294, 26), "memfd_create": (319, 279),
    "memfd_secret": (447, 447), "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None),
    "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5),
    "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463), "removexattr": (197, 14),
    "lremovexattr": (198, 15), "fremovexattr": (199, 16), "removexattrat": (466, 466), "file_setattr": (469, 469),
    "sync": (162, 81), "syncfs": (306, 267), "ioctl": (16, 29), "fcntl": (72, 25),
    "io_setup": (206, 0), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    # talking to others
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "shmdt": (67, 197), "semget": (64, 190),
    "semop": (65, 193), "semctl": (66, 191), "semtimedop": (220, 192), "msgget": (68, 186), "msgsnd": (69, 189),
    "msgrcv": (70, 188), "msgctl": (71, 187), "mq_open": (240, 180), "mq_unlink": (241, 181),
    "mq_timedsend": (242, 182), "mq_timedreceive": (243, 183), "mq_notify": (244, 184), "mq_getsetattr": (245, 185),
    # confinement itself
    "capset": (126, 91), "landlock_create_ruleset": (444, 444), "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
}  # fmt: skip

HIGHEST_KNOWN = 469
"""The newest call the table was checked against. Later ones cannot have been judged, so the filter answers ENOSYS."""


def _numbers(machine: str) -> dict[str, int]:
    column = _LAYOUT.get(machine)
    if column is None:
        return {}
    return {name: number for name, row in _TABLE.items() if (number := row[column]) is not None}


NUMBERS: dict[str, int] = _numbers(MACHINE)
NAMES: dict[int, str] = {number: name for name, number in NUMBERS.items()}


def syscall(name: str, *args: Any) -> int:
    """Make the system call `name`; integers travel as C longs, anything else as ctypes takes it."""
    number = NUMBERS.get(name)
    if number is None:
        raise OSError(38, f"{name}: no such system call known for {MACHINE}")
    result: int = _libc.syscall(
        ctypes.c_long(number), *[ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
    )
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")
    return result


def prctl(option: int, *args: int) -> int:
    """Operate on this process, with the unused arguments set to zero as newer options demand."""
    padded = (*args, 0, 0, 0, 0)[:4]
    result: int = _libc.prctl(ctypes.c_int(option), *[ctypes.c_ulong(arg) for arg in padded])
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl({option}): {os.strerror(error)}")
    return result


def mallopt(parameter: int, value: int) -> bool:
    """Set a malloc parameter; False where the C library has no such thing (musl)."""
    function = getattr(_libc, "mallopt", None)
    return bool(function(ctypes.c_int(parameter), ctypes.c_int(value))) if function is not None else False
