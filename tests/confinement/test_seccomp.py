"""The filter as a program (interpreted here, for both architectures) and as the kernel enforces it."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cave_rl.confinement import Confinement, kernel, seccomp
from tests.confinement.conftest import Template, needs_rung

ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
EPERM = seccomp.fail(errno.EPERM)


def interpret(program: list[tuple[int, int, int, int]], arch: int, number: int, args: tuple[int, ...] = ()) -> int:
    """A reference interpreter of the BPF that the filter uses."""
    padded = (*args, 0, 0, 0, 0, 0, 0)
    at = accumulator = 0
    while True:
        code, true, false, value = program[at]
        at += 1
        if code == 0x06:
            return value
        if code == 0x20:
            words = {0: number, 4: arch} | {16 + 8 * i: padded[i] & 0xFFFFFFFF for i in range(6)}
            accumulator = words[value]
        elif code == 0x54:
            accumulator &= value
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[code]
            at += true if holds else false


def program(machine: str, policy: Confinement, *, notify: bool = True, abi: int = 7) -> list[tuple[int, int, int, int]]:
    rules = seccomp.rules_for(policy, notify=notify, landlock_abi=abi)
    return seccomp.compile_rules(rules, numbers=kernel._numbers(machine), machine=machine, audit_arch=ARCHES[machine])


def decide(name: str, *args: int, machine: str = "x86_64", notify: bool = True, abi: int = 7, **options: object) -> int:
    built = program(machine, Confinement(**options), notify=notify, abi=abi)  # type: ignore[arg-type]
    return interpret(built, ARCHES[machine], kernel._numbers(machine)[name], args)


@pytest.mark.parametrize("machine", sorted(ARCHES))
@pytest.mark.parametrize(
    ("call", "args", "action"),
    [
        ("ptrace", (), EPERM),
        ("memfd_create", (), EPERM),
        ("socket", (2, 1), EPERM),
        ("socketpair", (1, 1 | 0o2000000), seccomp.ALLOW),
        ("socketpair", (1, 5), seccomp.ALLOW),
        ("socketpair", (1, 2), EPERM),
        ("socketpair", (30, 1), EPERM),
        ("execve", (), EPERM),
        ("clone3", (), seccomp.fail(errno.ENOSYS)),
        ("clone", (0x11,), seccomp.NOTIFY),
        ("clone", (0x3D0F00,), seccomp.NOTIFY),
        ("clone", (0x10000011,), EPERM),
        ("clone", (0x8011,), EPERM),
        ("kill", (1, 9), seccomp.ALLOW),
        ("prlimit64", (0, 7), seccomp.ALLOW),
        ("prlimit64", (1234, 7), EPERM),
        ("setpriority", (0, 0, 5), seccomp.ALLOW),
        ("setpriority", (0, 1234, 5), EPERM),
        ("setpriority", (2, 0, 5), EPERM),
        ("ioprio_set", (1, 0), seccomp.ALLOW),
        ("ioprio_set", (3, 0), EPERM),
        ("sched_setaffinity", (0, 8), seccomp.ALLOW),
        ("sched_setaffinity", (1234, 8), EPERM),
        ("prctl", (1, 9), seccomp.ALLOW),
        ("prctl", (1, 0), EPERM),
        ("prctl", (15, 0), seccomp.ALLOW),
        ("prctl", (4, 1), EPERM),
        ("fcntl", (3, 8), EPERM),
        ("fcntl", (3, 3), seccomp.ALLOW),
        ("fchmodat", (), seccomp.fail(0)),
        ("landlock_restrict_self", (), seccomp.ALLOW),
    ],
)
def test_decisions(machine: str, call: str, args: tuple[int, ...], action: int) -> None:
    assert decide(call, *args, machine=machine) == action


def test_what_older_landlocks_leave_open_is_closed() -> None:
    assert decide("kill", 1, 9, abi=5) == seccomp.NOTIFY
    assert decide("kill", 1, 9, abi=5, notify=False) == EPERM
    assert decide("pidfd_send_signal", 3, abi=5) == EPERM
    assert decide("truncate", abi=2) == EPERM
    assert decide("openat", 0, 0, 0o1000, abi=2) == EPERM
    assert decide("openat", 0, 0, 0o1001, abi=2) == seccomp.ALLOW
    assert decide("openat", 0, 0, 0o1000, abi=3) == seccomp.ALLOW


def test_flags_open_what_they_say() -> None:
    assert decide("execve", exec=True) == seccomp.ALLOW
    assert decide("socket", 2, 1, network=True) == seccomp.ALLOW
    assert decide("fork", notify=False) == seccomp.ALLOW


def test_foreign_and_future_calls() -> None:
    built = program("x86_64", Confinement())
    assert interpret(built, 0x40000003, 1) == seccomp.KILL
    assert interpret(built, ARCHES["x86_64"], 0x40000000 | 57) == seccomp.KILL
    assert interpret(built, ARCHES["x86_64"], kernel.HIGHEST_KNOWN + 1) == seccomp.fail(errno.ENOSYS)


@given(
    number=st.integers(0, kernel.HIGHEST_KNOWN),
    args=st.tuples(*[st.sampled_from([0, 1, 2, 5, 8, 9, 15, 22, 36, 0x10011, 0x8011, 0x5412, 2**32 + 1])] * 6),
    machine=st.sampled_from(sorted(ARCHES)),
    abi=st.sampled_from([0, 2, 5, 7]),
    notify=st.booleans(),
)
def test_program_decides_as_its_rules_read(
    number: int, args: tuple[int, ...], machine: str, abi: int, notify: bool
) -> None:
    numbers = kernel._numbers(machine)
    expected = seccomp.ALLOW
    for rule in seccomp.rules_for(Confinement(), notify=notify, landlock_abi=abi):
        if numbers.get(rule.name) == number and all(test.holds(args) for test in rule.tests):
            expected = rule.action
            break
    built = program(machine, Confinement(), notify=notify, abi=abi)
    assert interpret(built, ARCHES[machine], number, args) == expected


def test_tables_have_no_number_twice() -> None:
    for machine in ARCHES:
        numbers = list(kernel._numbers(machine).values())
        assert len(numbers) == len(set(numbers))
        assert max(numbers) == kernel.HIGHEST_KNOWN


def test_every_rule_names_a_known_call() -> None:
    for abi in (0, 7):
        rules = seccomp.rules_for(Confinement(), notify=True, landlock_abi=abi)
        assert {rule.name for rule in rules} <= set(kernel._TABLE)


RAW = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
from cave_rl.confinement import kernel
def call(name, *args):
    try:
        kernel.syscall(name, *args)
    except OSError as error:
        return error.errno
    return 0
"""


