# ruff: noqa: E501  # one attack a line
"""Cells that attack hosted objects: only their methods change them, and no cell has a say in what is told of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cave_rl.confinement import Confinement
from cave_rl.rewards import call_count, called, not_called
from cave_rl.runtime import Base, Fault, Hosted, Limits, Outcome, Runtime, Setup, Template, Type, calls
from cave_rl.tasks import Task, Turn
from tests.conftest import Play, descriptors, settled
from tests.runtime.hostile.conftest import CONTAINED, SHORT
from tests.runtime.world import Account, Bank, ping

pytestmark = CONTAINED
Attack = Callable[..., Play]

FORGE = """
import gc, os, socket, sys, threading, time, msgpack
link = next(c.cell_contents for c in bank.balance.__func__.__closure__ if hasattr(c.cell_contents, '_nonce'))
frames = sys.modules['cave_rl.runtime.inside.frames']
encode = sys.modules['cave_rl.runtime.inside.encode'].encode
def body(target, *args): return msgpack.packb([target, [encode(a) for a in args], {}])
def forge(said, number=10**6, fd=3, nonce=None):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fileno=fd)
    try: s.send(frames.pack(frames.CALL, nonce or link._nonce, [number, said]))
    finally: s.detach()
"""


@pytest.fixture(scope="module")
def banks(base: Base) -> Iterator[Template[Runtime]]:
    setup = Setup(types=[Type(Account)], hosted=[Hosted(Bank(a=10, b=0)), Hosted(ping)])
    with base.template(setup) as made:
        yield made


@pytest.fixture
def runtime(banks: Template[Runtime]) -> Iterator[Runtime]:
    with banks.start(seed=1) as made:
        yield made


@pytest.fixture(autouse=True)
def sibling(banks: Template[Runtime]) -> Iterator[None]:
    """A second runtime and its World, which must not notice."""
    with banks.start(seed=2) as other:
        other.execute("bank.transfer('a', 'b', 2)")
        yield
        assert balances(other) == {"a": 8, "b": 2}
        assert other.execute("bank.balance('a')").value == "8"
        assert len(other.calls) == 2


def balances(runtime: Runtime) -> Any:
    return runtime.retrieve("bank").balances


def moved(state: Any, before: Any, calls: Any) -> None:
    assert state.bank.balances == {"a": 7, "b": 3}, "moved"
    assert sum(state.bank.balances.values()) == sum(before.bank.balances.values()), "no money from nowhere"
    assert [each.arguments["amount"] for each in calls if each.name == "bank.transfer"] == [3], "at once"


TASK = Task(
    [
        Turn(
            "Move 3 from a to b with one transfer.",
            [called("bank.transfer", source="a", amount=3), call_count("bank.transfer", 1), not_called("ping"), moved],
            changes=["bank"],
            gold="bank.transfer('a', 'b', 3)",
        )
    ],
    types=[Type(Account)],
    hosted=[Hosted(Bank(a=10, b=0)), Hosted(ping)],
)

LIES = {
    "nothing at all": "pass",
    "the state written past the proxy": "try: bank.balances = {'a': 7, 'b': 3}\nexcept AttributeError: pass\ntry: object.__setattr__(bank, 'balances', {'a': 7, 'b': 3})\nexcept AttributeError: pass",
    "another object under the name": "class Bank:\n    balances = {'a': 7, 'b': 3}\n    def transfer(self, *a): return self.balances\nbank = Bank()\nbank.transfer('a', 'b', 3)",
    "a patched proxy class": "c = type(bank)\nc.transfer = lambda self, *a: {'a': 7, 'b': 3}\nc.balances = {'a': 7, 'b': 3}\nbank.transfer('a', 'b', 3)",
    "a patched link": FORGE + "type(link).call = lambda *a: {'a': 7, 'b': 3}\nbank.transfer('a', 'b', 3)",
    "a mutated result": "got = bank.store({'a': 10, 'b': 0})\ngot.update(a=7, b=3)",
    "the name deleted": "del bank",
    "the right sum in two calls": "bank.transfer('a', 'b', 1)\nbank.transfer('a', 'b', 2)",
    "a call too many": "bank.transfer('a', 'b', 3)\nbank.transfer('b', 'a', 3)\nbank.transfer('a', 'b', 3)",
    "a call that failed, and one with another amount": "try: bank.transfer('a', 'nobody', 3)\nexcept KeyError: pass",
    "an amount that lies": "class I(int):\n    def __eq__(self, o): return True\n    def __le__(self, o): return False\n    __hash__ = int.__hash__\ntry: bank.transfer('a', 'b', I(3))\nexcept TypeError: pass",
    "an amount from below": "try: bank.transfer('b', 'a', -3)\nexcept ValueError: pass",
    "calls that are only claimed": "calls = [('bank.transfer', {'amount': 3})]\nlink_record = calls",
    "the World's own service reached for": "import sys\ntry: import cave_rl.runtime.hosting\nexcept ImportError: pass\n[m for m in sys.modules.values() if hasattr(m, 'Hosting')]",
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_earns_less_than_the_call(attack: Attack, lie: str) -> None:
    played = attack(lie, task=TASK)
    assert played.reward < 1.0
    assert not played.last.info["solved"]
    assert not (played.verdicts["moved"] and played.verdicts["at once"])


def test_the_call_itself_earns_all_of_it(attack: Attack) -> None:
    assert attack("bank.transfer('a', 'b', 3)", task=TASK).reward == 1.0


def test_a_forged_call_has_the_power_of_the_call(attack: Attack, runtime: Runtime) -> None:
    played = attack(FORGE + "forge(body('bank.transfer', 'a', 'b', 3))", task=TASK)
    assert played.reward == 1.0
    assert (
        runtime.execute(FORGE + "forge(body('bank.transfer', 'a', 'b', 3))\ntime.sleep(0.1)\nbank.balance('a')").value
        == "7"
    )
    assert runtime.execute("bank.balance('b')").value == "3"  # answers that nobody took are in nobody's way


# --- forged frames --------------------------------------------------------------------------------------------------

MALFORMED = {
    "no list": "s = 5",
    "no number": "s = ['x', b'']",
    "a negative number": "s = [-1, b'']",
    "a number that is none": "s = [True, b'']",
    "a huge number": "s = [1 << 63, b'']",
    "three parts": "s = [1, b'', b'']",
    "no body": "s = [1, True]",
    "garbage": "s = [1, b'\\xc1\\xc1']",
    "a body of the wrong form": "s = [1, msgpack.packb({'target': 'bank.balance'})]",
    "a target that is no text": "s = [1, msgpack.packb([b'bank.balance', [], {}])]",
    "arguments that are no claims": "s = [1, msgpack.packb(['bank.balance', ['a'], {}])]",
    "keywords that are no text": "s = [1, msgpack.packb(['bank.balance', [], {1: b''}])]",
    "fifty million empty lists": "s = [1, b'\\xdd\\x00\\x00\\xff\\xff' + b'\\x90' * 0xffff]",
    "more arguments than a proxy sends": "s = [1, msgpack.packb(['bank.balance', [encode(1)] * 5000, {}])]",
    "a file that is not there": "s = [1, 1 << 20]",
    "a negative file": "s = [1, -5]",
    "a file of garbage": "os.pwrite(4, b'x' * 1000, 0)\ns = [1, 1000]",
    "a file beyond the limit": "os.ftruncate(4, 40_000_000)\ns = [1, 40_000_000]",
}


@pytest.mark.parametrize("part", MALFORMED.values(), ids=MALFORMED)
def test_a_call_that_no_proxy_makes_is_tampering(banks: Template[Runtime], part: str) -> None:
    before = descriptors()
    code = f"{FORGE}\n{part}\nsock = socket.socket(fileno=os.dup(3))\nsock.send(frames.pack(frames.CALL, link._nonce, s))\nwhile True: time.sleep(1)"
    with banks.start() as runtime:
        assert runtime.execute(code, SHORT).outcome is Outcome.TAMPERED
    assert settled(descriptors, before) == before


def test_a_call_of_what_is_not_exposed_is_refused(runtime: Runtime) -> None:
    for target in ("bank._moved", "bank.__init__", "bank.balances.clear", "bank", "ping.__globals__", "", "os.system"):
        code = f"link.call({target!r}, (), {{}})"
        cell = runtime.execute(FORGE + code)
        assert cell.error is not None
        assert cell.error.type == "AttributeError"
    assert runtime.calls == ()


def test_a_call_of_what_is_a_users_is_refused(base: Base) -> None:
    setup = Setup(hosted=[Hosted(Bank(a=10, b=0), expose=["balance"], user=["transfer"])])
    with base.template(setup) as template, template.start() as runtime:
        for code in ("bank.transfer('a', 'b', 3)", FORGE + "link.call('bank.transfer', ('a', 'b', 3), {})"):
            cell = runtime.execute(code)
            assert cell.error is not None
            assert cell.error.type == "AttributeError"
        assert (runtime.calls, runtime.execute("bank.balance('a')").value) == ((), "10")


def test_a_call_between_cells_is_tampering(banks: Template[Runtime]) -> None:
    with banks.start() as runtime:
        runtime.execute(
            FORGE
            + "n = link._nonce\nthreading.Timer(0.05, lambda: forge(body('bank.transfer', 'a', 'b', 3), nonce=n)).start()"
        )
        time.sleep(0.3)
        assert runtime.execute("1").outcome is Outcome.TAMPERED
    with banks.start() as runtime:
        assert (
            runtime.execute(FORGE + "forge(body('bank.transfer', 'a', 'b', 3), nonce=bytes(8))").outcome
            is Outcome.TAMPERED
        )


def test_threads_call_during_cells_and_are_refused_between_them(runtime: Runtime) -> None:
    code = """
