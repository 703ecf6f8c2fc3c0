"""Hosted objects: what a cell may do with them, what it may not, and who tells of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cave_rl.runtime import (
    Base,
    Fault,
    Hosted,
    Limits,
    Outcome,
    Runtime,
    RuntimeGone,
    Setup,
    SetupFault,
    Template,
    ThreadsAlive,
    Type,
    Variable,
    calls,
    decode,
    run,
    world,
)
from tests.conftest import descriptors, settled
from tests.runtime.world import Account, Bank, BankError, Receipt, ping

SHORT = Limits(cpu_s=0.3, wall_s=20, grace_s=0.3)


def bank() -> Bank:
    return Bank(a=10, b=0)


@pytest.fixture(scope="module")
def banks(base: Base) -> Iterator[Template[Runtime]]:
    setup = Setup(
        variables=[Variable("xs", [1])],
        types=[Type(Account), Type(BankError)],
        hosted=[Hosted(bank(), classes=(Receipt,)), Hosted(ping)],
    )
    with base.template(setup) as made:
        yield made


@pytest.fixture
def runtime(banks: Template[Runtime]) -> Iterator[Runtime]:
    with banks.start(seed=1) as made:
        yield made


def value(runtime: Runtime, code: str, limits: Limits | None = None) -> Any:
    cell = runtime.execute(code, limits)
    assert cell.ok, cell
    return cell.value


def error(runtime: Runtime, code: str, limits: Limits | None = None) -> tuple[str, str]:
    cell = runtime.execute(code, limits)
    assert cell.error is not None, cell
    return cell.error.type, cell.error.message


# --- in a cell ------------------------------------------------------------------------------------------------------


def test_methods_are_called_and_results_come_by_value(runtime: Runtime) -> None:
    assert value(runtime, "got = bank.transfer('a', target='b', amount=3)\ngot['a'] = 99\ngot") == "{'a': 99, 'b': 3}"
    assert runtime.retrieve("bank").balances == {"a": 7, "b": 3}
    assert value(runtime, "xs.append(bank.store(xs)); xs[1].append(5); bank.store(xs)") == "[1, [1, 5]]"
    assert runtime.retrieve("bank").stored == [1, [1, 5]]


def test_arguments_are_bound_as_python_binds_them(runtime: Runtime) -> None:
    assert error(runtime, "bank.transfer('a')") == ("TypeError", "missing a required argument: 'target'")
    assert error(runtime, "bank.balance('a', 'b')") == ("TypeError", "too many positional arguments")
    assert value(runtime, "ping('ab', times=2), ping('x')") == "('abab', 'x')"


def test_async_methods_are_awaited(runtime: Runtime) -> None:
    assert value(runtime, "await bank.audit()") == "10"
    assert value(runtime, "import asyncio\nawait asyncio.gather(bank.audit(), bank.audit())") == "[10, 10]"
    with runtime.snapshot() as snapshot:
        (fork,) = snapshot.fork()
        with fork:
            assert value(fork, "await bank.audit()") == value(runtime, "await bank.audit()") == "10"


def test_the_proxy_looks_like_the_object_and_holds_nothing_of_it(runtime: Runtime) -> None:
    told = "bank is a hosted Bank; it has the methods transfer, balance, audit"
    assert str(value(runtime, "bank")).startswith(f"<{told}")
    assert value(runtime, "type(bank).__name__, bank.__doc__") == "('Bank', 'A bank: no money comes from nowhere.')"
    signature = "(source: str, target: str, amount: int = 1) -> dict[str, int]"
    assert value(runtime, "import inspect\nstr(inspect.signature(bank.transfer))") == repr(signature)
    assert value(runtime, "inspect.iscoroutinefunction(bank.audit), bank.balance.__doc__") == (
        "(True, 'The balance of one account.')"
    )
    for code in ("bank.balances", "bank.balances = {}", "del bank.balances", "bank._moved", "bank.missing"):
        kind, message = error(runtime, code)
        assert kind == "AttributeError"
        assert told in message
    assert error(runtime, "import copy\ncopy.deepcopy(bank)")[0] == "TypeError"


def test_the_class_of_a_hosted_object_does_not_enter_the_runtime(base: Base) -> None:
    with base.template(Setup(hosted=[Hosted(bank())])) as template, template.start() as runtime:
        assert value(runtime, "import sys\n[n for n in sys.modules if 'world' in n or 'runtime.codec' in n]") == "[]"
        assert value(runtime, "bank.balance('a')") == "10"


def test_exceptions_come_by_the_name_of_their_class(runtime: Runtime, base: Base) -> None:
    assert error(runtime, "bank.transfer('a', 'b', 50)") == ("BankError", "not enough money")
    assert (
        value(runtime, "try: bank.transfer('a', 'b', 50)\nexcept BankError as e: print(type(e) is BankError)") is None
    )
    assert error(runtime, "bank.balance('z')") == ("KeyError", "'z'")
    with base.template(Setup(hosted=[Hosted(bank())])) as template, template.start() as bare:
        code = "try: bank.transfer('a', 'b', 50)\nexcept ValueError as e: got = type(e).__mro__, str(e)\nbare = got"
        assert bare.execute(code).ok
        assert value(bare, "got") == str(value(bare, "got"))
        assert "BankError'>, <class 'ValueError'>" in str(value(bare, "got"))
    cell = runtime.execute("bank.transfer('a', 'b', 50)")
    assert cell.error is not None
    assert "world.py" not in cell.error.traceback  # the World's traceback is not shown
    assert "proxies" not in cell.error.traceback


def test_an_exception_half_way_leaves_what_was_done(runtime: Runtime) -> None:
    assert error(runtime, "bank.transfer('a', 'nobody', 4)") == ("KeyError", "'nobody'")
    assert runtime.retrieve("bank").balances == {"a": 6, "b": 0}
    assert runtime.calls[-1].error == "KeyError: nobody"


def test_injected_classes_cross_both_ways_as_the_runtime_s_own(runtime: Runtime) -> None:
    code = "got = bank.store(Account('Eve', 3, [3]))\ntype(got) is Account, got.total(), got"
    assert value(runtime, code) == "(True, 3, Account(owner='Eve', balance=3, entries=[3]))"
    stored = runtime.retrieve("bank").stored
    assert type(stored) is Account
    assert stored.entries == [3]
    kind, message = error(runtime, "bank.store(Account('Eve', 4, [3]))")  # its class says that there is no such state
    assert kind == "TypeError"
    assert "the balance is the sum of the entries" in message


def test_results_that_cannot_cross_say_what_they_are(runtime: Runtime) -> None:
    kind, message = error(runtime, "bank.receipt('a', 1)")
    assert kind == "TypeError"
    assert message == (
        "bank.receipt returned a tests.runtime.world.Receipt, which cannot cross into the runtime: return plain data, "
        "or inject the class as a Type"
    )
    assert "tests.runtime.world.Bank" in error(runtime, "bank.myself()")[1]
    assert runtime.calls[0].result is None


def test_flat_ones_are_functions(base: Base) -> None:
    setup = Setup(hosted=[Hosted(bank(), expose=["transfer", "balance"], flat=True)])
    with base.template(setup) as template, template.start() as runtime:
        assert runtime.names() == ["balance", "transfer"]
        assert value(runtime, "transfer('a', 'b')['b']") == "1"
        assert runtime.retrieve("bank").balances == {"a": 9, "b": 1}
        assert [each.name for each in runtime.calls] == ["transfer"]
        assert runtime.describe().startswith("def transfer(source: str, target: str, amount: int = 1)")


def test_what_is_large_crosses_too(runtime: Runtime) -> None:
    assert value(runtime, "big = ['x' * 1000] * 3000 + [1]\nbank.store(big) == big") == "True"
    assert len(runtime.retrieve("bank").stored) == 3001
    assert value(runtime, "data = bytes(10_000_000)\nbank.store(data) == data") == "True"
    kind, message = error(runtime, "bank.store(bytes(17_000_000))")
    assert kind in ("ValueError", "TypeError")
    assert "17000" in message or "too many" in message
    assert error(runtime, "ping('x' * 1000, 20_000)")[0] == "ValueError"
    assert value(runtime, "bank.balance('a')") == "10"


def test_data_of_libraries_crosses(data_base: Base) -> None:
    with data_base.template(Setup(hosted=[Hosted(bank())])) as template, template.start() as runtime:
        code = """
