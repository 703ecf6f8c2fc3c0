from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from cave_rl.confinement import Broker, Confinement, descendants
from tests.confinement.conftest import ROOT, Template, needs_rung

pytestmark = needs_rung("seccomp", "tickets")

FORKS = """
import os
made = []
def fork():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    made.append(pid)
"""


@pytest.fixture(scope="module")
def forking() -> Iterator[Template]:
    """A Template whose model code may have two processes alive."""
    made = Template({"require": "none", "fork": 2, "exec": True, "readable": ["/bin", "/usr/bin"]})
    yield made
    made.close()


@pytest.fixture
def own_broker() -> Iterator[Broker]:
    with Broker() as broker:
        yield broker


class TestForks:
    def test_none_without_a_ticket(self, template: Template) -> None:
        reply = template.run(f"{FORKS}fork()")
        assert reply["error"] == "BlockingIOError"

    def test_as_many_as_tickets(self, template: Template) -> None:
        source = f"{FORKS}\ntry:\n  while True: fork()\nexcept BlockingIOError:\n  answer = len(made)"
        assert template.value(source, tickets=3) == 3

    def test_a_child_has_no_ticket_of_its_own(self, template: Template) -> None:
        source = f"""{FORKS}
if os.fork() == 0:
    try:
        fork()
    except BlockingIOError:
        os._exit(7)
answer = os.waitstatus_to_exitcode(os.wait()[1])
"""
        assert template.value(source, tickets=1) == 7

    def test_another_thread_cannot_spend_it(self, template: Template) -> None:
        source = f"""{FORKS}
import threading
def steal():
    try:
        fork()
    except BlockingIOError:
        made.append('refused')
thread = threading.Thread(target=steal); thread.start(); thread.join()
answer = made
"""
        assert template.value(source, tickets=1) == ["refused"]

    def test_a_revoked_ticket_is_worth_nothing(self, template: Template) -> None:
        fork = template.fork(f"{FORKS}fork()")
        template.broker.grant(fork.pid, 5)
        template.broker.revoke(fork.pid)
        fork.go()
        assert fork.hear()["error"] == "BlockingIOError"
        fork.close()

    def test_a_bomb_keeps_neither_host_nor_siblings_from_working(self, template: Template) -> None:
        bomb = template.fork("import os\nwhile True:\n  try: os.fork()\n  except OSError: pass")
        bomb.go()
        before = time.process_time()
        started = time.monotonic()
        assert [template.value("answer = 1") for _ in range(5)] == [1] * 5
        time.sleep(max(0.0, 0.5 - (time.monotonic() - started)))
        assert time.process_time() - before < 0.4, "answering the bomb takes the host's time"
        assert descendants(bomb.pid) == []
        bomb.close()


class TestThreads:
    def test_start_until_the_policy_says_no(self, template: Template) -> None:
        source = """
import threading
go = threading.Event()
threads = []
try:
    while len(threads) < 100:
        thread = threading.Thread(target=go.wait); thread.start(); threads.append(thread)
except RuntimeError:
    pass
go.set()
for thread in threads: thread.join()
after = threading.Thread(target=int); after.start(); after.join()
answer = len(threads)
"""
        assert template.value(source) == Confinement().threads - 1

    def test_pools_work(self, template: Template) -> None:
        source = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    answer = sum(pool.map(lambda n: n * n, range(100)))
"""
        assert template.value(source) == sum(n * n for n in range(100))

    def test_cannot_be_started_so_fast_that_the_host_has_nothing_else_to_do(self, template: Template) -> None:
        source = """
import threading, time
made, end = 0, time.monotonic() + 0.5
while time.monotonic() < end:
    thread = threading.Thread(target=int); thread.start(); thread.join(); made += 1
answer = made
"""
        assert 64 <= template.value(source) < 250


class TestModelForks:
    def test_count_while_they_live(self, forking: Template) -> None:
        source = """
import os, signal
alive = []
try:
    while True:
        pid = os.fork()
        if pid == 0:
            signal.pause()
        alive.append(pid)
except BlockingIOError:
    pass
for pid in alive:
    os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0)
again_possible = os.fork()
if again_possible == 0:
    os._exit(0)
answer = len(alive)
"""
        assert forking.value(source) == 2

    def test_orphans_stay_in_the_family_and_go_on_counting(self, forking: Template) -> None:
        source = """
import os, time
def orphan():
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid(); time.sleep(60)
        os._exit(0)
    os.wait()
