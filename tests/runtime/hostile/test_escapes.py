# ruff: noqa: E501  # one attack a line
"""Cells that attack their process, the host or their siblings: each is a typed outcome in time, and nobody else notices."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cave_rl.runtime import Limits, Outcome, Runtime, RuntimeGone, Template
from tests.conftest import Play, descriptors, settled
from tests.runtime.hostile.conftest import CONTAINED, SHORT

pytestmark = CONTAINED
Attack = Callable[..., Play]
Sibling = Callable[[], None]

ENDS = {
    "an endless loop": ("while True: pass", {"interrupted"}),
    "a loop in C": ("sum(range(10**12))", {"interrupted", "killed"}),
    "a big power": ("x = 7 ** (7 ** 9)\nstr(x)", {"interrupted", "killed", "out_of_memory", "error"}),
    "a regular expression": ("import re\nre.match('(a+)+$', 'a' * 40 + 'b')", {"interrupted", "killed"}),
    "a long sort": ("sorted(range(10**9), key=lambda x: -x)", {"interrupted", "killed", "out_of_memory"}),
    "an ignored interrupt": ("import signal\nsignal.signal(signal.SIGINT, lambda *a: None)\nwhile True: pass", {"killed"}),
    "blocked signals": ("import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass", {"killed", "interrupted"}),
    "os._exit": ("import os\nos._exit(0)", {"crashed"}),
    "sys.exit": ("import sys\nsys.exit(0)", {"error"}),
    "abort": ("import os\nos.abort()", {"crashed"}),
    "a segmentation fault": ("import ctypes\nctypes.string_at(0)", {"crashed", "error"}),
    "suicide": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", {"crashed"}),
    "10 GB": ("x = bytearray(10 * 1024**3)", {"out_of_memory"}),
    "10 GB in small parts": ("x = []\nwhile True: x.append('y' * 10**7)", {"out_of_memory", "error", "crashed", "killed", "interrupted"}),
    "endless recursion": ("def f(): return f()\nf()", {"error"}),
    "recursion without a limit": ("import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1)\nf(0)", {"error", "crashed", "interrupted", "killed", "out_of_memory"}),
    "a forged frame": ("import os\nos.write(3, b'X' + bytes(8) + b'\\x80')", {"tampered"}),
    "a forged frame by a socket": ("import socket\ns = socket.socket(fileno=3)\ns.send(b'X' * 100)\ns.detach();", {"tampered"}),
    "an empty frame": ("import socket\ns = socket.socket(fileno=3)\ns.send(b'')\ns.detach();", {"crashed", "tampered", "ok", "error"}),
    "many forged frames": ("import socket\ns = socket.socket(fileno=3)\ns.setblocking(False)\nfor _ in range(10000):\n    try: s.send(b'H' + bytes(8))\n    except OSError: break", {"tampered"}),
    "closed descriptors": ("import os\nos.closerange(0, 256)", {"crashed", "tampered", "error", "killed"}),
    "a closed output": ("import sys\nsys.stdout.close()\nsys.stderr = None", {"ok", "error"}),
    "a fork bomb": ("import os\nwhile True: os.fork()", {"error"}),
    "a patient fork bomb": ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", {"interrupted", "killed"}),
    "a process by subprocess": ("import subprocess\nsubprocess.run(['/bin/true'])", {"error"}),
    "a multiprocessing pool": ("import multiprocessing\nmultiprocessing.get_context('fork').Process(target=print).start()", {"error"}),
    "exec": ("import os, sys\nos.execv(sys.executable, ['python'])", {"error", "crashed"}),
    "a thread bomb": ("import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()", {"error"}),
    "the network": ("import socket\nsocket.create_connection(('127.0.0.1', 80))", {"error"}),
    "name resolution": ("import socket\nsocket.getaddrinfo('example.com', 80)", {"error"}),
    "a server": ("import socket\nsocket.create_server(('127.0.0.1', 0))", {"error"}),
    "an output flood": ("while True: print('x' * 10**6)", {"interrupted", "error", "killed"}),
    "a flood of the raw descriptor": ("import os\nwhile True: os.write(1, b'x' * 10**6)", {"interrupted", "error", "killed", "crashed"}),
    "a huge representation": ("class R:\n    def __repr__(self): return 'x' * 10**9\nR()", {"ok", "error", "interrupted", "killed", "out_of_memory"}),
    "a huge error message": ("raise ValueError('x' * 10**9)", {"error", "out_of_memory", "interrupted", "killed"}),
    "a file without end": ("f = open('f', 'wb')\nwhile True: f.write(b'x' * 10**7)", {"error", "crashed", "interrupted"}),
    "passwords": ("open('/etc/shadow').read()", {"error"}),
    "the users' list": ("open('/etc/passwd').read()", {"error"}),
    "the home directory": ("import os\nos.listdir(os.path.expanduser('~root'))", {"error"}),
    "the root directory": ("import os\nos.listdir('/')", {"error"}),
    "writing outside": ("open('/tmp/cave-rl-escape', 'w')", {"error"}),
    "its parent's memory": ("import os\nopen(f'/proc/{os.getppid()}/mem', 'rb').read(1)", {"error"}),
    "its parent's environment": ("import os\nopen(f'/proc/{os.getppid()}/environ').read()", {"error"}),
    "killing its parent": ("import os\nos.kill(os.getppid(), 9)", {"error"}),
    "killing everybody": ("import os\nos.kill(-1, 9)", {"error", "crashed", "ok"}),
    "raising its limits": ("import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))", {"error"}),
    "tracing itself": ("import sys\nsys.settrace(lambda *a: 1 / 0)\nx = 1", {"ok", "error", "crashed"}),
    "no garbage collector, all modules gone": ("import gc, sys\ngc.disable()\nsys.modules.clear()", {"ok", "error", "crashed"}),
    "its own service broken": ("import sys\nsys.modules['cave_rl.runtime.inside.frames'].pack = None", {"crashed", "error", "tampered", "killed"}),
}  # fmt: skip


@pytest.mark.parametrize("attack_", ENDS.values(), ids=ENDS)
def test_it_ends_in_time_with_a_typed_outcome(
    template: Template[Runtime], sibling: Sibling, attack_: tuple[str, set[str]]
) -> None:
    code, outcomes = attack_
    before = descriptors()
    began = time.monotonic()
    with template.start(seed=1) as runtime:
        done = runtime.execute(code, SHORT)
        assert done.outcome.value in outcomes, (done.outcome, done.error and done.error.message, done.detail)
        assert time.monotonic() - began < 15
        assert len(done.stdout) < 100_000
        if done.outcome.alive:  # whatever it left behind, the next cell ends in time too
            assert runtime.execute("1", SHORT).wall_s < 12
    sibling()
    assert settled(descriptors, before) == before


def test_no_attack_of_these_is_rewarded(attack: Attack) -> None:
    for name in ("a forged frame", "os._exit", "closed descriptors", "its own service broken", "tracing itself"):
        played = attack(ENDS[name][0])
        assert played.reward == 0.0
        assert played.episode.over


def test_secrets_of_the_environment_are_not_there(runtime: Runtime) -> None:
    names = eval(str(runtime.execute("import os\nsorted(os.environ)").value))
    assert set(names) <= {
        "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "PYTHONHASHSEED", "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "JE_ARROW_MALLOC_CONF",
        "ARROW_DEFAULT_MEMORY_POOL", "MPLBACKEND", "HOME", "MPLCONFIGDIR", "TMPDIR",
    }  # fmt: skip


def test_descriptors_it_sends_do_not_reach_the_host(template: Template[Runtime]) -> None:
    before = descriptors()
    with template.start() as runtime:
        code = """
