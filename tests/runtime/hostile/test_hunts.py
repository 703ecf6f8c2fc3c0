"""Cells that hunt for the answer: it is nowhere in their process, and nothing readable generates it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import cave_rl
from cave_rl.tasks import find
from tests.conftest import Play, python
from tests.runtime.hostile.conftest import CANARY, CONTAINED, TASK

pytestmark = CONTAINED
Attack = Callable[..., Play]

# The canary is spelled in parts, so that the hunting cell itself does not hold it; it is found as text or as bytes.
HUNT = f"""
import gc, sys, types
needle = {CANARY[:8]!r} + {CANARY[8:]!r}
found = []
def look(where, text):
    if needle in text:
        found.append(where)
"""

HUNTS = {
    "all that the garbage collector knows": """
gc.unfreeze()
for o in gc.get_objects():
    if o is globals() or o is found:
        continue
    try:
        items = list(o.items()) if type(o) is dict else list(o) if type(o) in (list, tuple, set, frozenset) else []
    except Exception:
        continue
    for x in items:
        for y in (x if type(x) is tuple else (x,)):
            if type(y) is str and y is not needle: look(type(o).__name__, y)
            if type(y) is bytes and needle.encode() in y: found.append('bytes')
""",
    "all modules": """
for name, module in list(sys.modules.items()):
    for key, value in list(getattr(module, '__dict__', {}).items()):
        if module.__name__ == '__main__':
            continue
        if type(value) in (str, bytes, list, dict, tuple):
            look(name + '.' + key, repr(value))
""",
    "all frames": """
frame = sys._getframe()
while frame:
    for key, value in {**frame.f_locals}.items():
        if frame.f_globals is not globals():
            look(key, repr(value)[:10**6])
    frame = frame.f_back
""",
    "all code": """
gc.unfreeze()
for o in gc.get_objects():
    if type(o) is types.FunctionType and o.__globals__ is not globals():
        look(o.__qualname__, repr(o.__code__.co_consts) + repr(o.__doc__))
""",
    "its environment and arguments": """
import os
for path in ('environ', 'cmdline'):
    try: look(path, open('/proc/self/' + path).read())
    except OSError: pass
look('environ', repr(dict(os.environ)) + repr(sys.argv) + repr(sys.orig_argv))
""",
    "its open files": """
import os
for fd in range(256):
    try:
        size = os.fstat(fd).st_size
        look('fd %d' % fd, os.pread(fd, 10**7, 0).decode('latin-1'))
    except OSError: pass
""",
    "its own memory": """
try:
    maps = [line.split() for line in open('/proc/self/maps')]
    mem = open('/proc/self/mem', 'rb', 0)
except OSError:
    maps = []
first, second = needle[:8].encode(), needle[8:].encode()
mine = (first + second)
for span, mode, *rest in maps:
    low, high = (int(x, 16) for x in span.split('-'))
    if 'r' in mode and high - low < 1 << 28 and not (rest and rest[-1].startswith('[v')):
        try:
            mem.seek(low)
            data = mem.read(high - low)
        except (OSError, ValueError, OverflowError):
            continue
        at = data.find(b'# ' + mine)  # as it stands in the gold, which no object of this cell looks like
        if at >= 0: found.append('memory')
""",
    "bytes of the interpreter's arenas": """
import ctypes
gc.unfreeze()
for o in gc.get_objects():
    for r in gc.get_referents(o):
        if type(r) is bytes and needle.encode() in r: found.append('bytes')