import threading, time
said, stop = [], threading.Event()
def work():
    while not stop.is_set():
        try: bank.balance('a')
        except Exception as e: said.append(str(e)); stop.wait(0.01)
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads: t.start()
for _ in range(50): bank.balance('b')
"""
    assert runtime.execute(code).ok
    time.sleep(0.2)
    assert runtime.execute("stop.set()\nfor t in threads: t.join()\nbank.transfer('a', 'b')").ok
    assert "no cell runs" in str(runtime.execute("said[0] if said else None").value)
    assert balances(runtime) == {"a": 9, "b": 1}


@pytest.mark.parametrize("to", ["parent", "itself by the parent's socket"])
def test_a_snapshot_that_kept_its_parent_s_socket_cannot_speak_for_it(runtime: Runtime, to: str) -> None:
    runtime.execute(FORGE + "kept = os.dup(3)\nstolen = []")
    with runtime.snapshot() as snapshot:
        (fork,) = snapshot.fork()
        with fork:
            # While a cell of the parent runs its nonce is known to nobody but itself: give it to the fork, even so.
            nonce = runtime.execute("link._nonce.hex()").value
            code = (
                f"for _ in range(20): forge(body('bank.transfer', 'a', 'b', 3), fd=kept, nonce=bytes.fromhex({nonce}))"
            )
            assert fork.execute(code if to == "parent" else code.replace(f"bytes.fromhex({nonce})", "None")).ok
            assert runtime.execute("bank.balance('a')").value == "10"
            assert balances(runtime) == balances(fork) == {"a": 10, "b": 0}
            assert len(runtime.calls) == 1
            assert fork.calls == ()
            assert fork.execute("bank.transfer('a', 'b', 4)['a']").value == "6"
            assert balances(runtime) == {"a": 10, "b": 0}


def test_a_child_of_a_cell_cannot_call_for_it() -> None:
    code = (
        FORGE
        + """
