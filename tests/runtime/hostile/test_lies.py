"""Cells that lie about state: none earns more than assigning honest values would."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cave_rl.rewards import equals, satisfies
from cave_rl.runtime import Variable
from cave_rl.tasks import Task, Turn
from tests.conftest import Play
from tests.runtime.hostile.conftest import CONTAINED, GOLD

pytestmark = CONTAINED
Attack = Callable[..., Play]

LIES = {
    "an object equal to everything": """
class E:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 6
    def __len__(self): return 2
    def __getattr__(self, name): return self
    def __call__(self, *a): return self
total = mean = acc = E()
""",
    "an int subclass": """
class I(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
total = I(6)
mean = I(2)
""",
    "a float subclass": "class F(float): pass\nmean = F(2.0)\ntotal = F(6)",
    "a list subclass for what must not change": "class L(list): pass\nxs[:] = [9]\nxs = L([3, 1, 2])\ntotal = 6.0",
    "a metaclass that poses as int": """
class M(type):
    def __eq__(self, other): return True
    def __hash__(self): return hash(int)
    def __instancecheck__(self, x): return True
class I(metaclass=M):
    __class__ = int
    def __index__(self): return 6
    def __int__(self): return 6
total = I()
""",
    "patched builtins": """
import builtins
builtins.isinstance = lambda *a: True
builtins.type = lambda *a: int
builtins.len = lambda *a: 2
builtins.sum = lambda *a: 9
builtins.all = builtins.any = lambda *a: True
builtins.AssertionError = None
""",
    "patched methods of the injected class": """
Account.total = lambda self: 9
Account.entries = property(lambda self: [1, 2])
Account.__eq__ = lambda *a: True
Account.__validate_claim__ = lambda self: None
""",
    "attributes that shadow methods": "acc.total = lambda: 9\nacc.__dict__['total'] = 9\nacc.entries = [1, 2]",
    "a class of the same name": """
class Account:
    def __init__(self): self.entries = [1, 2]; self.balance = 9
    def total(self): return 9
acc = Account()
""",
    "a subclass of the injected class": """
class Rich(Account):
    def total(self): return 9
acc = Rich('Ada', 9, [5, 4])
acc.entries = [4, 4]
""",
    "an instance in a state that its methods cannot reach": "acc.balance = 9",
    "a patched encoder": """
import sys
for name, module in list(sys.modules.items()):
    if name.endswith('inside.encode'):
        module.encode = module.encode_or_digest = lambda *a, **k: b'true'
    if name.endswith('inside.kernel'):
        module.encode_or_digest = lambda *a, **k: b'\\x01\\xc3'
""",
    "a function rebound": "def double(x): return 9\nsum = lambda x: 9\ntotal = sum(xs)",
    "an exception as value": "total = mean = acc = AssertionError()",
    "nothing but verdict-like names": "verdicts = [{'passed': True}]\nreward = 1.0\n__cave_record__ = lambda *a: True",
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_earns_nothing(attack: Attack, lie: str) -> None:
    played = attack(lie)
    assert played.reward < 1.0
    assert not played.last.info["solved"]
    for name in ("total equals", "account"):
        assert played.verdicts[name] is False


@pytest.mark.parametrize(
    "code", ["Account.total = lambda self: 0", "def double(x): return 0", "Account.__eq__ = None", "sum = len = None"]
)
def test_honest_values_count_whatever_was_patched_in_the_runtime(attack: Attack, code: str) -> None:
    assert attack(GOLD + "\n" + code).reward == 1.0


def test_the_honest_way_is_rewarded(attack: Attack) -> None:
    assert attack(GOLD).reward == 1.0


def test_a_pickle_that_runs_code_when_loaded_never_runs(attack: Attack, tmp_path: object) -> None:
    target = f"{tmp_path}/pwned"
    bomb = f"""
class Bomb:
    def __reduce__(self):
        import os
        return os.system, ('touch {target}',)
    __reduce_ex__ = lambda self, protocol: self.__reduce__()
total = Bomb()
mean = acc = xs = [Bomb()]
"""
    played = attack(bomb)
    assert played.reward == 0.0
    import os

    assert not os.path.exists(target)


def test_patched_pandas_does_not_reach_the_judge(attack: Attack) -> None:
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2]})
    expected = pd.DataFrame({"a": [2, 4]})
    turn = Turn(
        "Double df.",
        [equals("df", expected), satisfies("df", lambda df: bool(df.a.sum() == 6), "sums to 6")],
        changes=["df"],
    )
    task = Task([turn], variables=[Variable("df", frame)], modules=("pandas",))
    patched = """
import pandas as pd
pd.DataFrame.equals = pd.DataFrame.__eq__ = lambda *a: True
pd.Series.sum = lambda *a, **k: 6
class D(pd.DataFrame): pass
df = D(df)
"""
    assert attack(patched, task=task).reward == 0.0
    assert attack("import pandas as pd\npd.DataFrame.equals = lambda *a: False\ndf = df * 2", task=task).reward == 1.0


def test_opaque_state_is_not_excused(attack: Attack) -> None:
    for code in ("xs = lambda: 0", "xs = open('f', 'w')", "acc = object()", "import sys\nxs = sys"):
        assert attack("total = 6\nmean = 2.0\nacc.deposit(4)\n" + code).reward < 1.0


def test_a_thread_that_changes_state_after_the_turn_changes_no_verdict(attack: Attack) -> None:
    code = """
import threading, time
def later():
    while True:
        time.sleep(0.0005)
        globals()['total'] = 6
        xs.clear()
threading.Thread(target=later, daemon=True).start()
time.sleep(0.05)
"""
    played = attack(code)
    assert played.reward < 1.0
    assert played.verdicts["xs unchanged"] is False


def test_the_answer_does_not_speak_to_the_judge(attack: Attack) -> None:
    for answer in ("reward = 1.0", '{"verdicts": [{"passed": true}]}', "SOLVED " * 10_000):
        assert attack(answer=answer).reward == 0.0


def test_a_hang_or_crash_while_claiming_is_a_failure_in_time(attack: Attack) -> None:
    patch = "import sys\nk = sys.modules['cave_rl.runtime.inside.kernel']\n"
    for code in (
        "k.Kernel._claim = lambda *a: 1 / 0",
        "k.Kernel._claim = lambda *a: {'total': 6}",
        "k.Kernel._claim = lambda *a: [1] * 10**6",
        "k.Kernel._claim = lambda *a: {name: b'x' * 10**6 for name in map(str, range(100))}",
    ):
        played = attack(patch + code)
        assert played.reward == 0.0


def test_claims_that_would_exhaust_the_judge_fail_and_only_there(attack: Attack) -> None:
    for code in (
        "total = 10 ** 200_000\nmean = total",
        "total = []\nt = total\nfor _ in range(100_000):\n    t.append([])\n    t = t[0]",
        "total = []\ntotal.append(total)\nmean = {1: total}",
        "total = [[[0] * 100] * 100] * 300",
        "total = 'x' * 3_900_000\nmean = total\nacc.entries = [total]",
    ):
        played = attack(code)
        assert played.reward == 0.0
    assert attack(GOLD).reward == 1.0
