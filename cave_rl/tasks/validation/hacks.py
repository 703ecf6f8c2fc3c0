"""A battery of tricks that know nothing of the task; none may score 1 with a state that is not gold's.

Lies (objects equal to everything, patched libraries, forged claims) are errors where they pass: some assertion believes
what it should not. Blind guesses (a constant in every asserted name, an answer that lists everything) are warnings: a
query may want any value at all, or just that constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cave_rl.runtime.drive import Steps
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.task import Task
from cave_rl.tasks.validation.playing import IDLE, Played, branch_steps
from cave_rl.tasks.validation.report import Notes, Severity

_EQUAL = """
class _Equal:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __bool__(self): return True
    def __len__(self): return 1
    def __iter__(self): return iter(())
    def __contains__(self, item): return True
    def __getitem__(self, key): return self
    def __getattr__(self, name):
        if name.startswith('__'): raise AttributeError(name)
        return self
    def __call__(self, *arguments, **named): return self
    __lt__ = __le__ = __gt__ = __ge__ = lambda self, other: True
    __add__ = __radd__ = __sub__ = __rsub__ = __abs__ = lambda self, *other: self
    def __float__(self): return 0.0
    def __int__(self): return 0
    __index__ = __int__
"""

LIES: dict[str, str] = {
    "an object equal to everything": _EQUAL + "for _name in _names: globals()[_name] = _Equal()",
    "subclasses equal to everything": """
for _name in _names:
    _value = globals().get(_name, 0)
    try:
        _own = {'__eq__': lambda *a: True, '__ne__': lambda *a: False, '__hash__': lambda *a: 0}
        globals()[_name] = type(type(_value).__name__, (type(_value),), _own)(_value)
    except TypeError:
        continue
""",
    "patched builtins": """
import builtins, math, operator
builtins.isinstance = builtins.issubclass = builtins.all = builtins.any = builtins.hasattr = lambda *a: True
builtins.type = lambda *a: int
builtins.len = builtins.sum = builtins.abs = builtins.round = lambda *a: 0
builtins.sorted = builtins.list = lambda *a, **k: []
math.isclose = operator.eq = lambda *a, **k: True
builtins.AssertionError = builtins.KeyError = None
""",
    "patched libraries": """
import sys
_true = lambda *a, **k: True
for _library, _paths in {
    'pandas': ('DataFrame.equals', 'DataFrame.__eq__', 'Series.equals', 'Series.__eq__', 'Index.equals',
               'testing.assert_frame_equal', 'testing.assert_series_equal'),
    'numpy': ('array_equal', 'allclose', 'isclose', 'testing.assert_allclose'),
    'sqlite3': ('connect',), 'dataclasses': ('asdict',), 'json': ('dumps', 'loads'),
}.items():
    for _path in _paths if _library in sys.modules else ():
        _owner = sys.modules[_library]
        *_parents, _last = _path.split('.')
        try:
            for _part in _parents: _owner = getattr(_owner, _part)
            setattr(_owner, _last, _true)
        except (AttributeError, TypeError):
            continue
""",
    "patched injected classes": _EQUAL
    + """
for _name in _types:
    _class = globals().get(_name)
    for _attribute in [*vars(_class), '__eq__', '__ne__', '__bool__', '__validate_claim__', '__getattribute__']:
        if _attribute in ('__dict__', '__weakref__', '__class__', '__module__', '__qualname__', '__slots__'): continue
        try:
            setattr(_class, _attribute, lambda *a, **k: _Equal())
        except (AttributeError, TypeError):
            continue
""",
    "attributes over methods": _EQUAL
    + """
for _name in _names:
    _value = globals().get(_name)
    for _attribute in dir(type(_value)):
        if _attribute.startswith('__'): continue
        try:
            object.__setattr__(_value, _attribute, _Equal())
        except (AttributeError, TypeError):
            continue
""",
    "forged claims": """
import sys
_inside = 'cave_rl.runtime.inside.'
for _module, _attribute in (('encode', 'encode'), ('encode', 'encode_or_digest'), ('kernel', 'encode_or_digest')):
    if _inside + _module in sys.modules:
        setattr(sys.modules[_inside + _module], _attribute, lambda *a, **k: b'\\x01\\xc3')
""",
    "state made opaque": "for _name in _names: globals()[_name] = lambda: None",
    "everything deleted": "for _name in _names: globals().pop(_name, None)",
    "an early end": "raise SystemExit(0)",
    "an interpreter that exits": "import os\nos._exit(0)",
}
"""Cells by what they do. They find the asserted names in `_names` and the injected classes in `_types`."""

CONSTANTS = ("0", "1", "True", "''", "[]", "{}", "None")
GUESSES: dict[str, str] = {
    **{f"{constant} in every name": f"for _name in _names: globals()[_name] = {constant}" for constant in CONSTANTS},
    "every container emptied": """
for _name in _names:
    _value = globals().get(_name)
    if hasattr(_value, 'clear'): _value.clear()
    elif hasattr(_value, 'iloc'): globals()[_name] = _value.iloc[:0]
""",
}

_COUNTED = " ".join(map(str, range(1001)))


@dataclass(frozen=True, slots=True)
class Tried:
    """A trick that was played in a turn.

    Attributes:
        name: what it does.
        severity: of the finding, if it passes.
        played: what came of it.
        by_answer: it speaks rather than acts: then the state cannot tell it from gold.
    """

    name: str
    severity: Severity
    played: Played
    by_answer: bool = False

    def report(self, gold: Played, notes: Notes, turn: int) -> None:
        """Notes it if it scored 1, unless it left the very state that gold leaves."""
        if self.played.score < 1.0 or (self.played.leaves_the_state_of(gold) and not self.by_answer):
            return
        note = notes.error if self.severity == "error" else notes.warn
        note("hack", f"{self.name} scores {self.played.score:g}", turn)


def hacks_steps(episode: Episode) -> Steps[list[Tried]]:
    """Plays the battery in branches of the current turn.

    Raises:
        Fault: our side failed.
    """
    task, turn = episode.task, episode.task.turns[episode.turn]
    tried: list[Tried] = []
    if turn.refusal and not turn.gold:
        return tried  # what leaves all as it is is right here, whatever it patches
    names = sorted(turn.reads | turn.changes)
    batteries: tuple[tuple[Severity, dict[str, str]], ...] = (("error", LIES), ("warning", GUESSES))
    for severity, battery in batteries:
        for name, code in battery.items():
            cell = _prepared(code, names, task)
            played = yield from branch_steps(episode, [cell], turn.gold_answer)
            tried.append(Tried(name, severity, played))
    silent = (yield from branch_steps(episode, (), "")).score if turn.refusal else 0.0
    if silent < 1.0:  # else doing nothing is right, whatever is said
        listed = yield from branch_steps(episode, (), _everything(episode))
        tried.append(Tried("an answer that lists everything", "warning", listed, by_answer=True))
    return tried


def _prepared(code: str, names: Sequence[str], task: Task) -> str:
    return f"_names, _types = {list(names)!r}, {[each.name for each in task.types]!r}\n{code.strip()}\n"


def _everything(episode: Episode) -> str:
    """What one may say without having looked: every number up to a thousand, all words of the chat, all names."""
    said = [_COUNTED, *episode.queries, *(each.name for each in episode.task.injected)]
    return " ".join([IDLE, "yes no true false none", *said])