@needs_rung("seccomp")
@pytest.mark.parametrize(
    "attempt",
    [
        "call('ptrace', 0, 0, 0, 0)",
        "call('memfd_create', ctypes.c_char_p(b'x'), 0)",
        "call('unshare', 0x10000000)",
        "call('mount', None, None, None, 0, None)",
        "call('bpf', 0, None, 0)",
        "call('userfaultfd', 0)",
        "call('io_uring_setup', 1, None)",
        "call('keyctl', 0, 0)",
        "call('perf_event_open', None, 0, 0, 0, 0)",
        "call('process_vm_readv', 1, None, 0, None, 0, 0)",
        "call('process_vm_writev', 1, None, 0, None, 0, 0)",
        "call('pidfd_getfd', 3, 0, 0)",
        "call('shmget', 0, 4096, 0o1600)",
        "call('mq_open', ctypes.c_char_p(b'x'), 0o100, 0o600, None)",
        "call('execve', ctypes.c_char_p(b'/bin/true'), None, None)",
        "call('seccomp', 0, 0, None)",
        "call('clone', 0x10000011, 0, 0, 0, 0)",
    ],
)
def test_the_kernel_refuses(template: Template, attempt: str) -> None:
    assert template.value(f"{RAW}\nanswer = {attempt}") == errno.EPERM


@needs_rung("seccomp")
@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import socket; socket.socket()", "PermissionError"),
        ("import socket; socket.socket(socket.AF_UNIX)", "PermissionError"),
        ("import socket; socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)", "PermissionError"),
        ("import os; os.execv('/bin/true', ['true'])", "PermissionError"),
        ("import os; os.posix_spawn('/bin/true', ['true'], {})", "BlockingIOError"),
        ("import resource, os; resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)", "PermissionError"),
        ("import os; os.setpriority(os.PRIO_PROCESS, os.getppid(), 5)", "PermissionError"),
        ("import os; os.sched_setaffinity(os.getppid(), {0})", "PermissionError"),
        ("import os; os.setxattr('.', 'user.x', b'x')", "OSError"),
    ],
)
def test_python_sees_ordinary_errors(template: Template, source: str, error: str) -> None:
    if "posix_spawn" in source and "tickets" not in template.hardened["rungs"]:
        pytest.skip("without tickets the fork goes through, and only the execution is refused")
    assert template.error(source) == error


@needs_rung("seccomp")
def test_ordinary_programs_go_on(template: Template) -> None:
    source = """
import asyncio, os, signal, socket, ctypes
a, b = socket.socketpair()
a.send(b'x')
async def sleepy():
    await asyncio.sleep(0)
    return 7
back = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda n: n + 1)
seen = []
signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
signal.raise_signal(signal.SIGUSR1)
os.kill(os.getpid(), signal.SIGUSR1)
os.nice(0)
answer = [b.recv(1).decode(), asyncio.run(sleepy()), back(1), len(seen), os.cpu_count() > 0]
"""
    assert template.value(source) == ["x", 7, 2, 2, True]


@needs_rung("seccomp")
def test_chmod_reports_success_and_does_nothing(template: Template) -> None:
    source = "import os; before = os.stat('/').st_mode; os.chmod('/', 0); answer = os.stat('/').st_mode == before"
    assert template.value(source) is True