import socket, array, os
s = socket.socket(fileno=3)
fds = array.array('i', [os.open('f%d' % i, os.O_CREAT | os.O_RDWR) for i in range(20)])
for _ in range(20):
    s.sendmsg([b'X' + bytes(8)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
"""
        assert runtime.execute(code).outcome is Outcome.TAMPERED
    assert settled(descriptors, before) == before


def test_frames_sent_between_requests_are_tampering(template: Template[Runtime]) -> None:
    with template.start() as runtime:
        runtime.execute("import threading, os, time\nthreading.Timer(0.05, os.write, (3, b'N' + bytes(8))).start()")
        time.sleep(0.3)
        assert runtime.execute("1").outcome is Outcome.TAMPERED


def test_a_reply_that_would_cost_the_host_dearly_is_refused(template: Template[Runtime]) -> None:
    code = """
import os, sys, msgpack
frames = sys.modules['cave_rl.runtime.inside.frames']
zygote = sys.modules['cave_rl.runtime.inside.zygote']
def send(control, request, reply, fds=()):
    body = b'\\xdd\\x03\\x00\\x00\\x00' + b'\\x90' * 0x3000000  # fifty million empty lists
    os.pwrite(4, body, 0)
    control.send(request[:1].lower() + request[1:9] + msgpack.packb(len(body)))
zygote.send = send
"""
    with template.start() as runtime:
        import resource

        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        done = runtime.execute(code, Limits(cpu_s=10))
        assert done.outcome is Outcome.TAMPERED
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 700_000  # KB


@pytest.mark.parametrize(
    "part",
    [
        "value='x' * 10**7",
        "value=b'x'",
        "error=['E', 'x' * 10**7, '']",
        "error=['E']",
        "diff=[['x'] * 10_000, [], []]",
        "diff=[['x' * 10_000], [], []]",
        "kind='crashed'",
        "kind=None",
        "peak_kb=1.5",
    ],
)
def test_a_report_that_no_cell_gives_is_tampering(template: Template[Runtime], part: str) -> None:
    code = f"""
import sys
kernel = sys.modules['cave_rl.runtime.inside.kernel'].Kernel
execute = kernel._execute
kernel._execute = lambda *a: {{**execute(*a), **dict({part})}}
"""
    with template.start() as runtime:
        runtime.execute(code)
        assert runtime.execute("1").outcome is Outcome.TAMPERED


def test_a_runtime_that_spends_its_ticket_on_something_else_is_ended_with_it(template: Template[Runtime]) -> None:
    code = """
import os, sys
zygote = sys.modules['cave_rl.runtime.inside.zygote']
def fork(fds):
    if os.fork() == 0:
        os.setsid()
        while True: pass
    return 1
zygote.fork = fork
"""
    with template.start() as runtime:
        runtime.execute(code)
        pid = runtime.pid
        from cave_rl.runtime import process

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(process, "START_S", 0.5)
            with pytest.raises(RuntimeGone):
                runtime.snapshot()

    def left() -> list[int]:
        text = Path(f"/proc/{template.pid}/task/{template.pid}/children").read_text()
        return [int(each) for each in text.split() if each != str(pid)]

    assert settled(left, []) == []


@pytest.mark.parametrize(
    "sabotage",
    [
        "import os\nos.fork = lambda: (_ for _ in ()).throw(OSError(11, 'no'))",
        "import sys\nsys.modules['cave_rl.runtime.inside.zygote'].fork = None",
        "import sys\nsys.modules['cave_rl.runtime.inside.branching'].Branching.fork = lambda *a: {'pid': 1}",
    ],
)
@pytest.mark.parametrize("end", ["import os\nos._exit(1)", "pass"])
def test_a_sabotaged_checkpoint_is_a_failure_not_a_fault(
    attack: Attack, sabotage: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cave_rl.runtime import process
    from cave_rl.tasks import EpisodeConfig

    monkeypatch.setattr(process, "START_S", 0.5)
    played = attack(sabotage, end, "total = 6", config=EpisodeConfig(checkpoint=True, limits=SHORT))
    assert played.reward == 0.0
    assert "fault" not in played.last.info


def test_a_host_event_in_a_sabotaged_runtime_is_a_failure(attack: Attack) -> None:
    from cave_rl.rewards import equals
    from cave_rl.runtime import Variable
    from cave_rl.tasks import Task, Turn

    turns = [Turn("a", equals("a", 1)), Turn("b", equals("b", 2), event="price = max(price, 7)")]
    task = Task(turns, variables=[Variable("price", 5)])
    played = attack("a = 1\nimport os\ndef max(*a): os._exit(0)", answer=None, task=task)
    from tests.runtime.hostile.conftest import _step

    played.steps.append(_step(played, "done"))
    assert played.last.reward == 0.5
    played.steps.append(_step(played, "```python\nb = 2\n```"))
    assert played.last.terminated
    assert played.last.info["outcome"] == "crashed"
    assert "fault" not in played.last.info
    assert played.reward == 0.5


def test_files_outside_are_as_they_were(sibling: Sibling) -> None:
    assert not os.path.exists("/tmp/cave-rl-escape")