pid = os.fork()
if pid == 0:
    for n in range(50): forge(body('bank.transfer', 'a', 'b', 3), n + 1)
    try: bank.transfer('a', 'b', 3)
    except RuntimeError as error: open('said', 'w').write(str(error))
    os._exit(0)
os.waitpid(pid, 0)
bank.balance('a'), open('said').read()[:36]
"""
    )
    setup = Setup(hosted=[Hosted(Bank(a=10, b=0))])
    with Base(confinement=Confinement(fork=2)) as base, base.template(setup) as template, template.start() as runtime:
        assert runtime.execute(code).value == "(10, 'bank.transfer was called in a child ')"
        assert [each.name for each in runtime.calls] == ["bank.balance"]
        assert balances(runtime) == {"a": 10, "b": 0}


# --- floods and hangs -----------------------------------------------------------------------------------------------


def test_a_flood_of_calls_ends_at_the_limit_and_keeps_the_host_from_nobody(
    runtime: Runtime, banks: Template[Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    from cave_rl.runtime import run_all

    monkeypatch.setattr(calls, "MOST_IN_CELL", 20)
    flood = "while True:\n    try: bank.balance('a')\n    except RuntimeError: pass"
    with banks.start() as other:
        began = time.monotonic()
        cells = run_all(
            [runtime.execute_steps(flood, Limits(cpu_s=0.5, wall_s=3)), other.execute_steps("bank.balance('b')")]
        )
        assert cells[0].outcome is Outcome.INTERRUPTED
        assert cells[1].value == "0"
        assert cells[1].wall_s < 1
        assert time.monotonic() - began < 8
    assert len(runtime.calls) == 20
    assert runtime.execute("bank.balance('a')").value == "10"


def test_a_flood_that_reads_no_answers_is_ended(banks: Template[Runtime]) -> None:
    code = FORGE + "big = body('ping', 'x' * 30_000)\nfor n in range(1, 100_000): forge(big, n)"
    with banks.start() as runtime:
        done = runtime.execute(code, SHORT)
        assert done.outcome in (Outcome.TAMPERED, Outcome.INTERRUPTED)
        assert done.wall_s < 8


HANGS = {
    "a method that runs for ever": "bank.work(10**9)",
    "a size that explodes": "ping('x' * 1000, 10**9)",
    "a size that overflows": "ping('x', 10**30)",
    "a list of itself": "x = []\nx.append(x)\nbank.store(x)",
    "a tuple too deep": "x = ()\nfor _ in range(100_000): x = (x,)\nbank.store(x)",
    "a list too deep": "x = []\nfor _ in range(100_000): x = [x]\nbank.store(x)",
    "ten million items": "bank.store([None] * 10_000_000)",
    "keys that collide": "bank.store({(2**61 - 1) * i: i for i in range(20_000)})",
    "an int that takes long to print": "ping(10**100_000)",
    "a lazy object": "class L:\n    def __iter__(self):\n        while True: yield 1\n    def __eq__(self, o): return True\n    def __reduce__(self): return eval, ('1/0',)\nbank.store(L())",
    "an infinite generator": "bank.store(i for i in iter(int, 1))",
    "opaque values inside": "bank.store({'k': [print, {1: lambda: 0}]})",
    "the proxy itself": "bank.store(bank)",
    "an account that its class does not allow": "bank.store(Account('x', 5, []))",
    "an account that was patched": "Account.total = 5\nx = Account('x', 0, [])\nx.total = lambda: 9\nbank.store(x)",
    "a claim of the hosted class": FORGE + "link.call('bank.store', (), {'value': 1})\nt = link.call.__func__\nforge(msgpack.packb(['bank.store', [b'\\x02' + (24).to_bytes(8, 'little') + b'\\xc3\\x00\\x04\\xa6object\\xc0\\xa4Bank' + b'\\xa1x\\x01'], {}]))",
    "a keyword that is no name": "bank.store(**{'not a name': 1})",
    "surrogates": "bank.store('\\ud800'); bank.store(**{'\\ud800': 1})",
    "an unknown argument": "bank.store(1, self=2)",
    "a forged digest": FORGE + "forge(msgpack.packb(['bank.store', [b'\\x01' + msgpack.packb(msgpack.ExtType(16, msgpack.packb(['int', 5, '00'])))], {}]))",
    "a forged connection": FORGE + "forge(msgpack.packb(['bank.store', [b'\\x02' + (13).to_bytes(8, 'little') + b'\\xc3\\x00\\x03\\xa6sqlite\\xc0\\xc4\\x00'], {}]))",
    "garbage for a claim": FORGE + "for _ in range(200): forge(msgpack.packb(['bank.store', [os.urandom(50)], {}]))",
    "no claim": FORGE + "forge(msgpack.packb(['bank.store', [b''], {}]))",
}  # fmt: skip


@pytest.mark.parametrize("code", HANGS.values(), ids=HANGS)
def test_no_argument_harms_more_than_its_own_call(runtime: Runtime, code: str) -> None:
    began = time.monotonic()
    cell = runtime.execute(code, Limits(cpu_s=1.5, wall_s=10, grace_s=1))
    assert cell.outcome in (Outcome.OK, Outcome.ERROR, Outcome.OUT_OF_MEMORY, Outcome.INTERRUPTED), cell
    assert time.monotonic() - began < 12
    assert runtime.execute("bank.balance('a')").value == "10"
    assert runtime.retrieve("bank").balances == {"a": 10, "b": 0}


@pytest.mark.parametrize(
    "value", ["print", "[1, {2: print}]", "bank", "object()", "(i for i in [1])", "type('I', (int,), {})(3)"]
)
def test_an_argument_that_does_not_cross_is_named(runtime: Runtime, value: str) -> None:
    cell = runtime.execute(f"bank.transfer('a', 'b', amount={value})")
    assert cell.error is not None
    assert cell.error.type == "TypeError"
    assert "argument 'amount' cannot be handed to a hosted object" in cell.error.message
    assert balances(runtime) == {"a": 10, "b": 0}


# --- interrupts -----------------------------------------------------------------------------------------------------


def test_an_interrupt_in_the_middle_of_calls_desyncs_nothing(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MOST_LOGGED", 1 << 40)
    monkeypatch.setattr(calls, "MOST_IN_CELL", 1 << 40)
    monkeypatch.setattr(calls, "MOST_CALLS", 1 << 40)
    for round_ in range(10):
        code = "n = 0\nwhile True:\n    bank.balance('a'); bank.store('x' * 50_000); n += 1"
        cell = runtime.execute(code, Limits(cpu_s=0.02 + round_ * 0.003, wall_s=5, grace_s=1))
        assert cell.outcome in (Outcome.INTERRUPTED, Outcome.ERROR), cell
        cell = runtime.execute("bank.store('y')")
        assert cell.value == "'y'", cell
        assert runtime.execute("bank.store(['z' * 60_000])[0][:2]").value == "'zz'"
    assert balances(runtime) == {"a": 10, "b": 0}


def test_a_cell_s_own_alarm_in_a_call_desyncs_nothing(runtime: Runtime) -> None:
    code = """