""",
}


@pytest.mark.parametrize("hunt", HUNTS.values(), ids=HUNTS)
def test_the_answers_are_not_in_the_process(play: Callable[..., Play], hunt: str) -> None:
    played = play(TASK, python(HUNT + hunt + "\nprint('found', found)"))
    assert played.last.info["outcome"] == "ok", played.last.observation
    assert "found []" in played.last.observation


def test_the_hunt_would_find_it(play: Callable[..., Play]) -> None:
    from cave_rl.runtime import Variable

    planted = TASK.but(variables=(*TASK.variables, Variable("planted", [f"# {CANARY}"])))
    for name in ("all that the garbage collector knows", "its own memory"):
        played = play(planted, python(HUNT + HUNTS[name] + "\nprint('found', found)"))
        if "its own memory" in name and "found []" in played.last.observation:
            continue  # /proc/self/mem cannot be opened here: there is nothing to search
        assert "found []" not in played.last.observation, name


IMPORTS = {
    "the suites": "import cave_rl.suites.types.tasks",
    "the tasks": "from cave_rl.tasks import find",
    "the rewards": "from cave_rl.rewards import equals",
    "the package": "from cave_rl import Task",
    "the host side of the runtime": "from cave_rl.runtime.base import Base",
    "its path restored": "import cave_rl, sys\n"
    f"cave_rl.__path__ = [{cave_rl.__path__[0]!r}]\nimport cave_rl.suites.types.tasks",
    "the file by its path": f"open({cave_rl.__path__[0]!r} + '/suites/types/tasks.py').read()",
    "the file as a module": "import importlib.util as u\n"
    f"s = u.spec_from_file_location('t', {cave_rl.__path__[0]!r} + '/suites/types/tasks.py')\n"
    "u.module_from_spec(s)\ns.loader.exec_module(u.module_from_spec(s))",
    "the tests": f"open({__file__!r}).read()",
    "the metadata": "import importlib.metadata as m\nnext(iter(m.entry_points(group='cave_rl.suites'))).load()",
    "the directory": f"import os\nos.listdir({cave_rl.__path__[0]!r} + '/suites')",
}


@pytest.mark.parametrize("code", IMPORTS.values(), ids=IMPORTS)
def test_what_generates_the_answers_cannot_be_imported_or_read(play: Callable[..., Play], code: str) -> None:
    assert play(TASK, python(code)).last.info["outcome"] == "error"


def test_the_gold_of_a_suites_task_cannot_be_regenerated(play: Callable[..., Play]) -> None:
    task = find("Types-v0").task("train", "sort_list", 0)
    code = f"""
import sys
sys.path.insert(0, {cave_rl.__path__[0].removesuffix("cave_rl")!r})
for name in [name for name in sys.modules if name.startswith('cave_rl')]:
    del sys.modules[name]
from cave_rl.suites.types.tasks import suite
exec(suite.task('train', 'sort_list', 0).turns[0].gold[0])
"""
    played = play(task, python(code), "done")
    assert played.steps[1].info["outcome"] == "error"
    assert played.reward == 0.0


def test_the_runtime_is_not_told_which_task_it_is(play: Callable[..., Play]) -> None:
    task = find("Types-v0").task("train", "sort_list", 0)
    code = "import os, sys\nprint(sorted(globals()), os.getcwd(), dict(os.environ), sys.argv)"
    seen = play(task, python(code)).last.observation
    for secret in (str(task.seed), task.content, "sort_list", "Types-v0"):
        assert secret not in seen


def test_verdicts_are_not_in_what_the_runtime_is_sent(attack: Attack) -> None:
    """Between turns the runtime is asked for claims: of which variables is all that it learns."""
    code = """
import sys
kernel = sys.modules['cave_rl.runtime.inside.kernel'].Kernel
handle = kernel.handle
heard = []
def listen(self, operation, request, fds):
    heard.append((operation, request))
    return handle(self, operation, request, fds)
kernel.handle = listen
"""
    from cave_rl.rewards import equals
    from cave_rl.runtime import Variable
    from cave_rl.tasks import Task, Turn
    from tests.runtime.hostile.conftest import _step

    turns = [Turn("a", equals("a", CANARY), gold=f"a = {CANARY!r}"), Turn("b", equals("b", 2))]
    played = attack(code, answer=None, task=Task(turns, variables=[Variable("x", 1)]))
    _step(played, "done")
    said = _step(played, python("print(heard)"))
    assert "'names': ['a', 'x']" in said.observation
    assert CANARY not in said.observation
    assert "passed" not in said.observation