orphan()
made = 1
try:
    for _ in range(10):
        orphan(); made += 1
except (BlockingIOError, ChildProcessError):
    pass
answer = made
"""
        fork = forking.fork(source + "\ntalk.recv(1)")
        fork.go()
        deadline = time.monotonic() + 5
        while len(descendants(fork.pid)) < 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)
        family = descendants(fork.pid)
        assert 1 <= len(family) <= 2
        fork.close()
        assert [pid for pid in family if _running(pid)] == []

    def test_subprocess_runs_what_is_readable(self, forking: Template) -> None:
        source = "import subprocess; answer = subprocess.check_output(['/bin/echo', 'hi'], text=True)"
        assert forking.value(source) == "hi\n"


@pytest.fixture(scope="module")
def old() -> Iterator[Template]:
    """A Template as on a kernel where Landlock does not scope signals."""
    made = Template({"require": "none", "fork": 1}, abi=5)
    yield made
    made.close()


class TestSignalsWithoutScope:
    @needs_rung("landlock")
    def test_reach_oneself_and_ones_children_only(self, old: Template) -> None:
        source = """
import os, signal, threading
def attempt(f, *args):
    try:
        f(*args)
    except OSError as error:
        return type(error).__name__
    return 'ok'
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
pid = os.fork()
if pid == 0:
    signal.pause()
answer = [attempt(os.kill, os.getpid(), signal.SIGUSR1),
          attempt(signal.pthread_kill, threading.main_thread().ident, 10),
          attempt(os.kill, os.getppid(), 0), attempt(os.kill, 1, 0), attempt(os.kill, 0, 0), attempt(os.kill, -1, 0),
          attempt(os.kill, pid, signal.SIGKILL)]
"""
        refused = "PermissionError"
        assert old.value(source) == ["ok", "ok", refused, refused, refused, refused, "ok"]

    @needs_rung("landlock")
    def test_abort_still_aborts(self, old: Template) -> None:
        fork = old.fork("import os; os.abort()")
        fork.go()
        assert fork.hear() == {"dead": True}
        fork.close()


class TestBroker:
    def test_starts_nothing_until_it_watches(self, own_broker: Broker) -> None:
        assert not [thread for thread in threading.enumerate() if thread is own_broker._thread]
        own_broker.grant(1, math.inf)
        own_broker.revoke(1)
        own_broker.revoke(12345)

    def test_lets_go_of_a_listener_when_everybody_behind_it_is_gone(self) -> None:
        made = Template({"require": "none"})
        broker = made.broker
        assert len(broker._policies) == 1
        made.process.kill()
        made.process.wait()
        deadline = time.monotonic() + 5
        while broker._policies and time.monotonic() < deadline:
            time.sleep(0.01)
        assert broker._policies == {}
        made.close()

    def test_once_closed_forks_fail_instead_of_waiting(self) -> None:
        made = Template({"require": "none"})
        fork = made.fork(f"{FORKS}fork()")
        made.broker.close()
        fork.go()
        assert fork.hear()["error"] == "OSError"
        made.close()

    def test_closes_every_descriptor(self) -> None:
        before = set(os.listdir("/proc/self/fd"))
        made = Template({"require": "none"})
        made.value("answer = 1")
        made.close()
        assert set(os.listdir("/proc/self/fd")) == before

    def test_is_empty_in_a_fork_of_the_host_and_still_serves_the_host(self, template: Template) -> None:
        pid = os.fork()
        if pid == 0:
            clean = template.broker._policies == {} and template.broker._thread is None
            os._exit(0 if clean else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert template.value("answer = 1") == 1

    def test_if_it_breaks_forks_fail_instead_of_waiting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made = Template({"require": "none"})
        fork = made.fork(f"{FORKS}fork()")
        monkeypatch.setattr(threading, "excepthook", lambda _: None)
        monkeypatch.setattr(made.broker, "_receive", None)
        fork.go()
        assert fork.hear()["error"] == "OSError"
        made.close()

    def test_cannot_watch_once_closed(self) -> None:
        broker = Broker()
        broker.close()
        broker.close()
        with pytest.raises(RuntimeError, match="closed"):
            broker.watch(0, Confinement())


def test_the_template_may_not_keep_the_listener_into_a_fork() -> None:
    source = """
from cave_rl.confinement import *
harden_template(Confinement(require="none"), readable=readable_paths())
try:
    plan_fork(Confinement(require="none"))
except ConfinementError as error:
    print(error.rung)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.strip() == "tickets", done.stderr


def _running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