import signal, time
class Alarm(BaseException): pass
def ring(*a): raise Alarm
signal.signal(signal.SIGALRM, ring)
rung = 0
for n in range(40):
    big = str(n) * 40_000
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0003 + n * 0.0001)
            for _ in range(20): assert bank.store(n) == n and bank.store(big) == big
        finally: signal.setitimer(signal.ITIMER_REAL, 0)
    except Alarm: rung += 1
    assert bank.store([big, n]) == [big, n]
rung
"""
    cell = runtime.execute(code, Limits(cpu_s=10))
    assert int(cell.value or 0) > 5, cell
    assert runtime.execute("bank.balance('a')").value == "10"


def test_a_finalizer_in_a_call_is_refused_not_hung(runtime: Runtime) -> None:
    code = (
        FORGE
        + """
said = []
class F:
    def __del__(self):
        try: bank.balance('a')
        except RuntimeError as e: said.append(str(e))
exchange = link._exchange
def nested(*a):
    F()
    return exchange(*a)
link._exchange = nested
bank.balance('b'), said
"""
    )
    assert "under way" in str(runtime.execute(code, SHORT).value)


def test_a_lock_that_is_never_given_back_ends_only_its_own_runtime(banks: Template[Runtime]) -> None:
    with banks.start() as runtime:
        cell = runtime.execute(FORGE + "link._lock.acquire()", Limits(cpu_s=1, wall_s=0.5, grace_s=0.3))
        assert cell.outcome in (Outcome.INTERRUPTED, Outcome.ERROR, Outcome.KILLED)


# --- forks ----------------------------------------------------------------------------------------------------------


def test_a_sabotaged_snapshot_leaves_no_world_behind(banks: Template[Runtime]) -> None:
    from cave_rl.runtime import RuntimeGone

    before = descriptors()
    runtime = banks.start()
    world = runtime.world
    assert world is not None
    runtime.execute("import sys\nsys.modules['cave_rl.runtime.inside.branching'].Branching.fork = lambda *a: 1 / 0")
    with pytest.raises(RuntimeGone):
        runtime.snapshot()
    assert not world.alive
    runtime.close()
    assert settled(descriptors, before) == before
    assert settled(world.threads, 0) == 0


def test_a_world_that_cannot_be_forked_is_a_fault_and_leaves_no_fork(banks: Template[Runtime]) -> None:
    before = descriptors()
    runtime = banks.start()
    assert runtime.world is not None
    runtime.world.signal(9)
    settled(runtime.world.threads, 0)
    with pytest.raises(Fault):
        runtime.snapshot()
    runtime.close()
    assert settled(descriptors, before) == before


def test_no_process_of_it_can_be_seen_or_signalled(runtime: Runtime) -> None:
    assert runtime.world is not None
    pid = runtime.world.pid
    for code in (
        f"import os\nos.kill({pid}, 9)",
        f"open('/proc/{pid}/mem', 'rb').read(1)",
        f"open('/proc/{pid}/environ').read()",
    ):
        assert runtime.execute(code).outcome is Outcome.ERROR
    assert runtime.execute("bank.balance('a')").value == "10"