import numpy as np, pandas as pd
df = pd.DataFrame({'a': [1, 2], 's': ['x', None], 't': pd.to_datetime(['2024-01-01', '2024-01-02'])})
a = np.arange(20000.0).reshape(100, 200)
bank.store(df).equals(df), np.array_equal(bank.store(a), a), bank.store(np.float32(2)), bank.store(pd.Timestamp(0))
"""
        assert value(runtime, code) == "(True, True, np.float32(2.0), Timestamp('1970-01-01 00:00:00'))"


# --- who tells of them ----------------------------------------------------------------------------------------------


def test_claims_come_from_the_world_whatever_the_name_is_bound_to(runtime: Runtime) -> None:
    runtime.execute("bank.transfer('a', 'b')\nclass Bank: pass\nbank = Bank()\nbank.balances = {'a': 99}")
    claimed = runtime.claim(["bank", "xs", "missing"])
    assert claimed.keys() == {"bank", "xs"}
    assert decode(claimed["bank"], runtime.setup.classes).balances == {"a": 9, "b": 1}
    runtime.execute("del bank")
    assert type(runtime.retrieve("bank")) is Bank


def test_calls_are_on_record_as_the_world_saw_them(runtime: Runtime) -> None:
    runtime.execute("bank.transfer('a', 'b')")
    runtime.execute("try: bank.transfer('a', 'b', amount=99)\nexcept BankError: pass\nping('x')")
    assert [(each.cell, each.name, each.error) for each in runtime.calls] == [
        (1, "bank.transfer", None),
        (2, "bank.transfer", "BankError: not enough money"),
        (2, "ping", None),
    ]
    first = runtime.calls[0]
    assert decode(first.arguments) == {"source": "a", "target": "b", "amount": 1}
    assert decode(first.result or b"") == {"a": 9, "b": 1}
    runtime.execute("bank.receipt('a', 2)")
    assert decode(runtime.calls[-1].arguments) == {"source": "a", "amount": 2}


def test_a_runtime_describes_what_was_injected(runtime: Runtime) -> None:
    told = runtime.describe(["bank"])
    assert told.startswith("bank: Bank\n    A bank: no money comes from nowhere.\n    def transfer(source: str")
    assert "        Raises a BankError if there is not enough." in told
    assert "async def audit() -> int  # All the money there is." in told
    assert "balances" not in told
    assert "10" not in told
    assert "def ping(text: str, times: int = 1) -> str" in runtime.describe()
    with pytest.raises(KeyError, match="did you mean 'bank'"):
        runtime.describe(["bnak"])


# --- limits ---------------------------------------------------------------------------------------------------------


def test_a_call_over_its_cpu_time_raises_and_keeps_the_state(runtime: Runtime) -> None:
    assert error(runtime, "bank.work(60)", SHORT) == ("TimeoutError", "bank.work took longer than a cell may")
    assert value(runtime, "bank.balance('a')") == "10"
    assert runtime.retrieve("bank").count > 0
    assert runtime.calls[0].error == "TimeoutError: bank.work took longer than a cell may"
    assert decode(runtime.calls[0].arguments) == {"seconds": 60}


def test_the_calls_of_a_cell_share_its_time(runtime: Runtime) -> None:
    code = "for _ in range(3):\n  try: bank.work(60)\n  except TimeoutError as e: print(e)"
    cell = runtime.execute(code, SHORT)
    assert "took longer" in cell.stdout
    assert "used up" in cell.stdout
    assert cell.wall_s < 3


def test_a_call_that_waits_ends_at_the_wall_limit(base: Base) -> None:
    class Sleeper:
        def sleep(self) -> None:
            import time

            time.sleep(60)

    with base.template(Setup(hosted=[Hosted(Sleeper())])) as template, template.start() as sleepy:
        cell = sleepy.execute("try: sleeper.sleep()\nfinally: print('over')", Limits(wall_s=0.5, grace_s=0.5))
        assert cell.outcome in (Outcome.ERROR, Outcome.INTERRUPTED)
        assert cell.stdout == "over\n"
        assert cell.wall_s < 3
        assert value(sleepy, "1 + 1") == "2"


@pytest.mark.parametrize(("method", "told"), [("stubborn", "ignored the interrupt"), ("die", "exit code 7")])
def test_a_world_that_does_not_survive_a_call_is_a_failure(banks: Template[Runtime], method: str, told: str) -> None:
    runtime = banks.start()
    cell = runtime.execute(f"bank.{method}()", Limits(cpu_s=5, wall_s=0.5, grace_s=0.3))
    assert cell.outcome is Outcome.CRASHED
    assert cell.detail == f"bank.{method} did not survive its call: {cell.detail.partition(': ')[2]}"
    assert told in cell.detail
    with pytest.raises(RuntimeGone):
        runtime.claim(["bank"])
    runtime.close()


def test_a_world_that_ends_outside_of_a_call_is_a_fault(banks: Template[Runtime]) -> None:
    for act in (lambda r: r.execute("bank.balance('a')"), lambda r: r.claim(["bank"]), lambda r: r.snapshot()):
        with banks.start() as runtime:
            assert runtime.world is not None
            runtime.world.signal(9)
            settled(lambda runtime=runtime: runtime.world.threads(), 0)
            with pytest.raises(Fault):
                act(runtime)


def test_a_state_that_takes_too_long_to_tell_is_a_failure(
    banks: Template[Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "CLAIM_S", 0.02)
    with banks.start() as runtime:
        assert value(runtime, "bank.store([[i] for i in range(100_000)]) and 1") == "1"
        with pytest.raises(RuntimeGone, match="could not be told"):
            runtime.claim(["bank"])
        assert not runtime.alive


def test_calls_are_counted(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MOST_IN_CELL", 5)
    monkeypatch.setattr(calls, "MOST_CALLS", 8)
    code = "n = 0\ntry:\n  while True: bank.balance('a'); n += 1\nexcept RuntimeError as e: print(n, e)"
    assert runtime.execute(code).stdout == "5 a cell may call hosted objects at most 5 times\n"
    assert runtime.execute(code).stdout == "3 hosted objects may be called at most 8 times in all\n"
    assert len(runtime.calls) == 8


def test_the_record_is_bounded(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MOST_LOGGED", 1000)
    assert value(runtime, "bank.store('x' * 600)[0]") == "'x'"
    assert "at most 1000 bytes" in error(runtime, "bank.balance('a')")[1]


def test_calls_outside_of_a_cell_are_refused(base: Base) -> None:
    with (
        base.template(
            Setup(hosted=[Hosted(bank())], run="try: bank.balance('a')\nexcept RuntimeError as e: why = str(e)")
        ) as template,
        template.start() as early,
    ):
        assert "no cell runs" in str(value(early, "why"))


# --- forks ----------------------------------------------------------------------------------------------------------


def test_a_fork_has_a_world_of_its_own(runtime: Runtime) -> None:
    runtime.execute("bank.transfer('a', 'b', 1)")
    with runtime.snapshot() as snapshot:
        runtime.execute("bank.transfer('a', 'b', 2)")
        one, other = snapshot.fork(2)
        with one, other:
            one.execute("bank.transfer('a', 'b', 4)")
            assert [each.retrieve("bank").balances["a"] for each in (runtime, one, other)] == [7, 5, 9]
            assert [len(each.calls) for each in (runtime, one, other)] == [2, 2, 1]
            pids = {each.world.pid for each in (runtime, one, other) if each.world is not None}
            assert len(pids) == 3


def test_forks_of_forks_go_on(runtime: Runtime) -> None:
    current, held = runtime, []
    for _ in range(4):
        current.execute("bank.transfer('a', 'b', 1)")
        with current.snapshot() as snapshot:
            (current,) = snapshot.fork()
        held.append(current)
    assert current.retrieve("bank").balances == {"a": 6, "b": 4}
    for each in held:
        each.close()


def test_closing_a_runtime_ends_its_world(banks: Template[Runtime]) -> None:
    before = descriptors()
    for end in ("close", "lose"):
        runtime = banks.start()
        its = runtime.world
        assert its is not None
        if end == "lose":
            assert runtime.execute("import os\nos._exit(1)").outcome is Outcome.CRASHED
        with runtime.snapshot() if end == "close" else runtime:
            pass
        runtime.close()
        assert not its.alive
        assert settled(its.threads, 0) == 0
    assert descriptors() == before


def test_closing_a_template_ends_that_of_its_worlds(base: Base) -> None:
    before = descriptors()
    template = base.template(Setup(hosted=[Hosted(bank())]))
    runtime = template.start()
    companion = template.companion
    assert companion is not None
    assert (template.live, companion.live) == (1, 1)
    template.retire()
    assert value(runtime, "bank.balance('a')") == "10"
    runtime.close()
    assert template.closed
    assert companion.closed
    assert settled(descriptors, before) == before


def test_a_snapshot_waits_for_no_threads_of_the_world(base: Base) -> None:
    class Busy:
        def begin(self) -> None:
            import threading

            self.over = threading.Event()
            threading.Thread(target=self.over.wait).start()

        def end(self) -> None:
            self.over.set()

    with base.template(Setup(hosted=[Hosted(Busy())])) as template, template.start() as runtime:
        runtime.execute("busy.begin()")
        with pytest.raises(ThreadsAlive, match="hosted objects left 1 threads"):
            runtime.snapshot()
        runtime.execute("busy.end()")
        assert settled(lambda: runtime.world.threads(), 1) == 1  # type: ignore[union-attr]
        runtime.snapshot().close()


def test_a_world_is_seeded_and_its_seed_is_not_the_runtime_s(banks: Template[Runtime]) -> None:
    code = "import random\nbank.dice(), random.getrandbits(60)"
    with banks.start(seed=5) as one, banks.start(seed=5) as same, banks.start(5, companion_seed=6) as other:
        drawn = value(one, code)
        assert drawn == value(same, code) != value(other, code)
        mine, own = str(drawn).strip("()").split(", ")
        assert mine != own
        assert value(one, "random.seed(5)\nrandom.getrandbits(60)") == own != mine
    with banks.start(seed=5) as runtime, runtime.snapshot() as snapshot:
        one, same, other = *snapshot.fork(2, seed=8), *snapshot.fork(1, seed=9)
        with one, same, other:
            assert value(one, code) == value(same, code) != value(other, code)


# --- events ---------------------------------------------------------------------------------------------------------


def test_an_event_works_on_the_object_itself(runtime: Runtime) -> None:
    run(runtime.event_steps("bank.balances['a'] += 5\nbank._moved = Account('x').balance"))
    assert value(runtime, "bank.balance('a')") == "15"
    assert len(runtime.calls) == 1


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ("bank.balances['z'] += 1", "KeyError: 'z'"),
        ("bank = 5", "the event rebinds bank"),
        ("while True: bank", "took longer"),
        ("raise SystemExit", "SystemExit"),
    ],
)
def test_an_event_that_fails_is_a_fault(runtime: Runtime, event: str, told: str) -> None:
    with pytest.raises(Fault, match=told):
        run(runtime.event_steps(event, SHORT))


# --- set-up ---------------------------------------------------------------------------------------------------------


def test_two_classes_of_one_name_are_refused(base: Base) -> None:
    other = type("Account", (), {})
    with pytest.raises(SetupFault, match=r"two classes are called Account: .*\.world\.Account and "):
        base.template(Setup(types=[Type(Account)], hosted=[Hosted(bank(), classes=(other,))]))


def test_what_cannot_tell_its_state_is_refused(base: Base) -> None:
    class Stack(list):  # type: ignore[type-arg]
        def top(self) -> Any:
            return self[-1]

    with pytest.raises(SetupFault, match="the state of a Stack cannot be told"):
        base.template(Setup(hosted=[Hosted(Stack([1]))]))
    assert base.alive


def test_a_set_up_that_fails_leaves_nothing_behind(base: Base) -> None:
    before = descriptors()
    with pytest.raises(SetupFault, match="ZeroDivisionError"):
        base.template(Setup(hosted=[Hosted(bank())], run="1 / 0"))
    assert settled(descriptors, before) == before


def test_classes_inside_a_hosted_object_are_found(base: Base) -> None:
    nested = Bank(a=1)
    nested.stored = {"k": [(Receipt("a", 1),), Account("x")]}  # type: ignore[attr-defined]
    setup = Setup(hosted=[Hosted(nested)])
    assert setup.classes == {"Bank": Bank, "Receipt": Receipt, "Account": Account}
    with base.template(setup) as template, template.start() as made:
        assert made.retrieve("bank").stored["k"][0][0] == Receipt("a", 1)
